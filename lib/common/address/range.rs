//! Ranges of addresses, as the networks that they are made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Address;

/// The fewest networks that together hold the addresses from `first` to `last`, in order: at most
/// 62 for IPv4, 254 for IPv6. `None` if the families differ or `last` comes before `first`.
///
/// A network inside [`MAPPED`] is left out of those of IPv6: written, it would mean one of IPv4.
pub fn networks(first: IpAddr, last: IpAddr) -> Option<Networks> {
    let (next, last, bits) = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return None,
    };
    (next <= last).then_some(Networks {
        next: Some(next),
        last,
        bits,
    })
}

/// The first and the last number of the IPv6 addresses that stand for IPv4 ones (RFC 4291,
/// 2.5.5.2). No IPv6 address is among them.
pub const MAPPED: (u128, u128) = (0xffff << 32, (0x1_0000 << 32) - 1);

/// See [`networks`].
pub struct Networks {
    next: Option<u128>,
    last: u128,
    /// 32 or 128.
    bits: u32,
}

impl Iterator for Networks {
    type Item = Address;

    fn next(&mut self) -> Option<Address> {
        let (first, host_bits) = loop {
            let (first, host_bits) = self.step()?;
            // All of it is inside: it has no more than the 32 bits of an IPv4 address.
            let mapped = self.bits == 128 && first >> 32 == MAPPED.0 >> 32 && host_bits <= 32;
            if !mapped {
                break (first, host_bits);
            }
        };
        let ip = match self.bits {
            32 => Ipv4Addr::from_bits(first as u32).into(),
            _ => Ipv6Addr::from_bits(first).into(),
        };
        Address::network(ip, (self.bits - host_bits) as u8)
    }
}

impl Networks {
    /// The next network: its first number, and its number of host bits.
    #[inline(always)]
    fn step(&mut self) -> Option<(u128, u32)> {
        let first = self.next?;
        // The widest network that begins here, as far as it does not pass the end: no more host
        // bits than zeros here, and fewer addresses than are left.
        let zeros = first.trailing_zeros().min(self.bits);
        let left = self.last - first;
        let fits = match left.checked_add(1) {
            Some(count) => count.ilog2(),
            None => 128,
        };
        let host_bits = zeros.min(fits);
        let step = 1u128.checked_shl(host_bits);
        let after = step.and_then(|step| first.checked_add(step));
        self.next = after.filter(|next| *next <= self.last);
        Some((first, host_bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(first: &str, last: &str) -> String {
        let all = networks(first.parse().unwrap(), last.parse().unwrap());
        all.map_or("-".into(), |all| {
            all.map(|n| n.to_string()).collect::<Vec<_>>().join(" ")
        })
    }

    #[test]
    fn rows() {
        for (first, last, expected) in [
            ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
            ("203.0.113.0", "203.0.113.255", "203.0.113.0/24"),
            ("203.0.113.0", "203.0.114.0", "203.0.113.0/24 203.0.114.0"),
            ("0.0.0.0", "255.255.255.255", "0.0.0.0/0"),
            ("255.255.255.254", "255.255.255.255", "255.255.255.254/31"),
            (
                "10.0.0.1",
                "10.0.0.6",
                "10.0.0.1 10.0.0.2/31 10.0.0.4/31 10.0.0.6",
            ),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/0"),
            (
                "2001:db8::",
                "2001:db8::1:0",
                "2001:db8::/112 2001:db8::1:0",
            ),
            // Those that stand for IPv4 addresses are none of IPv6.
            (
                "::fffe:ffff:ffff",
                "::1:0:0:0",
                "::fffe:ffff:ffff ::1:0:0:0",
            ),
            ("::fffe:0:0", "::1:0:0:0", "::fffe:0:0/95 ::1:0:0:0"),
            ("203.0.113.8", "203.0.113.7", "-"),
            ("203.0.113.8", "2001:db8::", "-"),
        ] {
            assert_eq!(text(first, last), expected, "{first}-{last}");
        }
    }

    /// Random ranges: the networks follow each other without a gap, and no two make one.
    #[test]
    fn whole_and_fewest() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let shift = random.u32(..31);
            let first = random.u32(..) >> random.u32(..31);
            let last = first.saturating_add(random.u32(..) >> shift);
            let (a, b) = (Ipv4Addr::from_bits(first), Ipv4Addr::from_bits(last));
            let all: Vec<_> = networks(a.into(), b.into()).unwrap().collect();
            let mut next = u64::from(first);
            for net in &all {
                assert_eq!(net.ip(), IpAddr::from(Ipv4Addr::from_bits(next as u32)));
                next += 1 << (32 - net.prefix_len());
            }
            assert_eq!(next, u64::from(last) + 1, "{a}-{b}");
            for pair in all.windows(2) {
                let wider = pair[0].widen(pair[0].prefix_len().saturating_sub(1));
                assert!(pair[0].prefix_len() != pair[1].prefix_len() || !wider.contains(&pair[1]));
            }
        }
    }
}
