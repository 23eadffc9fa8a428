//! Addresses that this host must be able to hear: its own, and its routers.

use std::net::IpAddr;

use crate::firewall::gateways;
use nix::ifaddrs::getifaddrs;
use pipeban::address::Address;
use pipeban::complain::{self, describe};
use pipeban::netset::NetSet;

/// The host's addresses, each list with the reason not to ban it; one that can't be found out is
/// reported.
pub(super) fn find() -> Vec<(&'static str, NetSet)> {
    let own = getifaddrs().map(|interfaces| {
        let addresses = interfaces.filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|a| IpAddr::from(a.ip()));
            v4.or(address.as_sockaddr_in6().map(|a| IpAddr::from(a.ip())))
        });
        addresses.map(Address::from).collect()
    });
    [
        ("an address of this host", own.map_err(std::io::Error::from)),
        ("a default gateway", gateways()),
    ]
    .map(|(reason, found): (_, std::io::Result<Vec<Address>>)| {
        let mut set = NetSet::default();
        match found {
            Ok(found) => found.into_iter().for_each(|net| set.insert(net)),
            Err(e) => complain::error(reason, format!("can't be found out: {}", describe(&e))),
        }
        (reason, set)
    })
    .into()
}
