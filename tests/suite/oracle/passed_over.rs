//! Why a frame that may hide a handshake is passed over: what tshark finds behind the outermost IP header.

use super::facts::layers;
use super::tshark::DescriptorRow;

/// A value of the label `reason`; none where the frame is none of our business, or broken.
pub(super) fn reason(row: &DescriptorRow) -> Option<&'static str> {
    let mut from_ip = layers(row)?;
    match (from_ip.next(), from_ip.next()) {
        // What says that it is IPv6 and is not, tshark shows as data.
        (Some("ip"), Some("data"))
            if row.number("ip.proto") == Some(41_u8)
                && row.number("ip.frag_offset") == Some(0_u16) =>
        {
            Some("6in4")
        }
        // Where the version is not what the type before it says, tshark hands the packet on and shows no header.
        (Some("ip"), Some(carried)) if row.first("ip.src").is_some() => tunnel(row, carried),
        (Some("ipv6"), Some(carried)) if row.first("ipv6.src").is_some() => tunnel(row, carried),
        _ => None,
    }
}

/// Tunnels over UDP are known by the port they are sent to, as they were assigned.
fn tunnel(row: &DescriptorRow, carried: &str) -> Option<&'static str> {
    match carried {
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
