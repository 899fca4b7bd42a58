//! Rules 1, 3, 5, 11 and 12: SYNs, and the SYN/ACKs that answer them.

use super::judged;

#[test]
fn ecn_setup_and_fast_open_syns_are_syns() {
    judged(
        "0  c > s SEC seq=100 ts=1 multipath unassigned
         1  s > c SAE seq=1 ack=101 ts=9
         10 c > t S seq=200 fastopen data=50
         12 t > c SA seq=1 ack=251",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [1.0]
         transit 10.0.0.9 port 80: answered 1, attempts 1, synacks 1, syns 1, latencies [2.0]",
    );
}

#[test]
fn an_answer_acknowledges_the_syn_or_part_of_its_data() {
    judged(
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
fn a_syn_with_rst_or_fin_opens_nothing_and_counts_where_its_set_exists() {
    judged(
        "0 c > s SF seq=100
         1 c > s SR seq=100
         2 c > s S  seq=200
         3 c > s SF seq=300
         4 c > s SR seq=400",
        "transit 10.0.0.9 port 443: attempts 1, syns 3, latencies []",
    );
}

#[test]
fn a_syn_ack_with_rst_is_a_reset() {
    judged(
        "0 c > s S   seq=100
         1 s > c SAR seq=1 ack=101",
        "transit 10.0.0.9 port 443: attempts 1, failures{reason=refused} 1, rsts{sender=server} 1, syns 1, latencies []",
    );
}

#[test]
fn another_isn_is_another_attempt_and_the_ack_says_which_is_answered() {
    judged(
        "0  c > s S  seq=100
         10 c > s S  seq=5000
         20 s > c SA seq=1 ack=101
         25 s > c SA seq=2 ack=5001",
        "transit 10.0.0.9 port 443: answered 2, attempts 2, synacks 2, syns 2, latencies [20.0, 15.0]",
    );
}

#[test]
fn an_answer_that_comes_again_is_a_retransmission() {
    judged(
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
fn an_answer_that_fits_no_attempt_opens_no_set() {
    judged("0 s > c SA seq=1 ack=101", "");
}

#[test]
fn a_reset_by_the_client_after_close_leaves_the_answer_an_answer() {
    judged(
        "0    c > s S  seq=100
         3000 s > c SA seq=1 ack=101
         3001 c > s R  seq=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, rsts{sender=client} 1, synacks 1, syns 1, latencies [3000.0]",
    );
}

#[test]
fn a_simultaneous_open_is_one_attempt_answered_by_either_side() {
    judged(
        "0  c > s S  seq=100
         5  s > c S  seq=900
         9  c > s SA seq=100 ack=901
         10 s > c SA seq=900 ack=101",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synack_retransmissions 1, synacks 2, syns 2, latencies [9.0]",
    );
}

#[test]
fn a_syn_from_the_server_after_the_answer_is_an_attempt_of_its_own() {
    judged(
        "0  c > s S  seq=100
         5  s > c SA seq=900 ack=101
         50 s > c S  seq=7000
         52 c > s SA seq=1 ack=7001",
        "transit 10.0.0.2 port 40000: answered 1, attempts 1, synacks 1, syns 1, latencies [2.0]
         transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [5.0]",
    );
}
