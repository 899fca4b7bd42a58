//! What /metrics shows, taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A page in the text format.
#[derive(Clone)]
pub(crate) struct Exposition {
    samples: BTreeMap<Series, f64>,
}

/// A name and its labels, in the order of the labels' names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// The labels that every series of one set has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct SetKey {
    pub(crate) vantage: String,
    pub(crate) local_address: String,
    pub(crate) port: String,
    pub(crate) peer: String,
}

impl Exposition {
    pub(crate) fn parse(page: &str) -> Self {
        let lines = page
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut samples = BTreeMap::new();
        for line in lines {
            let (series, value) = sample(line).unwrap_or_else(|| panic!("no sample: {line}"));
            assert!(
                samples.insert(series, value).is_none(),
                "twice on one page: {line}"
            );
        }
        Self { samples }
    }

    /// The value of one series; none where it is not there.
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples.get(&Series::new(name, labels)).copied()
    }

    /// The sets there are.
    pub(crate) fn sets(&self) -> BTreeSet<SetKey> {
        self.samples.keys().filter_map(Series::set).collect()
    }

    /// All there is.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&Series, f64)> {
        self.samples.iter().map(|(series, value)| (series, *value))
    }

    /// All values.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.samples.values().copied().collect()
    }

    /// One set: its series without the labels that all of it share.
    pub(crate) fn set(&self, key: &SetKey) -> Self {
        let members = self
            .samples
            .iter()
            .filter(|(series, _)| series.set().as_ref() == Some(key));
        Self {
            samples: members
                .map(|(series, value)| (series.within_set(), *value))
                .collect(),
        }
    }

    /// Only the series for which this holds.
    pub(crate) fn only(&self, wanted: impl Fn(&Series) -> bool) -> Self {
        let kept = self.samples.iter().filter(|(series, _)| wanted(series));
        Self {
            samples: kept
                .map(|(series, value)| (series.clone(), *value))
                .collect(),
        }
    }

    /// The same as Prometheus takes it: an empty label is none.
    pub(crate) fn without_empty_labels(&self) -> Self {
        let samples = self.samples.iter().map(|(series, value)| {
            let labels = series.labels.iter().filter(|(_, value)| !value.is_empty());
            let labels = labels
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            (
                Series {
                    name: series.name.clone(),
                    labels,
                },
                *value,
            )
        });
        samples.collect()
    }

    /// Panics unless both show the same series with the same values. Sums of seconds may differ by `slack`.
    pub(crate) fn assert_equals(&self, expected: &Self, slack: f64, about: &str) {
        let mut wrong = String::new();
        for series in self
            .samples
            .keys()
            .chain(expected.samples.keys())
            .collect::<BTreeSet<_>>()
        {
            let (is, should) = (self.samples.get(series), expected.samples.get(series));
            let slack = if series.name.ends_with("_sum") {
                slack.max(ROUNDING)
            } else {
                0.0
            };
            let equal = is
                .zip(should)
                .is_some_and(|(is, should)| (is - should).abs() <= slack);
            if !equal {
                let word = |value: Option<&f64>| value.map_or("absent".into(), f64::to_string);
                wrong += &format!("  {series}: is {}, should be {}\n", word(is), word(should));
            }
        }
        assert!(wrong.is_empty(), "{about}:\n{wrong}all there is:\n{self}");
    }
}

impl FromIterator<(Series, f64)> for Exposition {
    fn from_iter<I: IntoIterator<Item = (Series, f64)>>(samples: I) -> Self {
        Self {
            samples: samples.into_iter().collect(),
        }
    }
}

impl Series {
    pub(crate) fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            name: name.to_owned(),
            labels,
        }
    }

    /// Which set it belongs to; none for the numbers about host and exporter.
    pub(crate) fn set(&self) -> Option<SetKey> {
        let label = |name: &str| self.labels.get(name).cloned();
        Some(SetKey {
            vantage: label("vantage")?,
            local_address: label("local_address")?,
            port: label("port")?,
            peer: label("peer")?,
        })
    }

    fn within_set(&self) -> Self {
        let mut series = self.clone();
        series
            .labels
            .retain(|name, _| !SET_LABELS.contains(&name.as_str()));
        series
    }
}

impl fmt::Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.samples
            .iter()
            .try_for_each(|(series, value)| writeln!(f, "  {series} {value}"))
    }
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        write!(f, "{}{{{}}}", self.name, labels.join(","))
    }
}

/// `name{label="value",...} value`; none of our label values needs an escape.
fn sample(line: &str) -> Option<(Series, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = series.split_once('{') else {
        return Some((Series::new(series, &[]), value));
    };
    let labels = labels.strip_suffix('}')?.trim_end_matches(',');
    let labels = labels
        .strip_suffix('"')?
        .split("\",")
        .map(|label| label.split_once("=\""));
    let labels: Vec<_> = labels.collect::<Option<_>>()?;
    Some((Series::new(name, &labels), value))
}

const SET_LABELS: [&str; 4] = ["vantage", "local_address", "port", "peer"];
/// Sums of seconds are added up in another order here.
const ROUNDING: f64 = 1e-9;
