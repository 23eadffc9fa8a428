//! Prints a set: as networks, or as ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pipeban::address::Address;
use pipeban::address::range::{self, MAPPED};
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;

use crate::read::Set;

/// Prints the fewest networks that hold the set, in order; true if there were any.
pub fn networks(set: &Set, output: &mut Output) -> Result<bool, Fault> {
    let mut any = false;
    for (first, last) in bounds(set) {
        for net in range::networks(first, last).into_iter().flatten() {
            any = true;
            if output.is_json() {
                output.record(&Record::new(net))?;
            } else {
                net.write(output.buffer());
                output.line(b"")?;
            }
        }
    }
    output.flush()?;
    Ok(any)
}

/// Prints the fewest ranges that hold the set, in order; one of a single address is the address.
/// True if there were any.
pub fn ranges(set: &Set, output: &mut Output) -> Result<bool, Fault> {
    let mut any = false;
    for (first, last) in bounds(set).filter_map(without_mapped) {
        any = true;
        Address::from(first).write(output.buffer());
        if first != last {
            output.buffer().push(b'-');
            Address::from(last).write(output.buffer());
        }
        output.line(b"")?;
    }
    output.flush()?;
    Ok(any)
}

/// The first and the last address of each range.
fn bounds(set: &Set) -> impl Iterator<Item = (IpAddr, IpAddr)> {
    let v4 = |n: u32| IpAddr::from(Ipv4Addr::from_bits(n));
    let v6 = |n: u128| IpAddr::from(Ipv6Addr::from_bits(n));
    let fours = set.v4.iter().map(move |(a, b)| (v4(*a), v4(*b)));
    fours.chain(set.v6.iter().map(move |(a, b)| (v6(*a), v6(*b))))
}

/// A range without the addresses at its ends that would be printed as those of IPv4.
fn without_mapped((first, last): (IpAddr, IpAddr)) -> Option<(IpAddr, IpAddr)> {
    let (IpAddr::V6(a), IpAddr::V6(b)) = (first, last) else {
        return Some((first, last));
    };
    let cut = |ip: Ipv6Addr, beside: u128| match ip.to_ipv4_mapped() {
        Some(_) => Ipv6Addr::from_bits(beside),
        None => ip,
    };
    let (a, b) = (cut(a, MAPPED.1 + 1), cut(b, MAPPED.0 - 1));
    (a <= b).then_some((a.into(), b.into()))
}
