//! An address or network.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{fast, text};

/// An IPv4 or IPv6 network; a single address is a network of full length.
///
/// Canonical by construction: host bits are zero, and an IPv4-mapped IPv6 address or network
/// (RFC 4291, 2.5.5.2) is held as the IPv4 one that it stands for. So equal networks are equal
/// values. They sort IPv4 first, then by number, then the wider first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    ip: IpAddr,
    len: u8,
}

/// As few writes as there can be: tables of a million addresses are made of them.
impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.ip {
            IpAddr::V4(ip) => state.write_u64(u64::from(ip.to_bits()) << 8 | u64::from(self.len)),
            IpAddr::V6(ip) => {
                state.write_u128(ip.to_bits());
                state.write_u8(self.len);
            }
        }
    }
}

impl Address {
    /// The network of `len` bits that `ip` lies in; `None` if `len` is above 32 or 128.
    #[inline]
    pub fn network(ip: IpAddr, len: u8) -> Option<Self> {
        match ip {
            IpAddr::V4(v4) if len <= 32 => {
                let ip = Ipv4Addr::from_bits(v4.to_bits() & mask4(len)).into();
                Some(Address { ip, len })
            }
            IpAddr::V6(v6) if len <= 128 => match v6.to_ipv4_mapped() {
                Some(v4) if len >= 96 => Self::network(v4.into(), len - 96),
                _ => {
                    let ip = Ipv6Addr::from_bits(v6.to_bits() & mask6(len)).into();
                    Some(Address { ip, len })
                }
            },
            _ => None,
        }
    }

    /// Reads an address or a network in CIDR form, and nothing else: no blanks, port, zone or
    /// leading zeros. Host bits of a network are dropped.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut room = [0; 16];
        if let Some(start) = room.get_mut(..text.len()) {
            start.copy_from_slice(text);
            if let Some(quad) = fast::whole_quad(&room, text.len()) {
                return Some(IpAddr::from(Ipv4Addr::from_bits(quad)).into());
            }
        }
        let text = std::str::from_utf8(text).ok()?;
        let Some((ip, len)) = text.split_once('/') else {
            return text.parse::<IpAddr>().ok().map(Self::from);
        };
        // u8's own parser takes a sign and leading zeros.
        if len.is_empty() || len.len() > 3 || !len.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if len.len() > 1 && len.starts_with('0') {
            return None;
        }
        Self::network(ip.parse().ok()?, len.parse().ok()?)
    }

    /// The address, or the lowest one of a network.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The address, or the highest one of a network.
    pub fn last(&self) -> IpAddr {
        match self.ip {
            IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() | !mask4(self.len)).into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() | !mask6(self.len)).into(),
        }
    }

    /// Length of the prefix in bits: 0 to 32, or 0 to 128.
    pub fn prefix_len(&self) -> u8 {
        self.len
    }

    /// Whether this is one address, not a network of several.
    pub fn is_host(&self) -> bool {
        self.len == self.max_len()
    }

    /// Whether this is IPv4.
    pub fn is_ipv4(&self) -> bool {
        self.ip.is_ipv4()
    }

    /// The length of a single address's prefix in bits: 32 or 128.
    pub fn max_len(&self) -> u8 {
        if self.is_ipv4() { 32 } else { 128 }
    }

    /// The network of `len` bits around this one; this one itself where it is that wide already.
    #[inline]
    pub fn widen(&self, len: u8) -> Self {
        if len >= self.len {
            return *self;
        }
        // A shorter length is always in range, and an IPv6 address here is never a mapped one of
        // 96 bits or more.
        Self::network(self.ip, len).unwrap_or(*self)
    }

    /// Whether every address of `other` lies in this network.
    pub fn contains(&self, other: &Address) -> bool {
        self.is_ipv4() == other.is_ipv4() && self.len <= other.len && other.widen(self.len) == *self
    }

    /// Appends the canonical text (RFC 5952) to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self.ip {
            IpAddr::V4(ip) => text::write_quad(ip, out),
            IpAddr::V6(ip) => text::write_sextets(ip, out),
        }
        if !self.is_host() {
            out.push(b'/');
            write_number(self.len.into(), out);
        }
    }
}

impl From<IpAddr> for Address {
    #[inline]
    fn from(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        let len = if ip.is_ipv4() { 32 } else { 128 };
        Address { ip, len }
    }
}

/// Appends a number in decimal, faster than formatting does.
pub fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[start..]);
        }
    }
}

/// The IPv4 netmask of `len` bits (0 to 32).
pub fn mask4(len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0)
}

/// The IPv6 netmask of `len` bits (0 to 128).
pub fn mask6(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // The longest text has 43 bytes.
        let mut text = Vec::with_capacity(48);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.ip, self.len).cmp(&(other.ip, other.len))
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(input: &str) -> String {
        Address::parse(input.as_bytes()).map_or("-".into(), |a| a.to_string())
    }

    #[test]
    fn canonical_text() {
        for (input, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("203.0.113.7/32", "203.0.113.7"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("::ffff:cb00:7107", "203.0.113.7"),
            ("::ffff:203.0.113.7/120", "203.0.113.0/24"),
            ("::ffff:0.0.0.0/95", "::fffe:0:0/95"),
            ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            ("2001:db8::1/64", "2001:db8::/64"),
            ("::/0", "::/0"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("999.1.1.1", "-"),
            ("203.0.113.07", "-"),
            ("203.0.113.7/33", "-"),
            ("203.0.113.7/+8", "-"),
            ("203.0.113.7/08", "-"),
            ("203.0.113.7/", "-"),
            ("2001:db8::1/129", "-"),
            ("fe80::1%eth0", "-"),
            (" 203.0.113.7", "-"),
            ("", "-"),
        ] {
            assert_eq!(text(input), expected, "{input}");
        }
    }

    #[test]
    fn containment() {
        let holds = |a: &str, b: &str| {
            let parse = |s: &str| Address::parse(s.as_bytes()).expect("a row of this test");
            parse(a).contains(&parse(b))
        };
        assert!(holds("203.0.113.0/24", "203.0.113.7"));
        assert!(holds("203.0.113.0/24", "203.0.113.0/24"));
        assert!(holds("0.0.0.0/0", "203.0.113.7"));
        assert!(!holds("203.0.113.0/25", "203.0.113.200"));
        assert!(!holds("203.0.113.0/25", "203.0.113.0/24"));
        assert!(!holds("::/0", "203.0.113.7"));
        assert!(holds("2001:db8::/32", "2001:db8:1::/48"));
    }
}
