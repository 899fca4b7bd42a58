//! libpcap's link types, as far as they are understood.

use pcap::Linktype;

use super::error::CaptureError;
use crate::frame::Link;

/// The link layer of an open capture.
pub(super) fn understood(link: Linktype, place: &str) -> Result<Link, CaptureError> {
    match link.0 {
        0 => Ok(Link::Null),
        1 => Ok(Link::Ethernet),
        // Raw IP has had several numbers (pcap-linktype(7)).
        12 | 14 | 101 | 228 | 229 => Ok(Link::Raw),
        108 => Ok(Link::Loop),
        113 => Ok(Link::LinuxSll),
        276 => Ok(Link::LinuxSll2),
        number => Err(CaptureError::Link {
            place: place.to_owned(),
            link: link.get_name().unwrap_or_else(|_| format!("number {number}")),
        }),
    }
}

/// Linux cooked capture v2: the only one that tells interfaces apart.
pub(super) const LINUX_SLL2: Linktype = Linktype(276);
