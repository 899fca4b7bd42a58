//! The features that distinguish the exposition formats.

use super::protobuf_reader::{self, Field, fields, of, only, text};
use super::*;

/// Returns two failures, an answer after 20 ms, and two slow answers.
fn outcomes() -> Vec<Outcome> {
    vec![
        failed(FailureReason::Refused, 50_001, 2_000),
        failed(FailureReason::Refused, 50_002, 3_000),
        answered(Duration::from_millis(20), 50_003, 4_000),
        answered(Duration::from_millis(1_500), 50_004, 5_500),
        answered(Duration::from_millis(3_000), 50_005, 9_250),
    ]
}

#[test]
fn open_metrics_attaches_exemplars_to_failures_and_latencies() {
    let output = String::from_utf8(rendered(
        &store(&[0.1, 2.0], false, &outcomes()),
        ExpositionFormat::OpenMetrics,
    ))
    .unwrap();
    let set = r#"vantage="client",local_address="10.0.0.1",port="80",peer="10.0.0.2""#;
    let exemplar_of = |port| {
        format!(r##"# {{client_address="10.0.0.1",client_port="{port}",server_address="::1"}}"##)
    };
    let failures = format!(
        "# HELP tcp_handshake_failures Attempts that failed, by reason; an attempt fails at most once.\n\
         # TYPE tcp_handshake_failures counter\n\
         tcp_handshake_failures_total{{{set},reason=\"prohibited\"}} 0\n\
         tcp_handshake_failures_total{{{set},reason=\"refused\"}} 2 {} 1 3.000000000\n\
         tcp_handshake_failures_total{{{set},reason=\"unanswered\"}} 0\n\
         tcp_handshake_failures_total{{{set},reason=\"unreachable\"}} 0\n",
        exemplar_of(50_002)
    );
    assert!(output.contains(&failures), "{output}");
    let latency = format!(
        "# TYPE tcp_handshake_latency_seconds histogram\n\
         # UNIT tcp_handshake_latency_seconds seconds\n\
         tcp_handshake_latency_seconds_bucket{{{set},le=\"0.1\"}} 1\n\
         tcp_handshake_latency_seconds_bucket{{{set},le=\"2.0\"}} 2 {} 1.5 5.500000000\n\
         tcp_handshake_latency_seconds_bucket{{{set},le=\"+Inf\"}} 3 {} 3 9.250000000\n\
         tcp_handshake_latency_seconds_sum{{{set}}} 4.52\n\
         tcp_handshake_latency_seconds_count{{{set}}} 3\n",
        exemplar_of(50_004),
        exemplar_of(50_005)
    );
    assert!(output.contains(&latency), "{output}");
    assert!(
        output.ends_with("\n# EOF\n") && output.matches("# EOF").count() == 1,
        "{output}"
    );
    assert!(
        !output.contains("_created"),
        "start times would double the series in a reader that ignores them: {output}"
    );
}

#[test]
fn text_format_has_open_metrics_samples_only() {
    let store = store(&[0.1, 2.0], true, &outcomes());
    let samples = |format| {
        let output = String::from_utf8(rendered(&store, format)).unwrap();
        let samples = output.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                line.split(" # ")
                    .next()
                    .unwrap()
                    .replace("le=\"2.0\"", "le=\"2\"")
            })
            .collect::<Vec<_>>()
    };
    let in_text = samples(ExpositionFormat::Text);
    assert!(in_text.len() > 15, "{in_text:?}");
    assert_eq!(in_text, samples(ExpositionFormat::OpenMetrics));
    let output = String::from_utf8(rendered(&store, ExpositionFormat::Text)).unwrap();
    assert!(
        !output.contains("client_port") && !output.contains("EOF") && !output.contains("# UNIT"),
        "{output}"
    );
    assert!(
        output.contains("# TYPE tcp_handshake_failures_total counter\n"),
        "{output}"
    );
}

