//! Content negotiation: selects a representation and a content coding by the `Accept` and
//! `Accept-Encoding` fields of a request (RFC 9110 section 12.5).
//!
//! Data flow: the connection task selects, and the selected [`SingleFlight`] renders.
//!
//! Invariant: requests for the same representation share one render, which is stored with gzip.
//! Stored without it, replies that are read slowly by many clients would need much memory.

use std::io::{self, BufWriter, IntoInnerError};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use super::reply::Reply;
use super::single_flight::SingleFlight;

/// Bytes collected before they are passed to the encoder.
const ENCODER_CHUNK_BYTES: usize = 64 * 1024;
/// Maximum number of list members that are read. No client sends more, and each member is compared
/// with each representation.
const MAX_PREFERENCES: usize = 32;

/// Writes a representation of the current state.
///
/// It may block for tens of milliseconds. Its output is compressed while it writes.
pub type WritePage = Arc<dyn Fn(&mut dyn io::Write) -> io::Result<()> + Send + Sync>;

/// The representations of one resource, each available as it is (identity) or with gzip.
pub(super) struct Representations(Vec<Representation>);

struct Representation {
    media_type: MediaType<'static>,
    reply: Arc<SingleFlight>,
}

/// The representation and content coding for one request.
pub(super) struct Selected<'a> {
    pub(super) reply: &'a Arc<SingleFlight>,
    /// `true` if the client does not accept gzip.
    pub(super) identity: bool,
}

impl Representations {
    /// Creates representations from content types and writers. The first one is the default, for
    /// requests without a preference and for those that accept none of them.
    pub(super) fn new(representations: Vec<(&'static str, WritePage)>) -> Self {
        let representation = |(content_type, write): (&'static str, WritePage)| Representation {
            media_type: MediaType::parse(content_type),
            reply: SingleFlight::new(Arc::new(move || render_gzip(content_type, &write))),
        };
        Self(representations.into_iter().map(representation).collect())
    }

    /// Selects a representation and coding by the fields of a request. `None` if there is no
    /// representation at all.
    pub(super) fn select(&self, headers: &HeaderMap) -> Option<Selected<'_>> {
        let representation = self.preferred(&field_value(headers, ACCEPT))?;
        Some(Selected {
            reply: &representation.reply,
            identity: !accepts_gzip(&field_value(headers, ACCEPT_ENCODING)),
        })
    }

    /// Returns the representation with the greatest weight. Its weight is that of the most specific
    /// media range that matches it. Among equals, the range that is listed first wins.
    ///
    /// Returns the default if none is acceptable: status 406 would help no client.
    fn preferred(&self, accept: &str) -> Option<&Representation> {
        let preferences = preferences(accept);
        let rank = |representation: &Representation| {
            let matching = preferences
                .iter()
                .enumerate()
                .filter(|(_, preference)| preference.matches(&representation.media_type));
            let (index, preference) = matching
                .max_by_key(|(index, preference)| (preference.specificity(), usize::MAX - index))?;
            (preference.weight > 0).then_some((preference.weight, usize::MAX - index))
        };
        let ranked = self
            .0
            .iter()
            .rev()
            .filter_map(|representation| Some((rank(representation)?, representation)));
        ranked
            .max_by_key(|(rank, _)| *rank)
            .map(|(_, representation)| representation)
            .or(self.0.first())
    }
}

/// A media type or the name of a content coding: `text/plain; version=0.0.4`, `gzip`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct MediaType<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> MediaType<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let parameters = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        Self { name, parameters }
    }

    fn has_name(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }
}

/// One member of an `Accept` or `Accept-Encoding` list.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Preference<'a> {
    /// A media range, or the name of a content coding.
    range: MediaType<'a>,
    /// Weight in thousandths.
    weight: u16,
}

impl Preference<'_> {
    /// Returns `true` if the range includes the media type.
    ///
    /// A parameter of the range must agree with the parameter of the media type, but may be missing
    /// there: Prometheus 3 adds `escaping`, which makes no difference for the metric names here.
    fn matches(&self, media_type: &MediaType<'_>) -> bool {
        let any_subtype = self
            .range
            .name
            .strip_suffix("/*")
            .filter(|range_type| *range_type != "*");
        let name_matches = match any_subtype {
            _ if self.range.has_name("*/*") => true,
            Some(range_type) => media_type
                .name
                .split_once('/')
                .is_some_and(|(top_level, _)| top_level.eq_ignore_ascii_case(range_type)),
            None => self.range.has_name(media_type.name),
        };
        let agrees = |(name, value): &(&str, &str)| {
            media_type
                .parameter(name)
                .is_none_or(|known| known.eq_ignore_ascii_case(value))
        };
        name_matches
            && self
                .range
                .parameters
                .iter()
                .filter(|(name, _)| !name.eq_ignore_ascii_case("q"))
                .all(agrees)
    }

    /// Returns how specific the range is: greater is more specific.
    fn specificity(&self) -> usize {
        match self.range.name {
            "*/*" => 0,
            name if name.ends_with("/*") => 1,
            _ => {
                2 + self
                    .range
                    .parameters
                    .iter()
                    .filter(|(name, _)| !name.eq_ignore_ascii_case("q"))
                    .count()
            }
        }
    }
}

/// Parses a list in its order. A member with an invalid weight gets weight 0 (not acceptable).
fn preferences(list: &str) -> Vec<Preference<'_>> {
    let members = list
        .split(',')
        .map(MediaType::parse)
        .filter(|range| !range.name.is_empty());
    members
        .take(MAX_PREFERENCES)
        .map(|range| Preference {
            weight: weight(range.parameter("q")),
            range,
        })
        .collect()
}

/// Parses a weight: 0 to 1 with at most three digits after the point (RFC 9110 section 12.4.2).
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

/// Returns `true` if gzip is acceptable by name or by `*`. It is then used whatever its weight,
/// because no client benefits from a larger response.
fn accepts_gzip(accept_encoding: &str) -> bool {
    let preferences = preferences(accept_encoding);
    let named = |name: &str| {
        preferences
            .iter()
            .find(|preference: &&Preference<'_>| preference.range.has_name(name))
    };
    named("gzip")
        .or_else(|| named("x-gzip"))
        .or_else(|| named("*"))
        .is_some_and(|preference| preference.weight > 0)
}

/// Returns the combined value of all lines of a field (RFC 9110 section 5.3). A line that is not
/// text is ignored.
fn field_value(headers: &HeaderMap, name: HeaderName) -> String {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    lines.join(",")
}

fn render_gzip(content_type: &'static str, write: &WritePage) -> Reply {
    // Each call of the encoder has a cost, and series are written in small pieces.
    let mut buffered = BufWriter::with_capacity(
        ENCODER_CHUNK_BYTES,
        CountingEncoder {
            encoder: GzEncoder::new(Vec::new(), Compression::fast()),
            length: 0,
        },
    );
    let compressed = write(&mut buffered)
        .and_then(|()| buffered.into_inner().map_err(IntoInnerError::into_error))
        .and_then(|CountingEncoder { encoder, length }| Ok((encoder.finish()?, length)));
    match compressed {
        // The response may depend on both fields.
        Ok((gzip, length)) => {
            Reply::gzip(content_type, gzip, length).with_header("vary", "accept, accept-encoding")
        }
        Err(_) => Reply::internal_error(),
    }
}

/// Compresses with gzip, and counts the bytes before compression.
struct CountingEncoder {
    encoder: GzEncoder<Vec<u8>>,
    length: u64,
}

impl io::Write for CountingEncoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.encoder.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}
