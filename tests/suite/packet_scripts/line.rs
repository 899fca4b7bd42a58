//! The part of a script line left of the arrow: `1000 c > s S seq=isn ts=7 via=eth0/in`.

use std::str::SplitWhitespace;
use std::time::Duration;

use tcp_handshake_exporter::handshake::PeerHistory;
use tcp_handshake_exporter::packet::{Endpoint, Flags, IcmpError, Packet, Quote, Segment};
use tcp_handshake_exporter::time::Timestamp;

use super::definitions::Definitions;
use super::icmp;
use super::options::Options;
use super::script::{Action, START};
use crate::invariants::CallerContext;

/// Parses the time and the action.
pub(super) fn parse(
    text: &str,
    definitions: &mut Definitions,
) -> Result<(Timestamp, Action), String> {
    let mut words = text.split_whitespace();
    let at = timestamp(next(&mut words, "a time")?)?;
    let sender = next(&mut words, "a packet, or `quiet`")?;
    if sender == "quiet" {
        return match words.next() {
            None => Ok((at, Action::Quiet)),
            Some(word) => Err(format!("`{word}` after `quiet`")),
        };
    }
    let (packet, caller) = match next(&mut words, "`>` or `!`")? {
        ">" => segment(sender, &mut words, definitions)?,
        "!" => icmp_error(sender, &mut words, definitions)?,
        word => {
            return Err(format!(
                "`{word}` is neither `>`, a segment, nor `!`, an ICMP error"
            ));
        }
    };
    Ok((at, Action::Packet(packet, caller)))
}

/// `c > s S seq=isn`: sender, receiver, flags and options.
fn segment(
    from: &str,
    words: &mut SplitWhitespace<'_>,
    definitions: &mut Definitions,
) -> Result<(Packet, CallerContext), String> {
    let from = definitions.endpoint(from)?;
    let to = definitions.endpoint(next(words, "a receiver")?)?;
    let flags = flags(next(words, "flags")?)?;
    let mut options = Options::of(words)?;
    if flags.has(Flags::SYN) && !flags.has(Flags::ACK) && !options.has("seq") {
        return Err("a SYN needs its seq=".into());
    }
    let is_v4 = from.address.ip().is_ipv4();
    let segment = Segment {
        via: definitions.capture_point(options.take("via").unwrap_or("eth0"))?,
        from,
        to,
        sequence: definitions.number(options.take("seq").unwrap_or("0"))?,
        acknowledgment: definitions.number(options.take("ack").unwrap_or("0"))?,
        flags,
        timestamp: options
            .take("ts")
            .map(|ts| definitions.number(ts))
            .transpose()?,
        identification: if is_v4 {
            Some(options.parsed("id")?.unwrap_or(0))
        } else {
            None
        },
        hop_limit: options.parsed("ttl")?.unwrap_or(64),
        payload_length: options.parsed("len")?.unwrap_or(0),
        ecn_setup: options.flag("ecn"),
    };
    let peer_history = if options.flag("known_peer") {
        PeerHistory::Known
    } else {
        PeerHistory::New
    };
    options.end()?;
    Ok((
        Packet::Segment(segment),
        CallerContext {
            peer_history,
            is_local_rejection: false,
        },
    ))
}

/// `r ! c 3/13 quote c > s S seq=isn`: reporter, recipient, type and code, quoted segment.
fn icmp_error(
    reporter: &str,
    words: &mut SplitWhitespace<'_>,
    definitions: &mut Definitions,
) -> Result<(Packet, CallerContext), String> {
    let reporter = definitions.host(reporter)?;
    let recipient = definitions.host(next(words, "a recipient")?)?;
    let kind = next(words, "type/code")?;
    let code = kind
        .split_once('/')
        .and_then(|(kind, code)| icmp::code(reporter, kind.parse().ok()?, code.parse().ok()?))
        .ok_or_else(|| format!("`{kind}` is not an ICMP error of this IP version"))?;
    if next(words, "quote")? != "quote" {
        return Err("an ICMP error has a `quote` of a segment".into());
    }
    let (from, to) = quoted(words, definitions)?;
    let mut options = Options::of(words)?;
    let flags = options.unnamed().map(flags).transpose()?;
    let sequence = options.take("seq").ok_or("a quote needs its seq=")?;
    let quote = Quote {
        from,
        to,
        sequence: definitions.number(sequence)?,
        flags,
    };
    let via = definitions.capture_point(options.take("via").unwrap_or("eth0"))?;
    let is_local_rejection = options.flag("local_rejection");
    let peer_history = if options.flag("known_peer") {
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
        CallerContext {
            peer_history,
            is_local_rejection,
        },
    ))
}

fn quoted(
    words: &mut SplitWhitespace<'_>,
    definitions: &mut Definitions,
) -> Result<(Endpoint, Endpoint), String> {
    let from = definitions.endpoint(next(words, "the sender of the quoted segment")?)?;
    match next(words, "`>`")? {
        ">" => Ok((from, definitions.endpoint(next(words, "a receiver")?)?)),
        word => Err(format!("`{word}` where `>` is expected")),
    }
}

/// Parses flags: `S`, `SA`, `RA`. `e` and `c` are ECE and CWR, `-` is no flag.
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
            _ => return Err(format!("`{word}` is not a set of flags")),
        };
        if byte & bit != 0 {
            return Err(format!("`{letter}` twice in `{word}`"));
        }
        byte |= bit;
    }
    Ok(Flags::from_byte(byte))
}

/// Parses a time: `1000`, `0.25`, `-3600000` milliseconds after the start of the script.
fn timestamp(word: &str) -> Result<Timestamp, String> {
    match word.strip_prefix('-') {
        Some(before) => Ok(START.before(millis(before)?)),
        None => Ok(START + millis(word)?),
    }
}

/// Parses a duration in milliseconds, exact to the nanosecond.
pub(super) fn millis(word: &str) -> Result<Duration, String> {
    let (whole, part) = word.split_once('.').unwrap_or((word, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 6 {
        return Err(format!("`{word}` is not a time in milliseconds"));
    }
    let whole: u64 = whole.parse().map_err(|_| format!("`{word}` is too long"))?;
    let nanos: u64 = format!("{part:0<6}")
        .parse()
        .map_err(|_| format!("`{word}` has too many decimals"))?;
    Ok(Duration::from_millis(whole) + Duration::from_nanos(nanos))
}

fn next<'a>(words: &mut SplitWhitespace<'a>, wanted: &str) -> Result<&'a str, String> {
    words
        .next()
        .ok_or_else(|| format!("the line ends where {wanted} is expected"))
}
