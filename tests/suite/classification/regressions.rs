//! Scripts on which the text of the rules and the program once differed.

use super::{assert_classified, assert_classified_on_any};

#[test]
fn unmarked_rst_is_duplicate_within_five_milliseconds() {
    assert_classified_on_any(
        "0    c > s S  seq=100 in=2
         10   s > c SA seq=1 ack=101 id=1 in=3
         20   s > c R  seq=2 in=3
         30   s > c R  seq=2 out=2",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=server} 2, synacks 1, syns 1, latencies [10.0]",
    );
}

#[test]
fn unmarked_synack_is_duplicate_within_five_milliseconds() {
    assert_classified_on_any(
        "0    c6 > s6 S  seq=100 in=2
         10   s6 > c6 SA seq=1 ack=101 in=3
         1010 s6 > c6 SA seq=1 ack=101 out=2",
        "transit 2001:db8::9 port 443: answered 1, attempts 1, synack_retransmissions 1, synacks 2, syns 1, \
         latencies [10.0]",
    );
}

#[test]
fn rst_with_other_timestamp_is_not_duplicate() {
    assert_classified_on_any(
        "0    c > s S  seq=100 in=2
         10   s > c SA seq=1 ack=101 id=1 in=3
         20   s > c R  seq=2 ts=5 id=7 in=3
         30   s > c R  seq=2 ts=6 id=7 out=2",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=server} 2, synacks 1, syns 1, latencies [10.0]",
    );
}

#[test]
fn ack_of_data_in_retransmission_is_acceptable() {
    assert_classified(
        "0    c > s S  seq=100 id=1
         1000 c > s S  seq=100 id=2 data=10
         1010 s > c SA seq=1 ack=111",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, syn_retransmissions 1, synacks 1, syns 2, latencies [1010.0]",
    );
}

#[test]
fn repeated_server_syn_is_duplicate() {
    assert_classified(
        "0  c > s S seq=100 ts=1
         5  s > c S seq=900 ts=1
         6  s > c S seq=900 ts=1",
        "transit 10.0.0.9 port 443: attempts 1, syns 2, latencies []",
    );
}

#[test]
fn syn_fin_does_not_hide_server_syn() {
    assert_classified(
        "0  c > s SF seq=100 ts=1 id=1
         1  c > s S  seq=100 ts=2 id=2
         2  s > c S  seq=100 ts=1 id=1",
        "transit 10.0.0.9 port 443: attempts 1, syns 2, latencies []",
    );
}
