//! Prometheus' protobuf format: `io.prometheus.client.MetricFamily` messages, each after its length.

use std::io::{self, Write};

use prost::Message;
use prost::encoding::{encode_varint, message};

use super::super::sparse::{NativeHistogram, ZERO_THRESHOLD};
use super::super::table::Kind;
use super::messages::{
    Bucket, BucketSpan, Counter, Exemplar, Family, Gauge, Histogram, LabelPair, Metric, Timestamp,
};
use super::{Descriptor, Encoder, HistogramSample, Series, Value};

/// One family at a time: its length has to be known before it is written.
pub(crate) struct Protobuf<'w> {
    to: &'w mut dyn Write,
    head: Option<&'static Descriptor>,
    family: Vec<u8>,
}

impl<'w> Protobuf<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self {
            to,
            head: None,
            family: Vec::new(),
        }
    }
}

impl Encoder for Protobuf<'_> {
    fn begin(&mut self, head: &'static Descriptor) -> io::Result<()> {
        self.head = Some(head);
        let family = Family {
            name: Some(head.name.to_owned()),
            help: Some(head.help.to_owned()),
            kind: Some(match head.kind {
                Kind::Counter => COUNTER,
                Kind::Gauge => GAUGE,
                Kind::Histogram => HISTOGRAM,
            }),
            unit: head.unit().map(str::to_owned),
        };
        self.family = family.encode_to_vec();
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(head) = self.head else { return Ok(()) };
        let names = head.labels.iter();
        let label = names
            .zip(series.labels)
            .map(|(name, value)| LabelPair::of(name, value))
            .collect();
        let since = series.since.map(Timestamp::from);
        let mut metric = Metric {
            label,
            ..Metric::default()
        };
        match &series.value {
            Value::Number(value, _) if head.kind == Kind::Gauge => {
                metric.gauge = Some(Gauge {
                    value: Some(*value),
                });
            }
            Value::Number(value, exemplar) => {
                let exemplar = exemplar.map(Exemplar::from);
                metric.counter = Some(Counter {
                    value: Some(*value),
                    exemplar,
                    created_timestamp: since,
                });
            }
            Value::Histogram(latencies) => metric.histogram = Some(Histogram::of(latencies, since)),
        }
        message::encode(METRIC, &metric, &mut self.family);
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let mut length = Vec::new();
        encode_varint(self.family.len() as u64, &mut length);
        self.to.write_all(&length)?;
        self.to.write_all(&self.family)
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Histogram {
    /// Both forms in one message. Without a bucket in use, an empty span says that there is a native one.
    fn of(latencies: &HistogramSample<'_>, since: Option<Timestamp>) -> Self {
        let mut histogram = Self::classic(latencies, since);
        if latencies.native {
            let empty = NativeHistogram::default();
            let native = latencies.histogram.native().unwrap_or(&empty);
            let (spans, deltas) = native.spans();
            let span = |(offset, length)| BucketSpan {
                offset: Some(offset),
                length: Some(length),
            };
            histogram.schema = Some(native.schema());
            histogram.zero_threshold = Some(ZERO_THRESHOLD);
            histogram.zero_count = Some(native.zeros());
            histogram.positive_span = spans
                .into_iter()
                .map(|of| span((of.offset, of.length)))
                .collect();
            histogram.positive_delta = deltas;
            let mut exemplars: Vec<_> = latencies.exemplars.iter().copied().flatten().collect();
            exemplars.sort_by_key(|exemplar| exemplar.connection.at);
            histogram.exemplars = exemplars.into_iter().map(Exemplar::from).collect();
            if histogram.positive_span.is_empty() {
                histogram.positive_span.push(span((0, 0)));
            }
        }
        histogram
    }

    /// The bucket of all is left to the reader, unless it has an exemplar.
    fn classic(latencies: &HistogramSample<'_>, since: Option<Timestamp>) -> Self {
        let HistogramSample {
            histogram, bounds, ..
        } = latencies;
        let last = bounds.seconds().len();
        let all = latencies
            .exemplar(last)
            .map(|_| (f64::INFINITY, histogram.count()));
        let buckets = histogram.cumulated(bounds).chain(all).enumerate();
        let bucket = buckets.map(|(place, (bound, count))| Bucket {
            cumulative_count: Some(count),
            upper_bound: Some(bound),
            exemplar: latencies.exemplar(place).map(Exemplar::from),
        });
        Self {
            sample_count: Some(histogram.count()),
            sample_sum: Some(histogram.sum_seconds()),
            bucket: bucket.collect(),
            created_timestamp: since,
            ..Self::default()
        }
    }
}

/// The field of a `MetricFamily` that its metrics are in.
const METRIC: u32 = 4;

const COUNTER: i32 = 0;
const GAUGE: i32 = 1;
const HISTOGRAM: i32 = 4;
