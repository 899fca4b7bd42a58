//! Rules 7 and 8: ICMP errors.

use super::{judged, judged_in, judged_on_any};
use crate::forge::Link;

#[test]
fn an_error_rejects_when_it_quotes_the_attempt_and_its_isn() {
    judged(
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
fn the_server_itself_is_the_peer() {
    judged(
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
fn errors_that_end_no_attempt_do_nothing_to_it() {
    judged(
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
fn after_four_codes_the_rest_are_other() {
    judged(
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
fn an_error_met_again_on_another_interface_is_a_copy() {
    judged_on_any(
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
fn a_late_answer_may_follow_a_rejection() {
    judged(
        "0  c > s S  seq=100
         1  r > c 11/0 of c > s S seq=100
         20 s > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unreachable} 1, \
         icmp_errors{code=time_exceeded,reporter=router} 1, late_answers 1, synacks 1, syns 1, latencies [20.0]",
    );
}

#[test]
fn a_host_tells_itself_on_its_loopback_that_nobody_has_an_address() {
    let text = "0 c > c 3/1 of c > s S seq=100
                1 c > c 3/1 of c > s SA seq=500
                2 c > c 3/1 of s > c S seq=600";
    let rejected = "client 10.0.0.2 with 10.0.0.9 port 443: attempts 1, failures{reason=unreachable} 1, \
                    icmp_errors{code=host_unreachable,reporter=self} 1, latencies []";
    judged_in(Link::Loop, &["10.0.0.2"], text, rejected);
    judged_in(Link::Loop, &[], text, "");
    judged_in(Link::Sll2, &["10.0.0.2"], text, "");
}
