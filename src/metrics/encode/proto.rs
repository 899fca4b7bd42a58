//! Protobuf messages of `io.prometheus.client`, with the fields that are used:
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.
//!
//! The `protobuf` encoder fills the messages and encodes them with `prost`.
//!
//! Invariant: names and tags of fields are those of the schema.

use prost::Message;

use super::super::exemplar::Exemplar;
use crate::time::Timestamp;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A `MetricFamily` without its metrics. They are appended one by one, because the order of fields
/// is free.
#[derive(Message)]
pub(super) struct ProtoFamily {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(super) kind: Option<i32>,
    #[prost(string, optional, tag = "5")]
    pub(super) unit: Option<String>,
}

#[derive(Message)]
pub(super) struct ProtoMetric {
    #[prost(message, repeated, tag = "1")]
    pub(super) label: Vec<ProtoLabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(super) gauge: Option<ProtoGauge>,
    #[prost(message, optional, tag = "3")]
    pub(super) counter: Option<ProtoCounter>,
    #[prost(message, optional, tag = "7")]
    pub(super) histogram: Option<ProtoHistogram>,
}

#[derive(Message)]
pub(super) struct ProtoLabelPair {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) value: Option<String>,
}

#[derive(Message)]
pub(super) struct ProtoGauge {
    #[prost(double, optional, tag = "1")]
    pub(super) value: Option<f64>,
}

#[derive(Message)]
pub(super) struct ProtoCounter {
    #[prost(double, optional, tag = "1")]
    pub(super) value: Option<f64>,
    #[prost(message, optional, tag = "2")]
    pub(super) exemplar: Option<ProtoExemplar>,
    #[prost(message, optional, tag = "3")]
    pub(super) created_timestamp: Option<ProtoTimestamp>,
}

#[derive(Message)]
pub(super) struct ProtoHistogram {
    #[prost(uint64, optional, tag = "1")]
    pub(super) sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(super) sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(super) bucket: Vec<ProtoBucket>,
    #[prost(sint32, optional, tag = "5")]
    pub(super) schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    pub(super) zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    pub(super) zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    pub(super) positive_span: Vec<ProtoBucketSpan>,
    #[prost(sint64, repeated, packed = "false", tag = "13")]
    pub(super) positive_delta: Vec<i64>,
    #[prost(message, optional, tag = "15")]
    pub(super) created_timestamp: Option<ProtoTimestamp>,
    #[prost(message, repeated, tag = "16")]
    pub(super) exemplars: Vec<ProtoExemplar>,
}

#[derive(Message)]
pub(super) struct ProtoBucket {
    #[prost(uint64, optional, tag = "1")]
    pub(super) cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(super) upper_bound: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(super) exemplar: Option<ProtoExemplar>,
}

#[derive(Message)]
pub(super) struct ProtoBucketSpan {
    #[prost(sint32, optional, tag = "1")]
    pub(super) offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    pub(super) length: Option<u32>,
}

#[derive(Message)]
pub(super) struct ProtoExemplar {
    #[prost(message, repeated, tag = "1")]
    pub(super) label: Vec<ProtoLabelPair>,
    #[prost(double, optional, tag = "2")]
    pub(super) value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(super) timestamp: Option<ProtoTimestamp>,
}

/// `google.protobuf.Timestamp`.
#[derive(Message)]
pub(super) struct ProtoTimestamp {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl ProtoLabelPair {
    pub(super) fn new(name: &str, value: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            value: Some(value.to_owned()),
        }
    }
}

impl From<&Exemplar> for ProtoExemplar {
    fn from(exemplar: &Exemplar) -> Self {
        Self {
            label: exemplar
                .labels()
                .iter()
                .map(|(name, value)| ProtoLabelPair::new(name, value))
                .collect(),
            value: Some(exemplar.value),
            timestamp: Some(exemplar.connection.at.into()),
        }
    }
}

impl From<Timestamp> for ProtoTimestamp {
    fn from(at: Timestamp) -> Self {
        let nanos = at.as_nanos();
        Self {
            seconds: i64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(i64::MAX),
            nanos: i32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0),
        }
    }
}
