//! The configuration: lines of a key and its value. Whatever is wrong in it ends the run before a
//! connection is made.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::{Fault, describe};
use pipeban::hints;
use pipeban::time::parse_duration;

use crate::hello::ADDRESSES;

/// The longest file, in bytes.
const LONGEST: u64 = 1 << 20;
/// The longest name of a host, and the longest topic, in bytes.
const NAME: usize = 64;
/// The most hosts that are listened to.
const HOSTS: usize = 1_000;

const KEYS: [&str; 19] = [
    "name",
    "broker",
    "ca",
    "cert",
    "key",
    "user",
    "password-file",
    "topic",
    "from",
    "limit",
    "rate",
    "max",
    "max-prefix4",
    "max-prefix6",
    "never",
    "address",
    "keep-alive",
    "pardon",
    "insecure",
];

/// The name and the port of a broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// A host name or an address.
    pub host: String,
    /// The port; `None` is the usual one.
    pub port: Option<u16>,
}

/// All of the configuration.
#[derive(Debug)]
pub struct Config {
    /// The name of this host: the origin of its bans.
    pub name: String,
    /// The brokers, tried in turn.
    pub brokers: Vec<Broker>,
    /// The certificates of those who may sign that of the broker; with them TLS is spoken.
    pub ca: Option<PathBuf>,
    /// This host's certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// User and password.
    pub login: Option<(String, Vec<u8>)>,
    /// The beginning of all topics.
    pub topic: String,
    /// The hosts that are listened to.
    pub from: Vec<String>,
    /// The most bans of one host.
    pub limit: usize,
    /// The number of changes a second of one host, beyond a burst of `limit`.
    pub rate: u32,
    /// The longest ban of another host.
    pub max: Duration,
    /// The shortest prefixes of IPv4 and IPv6.
    pub widest: (u8, u8),
    /// Addresses, networks, names and files of them that are never passed on.
    pub never: Vec<String>,
    /// The addresses of this host; empty: those of its interfaces.
    pub addresses: Vec<Address>,
    /// The pause between two pings, in seconds.
    pub keep_alive: u16,
    /// Whether lifts for all hosts are passed on.
    pub pardon: bool,
    /// Whether other hosts than this one may be spoken to without TLS.
    pub insecure: bool,
}

impl Config {
    /// Reads a file that only its owner may read or write, and the password that it names.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let text = read_private(path)?;
        let wrong = |what: &str| Fault::new(path.display(), what);
        let text = String::from_utf8(text).map_err(|_| wrong("not UTF-8"))?;
        let (mut config, password) = parse(&text)
            .map_err(|(line, what)| Fault::new(format_args!("{}:{line}", path.display()), what))?;
        config.check().map_err(wrong)?;
        // Names of files are those beside this one.
        let folder = path.parent().unwrap_or(Path::new(""));
        let (ca, certificate) = (&mut config.ca, &mut config.certificate);
        let named = ca
            .iter_mut()
            .chain(certificate.iter_mut().flat_map(|(c, k)| [c, k]));
        named.for_each(|file| *file = folder.join(&*file));
        if let Some(file) = password.map(|file| folder.join(file)) {
            let (user, _) = config.login.take().unwrap_or_default();
            if user.is_empty() {
                return Err(wrong("password-file without user"));
            }
            let mut password = read_private(&file)?;
            password.truncate(password.trim_ascii_end().len());
            config.login = Some((user, password));
        }
        Ok(config)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.name.is_empty() {
            return Err("no name of this host is given, by name NAME");
        }
        if self.brokers.is_empty() {
            return Err("no broker is given, by broker HOST");
        }
        if self.from.contains(&self.name) {
            return Err("from names this host itself");
        }
        if self.ca.is_none() && self.certificate.is_some() {
            return Err("cert without ca, the certificates that the broker's is signed by");
        }
        if let Some((cert, key)) = &self.certificate {
            if cert.as_os_str().is_empty() {
                return Err("key without cert");
            }
            if key.as_os_str().is_empty() {
                return Err("cert without key");
            }
        }
        let is_own = |broker: &Broker| {
            let ip = broker.host.parse::<IpAddr>();
            broker.host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
        };
        if self.ca.is_none() && !self.insecure && !self.brokers.iter().all(is_own) {
            return Err("no TLS to another host: give ca FILE, or insecure yes");
        }
        Ok(())
    }
}

