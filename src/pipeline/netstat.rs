//! Accept queue overflows of this host, from `/proc/net/netstat`.

use std::time::Duration;

use crate::time::Timestamp;

const FILE: &str = "/proc/net/netstat";
const READ_INTERVAL: Duration = Duration::from_secs(2);

/// Reads the counter at most once in [`READ_INTERVAL`].
#[derive(Default)]
pub(super) struct Netstat {
    last_read: Option<Timestamp>,
    listen_overflows: Option<u64>,
}

impl Netstat {
    /// Returns the connections that full accept queues have rejected since the host started. `None`
    /// if the kernel does not count them.
    pub(super) fn listen_overflows(&mut self, now: Timestamp) -> Option<u64> {
        if self
            .last_read
            .is_none_or(|last| now < last || now >= last + READ_INTERVAL)
        {
            self.last_read = Some(now);
            self.listen_overflows = std::fs::read_to_string(FILE)
                .ok()
                .and_then(|text| parse_listen_overflows(&text));
        }
        self.listen_overflows
    }
}

/// The file has pairs of lines: names, then values.
fn parse_listen_overflows(text: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next()?.split_whitespace();
    let values = lines.next()?.split_whitespace();
    let (_, value) = names
        .zip(values)
        .find(|(name, _)| *name == "ListenOverflows")?;
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_overflows_is_found_by_its_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 23 4\nIpExt: InNoRoutes\nIpExt: 0\n";
        assert_eq!(parse_listen_overflows(text), Some(23));
        assert_eq!(
            parse_listen_overflows("IpExt: InNoRoutes\nIpExt: 0\n"),
            None
        );
    }
}
