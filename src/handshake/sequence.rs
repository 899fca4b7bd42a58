//! Sequence numbers wrap at 2^32 (RFC 9293 section 3.4): they are compared by distance, never by size.

/// Whether `acknowledgment` is acceptable to a client in SYN-SENT: it covers the SYN, and at most the data sent in it
/// (RFC 9293 section 3.10.7.3; data in a SYN: RFC 7413).
pub(super) const fn acknowledges(acknowledgment: u32, isn: u32, syn_data: u16) -> bool {
    let covered = acknowledgment.wrapping_sub(isn);
    1 <= covered && covered <= 1 + syn_data as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syn_alone_or_some_of_its_data() {
        assert!(!acknowledges(100, 100, 0));
        assert!(acknowledges(101, 100, 0));
        assert!(!acknowledges(102, 100, 0));
        assert!(acknowledges(110, 100, 9));
        assert!(!acknowledges(111, 100, 9));
        assert!(!acknowledges(0, 100, 9));
    }

    #[test]
    fn across_the_wrap() {
        assert!(acknowledges(0, u32::MAX, 0));
        assert!(acknowledges(3, u32::MAX - 1, 4));
        assert!(!acknowledges(u32::MAX, u32::MAX, 4));
    }
}
