//! Rule 2: copies and retransmissions.

use super::{judged, judged_on_any, judged_on_several};

#[test]
fn the_same_syn_is_a_copy_at_once_and_a_retransmission_later() {
    // Without timestamps and identification: 5 ms. With an identification, or a timestamp: 50 ms.
    judged(
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
fn a_syn_that_a_router_held_is_a_copy_for_five_seconds() {
    judged_on_any(
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
fn only_the_last_four_syns_have_copies() {
    judged_on_any(
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
fn ten_equal_resets_are_ten_and_their_copies_are_none() {
    judged_on_any(
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
fn interfaces_of_a_file_are_places_of_their_own() {
    let text = "0   c > s S  seq=100 ts=1 in=2
                100 c > s S  seq=100 ts=1 in=3
                200 s > c SA seq=1 ack=101 ts=7 in=3
                201 s > c SA seq=1 ack=101 ts=7 in=2";
    judged_on_several(
        text,
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [200.0]",
    );
    judged(
        text,
        "transit 10.0.0.9 port 443: answered 1, attempts 1, syn_retransmissions 1, synack_retransmissions 1, synacks 2, \
         syns 2, latencies [200.0]",
    );
}
