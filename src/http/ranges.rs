//! The lists in `Accept` and `Accept-Encoding` headers: what, with which parameters, and with which weight.

/// A media type, or the name of a coding: `text/plain; version=0.0.4`, `gzip`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MediaType<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

/// One member of a list. Its weight is in thousandths.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Range<'a> {
    pub(super) media: MediaType<'a>,
    pub(super) weight: u16,
}

impl<'a> MediaType<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters = parameters
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        Self { name, parameters }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

impl Range<'_> {
    /// Whether that is one of these. A parameter that it has must agree; one that it does not have is no obstacle:
    /// Prometheus 3 adds `escaping`, which makes no difference to names like ours.
    pub(super) fn fits(&self, media: &MediaType<'_>) -> bool {
        let any_subtype = self
            .media
            .name
            .strip_suffix("/*")
            .filter(|range| *range != "*");
        let name = match any_subtype {
            _ if self.media.is("*/*") => true,
            Some(kind) => media
                .name
                .split_once('/')
                .is_some_and(|(of, _)| of.eq_ignore_ascii_case(kind)),
            None => self.media.is(media.name),
        };
        let agrees = |(name, value): &(&str, &str)| {
            media
                .parameter(name)
                .is_none_or(|known| known.eq_ignore_ascii_case(value))
        };
        name && self
            .media
            .parameters
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("q"))
            .all(agrees)
    }

    /// The more, the closer it looks.
    pub(super) fn specificity(&self) -> usize {
        match self.media.name {
            "*/*" => 0,
            name if name.ends_with("/*") => 1,
            _ => {
                2 + self
                    .media
                    .parameters
                    .iter()
                    .filter(|(name, _)| !name.eq_ignore_ascii_case("q"))
                    .count()
            }
        }
    }
}

/// The members of a list, in its order. One whose weight cannot be read is not wanted.
pub(super) fn ranges(list: &str) -> Vec<Range<'_>> {
    let members = list
        .split(',')
        .map(MediaType::parse)
        .filter(|media| !media.name.is_empty());
    members
        .take(MOST)
        .map(|media| Range {
            weight: weight(media.parameter("q")),
            media,
        })
        .collect()
}

/// RFC 9110 section 12.4.2: 0 to 1 with at most three digits after the dot.
fn weight(q: Option<&str>) -> u16 {
    let Some(q) = q else { return 1000 };
    let weight = q
        .parse::<f64>()
        .ok()
        .filter(|weight| (0.0..=1.0).contains(weight))
        .unwrap_or(0.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is from 0 to 1000"
    )]
    let thousandths = (weight * 1000.0).round() as u16;
    thousandths
}

/// No client names more, and each is compared with each form.
const MOST: usize = 32;
