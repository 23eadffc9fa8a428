//! Addresses that are never banned: the lists of `--never` and the built-in ones.

mod host; // addresses that this host must be able to hear
mod names; // host names on a list
mod ssh_peer; // the peer of the SSH session
mod watch; // new versions of files

mod later;
mod lists; // the lists of --never // the same for a tool that seldom needs it

use std::path::Path;
use std::time::{Duration, Instant};

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::netset::NetSet;

pub use later::NeverLater;
use lists::Lists;
use ssh_peer::Peers;

/// Loopback, unspecified ("this network"), link-local and multicast: RFC 6890, RFC 5771, RFC 4291.
const SPECIAL: [&str; 8] = [
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "::",
    "::1",
    "fe80::/10",
    "ff00::/8",
];

/// This host's own addresses are looked up again after this time: they change while a process runs
/// for months.
const FRESH: Duration = Duration::from_secs(10);
/// And after this multiple of the time that it took: a router may have a million routes.
const COST: u32 = 100;

/// The addresses that are protected by request.
#[derive(Clone, Copy, Default)]
pub struct Protected<'a> {
    /// Addresses, networks, host names and files; the usual list is always one of them.
    pub lists: &'a [String],
    /// The state file, with the last answers for host names.
    pub state_file: Option<&'a Path>,
    /// Answers are kept there.
    pub keep: bool,
    /// The built-in lists are left out.
    pub even_me: bool,
}

/// Addresses that are never banned, each with the reason.
pub struct Never {
    lists: Lists,
    /// Lists that stay, each with its reason.
    fixed: Vec<(&'static str, NetSet)>,
    /// The addresses that this host has just now and its gateways, each list with its reason.
    host: Vec<(&'static str, NetSet)>,
    /// When they are to be looked up again.
    stale: Instant,
    /// The lists may have changed.
    waited: bool,
    widest: (u8, u8),
}

impl Never {
    /// The values of `--never` and, without `--even-me`, the built-in lists. Networks wider than
    /// the `widest` of IPv4 and of IPv6 are refused too.
    pub fn new(protected: Protected, widest: (u8, u8)) -> Result<Self, Fault> {
        let peers = (!protected.even_me).then(ssh_peer::peers);
        Self::with_peers(protected, peers, widest)
    }

    fn with_peers(
        protected: Protected,
        peers: Option<Peers>,
        widest: (u8, u8),
    ) -> Result<Self, Fault> {
        let Protected {
            lists,
            state_file,
            keep,
            ..
        } = protected;
        let mut never = Never {
            lists: Lists::open(lists, state_file, keep)?,
            fixed: vec![],
            host: vec![],
            stale: Instant::now(),
            waited: false,
            widest,
        };
        if let Some(peers) = peers {
            let special = SPECIAL.iter();
            let special = special.filter_map(|net| Address::parse(net.as_bytes()));
            if peers.unknown {
                let what = "can't be found out, and may be banned; --never ADDRESS protects it";
                complain::note("the peer of this SSH session", what);
            }
            never.fixed = vec![
                ("a special-purpose address", collect(special)),
                ("the peer of this SSH session", collect(peers.found)),
            ];
            never.look_at_host();
        }
        Ok(never)
    }

    fn look_at_host(&mut self) {
        let begin = Instant::now();
        self.host = host::find();
        self.stale = begin + FRESH.max(begin.elapsed() * COST);
    }

    /// To be called before a wait: afterwards lists and host are looked at again.
    pub fn wait(&mut self) {
        self.waited = true;
    }

    /// Whether this address or network may be banned; the error says why not.
    pub fn allows(&mut self, net: &Address) -> Result<(), String> {
        if let Some(why) = self.protects(net) {
            return Err(format!("not banned: {why}"));
        }
        let widest = if net.is_ipv4() {
            self.widest.0
        } else {
            self.widest.1
        };
        if net.prefix_len() < widest {
            return Err(format!("not banned: {net} is wider than /{widest}"));
        }
        Ok(())
    }

    /// Why this address or network must not be banned, if it must not.
    pub fn protects(&mut self, net: &Address) -> Option<String> {
        if std::mem::take(&mut self.waited) {
            self.lists.look_again();
            if !self.host.is_empty() && Instant::now() > self.stale {
                self.look_at_host();
            }
        }
        let users = ("on the list of --never", self.lists.set());
        let built_in = self.fixed.iter().chain(&self.host);
        let mut all = std::iter::once(users).chain(built_in.map(|(why, list)| (*why, list)));
        all.find_map(|(reason, list)| {
            let found = list.touching(net)?;
            Some(match found == *net {
                true => format!("{net} is {reason}"),
                false => format!("{net} touches {found}, {reason}"),
            })
        })
    }
}

fn collect(nets: impl IntoIterator<Item = Address>) -> NetSet {
    let mut set = NetSet::default();
    nets.into_iter().for_each(|net| set.insert(net));
    set
}
