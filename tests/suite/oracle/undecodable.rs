//! The reason why a frame that may contain a hidden handshake is not decoded, from tshark's layers behind the outermost IP
//! header.

use super::facts::layers;
use super::tshark::FrameFields;

/// Returns a value of the label `reason`. `None` if the frame is ignored or malformed.
pub(super) fn reason(row: &FrameFields) -> Option<&'static str> {
    let mut from_ip = layers(row)?;
    match (from_ip.next(), from_ip.next()) {
        // If the content is not IPv6 although the protocol is 41, tshark shows it as data.
        (Some("ip"), Some("data"))
            if row.number("ip.proto") == Some(41_u8)
                && row.number("ip.frag_offset") == Some(0_u16) =>
        {
            Some("6in4")
        }
        // If the IP version is not that of the preceding type, tshark shows no IP header.
        (Some("ip"), Some(protocol)) if row.first("ip.src").is_some() => tunnel(row, protocol),
        (Some("ipv6"), Some(protocol)) if row.first("ipv6.src").is_some() => tunnel(row, protocol),
        _ => None,
    }
}

/// Returns the reason for a tunnel. Tunnels over UDP are identified by their assigned destination port.
fn tunnel(row: &FrameFields, protocol: &str) -> Option<&'static str> {
    match protocol {
        "gre" => Some("gre"),
        "ip" => Some("ipip"),
        "ipv6" => Some("6in4"),
        "etherip" => Some("etherip"),
        "l2tp" => Some("l2tp"),
        "udp" => match row.number::<u16>("udp.dstport")? {
            1701 => Some("l2tp"),
            2152 => Some("gtp"),
            3544 => Some("teredo"),
            4789 | 8472 => Some("vxlan"),
            6081 => Some("geneve"),
            _ => None,
        },
        _ => None,
    }
}
