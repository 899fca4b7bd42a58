//! Rule 4: NAT.

use super::assert_classified_on_any;

#[test]
fn translated_syn_belongs_to_entered_attempt() {
    assert_classified_on_any(
        "0    c > h S  seq=100 ts=1 id=5 in=2
         0.1  m > k S  seq=100 ts=1 id=5 out=3 ttl=63
         1    k > m SA seq=1 ack=101 in=3
         1.1  h > c SA seq=1 ack=101 out=2",
        "transit 10.0.0.5 port 8080: answered 1, attempts 1, synacks 1, syns 1, latencies [1.0]",
    );
}

#[test]
fn rst_and_error_on_alias_match_attempt() {
    assert_classified_on_any(
        "0    c > h S  seq=100 ts=1 id=5 in=2
         0.1  c > k S  seq=100 ts=1 id=5 out=3 ttl=63
         1    k > c RA ack=101 in=3
         10   c > h S  seq=900 ts=9 id=6 in=2
         10.1 c > k S  seq=900 ts=9 id=6 out=3 ttl=63
         11   r > c 3/1 in=3 of c > k S seq=900",
        "transit 10.0.0.5 port 8080: attempts 2, failures{reason=refused} 1, failures{reason=unreachable} 1, \
         icmp_errors{code=host_unreachable,reporter=router} 1, rsts{sender=server} 1, syns 2, latencies []",
    );
}

#[test]
fn alias_requires_attempt_still_inside() {
    // In order: leaving twice, a higher TTL, another timestamp, entering twice.
    assert_classified_on_any(
        "0 c > h S seq=100 ts=1 id=5 out=2
         0.1 c > k S seq=100 ts=1 id=5 out=3
         10 c > h S seq=200 ts=1 id=5 in=2 ttl=60
         10.1 c > k S seq=200 ts=1 id=5 out=3 ttl=61
         20 c > h S seq=300 ts=1 id=5 in=2
         20.1 c > k S seq=300 ts=2 id=5 out=3
         30 c > h S seq=400 ts=1 id=5 in=2
         30.1 c > k S seq=400 ts=1 id=5 in=3
         40 c > h S seq=500 ts=1 id=5 in=2
         40.1 c > k S seq=500 ts=1 id=5 out=3
         40.2 m > k S seq=500 ts=1 id=5 out=3",
        "transit 10.0.0.5 port 8080: attempts 5, syns 5, latencies []
         transit 172.17.0.2 port 80: attempts 5, syns 5, latencies []",
    );
}

#[test]
fn alias_prefers_shared_endpoint_over_newest() {
    assert_classified_on_any(
        "o = 10.0.0.3:41000
         p = 10.0.0.9:81
         0   c > s S seq=100 ts=1 id=5 in=2
         0.1 o > p S seq=100 ts=1 id=5 in=2
         0.2 m > s S seq=100 ts=1 id=5 out=3
         1   s > m SA seq=1 ack=101 in=3",
        "transit 10.0.0.9 port 443: answered 1, attempts 1, synacks 1, syns 1, latencies [1.0]
         transit 10.0.0.9 port 81: attempts 1, syns 1, latencies []",
    );
}

#[test]
fn container_reaching_itself_has_three_four_tuples() {
    assert_classified_on_any(
        "p = 172.17.0.2:45000
         g = 172.17.0.1:45000
         0     p > h S  seq=100 ts=1 id=5 in=3
         0.01  p > k S  seq=100 ts=1 id=5 out=5
         0.02  g > k S  seq=100 ts=1 id=5 out=3
         0.03  k > g SA seq=1 ack=101 in=3",
        "transit 10.0.0.5 port 8080: answered 1, attempts 1, synacks 1, syns 1, latencies [0.03]",
    );
}
