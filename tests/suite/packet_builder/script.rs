//! A packet script as text, one line a packet:
//!
//! ```text
//! c = 10.0.0.2:40000
//! s = 10.0.0.9:443
//! r = 10.0.0.1:0
//! 0     c > s  S   seq=100 ts=1
//! 1000  c > s  S   seq=100 ts=1001 out=3
//! 1040  r > c  3/13 of c > s S seq=100
//! ```
//!
//! Times are milliseconds with up to six decimals. Flags are the letters of CWR ECE PSH ACK RST SYN FIN. `in=` and `out=`
//! name the interface, `id=` the identification, `ttl=` the TTL and `data=` the number of data bytes. `quoted=` is the
//! number of bytes of the quoted segment in an ICMP error. TCP options are `ts=`, `mss=`, `scale=`, and without a value
//! `sack`, `fastopen`, `multipath`, `unassigned`. IP options and extension headers are `alert`, `hopbyhop`, `destination`,
//! `routing`. `fragment` marks the first of several fragments. `UDP` instead of flags is a UDP datagram.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::packet::{ACK, Body, CWR, ECE, Extra, FIN, PSH, Packet, RST, SYN, TcpOption};

/// Returns the packets of a script. Panics at a line that it cannot parse.
pub(crate) fn parse_script(text: &str) -> Vec<Packet> {
    let mut names = HashMap::new();
    let mut packets = Vec::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [name, "=", endpoint] => {
                names.insert(
                    (*name).to_owned(),
                    endpoint.parse().unwrap_or_else(|_| invalid(line)),
                );
            }
            [at, rest @ ..] => {
                packets
                    .push(packet(nanoseconds(at), rest, &names).unwrap_or_else(|| invalid(line)));
            }
            [] => {}
        }
    }
    packets
}

fn packet(at: u64, words: &[&str], names: &HashMap<String, SocketAddr>) -> Option<Packet> {
    let [from, ">", to, what, rest @ ..] = words else {
        return None;
    };
    let from = *names.get(*from)?;
    let to = *names.get(*to)?;
    if *what == "UDP" {
        return Some(Packet::udp(at, from.ip(), to.ip()));
    }
    let Some((kind, code)) = what.split_once('/') else {
        let segment = Packet::tcp(at, from, to, flags(what)?);
        return rest
            .iter()
            .try_fold(segment, |packet, word| with(packet, word));
    };
    let of = rest.iter().position(|word| *word == "of")?;
    let own = rest.get(..of)?;
    let quote = rest.get(of + 1..)?;
    let mut error = Packet::icmp(
        at,
        from.ip(),
        (kind.parse().ok()?, code.parse().ok()?),
        packet(at, quote, names)?,
    );
    error.header.to = to.ip();
    own.iter()
        .try_fold(error, |packet, word| with(packet, word))
}

fn flags(letters: &str) -> Option<u8> {
    letters.chars().try_fold(0, |flags, letter| {
        let flag = match letter {
            'C' => CWR,
            'E' => ECE,
            'P' => PSH,
            'A' => ACK,
            'R' => RST,
            'S' => SYN,
            'F' => FIN,
            _ => return None,
        };
        Some(flags | flag)
    })
}

/// Applies one more word to the packet. `None` if the word is unknown.
fn with(mut packet: Packet, word: &str) -> Option<Packet> {
    let (key, value) = word.split_once('=').unwrap_or((word, "0"));
    let number: u32 = value.parse().ok()?;
    let header = &mut packet.header;
    match (key, &mut packet.body) {
        ("seq", Body::Tcp(tcp)) => tcp.sequence = number,
        ("ack", Body::Tcp(tcp)) => tcp.acknowledgment = number,
        ("data", Body::Tcp(tcp)) => tcp.data = usize::try_from(number).ok()?,
        ("ts", Body::Tcp(tcp)) => tcp.options.push(TcpOption::Timestamps(number)),
        ("mss", Body::Tcp(tcp)) => tcp
            .options
            .push(TcpOption::MaximumSegmentSize(u16::try_from(number).ok()?)),
        ("scale", Body::Tcp(tcp)) => tcp
            .options
            .push(TcpOption::WindowScale(u8::try_from(number).ok()?)),
        ("sack", Body::Tcp(tcp)) => tcp.options.push(TcpOption::SackPermitted),
        ("fastopen", Body::Tcp(tcp)) => tcp.options.push(TcpOption::FastOpen),
        ("multipath", Body::Tcp(tcp)) => tcp.options.push(TcpOption::MultipathCapable),
        ("unassigned", Body::Tcp(tcp)) => tcp.options.push(TcpOption::Unassigned),
        ("quoted", Body::Icmp(icmp)) => icmp.quoted = usize::try_from(number).ok()?,
        ("in", _) => return Some(packet.through(number, false)),
        ("out", _) => return Some(packet.through(number, true)),
        ("id", _) => header.identification = u16::try_from(number).ok()?,
        ("ttl", _) => header.hop_limit = u8::try_from(number).ok()?,
        ("alert", _) => header.extras.push(Extra::RouterAlert),
        ("hopbyhop", _) => header.extras.push(Extra::HopByHop),
        ("destination", _) => header.extras.push(Extra::DestinationOptions),
        ("routing", _) => header.extras.push(Extra::Routing),
        ("fragment", _) => header.first_fragment = true,
        _ => return None,
    }
    Some(packet)
}

/// Parses decimal milliseconds as nanoseconds.
fn nanoseconds(text: &str) -> u64 {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{decimals:0<6}");
    digits.parse().unwrap_or_else(|_| invalid(text))
}

fn invalid<T>(line: &str) -> T {
    panic!("cannot parse this line of a packet script: {line}")
}
