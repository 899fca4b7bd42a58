//! Rules 1, 3, 5, 11 and 12: SYNs, and the SYN/ACKs that answer them.

use super::assert_classified;

#[test]
fn ecn_setup_and_fast_open_syns_count() {
    assert_classified(
        "0  c > s SEC seq=100 ts=1 multipath unassigned
         1  s > c SAE seq=1 ack=101 ts=9
         10 c > t S seq=200 fastopen data=50
         12 t > c SA seq=1 ack=251",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [1.0]
         transit 10.0.0.9 port 80: answered 1, attempts 1, synacks 1, syns 1, latencies [2.0]",
    );
}

#[test]
fn acceptable_ack_covers_syn_or_its_data() {
    assert_classified(
        "0   c > s S  seq=100 data=10
         10  s > c SA seq=1 ack=100
         20  s > c SA seq=1 ack=112
         30  s > c SA seq=1 ack=111
         40  c > t S  seq=4294967295
         45  t > c SA seq=1 ack=1
         50  t > c SA seq=1 ack=0",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [30.0]
         transit 10.0.0.9 port 80: answered 1, attempts 1, synacks 1, syns 1, latencies [10.0]",
    );
}

#[test]
fn invalid_syn_counts_only_in_existing_set() {
    assert_classified(
        "0 c > s SF seq=100
         1 c > s SR seq=100
         2 c > s S  seq=200
         3 c > s SF seq=300
         4 c > s SR seq=400",
        "transit 10.0.0.9 port 443: attempts 1, syns 3, latencies []",
    );
}

#[test]
fn synack_with_rst_counts_as_rst() {
    assert_classified(
        "0 c > s S   seq=100
         1 s > c SAR seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=refused} 1, rsts{sender=server} 1, syns 1, latencies []",
    );
}

#[test]
fn synack_answers_attempt_of_acknowledged_isn() {
    assert_classified(
        "0  c > s S  seq=100
         10 c > s S  seq=5000
         20 s > c SA seq=1 ack=101
         25 s > c SA seq=2 ack=5001",
        "transit 10.0.0.9 port 443: answered 2, attempts 2, synacks 2, syns 2, latencies [20.0, 15.0]",
    );
}

#[test]
fn repeated_synack_counts_as_retransmission() {
    assert_classified(
        "0    c > s S  seq=100
         10   s > c SA seq=1 ack=101
         1000 c > s S  seq=100
         1010 s > c SA seq=1 ack=101
         2000 s > c SA seq=1 ack=101 id=7
         2049 s > c SA seq=1 ack=101 id=7
         2100 s > c SA seq=1 ack=101 id=7",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, syn_retransmissions 1, synack_retransmissions 3, synacks 4, \
         syns 2, latencies [10.0]",
    );
}

#[test]
fn unmatched_synack_opens_no_label_set() {
    assert_classified("0 s > c SA seq=1 ack=101", "");
}

#[test]
fn client_rst_after_close_keeps_answer() {
    assert_classified(
        "0    c > s S  seq=100
         3000 s > c SA seq=1 ack=101
         3001 c > s R  seq=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=client} 1, synacks 1, syns 1, latencies [3000.0]",
    );
}

#[test]
fn simultaneous_open_is_one_answered_attempt() {
    assert_classified(
        "0  c > s S  seq=100
         5  s > c S  seq=900
         9  c > s SA seq=100 ack=901
         10 s > c SA seq=900 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synack_retransmissions 1, synacks 2, syns 2, latencies [9.0]",
    );
}

#[test]
fn server_syn_after_answer_opens_another_attempt() {
    assert_classified(
        "0  c > s S  seq=100
         5  s > c SA seq=900 ack=101
         50 s > c S  seq=7000
         52 c > s SA seq=1 ack=7001",
        "transit 10.0.0.2 port 40000: answered 1, attempts 1, synacks 1, syns 1, latencies [2.0]
         transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [5.0]",
    );
}
