//! libpcap's link types, as far as they are understood.

use pcap::Linktype;

use super::error::CaptureError;
use crate::frame::Link;

/// The link layer of an open capture.
pub(super) fn understood(link: Linktype, place: &str) -> Result<Link, CaptureError> {
    match u32::try_from(link.0).map_or(Link::Other, Link::of_number) {
        Link::Other => Err(CaptureError::Link {
            place: place.to_owned(),
            link: name(link),
        }),
        known => Ok(known),
    }
}

/// What libpcap calls a link type.
pub(super) fn named(number: u32) -> String {
    name(Linktype(i32::try_from(number).unwrap_or(-1)))
}

fn name(link: Linktype) -> String {
    link.get_name()
        .unwrap_or_else(|_| format!("number {}", link.0))
}

/// Linux cooked capture v2: the only one that tells interfaces apart.
pub(super) const LINUX_SLL2: Linktype = Linktype(276);
