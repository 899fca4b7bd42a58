//! Rules 6, 10 and 13: RSTs.

use super::assert_classified;

#[test]
fn rst_refuses_only_with_acceptable_ack() {
    assert_classified(
        "0 c > s S  seq=100
         1 s > c RA ack=100
         2 s > c R  seq=101
         3 s > c RA ack=102
         4 s > c RA ack=101
         9 c > t S  seq=100 data=7
         10 t > c RA ack=104",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=refused} 1, rsts{sender=server} 4, syns 1, latencies []
         transit 10.0.0.9 port 80: attempts 1, failures{reason=refused} 1, rsts{sender=server} 1, syns 1, latencies []",
    );
}

#[test]
fn retry_after_refusal_keeps_one_failure() {
    assert_classified(
        "0    c > s S  seq=100 id=1
         1    s > c RA ack=101
         500  c > s S  seq=100 id=2
         501  s > c RA ack=101
         1000 c > s S  seq=100 id=3
         1001 s > c RA ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=refused} 1, rsts{sender=server} 3, \
         syn_retransmissions 2, syns 3, latencies []",
    );
}

#[test]
fn rst_after_answer_counts_no_failure() {
    assert_classified(
        "0 c > s S  seq=100
         1 s > c SA seq=1 ack=101
         2 s > c RA seq=2 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=server} 1, synacks 1, syns 1, latencies [1.0]",
    );
}

#[test]
fn answer_after_refusal_is_late() {
    assert_classified(
        "0   c > s S  seq=100
         1   s > c RA ack=101
         500 c > s S  seq=100
         501 s > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=refused} 1, late_answers 1, rsts{sender=server} 1, \
         syn_retransmissions 1, synacks 1, syns 2, latencies [501.0]",
    );
}

#[test]
fn wrong_synack_keeps_attempt_pending() {
    assert_classified(
        "0  c > s S  seq=100
         1  s > c SA seq=1 ack=999
         2  c > s R  seq=999
         12 c > s S  seq=100
         13 s > c SA seq=2 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=client} 1, syn_retransmissions 1, synacks 1, \
         syns 2, latencies [13.0]",
    );
}

#[test]
fn unmatched_rst_counts_with_one_server_endpoint() {
    assert_classified(
        "u = 10.0.0.3:50000
         0  c > s S  seq=100
         1  u > s RA seq=1 ack=1
         2  s > u RA seq=1 ack=1
         3  u > t R  seq=1
         4  c > t S  seq=100
         5  s > t R  seq=1",
        "transit 10.0.0.9 port 443: attempts 1, rsts{sender=client} 1, rsts{sender=server} 1, syns 1, latencies []
         transit 10.0.0.9 port 80: attempts 1, syns 1, latencies []",
    );
}
