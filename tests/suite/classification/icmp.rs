//! Rules 7 and 8: ICMP errors.

use super::{assert_classified, assert_classified_in, assert_classified_on_any};
use crate::packet_builder::Link;

#[test]
fn error_rejects_only_with_matching_isn() {
    assert_classified(
        "0 c > s S seq=100
         1 r > c 3/13 of c > s S seq=101
         2 r > c 3/13 of c > t S seq=100
         3 r > c 3/13 quoted=8 of c > s S seq=100
         4 r > c 3/1 of c > s S seq=100",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=prohibited} 1, \
         icmp_errors{code=admin_prohibited,reporter=router} 1, icmp_errors{code=host_unreachable,reporter=router} 1, \
         syns 1, latencies []",
    );
}

#[test]
fn error_from_server_has_reporter_peer() {
    assert_classified(
        "0 c > s S seq=100
         1 s > c 3/3 of c > s S seq=100
         2 c6 > s6 S seq=100
         3 r6 > c6 1/0 of c6 > s6 S seq=100",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=prohibited} 1, \
         icmp_errors{code=port_unreachable,reporter=peer} 1, syns 1, latencies []
         transit 2001:db8::9 port 443: attempts 1, failures{reason=unreachable} 1, \
         icmp_errors{code=net_unreachable,reporter=router} 1, syns 1, latencies []",
    );
}

#[test]
fn harmless_error_keeps_attempt_pending() {
    assert_classified(
        "0 c > s S seq=100
         1 r > c 3/4 of c > s S seq=100
         2 r > c 4/0 of c > s S seq=100
         3 c6 > s6 S seq=100
         4 r6 > c6 2/0 of c6 > s6 S seq=100
         5 s > c SA ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, icmp_errors{code=fragmentation_needed,reporter=router} 1, \
         icmp_errors{code=source_quench,reporter=router} 1, synacks 1, syns 1, latencies [5.0]
         transit 2001:db8::9 port 443: attempts 1, icmp_errors{code=fragmentation_needed,reporter=router} 1, syns 1, \
         latencies []",
    );
}

#[test]
fn fifth_icmp_code_counts_as_other() {
    assert_classified(
        "0 c > s S seq=100
         1 r > c 3/0 of c > s S seq=100
         2 r > c 3/1 of c > s S seq=100
         3 r > c 3/2 of c > s S seq=100
         4 s > c 3/2 of c > s S seq=100
         5 r > c 3/5 of c > s S seq=100
         6 r > c 3/0 of c > s S seq=100
         7 r > c 11/0 of c > s S seq=100",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unreachable} 1, \
         icmp_errors{code=host_unreachable,reporter=router} 1, icmp_errors{code=net_unreachable,reporter=router} 2, \
         icmp_errors{code=other,reporter=router} 2, icmp_errors{code=protocol_unreachable,reporter=peer} 1, \
         icmp_errors{code=protocol_unreachable,reporter=router} 1, syns 1, latencies []",
    );
}

#[test]
fn error_on_second_interface_is_duplicate() {
    assert_classified_on_any(
        "0    c > s S seq=100 in=2
         1    r > c 3/1 in=3 of c > s S seq=100
         1.1  r > c 3/1 out=2 of c > s S seq=100
         5    r > c 3/1 in=3 of c > s S seq=100
         4900 r > c 3/1 out=3 of c > s S seq=100",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unreachable} 1, \
         icmp_errors{code=host_unreachable,reporter=router} 2, syns 1, latencies []",
    );
}

#[test]
fn answer_after_rejection_is_late() {
    assert_classified(
        "0  c > s S  seq=100
         1  r > c 11/0 of c > s S seq=100
         20 s > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unreachable} 1, \
         icmp_errors{code=time_exceeded,reporter=router} 1, late_answers 1, synacks 1, syns 1, latencies [20.0]",
    );
}

#[test]
fn local_rejection_on_loopback_opens_failed_attempt() {
    let text = "0 c > c 3/1 of c > s S seq=100
                1 c > c 3/1 of c > s SA seq=500
                2 c > c 3/1 of s > c S seq=600";
    let rejected = "client 10.0.0.2 with 10.0.0.9 port 443: attempts 1, failures{reason=unreachable} 1, \
                    icmp_errors{code=host_unreachable,reporter=self} 1, latencies []";
    assert_classified_in(Link::Loop, &["10.0.0.2"], text, rejected);
    assert_classified_in(Link::Loop, &[], text, "");
    assert_classified_in(Link::Sll2, &["10.0.0.2"], text, "");
}