/// Reads the lines; answers the configuration and the name of the password's file. The error is
/// the number of the line, and a phrase.
fn parse(text: &str) -> Result<(Config, Option<PathBuf>), (usize, String)> {
    let mut config = Config {
        name: String::new(),
        brokers: vec![],
        ca: None,
        certificate: None,
        login: None,
        topic: "pipeban".into(),
        from: vec![],
        limit: 10_000,
        rate: 100,
        max: Duration::from_secs(86_400),
        widest: (24, 48),
        never: vec![],
        addresses: vec![],
        keep_alive: 5,
        pardon: true,
        insecure: false,
    };
    let mut password = None;
    let mut seen: Vec<&str> = vec![];
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let value = value.trim();
        let wrong = |what: String| (number + 1, what);
        if value.is_empty() {
            return Err(wrong(format!("no value: \"{key}\"")));
        }
        let several = ["broker", "from", "never", "address"].contains(&key);
        if seen.contains(&key) && !several {
            return Err(wrong(format!("given twice: {key}")));
        }
        seen.push(key);
        match key {
            "password-file" => password = Some(value.into()),
            _ => config.set(key, value).map_err(wrong)?,
        }
    }
    Ok((config, password))
}

impl Config {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{key}: not {}: \"{value}\"", kind(key));
        match key {
            "name" => self.name = name(value).ok_or_else(wrong)?,
            "broker" => self.brokers.push(broker(value).ok_or_else(wrong)?),
            "ca" => self.ca = Some(value.into()),
            "cert" => self.certificate.get_or_insert_default().0 = value.into(),
            "key" => self.certificate.get_or_insert_default().1 = value.into(),
            "user" => self.login = Some((value.into(), vec![])),
            "topic" => self.topic = topic(value).ok_or_else(wrong)?,
            "from" => {
                for word in value.split_whitespace() {
                    self.from.push(name(word).ok_or_else(wrong)?);
                }
                if self.from.len() > HOSTS {
                    return Err(format!("from: more than {HOSTS} hosts"));
                }
            }
            "limit" => self.limit = number(value, 1..=1_000_000).ok_or_else(wrong)? as usize,
            "rate" => self.rate = number(value, 1..=1_000_000).ok_or_else(wrong)?,
            "max" => self.max = parse_duration(value)?,
            "max-prefix4" => self.widest.0 = number(value, 0..=32).ok_or_else(wrong)? as u8,
            "max-prefix6" => self.widest.1 = number(value, 0..=128).ok_or_else(wrong)? as u8,
            "never" => self.never.push(value.into()),
            "address" => {
                for word in value.split_whitespace() {
                    let address = Address::parse(word.as_bytes()).filter(Address::is_host);
                    self.addresses.push(address.ok_or_else(wrong)?);
                }
                if self.addresses.len() > ADDRESSES {
                    return Err(format!("address: more than {ADDRESSES}"));
                }
            }
            "keep-alive" => self.keep_alive = number(value, 1..=3_600).ok_or_else(wrong)? as u16,
            "pardon" => self.pardon = yes(value).ok_or_else(wrong)?,
            "insecure" => self.insecure = yes(value).ok_or_else(wrong)?,
            _ => {
                let guess = hints::did_you_mean(key, KEYS);
                return Err(format!("no such key: \"{key}\"{guess}"));
            }
        }
        Ok(())
    }
}

/// The kind of a key's value, for a message.
fn kind(key: &str) -> &'static str {
    match key {
        "name" | "from" => "a name of letters, digits, '.', '_' and '-'",
        "broker" => "a host, or host:port",
        "topic" => "a topic without '+' and '#'",
        "address" => "an address",
        "pardon" | "insecure" => "yes or no",
        _ => "a number in the range of this key",
    }
}

fn yes(text: &str) -> Option<bool> {
    let word = ["no", "yes"].iter().position(|word| *word == text);
    word.map(|word| word == 1)
}

fn name(text: &str) -> Option<String> {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    // ban-ip takes "." for this host.
    let is_name = text.len() <= NAME && text != "." && text.bytes().all(good);
    (is_name && !text.is_empty()).then(|| text.into())
}

fn topic(text: &str) -> Option<String> {
    let levels: Option<Vec<String>> = text.split('/').map(name).collect();
    (text.len() <= NAME).then(|| levels.map(|levels| levels.join("/")))?
}

fn number(text: &str, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// `host`, `host:port`, `2001:db8::1` or `[2001:db8::1]:port`.
fn broker(text: &str) -> Option<Broker> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            match port {
                "" => (host, None),
                port => (host, Some(port.strip_prefix(':')?)),
            }
        }
        None if text.parse::<IpAddr>().is_ok() => (text, None),
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    // A host that began with a hyphen would be a flag of getent's.
    let good = |b: u8| b.is_ascii_alphanumeric() || b".-:_".contains(&b);
    if host.is_empty() || host.starts_with('-') || !host.bytes().all(good) {
        return None;
    }
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    Some(Broker {
        host: host.into(),
        port,
    })
}

