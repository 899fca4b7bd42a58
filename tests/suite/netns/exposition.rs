//! Parser of the Prometheus text format, for assertions on metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const LABEL_SET_LABELS: [&str; 4] = ["vantage", "local_address", "port", "peer"];
/// Rounding error in seconds of a sum, because the test adds in another order than the exporter.
const ROUNDING: f64 = 1e-9;

/// The samples of a response in the text format.
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

/// The labels that all series of one label set share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct LabelSetKey {
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
                "duplicate series: {line}"
            );
        }
        Self { samples }
    }

    /// Returns the value of one series; `None` if the series is absent.
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples.get(&Series::new(name, labels)).copied()
    }

    /// Returns the label sets.
    pub(crate) fn label_sets(&self) -> BTreeSet<LabelSetKey> {
        self.samples.keys().filter_map(Series::label_set).collect()
    }

    /// Returns all samples.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&Series, f64)> {
        self.samples.iter().map(|(series, value)| (series, *value))
    }

    /// Returns the values of all samples.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.samples.values().copied().collect()
    }

    /// Returns the series of one label set, without the labels that they share.
    pub(crate) fn label_set(&self, key: &LabelSetKey) -> Self {
        let members = self
            .samples
            .iter()
            .filter(|(series, _)| series.label_set().as_ref() == Some(key));
        Self {
            samples: members
                .map(|(series, value)| (series.without_label_set(), *value))
                .collect(),
        }
    }

    /// Returns the series for which `wanted` is `true`.
    pub(crate) fn only(&self, wanted: impl Fn(&Series) -> bool) -> Self {
        let kept = self.samples.iter().filter(|(series, _)| wanted(series));
        Self {
            samples: kept
                .map(|(series, value)| (series.clone(), *value))
                .collect(),
        }
    }

    /// Returns the samples without empty labels, because Prometheus drops them.
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

    /// Panics unless both contain the same series with the same values.
    ///
    /// Sums of seconds may differ by `tolerance_seconds`.
    pub(crate) fn assert_equals(&self, expected: &Self, tolerance_seconds: f64, about: &str) {
        let mut wrong = String::new();
        for series in self
            .samples
            .keys()
            .chain(expected.samples.keys())
            .collect::<BTreeSet<_>>()
        {
            let found = self.samples.get(series);
            let wanted = expected.samples.get(series);
            let tolerance_seconds = if series.name.ends_with("_sum") {
                tolerance_seconds.max(ROUNDING)
            } else {
                0.0
            };
            let equal = found
                .zip(wanted)
                .is_some_and(|(found, wanted)| (found - wanted).abs() <= tolerance_seconds);
            if !equal {
                let text = |value: Option<&f64>| value.map_or("absent".into(), f64::to_string);
                wrong += &format!(
                    "  {series}: is {}, should be {}\n",
                    text(found),
                    text(wanted)
                );
            }
        }
        assert!(wrong.is_empty(), "{about}:\n{wrong}all samples:\n{self}");
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

    /// Returns the label set of the series; `None` for metrics about the host and the exporter.
    pub(crate) fn label_set(&self) -> Option<LabelSetKey> {
        let label = |name: &str| self.labels.get(name).cloned();
        Some(LabelSetKey {
            vantage: label("vantage")?,
            local_address: label("local_address")?,
            port: label("port")?,
            peer: label("peer")?,
        })
    }

    fn without_label_set(&self) -> Self {
        let mut series = self.clone();
        series
            .labels
            .retain(|name, _| !LABEL_SET_LABELS.contains(&name.as_str()));
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

/// Parses `name{label="value",...} value`. No label value of the tests needs an escape.
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
