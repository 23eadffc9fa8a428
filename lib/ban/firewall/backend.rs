//! The backends by name: which there are, and how the ledger and the user write them.

use std::fmt;
use std::io::{self, ErrorKind};

use super::interface::{Firewall, run};
use super::{exec, ipset, iptables, nft, none};
use pipeban::complain::{Fault, describe};

/// A kind of firewall.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// The kernel's nf_tables, over netlink.
    Nft,
    /// Sets of ipset(8) and a rule of iptables.
    Ipset,
    /// A rule of iptables(8) for each address.
    Iptables,
    /// Commands of the administrator's; see [`Backend::exec`].
    Exec {
        /// The command that bans.
        ban: String,
        /// The command that lifts a ban.
        lift: String,
    },
    /// No firewall: bans are in the ledger only.
    None,
}

impl Backend {
    /// The names of all backends, as the user writes them.
    pub const NAMES: [&'static str; 5] = ["nft", "ipset", "iptables", "exec", "none"];

    /// Reads a backend as [`Display`](fmt::Display) writes it.
    pub fn parse(text: &str) -> io::Result<Self> {
        let mut fields = text.split('\t');
        let backend = match (fields.next(), fields.next(), fields.next()) {
            (Some("nft"), None, None) => Backend::Nft,
            (Some("ipset"), None, None) => Backend::Ipset,
            (Some("iptables"), None, None) => Backend::Iptables,
            (Some("none"), None, None) => Backend::None,
            (Some("exec"), Some(ban), Some(lift)) => Backend::exec(ban, lift)?,
            _ => {
                let text = format!("no such backend: \"{text}\"");
                return Err(io::Error::new(ErrorKind::InvalidInput, text));
            }
        };
        Ok(backend)
    }

    /// The backend that runs these commands to ban and to lift.
    ///
    /// Each command is a program and its arguments, split at white space; in the arguments
    /// `{address}` stands for the address or network and `{family}` for `ipv4` or `ipv6`.
    pub fn exec(ban: &str, lift: &str) -> io::Result<Self> {
        let words = |command: &str| Ok::<_, io::Error>(exec::split(command)?.join(" "));
        Ok(Backend::Exec {
            ban: words(ban)?,
            lift: words(lift)?,
        })
    }

    /// The backend for this system: nft if the kernel has it, else ipset, else iptables, by the
    /// programs installed.
    pub fn usual() -> Self {
        match nft::Nft::open() {
            Err(e) if e.kind() == ErrorKind::Unsupported => {
                match run("ipset", &["--version"], b"") {
                    Ok(_) => Backend::Ipset,
                    Err(_) => Backend::Iptables,
                }
            }
            _ => Backend::Nft,
        }
    }

    /// The name, as the user writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Backend::Nft => "nft",
            Backend::Ipset => "ipset",
            Backend::Iptables => "iptables",
            Backend::Exec { .. } => "exec",
            Backend::None => "none",
        }
    }

    /// Whether the firewall ends bans by itself and can be asked which it holds, so that bans can
    /// be made without a ledger.
    pub fn does_alone(&self) -> bool {
        matches!(self, Backend::Nft | Backend::Ipset)
    }

    /// Whether it can have bans for `single_ports`, or else for all packets; the error is a
    /// phrase.
    pub fn takes(&self, single_ports: bool) -> Result<(), &'static str> {
        let Backend::Exec { ban, lift } = self else {
            return Ok(());
        };
        let is_for = |command: &String| {
            let words: Vec<String> = command.split(' ').map(String::from).collect();
            exec::is_for(&words, single_ports)
        };
        is_for(ban).and_then(|()| is_for(lift))
    }

    /// Makes the firewall ready to use.
    pub fn open(&self) -> Result<Box<dyn Firewall>, Fault> {
        let opened: io::Result<Box<dyn Firewall>> = match self {
            Backend::Nft => nft::Nft::open().map(|nft| Box::new(nft) as Box<_>),
            Backend::Ipset => Ok(Box::new(ipset::Ipset::default())),
            Backend::Iptables => Ok(Box::new(iptables::Iptables)),
            Backend::Exec { ban, lift } => {
                exec::Exec::new(ban, lift).map(|exec| Box::new(exec) as Box<_>)
            }
            Backend::None => Ok(Box::new(none::None)),
        };
        opened.map_err(|e| self.fault(&e))
    }

    /// An error of this firewall's. That of one that stands in for nf_tables says so.
    pub fn fault(&self, e: &io::Error) -> Fault {
        let mut text = describe(e).to_string();
        if let Backend::Ipset | Backend::Iptables = self
            && let Err(e) = nft::Nft::open()
            && e.kind() == ErrorKind::Unsupported
        {
            text += &format!("; {e}");
        }
        // iptables' own words for a raw socket that it may not open.
        if text.contains("Can't open socket to ipset") {
            let what = "a user other than root needs CAP_NET_RAW, too (examples/ipset/ipset.conf)";
            text = format!("{}; {what}", text.trim_end_matches('.'));
        }
        Fault::new(self.name(), text)
    }
}

/// The form in which the ledger keeps it: the name, for `exec` followed by the two commands, each
/// after a TAB.
impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())?;
        if let Backend::Exec { ban, lift } = self {
            write!(f, "\t{ban}\t{lift}")?;
        }
        Ok(())
    }
}

/// The name of a backend in the form in which the ledger keeps it, also of an unknown one.
pub fn name_in(text: &str) -> &str {
    text.split('\t').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_form_in_the_ledger() {
        for name in Backend::NAMES.into_iter().filter(|n| *n != "exec") {
            let backend = Backend::parse(name).unwrap();
            assert_eq!((backend.name(), backend.to_string().as_str()), (name, name));
        }
        let exec = Backend::exec(" fw  add {address}", "fw del {address}").unwrap();
        assert_eq!(exec.to_string(), "exec\tfw add {address}\tfw del {address}");
        assert_eq!(Backend::parse(&exec.to_string()).unwrap(), exec);
        for wrong in ["", "exec", "nft\tx", "pf", "exec\tfw add\tfw del {address}"] {
            assert!(Backend::parse(wrong).is_err(), "{wrong}");
        }
    }
}
