//! Ranges of addresses, as the networks that they are made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::network::Address;

/// The fewest networks that together hold the addresses from `first` to `last`, in order: at most
/// 62 for IPv4, 254 for IPv6. `None` if the families differ or `last` comes before `first`.
///
/// A network inside [`MAPPED`] is left out of those of IPv6: written, it would mean one of IPv4.
pub fn networks(first: IpAddr, last: IpAddr) -> Option<Networks> {
    let left = match (first, last) {
        (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => Left::V4(Some(a.to_bits()), b.to_bits()),
        (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => Left::V6(Some(a.to_bits()), b.to_bits()),
        _ => return None,
    };
    Some(Networks(left))
}

/// The first and the last number of the IPv6 addresses that stand for IPv4 ones (RFC 4291,
/// 2.5.5.2). No IPv6 address is among them.
pub const MAPPED: (u128, u128) = (0xffff << 32, (0x1_0000 << 32) - 1);

/// See [`networks`].
pub struct Networks(Left);

/// The first number that is left, and the last.
enum Left {
    V4(Option<u32>, u32),
    V6(Option<u128>, u128),
}

/// Each time the widest network that begins at the first number, as far as it does not pass the
/// last: no more host bits than zeros here, and fewer addresses than are left.
impl Iterator for Networks {
    type Item = Address;

    fn next(&mut self) -> Option<Address> {
        match &mut self.0 {
            Left::V4(next, last) => {
                let first = (*next)?;
                let count = u64::from(*last - first) + 1;
                let host_bits = first.trailing_zeros().min(count.ilog2());
                let after = u32::try_from(u64::from(first) + (1 << host_bits));
                *next = after.ok().filter(|after| after <= last);
                Address::network(Ipv4Addr::from_bits(first).into(), (32 - host_bits) as u8)
            }
            Left::V6(next, last) => loop {
                let first = (*next)?;
                let fits = match (*last - first).checked_add(1) {
                    Some(count) => count.ilog2(),
                    None => 128,
                };
                let host_bits = first.trailing_zeros().min(fits);
                let step = 1u128.checked_shl(host_bits);
                let after = step.and_then(|step| first.checked_add(step));
                *next = after.filter(|after| after <= last);
                // One inside has no more than the 32 bits of an IPv4 address.
                if host_bits > 32 || !(MAPPED.0..=MAPPED.1).contains(&first) {
                    let ip = Ipv6Addr::from_bits(first).into();
                    return Address::network(ip, (128 - host_bits) as u8);
                }
            },
        }
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
