//! The same by absolute offsets, where libpcap cannot be told where the IP header is. A user's expression would look at
//! the wrong place there, and is left out.

use super::Filter;

/// Where type and payload are, below no tag, one, two.
pub(super) const fn types(ethertype: usize, payload: usize) -> [(usize, usize); 3] {
    [
        (ethertype, payload),
        (ethertype + 4, payload + 4),
        (ethertype + 8, payload + 8),
    ]
}

pub(super) fn is_tag(at: usize) -> String {
    format!("(link[{at}:2] = 0x8100 or link[{at}:2] = 0x88a8 or link[{at}:2] = 0x9100)")
}

/// PPPoE, MPLS and 802.2 SNAP without a look at what they carry.
pub(super) fn is_rare(ethertype: usize, payload: usize) -> String {
    format!(
        "link[{ethertype}:2] = 0x8864 or {} or {}",
        is_labelled(ethertype),
        is_snap(ethertype, payload)
    )
}

fn is_labelled(ethertype: usize) -> String {
    format!("(link[{ethertype}:2] = 0x8847 or link[{ethertype}:2] = 0x8848)")
}

fn is_snap(ethertype: usize, payload: usize) -> String {
    format!("(link[{ethertype}:2] <= 1500 and link[{payload}:4] = 0xaaaa0300)")
}

impl Filter {
    /// IP behind an Ethernet type.
    pub(super) fn at(&self, ethertype: usize, ip: usize) -> String {
        let announced = |number| format!("link[{ethertype}:2] = {number}");
        self.either(&announced("0x0800"), &announced("0x86dd"), ip)
    }

    /// PPPoE, MPLS and 802.2 SNAP behind an Ethernet type.
    pub(super) fn rare(&self, ethertype: usize, payload: usize) -> String {
        let protocol = |number| format!("link[{}:2] = {number}", payload + 6);
        format!(
            "(link[{ethertype}:2] = 0x8864 and {}) or ({} and {}) or ({} and {})",
            self.either(&protocol("0x0021"), &protocol("0x0057"), payload + 8),
            is_labelled(ethertype),
            self.labelled(payload, LABELS),
            is_snap(ethertype, payload),
            self.at(payload + 6, payload + 8),
        )
    }

    /// PPP with what its framing may leave out, and Cisco's HDLC in its place.
    pub(super) fn ppp(&self) -> String {
        let cisco = format!(
            "({} or {} or {})",
            self.at(2, 4),
            is_tag(2),
            self.rare(2, 4)
        );
        [
            self.either("link[0:2] = 0x0021", "link[0:2] = 0x0057", 2),
            self.either("link[0:4] >> 8 = 0xff0321", "link[0:4] >> 8 = 0xff0357", 3),
            self.either("link[0] = 0x21", "link[0] = 0x57", 1),
            format!("((link[0:2] = 0x0f00 or link[0:2] = 0x8f00) and {cisco})"),
        ]
        .join(" or ")
    }

    /// Behind an address family in the byte order, or with the number, of another system; `own` tells how this one
    /// writes it.
    pub(super) fn of_other_systems(
        &self,
        orders: &[fn(u32) -> u32],
        own: fn(u32) -> u32,
    ) -> String {
        let arms = |families: &[u32], packet: String| {
            let numbers = families
                .iter()
                .flat_map(|family| orders.iter().map(|order| order(*family)));
            let foreign = numbers.filter(|number| ![own(AF_INET), own(AF_INET6)].contains(number));
            foreign
                .map(|number| format!("(link[0:4] = {number} and {packet})"))
                .collect::<Vec<_>>()
        };
        [
            arms(&[AF_INET], self.v4_at(4)),
            arms(&[AF_INET6, 24, 28, 30], self.v6_at(4)),
        ]
        .concat()
        .join(" or ")
    }

    /// Behind as many labels; what lies below more passes.
    fn labelled(&self, label: usize, more: usize) -> String {
        let (bottom, ip) = (format!("link[{}] & 1 = 1", label + 2), label + 4);
        let version = |nibble| format!("link[{ip}] & 0xf0 = {nibble}");
        let here = self.either(&version("0x40"), &version("0x60"), ip);
        let below = if more > 1 {
            self.labelled(ip, more - 1)
        } else {
            format!("link[{ip}] >= 0")
        };
        format!(
            "(({bottom} and {here}) or (link[{}] & 1 = 0 and {below}))",
            label + 2
        )
    }

    fn either(&self, is_v4: &str, is_v6: &str, ip: usize) -> String {
        format!(
            "(({is_v4} and {}) or ({is_v6} and {}))",
            self.v4_at(ip),
            self.v6_at(ip)
        )
    }

    fn v4_at(&self, ip: usize) -> String {
        let tcp = |offset: usize| format!("link[((link[{ip}] & 0xf) << 2) + {}]", ip + offset);
        let mut flags = format!("{} & 6 != 0", tcp(13));
        if self.acks {
            // Told by length alone: libpcap 1.10.3 optimizes the sum of both header lengths away to what is never true.
            flags = format!(
                "{flags} or ({} & 0x17 = 0x10 and link[{}:2] <= {HEADERS})",
                tcp(13),
                ip + 2
            );
        }
        format!(
            "link[{fragment}:2] & 0x1fff = 0 and ((link[{protocol}] = 6 and ({flags})) or link[{protocol}] = 51 \
             or (link[{protocol}] = 1 and ({kind} = 3 or {kind} = 4 or {kind} = 11 or {kind} = 12)))",
            fragment = ip + 6,
            protocol = ip + 9,
            kind = tcp(0),
        )
    }

    fn v6_at(&self, ip: usize) -> String {
        let (next, kind, flags) = (ip + 6, ip + 40, ip + 53);
        let acks = if self.acks {
            format!(
                " or (link[{flags}] & 0x17 = 0x10 and link[{}:2] = (link[{}] & 0xf0) >> 2)",
                ip + 4,
                ip + 52
            )
        } else {
            String::new()
        };
        format!(
            "((link[{next}] = 6 and (link[{flags}] & 6 != 0{acks})) or link[{next}] = 0 or link[{next}] = 43 \
             or (link[{next}] = 44 and link[{}:2] & 0xfff8 = 0) or link[{next}] = 51 or link[{next}] = 60 \
             or (link[{next}] = 58 and link[{kind}] >= 1 and link[{kind}] <= 4))",
            ip + 42
        )
    }
}

/// The longest of IPv4 and of TCP together.
const HEADERS: usize = 120;
/// Of this system.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
/// More labels than this are seldom stacked.
const LABELS: usize = 2;
