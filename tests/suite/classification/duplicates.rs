//! Rule 2: duplicates and retransmissions.

use super::{assert_classified, assert_classified_on_any, assert_classified_on_several};

#[test]
fn repeated_syn_is_duplicate_only_within_window() {
    // Without timestamps and identification: 5 ms. With an identification, or a timestamp: 50 ms.
    assert_classified(
        "0        c > s S seq=100
         5        c > s S seq=100
         10.1     c > s S seq=100
         1000     c > t S seq=100 id=9
         1050     c > t S seq=100 id=9
         1050.001 c > t S seq=100 id=9
         1060     c > t S seq=100 id=10
         2000     c6 > s6 S seq=100 ts=5
         2050     c6 > s6 S seq=100 ts=5
         2051     c6 > s6 S seq=100 ts=6",
        "transit 10.0.0.9 port 443: attempts 1, syn_retransmissions 1, syns 2, latencies []
         transit 10.0.0.9 port 80: attempts 1, syn_retransmissions 2, syns 3, latencies []
         transit 2001:db8::9 port 443: attempts 1, syn_retransmissions 1, syns 2, latencies []",
    );
}

#[test]
fn syn_held_by_router_is_duplicate() {
    assert_classified_on_any(
        "0    c > s S seq=100 ts=1 id=1 in=2
         1000 c > s S seq=100 ts=2 id=2 in=2
         2000 c > s S seq=100 ts=3 id=3 in=2
         3000 c > s S seq=100 ts=1 id=1 out=3 ttl=63
         3000.1 c > s S seq=100 ts=2 id=2 out=3 ttl=63
         3000.2 c > s S seq=100 ts=3 id=3 out=3 ttl=63
         3010 s > c SA seq=1 ack=101 in=3
         3010.1 s > c SA seq=1 ack=101 out=2
         3020 s > c SA seq=1 ack=101 in=3",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, syn_retransmissions 2, synack_retransmissions 1, synacks 2, \
         syns 3, latencies [3010.0]",
    );
}

#[test]
fn fifth_latest_syn_has_no_duplicates() {
    assert_classified_on_any(
        "0   c > s S seq=100 ts=1 in=2
         100 c > s S seq=100 ts=2 in=2
         200 c > s S seq=100 ts=3 in=2
         300 c > s S seq=100 ts=4 in=2
         400 c > s S seq=100 ts=1 out=3
         500 c > s S seq=100 ts=5 in=2
         600 c > s S seq=100 ts=1 out=3",
        "transit 10.0.0.9 port 443: attempts 1, syn_retransmissions 5, syns 6, latencies []",
    );
}

#[test]
fn equal_rsts_count_without_their_duplicates() {
    assert_classified_on_any(
        "0   c > s S  seq=100 in=2
         10  s > c SA seq=1 ack=101 in=3
         20   s > c R  seq=2 in=3
         20.1 s > c R  seq=2 out=2
         20.2 s > c R  seq=2 in=3
         20.3 s > c R  seq=2 out=2
         30   s > c R  seq=3 id=7 in=3
         30.1 s > c R  seq=3 id=7 in=3",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=server} 3, synacks 1, syns 1, latencies [10.0]",
    );
}

#[test]
fn interfaces_of_file_are_separate_capture_points() {
    let text = "0   c > s S  seq=100 ts=1 in=2
                100 c > s S  seq=100 ts=1 in=3
                200 s > c SA seq=1 ack=101 ts=7 in=3
                201 s > c SA seq=1 ack=101 ts=7 in=2";
    assert_classified_on_several(
        text,
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [200.0]",
    );
    assert_classified(
        text,
        "transit 10.0.0.9 port 443: answered 1, attempts 1, syn_retransmissions 1, synack_retransmissions 1, synacks 2, \
         syns 2, latencies [200.0]",
    );
}
