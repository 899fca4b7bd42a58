//! Rules 6, 10 and 13: RSTs.

use super::judged;

#[test]
fn a_reset_refuses_when_it_acknowledges_the_syn() {
    judged(
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
fn a_client_that_tries_again_after_a_refusal_is_refused_once() {
    judged(
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
fn a_reset_after_the_answer_refuses_nothing() {
    judged(
        "0 c > s S  seq=100
         1 s > c SA seq=1 ack=101
         2 s > c RA seq=2 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=server} 1, synacks 1, syns 1, latencies [1.0]",
    );
}

#[test]
fn an_answer_after_a_refusal_is_late() {
    judged(
        "0   c > s S  seq=100
         1   s > c RA ack=101
         500 c > s S  seq=100
         501 s > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=refused} 1, late_answers 1, rsts{sender=server} 1, \
         syn_retransmissions 1, synacks 1, syns 2, latencies [501.0]",
    );
}

#[test]
fn a_wrong_answer_and_the_reset_it_draws_leave_the_attempt_waiting() {
    judged(
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
fn a_reset_of_no_attempt_counts_where_exactly_one_end_is_a_server() {
    judged(
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
