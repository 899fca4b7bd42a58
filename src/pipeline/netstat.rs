//! What this host's kernel says of its accept queues.

use std::time::Duration;

use crate::time::Timestamp;

/// Reads `/proc/net/netstat` now and then.
#[derive(Default)]
pub(super) struct Netstat {
    last_look: Option<Timestamp>,
    overflows: Option<u64>,
}

impl Netstat {
    /// Connections turned away for a full accept queue since the host started; none where the kernel does not say.
    pub(super) fn listen_overflows(&mut self, now: Timestamp) -> Option<u64> {
        if self
            .last_look
            .is_none_or(|last| now < last || now >= last + LOOK)
        {
            self.last_look = Some(now);
            self.overflows = std::fs::read_to_string(FILE)
                .ok()
                .and_then(|text| listen_overflows(&text));
        }
        self.overflows
    }
}

/// The lines come in pairs: names, then values.
fn listen_overflows(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split_whitespace().zip(values.split_whitespace());
    pairs
        .find(|(name, _)| *name == "ListenOverflows")?
        .1
        .parse()
        .ok()
}

const FILE: &str = "/proc/net/netstat";
const LOOK: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_stands_under_its_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 23 4\nIpExt: InNoRoutes\nIpExt: 0\n";
        assert_eq!(listen_overflows(text), Some(23));
        assert_eq!(listen_overflows("IpExt: InNoRoutes\nIpExt: 0\n"), None);
    }
}
