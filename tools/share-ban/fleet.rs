//! All that is known of the fleet, whatever becomes of the connection: this host's bans, other
//! hosts', and the records to print.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Instant;

use nix::ifaddrs::getifaddrs;
use pipeban::address::Address;
use pipeban::complain::{self, Fault, describe};
use pipeban::figures;
use pipeban::lists;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

use crate::config::Config;
use crate::counts::{Counts, Reason};
use crate::exempt::Exempt;
use crate::held::Bounds;
use crate::hello::ADDRESSES;
use crate::message::{End, Message};
use crate::own::Own;
use crate::peer::Peer;
use crate::resolve::resolve;
use crate::target::Target;

/// All that is known of the fleet.
pub struct Fleet {
    /// The configuration.
    pub config: Config,
    /// The bounds for other hosts.
    pub bounds: Bounds,
    /// This host's bans.
    pub own: Own,
    /// The other hosts, by their names.
    pub peers: BTreeMap<String, Peer>,
    /// The addresses that are never passed on.
    pub exempt: Exempt,
    /// The refusals.
    pub counts: Counts,
    /// The records that are not printed yet.
    pub out: Vec<Record>,
}

impl Fleet {
    /// Knows nobody yet; fails if the never-list can't be read whole.
    pub fn new(config: Config) -> Result<Self, Fault> {
        let bounds = Bounds {
            limit: config.limit,
            rate: config.rate,
            max: config.max,
            widest: config.widest,
        };
        let now = Instant::now();
        let peer = |name: &String| (name.clone(), Peer::new(name, &bounds, now));
        let mut exempt = Exempt::default();
        exempt.set_never(never(&config.never)?);
        Ok(Fleet {
            peers: config.from.iter().map(peer).collect(),
            bounds,
            own: Own::default(),
            exempt,
            counts: Counts::default(),
            out: vec![],
            config,
        })
    }

    /// A new connection is made: to one of these addresses. The never-list is read again; one that
    /// can't be read is told, and the old one counts.
    pub fn begin(&mut self, brokers: Vec<IpAddr>) {
        self.exempt.set_brokers(brokers);
        match never(&self.config.never) {
            Ok(networks) => self.exempt.set_never(networks),
            Err(Fault::Error { place, what }) => {
                complain::error(
                    place,
                    format_args!("{what}; the list as it was before counts"),
                );
            }
            Err(Fault::ReaderGone) => {}
        }
        let now = Instant::now();
        self.peers.values_mut().for_each(|peer| peer.begin(now));
        self.own.begin(Time::now());
        self.look_at_exempt();
    }

    /// Takes a record of standard input: of this host, or what its ledger has of another one.
    pub fn hear(&mut self, record: &Record) -> Result<(), Reason> {
        let Some(origin) = record.get("origin") else {
            return self.own.take(record, Time::now());
        };
        let origin = String::from_utf8_lossy(&origin);
        let Some(peer) = self.peers.get_mut(origin.as_ref()) else {
            // Of a host that is not listened to.
            return Ok(());
        };
        for target in Target::of_record(record).ok_or(Reason::Form)? {
            let message = Message::of_record(target, record)?;
            message
                .iter()
                .for_each(|message| peer.held.inherit(message, &self.bounds));
        }
        Ok(())
    }

    /// Takes a pardon: a lift by all hosts, of a message that the broker keeps or has just got.
    pub fn pardon(
        &mut self,
        target: &Target,
        payload: &[u8],
        retained: bool,
    ) -> Result<(), Reason> {
        let record = crate::message::read_line(payload)?;
        if Target::of_record(&record).as_deref() != Some(&[*target]) {
            return Err(Reason::Address);
        }
        let now = Time::now();
        let at = match Message::of_record(*target, &record)?.map(|message| message.end) {
            // None in the future: bans until then would be no news.
            Some(End::Lifted(at)) => at.min(now),
            None if !retained => now,
            _ => return Err(Reason::Pardon),
        };
        let mut record = Record::new(target.address);
        if target.port != 0 {
            record.push("port", target.port.to_string().as_bytes());
        }
        record.push("origin", b"*");
        record.push("lifted", crate::message::whole(at).to_string().as_bytes());
        self.out.push(record);
        Ok(())
    }

    /// Lifts the bans of addresses that are exempt by now.
    pub fn look_at_exempt(&mut self) {
        for peer in self.peers.values_mut() {
            peer.held.look_at_exempt(&self.exempt, &mut self.out);
        }
    }

    /// Prints the records that wait; answers whether there were any.
    pub fn print(&mut self, output: &mut Output) -> Result<bool, Fault> {
        let any = !self.out.is_empty();
        for record in self.out.drain(..) {
            output.record(&record)?;
        }
        self.out.shrink_to(1_000);
        output.flush()?;
        Ok(any)
    }

    /// Sets the figures of SIGUSR1.
    pub fn tell(&self, is_connected: bool) {
        let held: usize = self.peers.values().map(|peer| peer.held.len()).sum();
        let here = self.peers.values().filter(|peer| peer.is_here()).count();
        figures::tell_too("connected", is_connected.into());
        figures::tell_too("own", self.own.len() as u64);
        figures::tell_too("hosts", here as u64);
        figures::tell_too("held", held as u64);
    }
}

/// The networks of the never-list, read whole; names are resolved.
fn never(values: &[String]) -> Result<Vec<Address>, Fault> {
    let mut networks = vec![];
    for value in values {
        let list = lists::read(value)?;
        networks.extend(list.networks.iter());
        for name in list.names {
            let found = resolve(&name).map_err(|what| Fault::new(&name, what))?;
            networks.extend(found.into_iter().map(Address::from));
        }
    }
    Ok(networks)
}

/// The addresses of this host for its hello: those of the configuration, or those of its
/// interfaces that others may see.
pub fn own_addresses(config: &Config) -> Vec<Address> {
    if !config.addresses.is_empty() {
        return config.addresses.clone();
    }
    let interfaces = match getifaddrs() {
        Ok(interfaces) => interfaces,
        Err(e) => {
            let what = format!("can't be found out: {}", describe(&e.into()));
            complain::error("the addresses of this host", what);
            return vec![];
        }
    };
    let mut found: Vec<Address> = vec![];
    for interface in interfaces {
        let Some(address) = interface.address else {
            continue;
        };
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
        let ip = v4.or(address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())));
        let is_seen = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
            IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
        };
        if let Some(address) = ip.filter(is_seen).map(Address::from)
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found.truncate(ADDRESSES);
    found
}
