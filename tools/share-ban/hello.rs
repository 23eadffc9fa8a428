//! The message of a host about itself: that it is there, and the sum of its bans.

use pipeban::address::Address;
use pipeban::time::Time;

use crate::counts::Reason;
use crate::target::Target;

/// A host has at most this number of addresses that no other host bans.
pub const ADDRESSES: usize = 8;
/// The longest message, in bytes.
const LONGEST: usize = 1_024;

/// The will: the broker keeps it in place of the hello when the connection is lost.
pub const GONE: &[u8] = b"state=gone";

/// The number of bans and a sum of them, in which the order does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The number of bans.
    pub bans: u64,
    digest: u64,
}

impl Sum {
    /// Adds a ban with its end; `None` is never.
    pub fn add(&mut self, target: &Target, until: Option<Time>) {
        let until = until.map_or("never".into(), |until| until.secs().to_string());
        let text = format!("{target} {until}");
        self.bans += 1;
        self.digest ^= mix(text.as_bytes());
    }
}

/// FNV-1a of 64 bits (RFC 9923), then the last step of SplitMix64, so that all bits depend on all.
fn mix(text: &[u8]) -> u64 {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A host that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// The host's clock when it said so, in whole seconds.
    pub at: Time,
    /// The sum of its bans that were in force then.
    pub sum: Sum,
    /// The single addresses of the host.
    pub addresses: Vec<Address>,
}

impl Hello {
    /// The payload.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "state=here\tversion={}\tat={}\tbans={}\tdigest={:016x}",
            env!("CARGO_PKG_VERSION"),
            self.at,
            self.sum.bans,
            self.sum.digest
        );
        for address in self.addresses.iter().take(ADDRESSES) {
            text += &format!("\taddress={address}");
        }
        text.into_bytes()
    }

    /// Reads a payload; `None` of a host that has gone. Networks among the addresses, and those
    /// above [`ADDRESSES`], are left out.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, Reason> {
        if payload.is_empty() || payload == GONE {
            return Ok(None);
        }
        let text = std::str::from_utf8(payload).map_err(|_| Reason::Control)?;
        if text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
            return Err(Reason::Control);
        }
        if text.len() > LONGEST {
            return Err(Reason::Form);
        }
        let fields = || text.split('\t').filter_map(|field| field.split_once('='));
        let get = |key| fields().find(|(k, _)| *k == key).map(|(_, value)| value);
        let read = || {
            let at = Time::parse(get("at")?.as_bytes())?;
            let sum = Sum {
                bans: get("bans")?.parse().ok()?,
                digest: u64::from_str_radix(get("digest")?, 16).ok()?,
            };
            (get("state")? == "here").then_some((at, sum))
        };
        let (at, sum) = read().ok_or(Reason::Form)?;
        let addresses = fields().filter(|(key, _)| *key == "address");
        let addresses = addresses.filter_map(|(_, text)| Address::parse(text.as_bytes()));
        let addresses = addresses.filter(Address::is_host).take(ADDRESSES).collect();
        Ok(Some(Hello { at, sum, addresses }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back() {
        let mut sum = Sum::default();
        let target = Target::parse(b"203.0.113.7@22").expect("a target");
        sum.add(&target, None);
        let address = |text: &str| Address::parse(text.as_bytes()).expect("an address");
        let mut hello = Hello {
            at: Time::from_secs(1_774_804_577),
            sum,
            addresses: vec![address("192.0.2.1"), address("2001:db8::1")],
        };
        assert_eq!(Hello::parse(&hello.bytes()), Ok(Some(hello.clone())));
        hello.addresses = (0..20).map(|i| address(&format!("192.0.2.{i}"))).collect();
        let read = Hello::parse(&hello.bytes()).expect("good").expect("here");
        assert_eq!(read.addresses.len(), ADDRESSES);
        let mut text = String::from_utf8(hello.bytes()).expect("text");
        text += "\taddress=0.0.0.0/0";
        text = text.replace("192.0.2.3", "192.0.2.0/24");
        let read = Hello::parse(text.as_bytes()).expect("good").expect("here");
        assert!(read.addresses.iter().all(Address::is_host));
    }

    #[test]
    fn hostile() {
        for (text, expected) in [
            ("", Ok(None)),
            ("state=gone", Ok(None)),
            ("state=here", Err(Reason::Form)),
            ("state=here\tat=x\tbans=1\tdigest=0", Err(Reason::Form)),
            (
                "state=here\tat=2026-03-30T02:16:17Z\tbans=-1\tdigest=0",
                Err(Reason::Form),
            ),
            ("state=gone\nx", Err(Reason::Control)),
        ] {
            assert_eq!(Hello::parse(text.as_bytes()), expected, "{text}");
        }
        let long = format!("state=here\t{}", "a".repeat(LONGEST));
        assert_eq!(Hello::parse(long.as_bytes()), Err(Reason::Form));
    }

    #[test]
    fn sums() {
        let sum = |bans: &[(&str, Option<i64>)]| {
            let mut sum = Sum::default();
            for (target, until) in bans {
                let target = Target::parse(target.as_bytes()).expect("a target");
                sum.add(&target, until.map(Time::from_secs));
            }
            sum
        };
        let (a, b) = (("192.0.2.1", None), ("192.0.2.2", Some(5)));
        assert_eq!(sum(&[a, b]), sum(&[b, a]));
        for other in [
            sum(&[a]),
            sum(&[]),
            sum(&[a, ("192.0.2.2", Some(6))]),
            sum(&[a, ("192.0.2.2", None)]),
            sum(&[a, ("192.0.2.2@5", Some(5))]),
        ] {
            assert_ne!(sum(&[a, b]), other);
        }
    }
}
