//! Prints a set: as networks, or as ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::{Address, range};
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;

use crate::read::Set;

/// Prints the fewest networks that hold the set, in order.
pub fn networks(set: &Set, output: &mut Output) -> Result<(), Fault> {
    for (first, last) in bounds(set) {
        for net in range::networks(first, last).into_iter().flatten() {
            if output.is_json() {
                output.record(&Record::new(net))?;
            } else {
                net.write(output.buffer());
                output.line(b"")?;
            }
        }
    }
    output.flush()
}

/// Prints the fewest ranges that hold the set, in order; one of a single address is the address.
pub fn ranges(set: &Set, output: &mut Output) -> Result<(), Fault> {
    for (first, last) in bounds(set) {
        Address::from(first).write(output.buffer());
        if first != last {
            output.buffer().push(b'-');
            Address::from(last).write(output.buffer());
        }
        output.line(b"")?;
    }
    output.flush()
}

/// The first and the last address of each range.
fn bounds(set: &Set) -> impl Iterator<Item = (IpAddr, IpAddr)> {
    let v4 = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
    let v6 = |n: u128| IpAddr::from(Ipv6Addr::from_bits(n));
    let fours = set.v4.iter().map(move |(a, b)| (v4(*a), v4(*b)));
    fours.chain(set.v6.iter().map(move |(a, b)| (v6(*a), v6(*b))))
}
