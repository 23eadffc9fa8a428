//! The packets that a ban drops: those of an address or network, to all ports or to one.

use std::fmt;

use pipeban::address::Address;
use pipeban::record::Record;

/// The longest text of a target, in bytes: an IPv6 network and a port.
pub const LONGEST: usize = 39 + 4 + 6;

/// An address or network, and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The address or network.
    pub address: Address,
    /// The port; 0 is all.
    pub port: u16,
}

impl Target {
    /// The targets of a record: one for each port of its `port=`. `None` if that is no list of
    /// ports.
    pub fn of_record(record: &Record) -> Option<Vec<Target>> {
        let address = record.address;
        let Some(ports) = record.get("port") else {
            return Some(vec![Target { address, port: 0 }]);
        };
        let ports = std::str::from_utf8(&ports).ok()?.split(',');
        let ports = ports.map(|port| port.parse().ok().filter(|port| *port != 0));
        ports
            .map(|port| {
                Some(Target {
                    address,
                    port: port?,
                })
            })
            .collect()
    }

    /// Appends `port=` to a record, where there is a port.
    pub fn push_port(&self, record: &mut Record) {
        if self.port != 0 {
            record.push("port", self.port.to_string().as_bytes());
        }
    }

    /// Reads the text that [`Display`](fmt::Display) writes, and no other form of it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (address, port) = match text.split_once('@') {
            Some((address, port)) => (address, port.parse().ok().filter(|port| *port != 0)?),
            None => (text, 0),
        };
        let target = Target {
            address: Address::parse(address.as_bytes())?,
            port,
        };
        (target.to_string() == text).then_some(target)
    }
}

/// `203.0.113.7`, `203.0.113.0/24`, `203.0.113.7@22`: the end of a topic.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.port {
            0 => write!(f, "{}", self.address),
            port => write!(f, "{}@{port}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (text, good) in [
            ("203.0.113.7", true),
            ("203.0.113.0/24", true),
            ("203.0.113.7@22", true),
            ("2001:db8::/64@65535", true),
            ("203.0.113.7@0", false),
            ("203.0.113.7@022", false),
            ("203.0.113.7@", false),
            ("203.0.113.7/32", false),
            ("203.0.113.7/24", false),
            ("::ffff:203.0.113.7", false),
            ("2001:DB8::1", false),
            (" 203.0.113.7", false),
            ("203.0.113.7/24/1", false),
            ("#", false),
            ("", false),
        ] {
            assert_eq!(Target::parse(text.as_bytes()).is_some(), good, "{text}");
        }
    }

    #[test]
    fn of_records() {
        let targets = |line: &[u8]| {
            let record = Record::parse(line).ok().flatten().expect("a record");
            Target::of_record(&record)
                .map(|targets| targets.iter().map(Target::to_string).collect::<Vec<_>>())
        };
        assert_eq!(
            targets(b"203.0.113.7").as_deref(),
            Some(&["203.0.113.7".to_string()][..])
        );
        let two = targets(b"203.0.113.7\tport=22,80").expect("ports");
        assert_eq!(two, ["203.0.113.7@22", "203.0.113.7@80"]);
        assert_eq!(targets(b"203.0.113.7\tport=ssh"), None);
        assert_eq!(targets(b"203.0.113.7\tport=0"), None);
    }
}