/// Reads a file that nobody but its owner may read or write. Those that systemd hands to a service
/// are readable for its user by an access list, which looks like the right of a group
/// (systemd.exec(5), LoadCredential=).
pub fn read_private(path: &Path) -> Result<Vec<u8>, Fault> {
    let fault = |e: std::io::Error| Fault::new(path.display(), describe(&e));
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.mode() & 0o777;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let forbidden = match credentials.is_some_and(|folder| path.starts_with(folder)) {
        true => 0o037,
        false => 0o077,
    };
    if mode & forbidden != 0 {
        let what = format!("others may use it (mode {mode:04o}): chmod 600");
        return Err(Fault::new(path.display(), what));
    }
    let mut text = vec![];
    file.take(LONGEST).read_to_end(&mut text).map_err(fault)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let base = "name a\nbroker b.example.org\nca ca.pem\n";
        for (more, wrong) in [
            ("", None),
            (
                "cert c.pem\nkey c.key\nfrom b c\nfrom d\nlimit 5\nmax 2d\n# x\n\n",
                None,
            ),
            (
                "topic a/b\naddress 192.0.2.1 2001:db8::1\nkeep-alive 60\n",
                None,
            ),
            (
                "lmit 5\n",
                Some("no such key: \"lmit\"; did you mean \"limit\"?"),
            ),
            ("limit\n", Some("no value: \"limit\"")),
            (
                "limit 0\n",
                Some("limit: not a number in the range of this key: \"0\""),
            ),
            ("name b\n", Some("given twice: name")),
            ("from a/b\n", Some("from: not a name of letters")),
            ("from +\n", Some("from: not a name of letters")),
            ("from .\n", Some("from: not a name of letters")),
            ("from *\n", Some("from: not a name of letters")),
            ("topic a//b\n", Some("topic: not a topic")),
            ("topic #\n", Some("topic: not a topic")),
            ("broker -x\n", Some("broker: not a host")),
            ("broker b:0\n", Some("broker: not a host")),
            ("address 192.0.2.0/24\n", Some("address: not an address")),
            ("insecure maybe\n", Some("insecure: not yes or no")),
        ] {
            let found = parse(&format!("{base}{more}")).map(|_| ()).err();
            match (found, wrong) {
                (None, None) => {}
                (Some((_, found)), Some(wrong)) => assert!(found.starts_with(wrong), "{found}"),
                (found, wrong) => panic!("{more}: {found:?}, not {wrong:?}"),
            }
        }
    }

    #[test]
    fn whole() {
        for (text, wrong) in [
            ("broker 127.0.0.1", Some("no name")),
            ("name a", Some("no broker")),
            ("name a\nbroker 127.0.0.1", None),
            ("name a\nbroker localhost:1", None),
            ("name a\nbroker [::1]:1", None),
            ("name a\nbroker 192.0.2.1", Some("no TLS")),
            ("name a\nbroker localhost.example.org", Some("no TLS")),
            ("name a\nbroker 192.0.2.1\ninsecure yes", None),
            ("name a\nbroker 192.0.2.1\nca x", None),
            ("name a\nbroker ::1\nfrom b a", Some("from names this")),
            ("name a\nbroker ::1\ncert x\nkey x", Some("cert without ca")),
            ("name a\nbroker ::1\nca x\ncert x", Some("cert without key")),
            ("name a\nbroker ::1\nca x\nkey x", Some("key without cert")),
        ] {
            let (config, _) = parse(text).expect("lines");
            let found = config.check().err();
            let same = match (found, wrong) {
                (Some(found), Some(wrong)) => found.starts_with(wrong),
                (found, wrong) => found == wrong,
            };
            assert!(same, "{text}: {found:?}");
        }
    }

    #[test]
    fn brokers() {
        for (text, expected) in [
            ("b.example.org", Some(("b.example.org", None))),
            ("b.example.org:8883", Some(("b.example.org", Some(8_883)))),
            ("192.0.2.1:1", Some(("192.0.2.1", Some(1)))),
            ("2001:db8::1", Some(("2001:db8::1", None))),
            ("[2001:db8::1]:1883", Some(("2001:db8::1", Some(1_883)))),
            ("[x]:1", None),
            ("a b", None),
            ("a:b:c", None),
            ("", None),
        ] {
            let found = broker(text);
            let found = found.as_ref().map(|b| (b.host.as_str(), b.port));
            assert_eq!(found, expected, "{text}");
        }
    }
}
