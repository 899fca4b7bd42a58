//! The encoder of Prometheus' protobuf format: `io.prometheus.client.MetricFamily` messages, each
//! after its length.
//!
//! The messages are in `proto`; each family is written to the response body when it is complete.
//!
//! Invariant: at most one family is held in memory, because its length must be known before it is
//! written.

use std::io::{self, Write};

use prost::Message;
use prost::encoding::{encode_varint, message};

use super::super::descriptors::{Descriptor, MetricKind};
use super::super::native_histogram::{NativeHistogram, ZERO_THRESHOLD};
use super::proto::{
    ProtoBucket, ProtoBucketSpan, ProtoCounter, ProtoExemplar, ProtoFamily, ProtoGauge,
    ProtoHistogram, ProtoLabelPair, ProtoMetric, ProtoTimestamp,
};
use super::{Encoder, HistogramSample, Series, Value};
use crate::time::Timestamp;

/// Tag of the field `metric` of a `MetricFamily`.
const METRIC_TAG: u32 = 4;

// Values of the enum `MetricType`.
const COUNTER: i32 = 0;
const GAUGE: i32 = 1;
const HISTOGRAM: i32 = 4;

/// Writes the protobuf format, one family at a time.
pub(in super::super) struct ProtobufEncoder<'w> {
    to: &'w mut dyn Write,
    descriptor: Option<&'static Descriptor>,
    /// The encoded `MetricFamily` as far as it is complete.
    family: Vec<u8>,
}

impl<'w> ProtobufEncoder<'w> {
    pub(in super::super) fn new(to: &'w mut dyn Write) -> Self {
        Self {
            to,
            descriptor: None,
            family: Vec::new(),
        }
    }
}

impl Encoder for ProtobufEncoder<'_> {
    fn begin(&mut self, descriptor: &'static Descriptor) -> io::Result<()> {
        self.descriptor = Some(descriptor);
        let family = ProtoFamily {
            name: Some(descriptor.name.to_owned()),
            help: Some(descriptor.help.to_owned()),
            kind: Some(match descriptor.kind {
                MetricKind::Counter => COUNTER,
                MetricKind::Gauge => GAUGE,
                MetricKind::Histogram => HISTOGRAM,
            }),
            unit: descriptor.unit().map(str::to_owned),
        };
        self.family = family.encode_to_vec();
        Ok(())
    }

    fn series(&mut self, series: &Series<'_>) -> io::Result<()> {
        let Some(descriptor) = self.descriptor else {
            return Ok(());
        };
        let labels = descriptor.labels.iter().zip(series.labels);
        let mut metric = ProtoMetric {
            label: labels
                .map(|(name, value)| ProtoLabelPair::new(name, value))
                .collect(),
            ..ProtoMetric::default()
        };
        match &series.value {
            Value::Number(value, _) if descriptor.kind == MetricKind::Gauge => {
                metric.gauge = Some(ProtoGauge {
                    value: Some(*value),
                });
            }
            Value::Number(value, exemplar) => {
                metric.counter = Some(ProtoCounter {
                    value: Some(*value),
                    exemplar: exemplar.map(ProtoExemplar::from),
                    created_timestamp: series.since.map(ProtoTimestamp::from),
                });
            }
            Value::Histogram(sample) => metric.histogram = Some(histogram(sample, series.since)),
        }
        message::encode(METRIC_TAG, &metric, &mut self.family);
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

/// Returns the message of a histogram: its classic buckets, and its native ones if they are
/// exposed.
fn histogram(sample: &HistogramSample<'_>, since: Option<Timestamp>) -> ProtoHistogram {
    let mut histogram = classic_histogram(sample, since);
    if sample.native {
        add_native_buckets(&mut histogram, sample);
    }
    histogram
}

/// Returns the message with the classic buckets. The `+Inf` bucket may be left out, because its
/// count is the sample count; it is written only if it has an exemplar.
fn classic_histogram(sample: &HistogramSample<'_>, since: Option<Timestamp>) -> ProtoHistogram {
    let HistogramSample {
        histogram, bounds, ..
    } = sample;
    let infinite = sample
        .exemplar(bounds.seconds().len())
        .map(|_| (f64::INFINITY, histogram.count()));
    let buckets = histogram.cumulative(bounds).chain(infinite).enumerate();
    let buckets = buckets.map(|(index, (bound, count))| ProtoBucket {
        cumulative_count: Some(count),
        upper_bound: Some(bound),
        exemplar: sample.exemplar(index).map(ProtoExemplar::from),
    });
    ProtoHistogram {
        sample_count: Some(histogram.count()),
        sample_sum: Some(histogram.sum_seconds()),
        bucket: buckets.collect(),
        created_timestamp: since.map(ProtoTimestamp::from),
        ..ProtoHistogram::default()
    }
}

/// Adds the native buckets. If none is used, an empty span marks the histogram as a native one.
fn add_native_buckets(histogram: &mut ProtoHistogram, sample: &HistogramSample<'_>) {
    let empty = NativeHistogram::default();
    let native = sample.histogram.native().unwrap_or(&empty);
    let (spans, deltas) = native.spans();
    let proto_span = |offset, length| ProtoBucketSpan {
        offset: Some(offset),
        length: Some(length),
    };
    histogram.schema = Some(native.schema());
    histogram.zero_threshold = Some(ZERO_THRESHOLD);
    histogram.zero_count = Some(native.zeros());
    histogram.positive_span = spans
        .into_iter()
        .map(|span| proto_span(span.offset, span.length))
        .collect();
    if histogram.positive_span.is_empty() {
        histogram.positive_span.push(proto_span(0, 0));
    }
    histogram.positive_delta = deltas;
    let mut exemplars: Vec<_> = sample.exemplars.iter().copied().flatten().collect();
    exemplars.sort_by_key(|exemplar| exemplar.connection.at);
    histogram.exemplars = exemplars.into_iter().map(ProtoExemplar::from).collect();
}