#[test]
fn label_and_help_delimiters_are_escaped() {
    let filter = "host \"a\"\\\nport 80".to_owned();
    let store = MetricStore::new(
        ConfigInfo {
            filter,
            ..ConfigInfo::default()
        },
        Bounds::default(),
        false,
    );
    for format in [ExpositionFormat::Text, ExpositionFormat::OpenMetrics] {
        let store = store.clone();
        let mut output = Vec::new();
        Exposition::new(move || store.clone(), true)
            .write(format, &mut output)
            .unwrap();
        let output = String::from_utf8(output).unwrap();
        assert!(
            output.contains(r#"filter="host \"a\"\\\nport 80""#),
            "{output}"
        );
        let help = if format == ExpositionFormat::Text {
            "(peer=\"other\") because"
        } else {
            r#"(peer=\"other\") because"#
        };
        assert!(output.contains(help), "{output}");
    }
}

#[test]
fn protobuf_includes_histograms_exemplars_and_start_times() {
    let output = rendered(
        &store(&[0.1, 2.0], true, &outcomes()),
        ExpositionFormat::Protobuf,
    );
    let families = protobuf_reader::delimited(&output);
    let family = |name: &str| {
        families
            .iter()
            .find(|family| text(&only(family, 1)) == name)
            .unwrap()
    };
    let latency = family("tcp_handshake_latency_seconds");
    assert_eq!(only(latency, 3), Field::Number(4), "a histogram");
    assert_eq!(text(&only(latency, 5)), "seconds");
    let metric = fields(&only(latency, 4));
    let labels: Vec<_> = of(&metric, 1).iter().map(fields).collect();
    let labels: Vec<_> = labels
        .iter()
        .map(|pair| (text(&only(pair, 1)), text(&only(pair, 2))))
        .collect();
    assert_eq!(labels[3], ("peer".to_owned(), "10.0.0.2".to_owned()));
    let histogram = fields(&only(&metric, 7));
    assert_eq!(
        (only(&histogram, 1), only(&histogram, 2)),
        (Field::Number(3), Field::Double(4.52))
    );
    let buckets: Vec<_> = of(&histogram, 3).iter().map(fields).collect();
    let counts: Vec<_> = buckets
        .iter()
        .map(|bucket| (only(bucket, 2), only(bucket, 1)))
        .collect();
    let bucket = |bound, count| (Field::Double(bound), Field::Number(count));
    assert_eq!(
        counts,
        [bucket(0.1, 1), bucket(2.0, 2), bucket(f64::INFINITY, 3)]
    );
    let exemplar = fields(&only(&buckets[2], 3));
    assert_eq!(only(&exemplar, 2), Field::Double(3.0));
    assert_eq!(only(&fields(&only(&exemplar, 3)), 1), Field::Number(9));
    // Schema 3, in zigzag; 20 ms, 1.5 s and 3 s are in buckets -45, 5 and 13.
    assert_eq!(only(&histogram, 5), Field::Number(6));
    let spans: Vec<_> = of(&histogram, 12).iter().map(fields).collect();
    let spans: Vec<_> = spans
        .iter()
        .map(|span| (only(span, 1).zigzag(), only(span, 2)))
        .collect();
    assert_eq!(
        spans,
        [
            (-45, Field::Number(1)),
            (49, Field::Number(1)),
            (7, Field::Number(1))
        ]
    );
    let deltas: Vec<_> = of(&histogram, 13).iter().map(Field::zigzag).collect();
    assert_eq!(deltas, [1, 0, 0]);
    assert_eq!(of(&histogram, 16).len(), 2);
    assert_eq!(
        only(&fields(&only(&histogram, 15)), 1),
        Field::Number(1),
        "the label set was created a second after the epoch"
    );
    let failures: Vec<_> = of(family("tcp_handshake_failures_total"), 4)
        .iter()
        .map(fields)
        .collect();
    let refused = fields(&only(&failures[1], 3));
    assert_eq!(
        (only(&refused, 1), of(&refused, 2).len()),
        (Field::Double(2.0), 1)
    );
    assert_eq!(only(&fields(&only(&refused, 3)), 1), Field::Number(1));
}

#[test]
fn empty_native_histogram_is_marked_only_when_enabled() {
    let spans = |native| {
        let families = protobuf_reader::delimited(&rendered(
            &store(&[], native, &[]),
            ExpositionFormat::Protobuf,
        ));
        let latency = families
            .iter()
            .find(|family| text(&only(family, 1)) == "tcp_handshake_latency_seconds")
            .unwrap();
        let histogram = fields(&only(&fields(&only(latency, 4)), 7));
        (
            of(&histogram, 12).len(),
            of(&histogram, 5).len(),
            of(&histogram, 6).len(),
        )
    };
    assert_eq!((spans(true), spans(false)), ((1, 1, 1), (0, 0, 0)));
}
