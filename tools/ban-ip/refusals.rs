//! Addresses that are never banned: the lists of `--never` and the built-in ones.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use nix::ifaddrs::getifaddrs;
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::netset::NetSet;

use crate::arguments::Arguments;
use crate::ssh_peer;

/// Loopback, unspecified ("this network"), link-local and multicast: RFC 6890, RFC 5771, RFC 4291.
const NEVER: [&str; 8] = [
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

/// Addresses that are never banned, each with the reason.
pub struct Never {
    /// Lists that stay, each with its reason.
    fixed: Vec<(&'static str, NetSet)>,
    /// The addresses that this host has just now and its gateways, each list with its reason.
    host: Vec<(&'static str, NetSet)>,
    looked: Instant,
    widest: (u8, u8),
}

impl Never {
    /// The values of `--never` and, without `--even-me`, the built-in lists.
    pub fn new(arguments: &Arguments) -> Result<Self, Fault> {
        let mut users = NetSet::default();
        for option in &arguments.never {
            users.add_option(option)?;
        }
        let mut never = Never {
            fixed: vec![("on the list of --never", users)],
            host: vec![],
            looked: Instant::now(),
            widest: (arguments.max_prefix4, arguments.max_prefix6),
        };
        if !arguments.even_me {
            let special = NEVER
                .iter()
                .filter_map(|net| Address::parse(net.as_bytes()));
            never
                .fixed
                .push(("a special-purpose address", collect(special)));
            let peers = ssh_peer::peers().into_iter();
            never
                .fixed
                .push(("the peer of this SSH session", collect(peers)));
            never.host = host();
        }
        Ok(never)
    }

    /// Looks up this host's addresses again, if the last time was a while ago.
    pub fn look_again(&mut self) {
        if !self.host.is_empty() && self.looked.elapsed() > FRESH {
            self.host = host();
            self.looked = Instant::now();
        }
    }

    /// Whether this address or network may be banned; the error says why not.
    pub fn allows(&self, net: &Address) -> Result<(), String> {
        for (reason, list) in self.fixed.iter().chain(&self.host) {
            if let Some(found) = list.touching(net) {
                return Err(match found == *net {
                    true => format!("not banned: {net} is {reason}"),
                    false => format!("not banned: {net} touches {found}, {reason}"),
                });
            }
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
}

fn host() -> Vec<(&'static str, NetSet)> {
    vec![
        ("an address of this host", collect(own_addresses())),
        ("a default gateway", collect(gateways())),
    ]
}

fn collect(nets: impl Iterator<Item = Address>) -> NetSet {
    let mut set = NetSet::default();
    nets.for_each(|net| set.insert(net));
    set
}

fn own_addresses() -> impl Iterator<Item = Address> {
    getifaddrs().into_iter().flatten().filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
        v4.or(address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
            .map(Address::from)
    })
}

/// The gateways of the default routes, from the tables of proc(5): numbers in hexadecimal, those of
/// IPv4 in host byte order.
fn gateways() -> impl Iterator<Item = Address> {
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    let mut found: Vec<IpAddr> = Vec::new();
    for line in v4.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [_, "00000000", gateway, ..] = fields[..] {
            found.extend(
                u32::from_str_radix(gateway, 16)
                    .map(|n| IpAddr::from(Ipv4Addr::from(n.to_ne_bytes()))),
            );
        }
    }
    for line in v6.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let [to, "00", _, _, gateway, ..] = fields[..]
            && to.bytes().all(|b| b == b'0')
        {
            let gateway = u128::from_str_radix(gateway, 16).map(Ipv6Addr::from_bits);
            found.extend(gateway.map(IpAddr::from));
        }
    }
    found
        .into_iter()
        .filter(|ip| !ip.is_unspecified())
        .map(Address::from)
}
