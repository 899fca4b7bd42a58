//! Rules 9 and 14: time.

use super::assert_classified;

#[test]
fn attempt_fails_five_seconds_after_first_syn() {
    assert_classified(
        "0           c > s S seq=100
         1000        c > s S seq=100
         4999.999999 c > t S seq=100",
        "transit 10.0.0.9 port 443: attempts 1, syn_retransmissions 1, syns 2, latencies []
         transit 10.0.0.9 port 80: attempts 1, syns 1, latencies []",
    );
    assert_classified(
        "0    c > s S seq=100
         1000 c > s S seq=100
         5000 c > t S seq=100",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unanswered} 1, syn_retransmissions 1, syns 2, \
         latencies []
         transit 10.0.0.9 port 80: attempts 1, syns 1, latencies []",
    );
}

#[test]
fn answer_at_deadline_is_late() {
    assert_classified(
        "0           c > s S  seq=100
         0           c > t S  seq=100
         4999.999999 s > c SA seq=1 ack=101
         5000        t > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [4999.999999]
         transit 10.0.0.9 port 80: attempts 1, failures{reason=unanswered} 1, late_answers 1, synacks 1, syns 1, \
         latencies [5000.0]",
    );
}

#[test]
fn other_packet_advances_time() {
    assert_classified(
        "0    c > s S seq=100
         6000 c > t A seq=1 ack=1",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unanswered} 1, syns 1, latencies []",
    );
}

#[test]
fn current_kernel_schedule_is_one_attempt() {
    assert_classified(
        "0 c > s S seq=100 ts=1
         1000  c > s S seq=100 ts=1000
         2000  c > s S seq=100 ts=2000
         3100  c > s S seq=100 ts=3100
         4100  c > s S seq=100 ts=4100
         5100  c > s S seq=100 ts=5100
         7100  c > s S seq=100 ts=7100
         11200 c > s S seq=100 ts=11200
         19400 c > s S seq=100 ts=19400
         35500 c > s S seq=100 ts=35500
         69600 c > s S seq=100 ts=69600",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unanswered} 1, syn_retransmissions 10, syns 11, \
         latencies []",
    );
}

#[test]
fn attempt_is_tracked_until_last_possible_retransmission() {
    // One SYN: 10 s. A gap of 8 s: 19 s. A gap of 100 s: 135 s, the maximum.
    assert_classified(
        "0          c > s S seq=100
         9999.999999 c > s S seq=100
         20000      c > t S seq=100
         30000      c > t S seq=100
         100000     c > s S seq=900
         108000     c > s S seq=900
         126999.999999 c > s S seq=900",
        "transit 10.0.0.9 port 443: attempts 2, failures{reason=unanswered} 2, syn_retransmissions 3, syns 5, \
         latencies []
         transit 10.0.0.9 port 80: attempts 2, failures{reason=unanswered} 2, syns 2, latencies []",
    );
}

#[test]
fn answer_is_late_only_while_tracked() {
    assert_classified(
        "0    c > s S  seq=100
         0    c > t S  seq=100
         9999 s > c SA seq=1 ack=101
         10000 t > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=unanswered} 1, late_answers 1, synacks 1, syns 1, \
         latencies [9999.0]
         transit 10.0.0.9 port 80: attempts 1, failures{reason=unanswered} 1, syns 1, latencies []",
    );
}

#[test]
fn clock_step_back_gives_zero_latency() {
    assert_classified(
        "500   c > s S  seq=100
         499.9 s > c SA seq=1 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [0.0]",
    );
}

#[test]
fn latency_on_bucket_bound_is_inside() {
    // The buckets of the program are compared with those of the oracle, which counts whole nanoseconds.
    assert_classified(
        "0    c > s S  seq=1
         0    c > s S  seq=2
         0    c > s S  seq=3
         0    c > s S  seq=4
         0.25 s > c SA ack=2
         950  s > c SA ack=3
         1950 s > c SA ack=4
         2950 s > c SA ack=5",
        "transit 10.0.0.9 port 443: answered 4, attempts 4, synacks 4, syns 4, latencies [0.25, 950.0, 1950.0, 2950.0]",
    );
}
