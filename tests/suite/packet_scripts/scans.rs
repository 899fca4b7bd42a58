//! Generated scripts, too long to be written by hand: a scanner or a flood with one ISN and hundreds of targets, a SYN sent
//! for hours. A merge by ISN alone once counted 554 attempts as two.

use super::mismatches;

const TARGETS: usize = 554;

#[test]
fn entering_scan_is_one_attempt_per_target() {
    scan(&["{at} c > {target} S seq=isn ts=1 id=7 via=eth0/in => {name}: open, syn"]);
}

#[test]
fn leaving_scan_is_one_attempt_per_target() {
    scan(&["{at} c > {target} S seq=isn ts=1 id=7 via=eth0/out => {name}: open, syn"]);
}

#[test]
fn scan_of_unknown_direction_is_attempt_per_target() {
    scan(&["{at} c > {target} S seq=isn ts=1 id=7 => {name}: open, syn"]);
}

#[test]
fn routed_scan_is_one_attempt_per_target() {
    scan(&[
        "{at} c > {target} S seq=isn ts=1 id=7 ttl=64 via=eth0/in => {name}: open, syn",
        "{at}.02 c > {target} S seq=isn ts=1 id=7 ttl=63 via=eth1/out => duplicate syn",
    ]);
}

#[test]
fn bridged_scan_is_one_attempt_per_target() {
    scan(&[
        "{at} c > {target} S seq=isn ts=1 id=7 via=eth0/in => {name}: open, syn",
        "{at}.01 c > {target} S seq=isn ts=1 id=7 via=br0/in => duplicate syn",
        "{at}.02 c > {target} S seq=isn ts=1 id=7 via=veth1/out => duplicate syn",
    ]);
}

#[test]
fn masqueraded_scan_is_one_attempt_per_target() {
    scan(&[
        "{at} c > {target} S seq=isn ts=1 id=7 ttl=64 via=eth0/in => {name}: open, syn",
        "{at}.02 c:1025 > {target} S seq=isn ts=1 id=7 ttl=63 via=eth1/out => duplicate syn",
    ]);
}

#[test]
fn masqueraded_burst_scan_is_one_attempt_per_target() {
    let mut text = header();
    for nth in 0..TARGETS {
        let target = target(nth);
        text += &format!(
            "    1 c > {target} S seq=isn ts=1 id=7 ttl=64 via=eth0/in => a{nth}: open, syn\n"
        );
    }
    for nth in 0..TARGETS {
        let target = target(nth);
        text += &format!(
            "    2 c:1025 > {target} S seq=isn ts=1 id=7 ttl=63 via=eth1/out => duplicate syn\n"
        );
    }
    text += &format!("    3 quiet => nothing; {TARGETS} pending, {TARGETS} tracked\n");
    for nth in 0..TARGETS {
        text += &format!(
            "    4 {} > c:1025 SA ack=isn+1 via=eth1/in => a{nth}: synack, answered 3\n",
            target(nth)
        );
    }
    assert_holds(&text);
}

#[test]
fn syn_repeated_for_hours_is_never_duplicate() {
    let mut text =
        String::from("define c=192.0.2.7:40000 t0=198.51.100.80:80 isn=4294967292\nHours\n");
    text += "    0 c > t0 S seq=isn => open, syn\n    9000 c > t0 S seq=isn => failed unanswered, syn retransmission\n";
    for second in (18..3 * 3600).step_by(9) {
        text += &format!("    {second}000 c > t0 S seq=isn => syn retransmission\n");
    }
    assert_holds(&text);
}

#[test]
fn flood_does_not_evict_known_peers() {
    let mut text = format!("{}    limits attempts=8\n", header());
    for port in 1..=4 {
        text += &format!("    0 c:{port} > t0 S seq=isn known_peer => r{port}: open, syn\n");
    }
    for nth in 0..TARGETS {
        let evicted = if nth < 4 {
            String::new()
        } else {
            format!("a{}: evicted, ", nth - 4)
        };
        text += &format!(
            "    1 c > {} S seq=isn => {evicted}a{nth}: open, syn\n",
            target(nth)
        );
    }
    for port in 1..=4 {
        text += &format!(
            "    9 t0 > c:{port} SA ack=isn+1 => r{port}: synack, answered 9; 8 tracked\n"
        );
    }
    assert_holds(&text);
}

/// Runs a scan made of the lines of one target, followed by five seconds without packets.
fn scan(lines: &[&str]) {
    let mut text = header();
    for nth in 0..TARGETS {
        let at = nth.to_string();
        let name = format!("a{nth}");
        for line in lines {
            let line = line
                .replace("{at}", &at)
                .replace("{target}", &target(nth))
                .replace("{name}", &name);
            text += &format!("    {line}\n");
        }
    }
    let verdicts: Vec<_> = (0..TARGETS)
        .map(|nth| format!("a{nth}: failed unanswered"))
        .collect();
    text += &format!("    600 quiet => nothing; {TARGETS} pending, {TARGETS} tracked\n");
    text += &format!("    6000 quiet => {}; 0 pending\n", verdicts.join(", "));
    assert_holds(&text);
}

/// Returns a target: half of the targets are ports of one host, half are hosts.
fn target(nth: usize) -> String {
    if nth.is_multiple_of(2) {
        format!("t{nth}")
    } else {
        format!("t0:{nth}")
    }
}

fn header() -> String {
    let mut header = String::from("define c=192.0.2.7:40000 isn=4294967292");
    for nth in (0..TARGETS).step_by(2) {
        header += &format!(" t{nth}=198.51.{}.{}:80", nth / 200, nth % 200);
    }
    header + "\nA scan\n"
}

fn assert_holds(text: &str) {
    let wrong = mismatches("scans", text);
    let first = wrong.get(..wrong.len().min(20)).unwrap_or_default();
    assert!(
        wrong.is_empty(),
        "\n{} lines differ:\n{}\n",
        wrong.len(),
        first.join("\n")
    );
}
