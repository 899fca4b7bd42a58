//! Stories too long to write down: a scanner or a flood with one ISN and hundreds of targets, a SYN sent for hours. Merging
//! by ISN alone once made two attempts of 554.

use super::told;

const TARGETS: usize = 554;

#[test]
fn a_scan_that_enters_is_an_attempt_a_target() {
    scan(&["{at} c > {target} S seq=isn ts=1 id=7 via=eth0/in => {name}: open, syn"]);
}

#[test]
fn a_scan_that_leaves_is_an_attempt_a_target() {
    scan(&["{at} c > {target} S seq=isn ts=1 id=7 via=eth0/out => {name}: open, syn"]);
}

#[test]
fn a_scan_whose_way_is_not_known_is_an_attempt_a_target() {
    scan(&["{at} c > {target} S seq=isn ts=1 id=7 => {name}: open, syn"]);
}

#[test]
fn a_scan_through_a_router_is_an_attempt_a_target() {
    scan(&[
        "{at} c > {target} S seq=isn ts=1 id=7 ttl=64 via=eth0/in => {name}: open, syn",
        "{at}.02 c > {target} S seq=isn ts=1 id=7 ttl=63 via=eth1/out => copy syn",
    ]);
}

#[test]
fn a_scan_through_a_bridge_is_an_attempt_a_target() {
    scan(&[
        "{at} c > {target} S seq=isn ts=1 id=7 via=eth0/in => {name}: open, syn",
        "{at}.01 c > {target} S seq=isn ts=1 id=7 via=br0/in => copy syn",
        "{at}.02 c > {target} S seq=isn ts=1 id=7 via=veth1/out => copy syn",
    ]);
}

#[test]
fn a_masqueraded_scan_is_an_attempt_a_target() {
    scan(&[
        "{at} c > {target} S seq=isn ts=1 id=7 ttl=64 via=eth0/in => {name}: open, syn",
        "{at}.02 c:1025 > {target} S seq=isn ts=1 id=7 ttl=63 via=eth1/out => copy syn",
    ]);
}

#[test]
fn a_masqueraded_scan_in_bursts_is_an_attempt_a_target() {
    let mut text = cast();
    for nth in 0..TARGETS {
        let target = target(nth);
        text += &format!(
            "    1 c > {target} S seq=isn ts=1 id=7 ttl=64 via=eth0/in => a{nth}: open, syn\n"
        );
    }
    for nth in 0..TARGETS {
        let target = target(nth);
        text += &format!(
            "    2 c:1025 > {target} S seq=isn ts=1 id=7 ttl=63 via=eth1/out => copy syn\n"
        );
    }
    text += &format!("    3 quiet => nothing; {TARGETS} pending, {TARGETS} tracked\n");
    for nth in 0..TARGETS {
        text += &format!(
            "    4 {} > c:1025 SA ack=isn+1 via=eth1/in => a{nth}: synack, answered 3\n",
            target(nth)
        );
    }
    holds(&text);
}

#[test]
fn a_syn_that_comes_again_for_hours_is_never_taken_for_its_copy() {
    let mut text =
        String::from("cast c=192.0.2.7:40000 t0=198.51.100.80:80 isn=4294967292\nHours\n");
    text += "    0 c > t0 S seq=isn => open, syn\n    9000 c > t0 S seq=isn => failed unanswered, syn again\n";
    for second in (18..3 * 3600).step_by(9) {
        text += &format!("    {second}000 c > t0 S seq=isn => syn again\n");
    }
    holds(&text);
}

#[test]
fn a_flood_does_not_push_out_the_regular_peers() {
    let mut text = format!("{}    limits attempts=8\n", cast());
    for port in 1..=4 {
        text += &format!("    0 c:{port} > t0 S seq=isn regular => r{port}: open, syn\n");
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
    holds(&text);
}

/// One scan, by the lines of one target; then five seconds of nothing.
fn scan(lines: &[&str]) {
    let mut text = cast();
    for nth in 0..TARGETS {
        let (at, name) = (nth.to_string(), format!("a{nth}"));
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
    holds(&text);
}

/// Half of them ports of one host, half of them hosts.
fn target(nth: usize) -> String {
    if nth.is_multiple_of(2) {
        format!("t{nth}")
    } else {
        format!("t0:{nth}")
    }
}

fn cast() -> String {
    let mut cast = String::from("cast c=192.0.2.7:40000 isn=4294967292");
    for nth in (0..TARGETS).step_by(2) {
        cast += &format!(" t{nth}=198.51.{}.{}:80", nth / 200, nth % 200);
    }
    cast + "\nA scan\n"
}

fn holds(text: &str) {
    let wrong = told("scans", text);
    let first = wrong.get(..wrong.len().min(20)).unwrap_or_default();
    assert!(
        wrong.is_empty(),
        "\n{} lines went otherwise:\n{}\n",
        wrong.len(),
        first.join("\n")
    );
}
