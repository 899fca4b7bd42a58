//! The script language itself: an unknown word is an error, and so is a script that expects nothing.

use super::{mismatches, parser};

/// Definitions and the title of a script that the tests continue.
const HEADER: &str = "define c=192.0.2.7:40000 s=198.51.100.80:443 isn=4294967292\nA title\n";

#[test]
fn mismatch_is_reported_with_its_line() {
    let line = "    0  c > s  S  seq=isn  => open, syn retransmission; 7 tracked\n    1 quiet => nothing\n";
    let wrong = mismatches("made_up", &format!("{HEADER}{line}"));
    let mismatch = "  made_up.txt:3: expected open, syn retransmission; 7 tracked\n          found open, syn; 1 tracked";
    assert_eq!(wrong, ["made_up.txt:2: A title", mismatch]);
}

#[test]
fn unexpected_attempts_get_a_name() {
    let line = "    0  c > s  S  seq=isn  => nothing\n    1  c > s:80  S  seq=isn => open, syn\n";
    let wrong = mismatches("made_up", &format!("{HEADER}{line}"));
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong[1].ends_with("found unexpected1: open, unexpected1: syn"),
        "{}",
        wrong[1]
    );
}

#[test]
fn syntax_error_names_its_line() {
    let cases = [
        (
            "    0 c > c S seq=isn => open",
            "3: `s` is defined but not used",
        ),
        (
            "    0 c > s S seq=isn",
            "3: the expectation is missing: write `=> nothing` if there is none",
        ),
        (
            "    0 c > s S seq=isn => nothing",
            "3: `A title` expects nothing",
        ),
        ("    0 c > s S => open", "3: a SYN needs its seq="),
        (
            "    0 c > s S seq=isn seq=isn => open",
            "3: `seq` twice in one line",
        ),
        (
            "    0 c > s S seq=isn color=red => open",
            "3: `color` is unknown here",
        ),
        (
            "    0 c > s S seq=isn known_peer=yes => open",
            "3: `known_peer` is unknown here",
        ),
        (
            "    0 c > s X seq=isn => open",
            "3: `X` is not a set of flags",
        ),
        ("    0 c > s SS seq=isn => open", "3: `S` twice in `SS`"),
        (
            "    0 c ? s S seq=isn => open",
            "3: `?` is neither `>`, a segment, nor `!`, an ICMP error",
        ),
        ("    0 c > x S seq=isn => open", "3: `x` is not defined"),
        (
            "    0 c > isn S seq=isn => open",
            "3: `isn` is a number, not an address",
        ),
        ("    0 c > s S seq=c => open", "3: `c` is not a number"),
        (
            "    0 c > s S seq=isn id=65536 => open",
            "3: `65536` is not a valid id",
        ),
        (
            "    0 c > s S seq=isn via=eth0/up => open",
            "3: `up` is neither in nor out",
        ),
        (
            "    0s c > s S seq=isn => open",
            "3: `0s` is not a time in milliseconds",
        ),
        (
            "    0.1234567 quiet => open",
            "3: `0.1234567` is not a time in milliseconds",
        ),
        ("    0 quiet please => open", "3: `please` after `quiet`"),
        (
            "    0 c => open",
            "3: the line ends where `>` or `!` is expected",
        ),
        (
            "    0 c > s S seq=isn => opened",
            "3: `opened` is not an event",
        ),
        (
            "    0 c > s S seq=isn => open; 1 waiting",
            "3: `1 waiting` is neither `1 pending` nor `1 tracked`",
        ),
        (
            "    0 c > s S seq=isn => syn",
            "3: attempt without a name was never opened",
        ),
        (
            "    0 c > s S seq=isn => a: open, b: syn",
            "3: attempt b was never opened",
        ),
        (
            "    0 c > s S seq=isn => open, open",
            "3: attempt without a name opens twice: name each attempt",
        ),
        (
            "    0 c > s S seq=isn => open, a: open",
            "3: a script with several attempts names each of them",
        ),
        (
            "    0 c > s S seq=isn => a: open, a: open",
            "3: attempt a opens twice: name each attempt",
        ),
        (
            "    0 s ! c 8/0 quote c > s seq=isn => unmatched icmp",
            "3: `8/0` is not an ICMP error of this IP version",
        ),
        (
            "    0 s ! c 3/1 c > s seq=isn => unmatched icmp",
            "3: an ICMP error has a `quote` of a segment",
        ),
        (
            "    0 s ! c 3/1 quote c > s => unmatched icmp",
            "3: a quote needs its seq=",
        ),
        ("    limits delay=5 => open", "3: `delay` is unknown here"),
        ("    define c=192.0.2.8 => open", "3: `c` is defined twice"),
        (
            "    define d=somewhere => open",
            "3: `somewhere` is neither an address, with or without a port, nor a number",
        ),
        ("A title", "3: `A title` expects nothing"),
        ("Another title", "3: `A title` expects nothing"),
        (
            "    0 c > s S seq=isn => open, syn\nA title of more words than the eight that fit",
            "4: a title has at most 8 words",
        ),
    ];
    for (line, wrong) in cases {
        assert_eq!(
            parser::parse(&format!("{HEADER}{line}\n")).unwrap_err(),
            wrong,
            "{line}"
        );
    }
    assert_eq!(
        parser::parse("# nothing\n").unwrap_err(),
        "1: the file has no script"
    );
    assert_eq!(
        parser::parse("    0 quiet => open\n").unwrap_err(),
        "1: an indented line must follow a title"
    );
}
