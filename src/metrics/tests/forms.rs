//! What each form has that the others have not.

use super::wire::{Field, fields, of, only, text};
use super::*;

/// Two failures, an answer in 20 ms, and two that took long.
fn events() -> Vec<Fact> {
    vec![
        failed(FailureReason::Refused, connection(50_001, 2_000)),
        failed(FailureReason::Refused, connection(50_002, 3_000)),
        answered(Duration::from_millis(20), connection(50_003, 4_000)),
        answered(Duration::from_millis(1_500), connection(50_004, 5_500)),
        answered(Duration::from_millis(3_000), connection(50_005, 9_250)),
    ]
}

#[test]
fn open_metrics_leads_from_failures_and_slow_answers_to_connections() {
    let page = String::from_utf8(written(
        &ledger(&[0.1, 2.0], false, &events()),
        Format::OpenMetrics,
    ))
    .unwrap();
    let set = r#"vantage="client",local_address="10.0.0.1",port="80",peer="10.0.0.2""#;
    let whom = |port| {
        format!(r##"# {{client_address="10.0.0.1",client_port="{port}",server_address="::1"}}"##)
    };
    let failures = format!(
        "# HELP tcp_handshake_failures Attempts that failed, by reason; an attempt fails at most once.\n\
         # TYPE tcp_handshake_failures counter\n\
         tcp_handshake_failures_total{{{set},reason=\"prohibited\"}} 0\n\
         tcp_handshake_failures_total{{{set},reason=\"refused\"}} 2 {} 1 3.000000000\n\
         tcp_handshake_failures_total{{{set},reason=\"unanswered\"}} 0\n\
         tcp_handshake_failures_total{{{set},reason=\"unreachable\"}} 0\n",
        whom(50_002)
    );
    assert!(page.contains(&failures), "{page}");
    let latency = format!(
        "# TYPE tcp_handshake_latency_seconds histogram\n\
         # UNIT tcp_handshake_latency_seconds seconds\n\
         tcp_handshake_latency_seconds_bucket{{{set},le=\"0.1\"}} 1\n\
         tcp_handshake_latency_seconds_bucket{{{set},le=\"2.0\"}} 2 {} 1.5 5.500000000\n\
         tcp_handshake_latency_seconds_bucket{{{set},le=\"+Inf\"}} 3 {} 3 9.250000000\n\
         tcp_handshake_latency_seconds_sum{{{set}}} 4.52\n\
         tcp_handshake_latency_seconds_count{{{set}}} 3\n",
        whom(50_004),
        whom(50_005)
    );
    assert!(page.contains(&latency), "{page}");
    assert!(
        page.ends_with("\n# EOF\n") && page.matches("# EOF").count() == 1,
        "{page}"
    );
    assert!(
        !page.contains("_created"),
        "start times are twice the series for who does not know them: {page}"
    );
}

#[test]
fn the_text_format_has_the_same_samples_and_nothing_else() {
    let ledger = ledger(&[0.1, 2.0], true, &events());
    let samples = |format| {
        let page = String::from_utf8(written(&ledger, format)).unwrap();
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                line.split(" # ")
                    .next()
                    .unwrap()
                    .replace("le=\"2.0\"", "le=\"2\"")
            })
            .collect::<Vec<_>>()
    };
    let plain = samples(Format::Text);
    assert!(plain.len() > 15, "{plain:?}");
    assert_eq!(plain, samples(Format::OpenMetrics));
    let page = String::from_utf8(written(&ledger, Format::Text)).unwrap();
    assert!(
        !page.contains("client_port") && !page.contains("EOF") && !page.contains("# UNIT"),
        "{page}"
    );
    assert!(
        page.contains("# TYPE tcp_handshake_failures_total counter\n"),
        "{page}"
    );
}

#[test]
fn what_would_end_a_label_or_a_line_is_escaped() {
    let filter = "host \"a\"\\\nport 80".to_owned();
    let ledger = MetricStore::new(
        ConfigInfo {
            filter,
            ..ConfigInfo::default()
        },
        Bounds::default(),
        false,
    );
    for format in [Format::Text, Format::OpenMetrics] {
        let (ledger, mut page) = (ledger.clone(), Vec::new());
        Exposition::new(move || ledger.clone(), true)
            .write(format, &mut page)
            .unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains(r#"filter="host \"a\"\\\nport 80""#), "{page}");
        let help = if format == Format::Text {
            "under peer=\"other\" because"
        } else {
            r#"under peer=\"other\" because"#
        };
        assert!(page.contains(help), "{page}");
    }
}

#[test]
fn protobuf_has_both_histograms_exemplars_and_start_times() {
    let page = written(&ledger(&[0.1, 2.0], true, &events()), Format::Protobuf);
    let families = wire::delimited(&page);
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
        "the set began a second after the epoch"
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
fn a_native_histogram_is_one_from_the_start_and_only_where_wanted() {
    let spans = |native| {
        let families = wire::delimited(&written(&ledger(&[], native, &[]), Format::Protobuf));
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
