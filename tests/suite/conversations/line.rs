//! One line of a story, left of the arrow: `1000 c > s S seq=isn ts=7 via=eth0/in`.

use std::str::SplitWhitespace;
use std::time::Duration;

use tcp_handshake_exporter::handshake::PeerHistory;
use tcp_handshake_exporter::packet::{Endpoint, Flags, IcmpError, Packet, Quote, Segment};
use tcp_handshake_exporter::time::Timestamp;

use super::cast::Cast;
use super::icmp;
use super::options::Options;
use super::story::{Act, START};
use crate::witness::Caller;

/// When, and what.
pub(super) fn read(text: &str, cast: &mut Cast) -> Result<(Timestamp, Act), String> {
    let mut words = text.split_whitespace();
    let at = moment(next(&mut words, "a time")?)?;
    let who = next(&mut words, "a packet, or `quiet`")?;
    if who == "quiet" {
        return match words.next() {
            None => Ok((at, Act::Quiet)),
            Some(word) => Err(format!("`{word}` after `quiet`")),
        };
    }
    let (packet, caller) = match next(&mut words, "`>` or `!`")? {
        ">" => segment(who, &mut words, cast)?,
        "!" => icmp_error(who, &mut words, cast)?,
        word => {
            return Err(format!(
                "`{word}` is neither `>`, a segment, nor `!`, an ICMP error"
            ));
        }
    };
    Ok((at, Act::Met(packet, caller)))
}

/// `c > s S seq=isn`: who sends what to whom.
fn segment(
    from: &str,
    words: &mut SplitWhitespace<'_>,
    cast: &mut Cast,
) -> Result<(Packet, Caller), String> {
    let from = cast.endpoint(from)?;
    let to = cast.endpoint(next(words, "a receiver")?)?;
    let flags = flags(next(words, "flags")?)?;
    let mut options = Options::of(words)?;
    if flags.has(Flags::SYN) && !flags.has(Flags::ACK) && !options.has("seq") {
        return Err("a SYN needs its seq=".into());
    }
    let is_v4 = from.address.ip().is_ipv4();
    let segment = Segment {
        via: cast.via(options.take("via").unwrap_or("eth0"))?,
        from,
        to,
        sequence: cast.number(options.take("seq").unwrap_or("0"))?,
        acknowledgment: cast.number(options.take("ack").unwrap_or("0"))?,
        flags,
        timestamp: options.take("ts").map(|ts| cast.number(ts)).transpose()?,
        identification: if is_v4 {
            Some(options.parsed("id")?.unwrap_or(0))
        } else {
            None
        },
        hop_limit: options.parsed("ttl")?.unwrap_or(64),
        payload_length: options.parsed("len")?.unwrap_or(0),
        ecn_setup: options.flag("ecn"),
    };
    let standing = if options.flag("regular") {
        PeerHistory::Known
    } else {
        PeerHistory::New
    };
    options.end()?;
    Ok((
        Packet::Segment(segment),
        Caller {
            standing,
            own_word: false,
        },
    ))
}

/// `r ! c 3/13 about c > s S seq=isn`: who tells whom what, about which segment.
fn icmp_error(
    reporter: &str,
    words: &mut SplitWhitespace<'_>,
    cast: &mut Cast,
) -> Result<(Packet, Caller), String> {
    let reporter = cast.host(reporter)?;
    let recipient = cast.host(next(words, "a recipient")?)?;
    let said = next(words, "type/code")?;
    let code = said
        .split_once('/')
        .and_then(|(kind, code)| icmp::code(reporter, kind.parse().ok()?, code.parse().ok()?))
        .ok_or_else(|| format!("`{said}` is no ICMP error of this family"))?;
    if next(words, "about")? != "about" {
        return Err("an ICMP error is `about` a segment".into());
    }
    let (from, to) = quoted(words, cast)?;
    let mut options = Options::of(words)?;
    let flags = options.unnamed().map(flags).transpose()?;
    let sequence = options.take("seq").ok_or("a quote needs its seq=")?;
    let quote = Quote {
        from,
        to,
        sequence: cast.number(sequence)?,
        flags,
    };
    let via = cast.via(options.take("via").unwrap_or("eth0"))?;
    let own_word = options.flag("own");
    let standing = if options.flag("regular") {
        PeerHistory::Known
    } else {
        PeerHistory::New
    };
    options.end()?;
    Ok((
        Packet::IcmpError(IcmpError {
            via,
            reporter,
            recipient,
            code,
            quote,
        }),
        Caller { standing, own_word },
    ))
}

fn quoted(
    words: &mut SplitWhitespace<'_>,
    cast: &mut Cast,
) -> Result<(Endpoint, Endpoint), String> {
    let from = cast.endpoint(next(words, "who sent what is quoted")?)?;
    match next(words, "`>`")? {
        ">" => Ok((from, cast.endpoint(next(words, "a receiver")?)?)),
        word => Err(format!("`{word}` where `>` should stand")),
    }
}

/// `S`, `SA`, `RA`; `e` and `c` are ECE and CWR; `-` is none at all.
fn flags(word: &str) -> Result<Flags, String> {
    let mut byte = 0_u8;
    for letter in word.chars() {
        let bit = match letter {
            'F' => 0x01,
            'S' => 0x02,
            'R' => 0x04,
            'P' => 0x08,
            'A' => 0x10,
            'e' => 0x40,
            'c' => 0x80,
            '-' if word.len() == 1 => 0,
            _ => return Err(format!("`{word}` are no flags")),
        };
        if byte & bit != 0 {
            return Err(format!("`{letter}` twice in `{word}`"));
        }
        byte |= bit;
    }
    Ok(Flags::from_byte(byte))
}

/// `1000`, `0.25`, `-3600000`: milliseconds since the story began.
fn moment(word: &str) -> Result<Timestamp, String> {
    match word.strip_prefix('-') {
        Some(before) => Ok(START.before(millis(before)?)),
        None => Ok(START + millis(word)?),
    }
}

/// A duration in milliseconds, exact to the nanosecond.
pub(super) fn millis(word: &str) -> Result<Duration, String> {
    let (whole, part) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(format!("`{word}` is no time in milliseconds"));
    }
    let whole: u64 = whole.parse().map_err(|_| format!("`{word}` is too long"))?;
    let nanos: u64 = format!("{part:0<6}")
        .parse()
        .map_err(|_| format!("`{word}` is too fine"))?;
    Ok(Duration::from_millis(whole) + Duration::from_nanos(nanos))
}

fn next<'a>(words: &mut SplitWhitespace<'a>, wanted: &str) -> Result<&'a str, String> {
    words
        .next()
        .ok_or_else(|| format!("the line ends where {wanted} should stand"))
}
