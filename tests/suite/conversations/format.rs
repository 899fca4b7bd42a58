//! The stories themselves are held to their format: a word that means nothing is an error, and so is a story that says nothing.

use super::{read, told};

const CAST: &str = "cast c=192.0.2.7:40000 s=198.51.100.80:443 isn=4294967292\nA title\n";

#[test]
fn what_goes_otherwise_is_told_with_its_place() {
    let line = "    0  c > s  S  seq=isn  => open, syn again; 7 tracked\n    1 quiet => nothing\n";
    let wrong = told("made_up", &format!("{CAST}{line}"));
    let place =
        "  made_up.txt:3: expected open, syn again; 7 tracked\n          told open, syn; 1 tracked";
    assert_eq!(wrong, ["made_up.txt:2: A title", place]);
}

#[test]
fn attempts_nobody_expected_have_a_name_too() {
    let line = "    0  c > s  S  seq=isn  => nothing\n    1  c > s:80  S  seq=isn => open, syn\n";
    let wrong = told("made_up", &format!("{CAST}{line}"));
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong[1].ends_with("told unexpected1: open, unexpected1: syn"),
        "{}",
        wrong[1]
    );
}

#[test]
fn what_makes_no_sense_is_an_error_with_its_line() {
    let cases = [
        (
            "    0 c > c S seq=isn => open",
            "3: `s` is in the cast and plays no part",
        ),
        (
            "    0 c > s S seq=isn",
            "3: what is expected? `=> nothing` perhaps",
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
            "    0 c > s S seq=isn colour=red => open",
            "3: `colour` means nothing here",
        ),
        (
            "    0 c > s S seq=isn regular=yes => open",
            "3: `regular` means nothing here",
        ),
        ("    0 c > s X seq=isn => open", "3: `X` are no flags"),
        ("    0 c > s SS seq=isn => open", "3: `S` twice in `SS`"),
        (
            "    0 c ? s S seq=isn => open",
            "3: `?` is neither `>`, a segment, nor `!`, an ICMP error",
        ),
        (
            "    0 c > nobody S seq=isn => open",
            "3: `nobody` is not in the cast",
        ),
        (
            "    0 c > isn S seq=isn => open",
            "3: `isn` is a number, not somebody",
        ),
        ("    0 c > s S seq=c => open", "3: `c` is no number"),
        (
            "    0 c > s S seq=isn id=65536 => open",
            "3: `65536` is no id",
        ),
        (
            "    0 c > s S seq=isn via=eth0/up => open",
            "3: `up` is neither in nor out",
        ),
        (
            "    0s c > s S seq=isn => open",
            "3: `0s` is no time in milliseconds",
        ),
        (
            "    0.1234567 quiet => open",
            "3: `0.1234567` is no time in milliseconds",
        ),
        ("    0 quiet please => open", "3: `please` after `quiet`"),
        (
            "    0 c => open",
            "3: the line ends where `>` or `!` should stand",
        ),
        (
            "    0 c > s S seq=isn => opened",
            "3: `opened` is nothing that is ever told",
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
            "3: attempt without a name opens twice: name each",
        ),
        (
            "    0 c > s S seq=isn => open, a: open",
            "3: a story of several attempts names each of them",
        ),
        (
            "    0 c > s S seq=isn => a: open, a: open",
            "3: attempt a opens twice: name each",
        ),
        (
            "    0 s ! c 8/0 about c > s seq=isn => unmatched icmp",
            "3: `8/0` is no ICMP error of this family",
        ),
        (
            "    0 s ! c 3/1 c > s seq=isn => unmatched icmp",
            "3: an ICMP error is `about` a segment",
        ),
        (
            "    0 s ! c 3/1 about c > s => unmatched icmp",
            "3: a quote needs its seq=",
        ),
        (
            "    limits patience=5 => open",
            "3: `patience` means nothing here",
        ),
        (
            "    cast c=192.0.2.8 => open",
            "3: `c` is in the cast twice",
        ),
        (
            "    cast d=somewhere => open",
            "3: `somewhere` is neither an address, with or without a port, nor a number",
        ),
        ("A title", "3: `A title` expects nothing"),
        ("Another title", "3: `A title` expects nothing"),
    ];
    for (line, wrong) in cases {
        assert_eq!(
            read::stories(&format!("{CAST}{line}\n")).unwrap_err(),
            wrong,
            "{line}"
        );
    }
    assert_eq!(
        read::stories("# nothing\n").unwrap_err(),
        "1: no story in this file"
    );
    assert_eq!(
        read::stories("    0 quiet => open\n").unwrap_err(),
        "1: a line stands below a title"
    );
}
