//! Changes that no ledger knows of: kept in two sets of our table that no rule uses.

use std::collections::HashSet;
use std::net::IpAddr;

use nix::errno::Errno;

use super::elements::{self, Element};
use super::header::*;
use super::seen::Ruleset;
use super::set::data;
use super::{Nft, STEP, again, ruleset};
use crate::firewall::interface::Kept;
use crate::firewall::inverted::inverted;
use crate::firewall::netlink::{Attributes, NLM_F_CREATE, NLM_F_DUMP, Request};
use crate::target::Target;
use pipeban::address::Address;

/// The sets. Their keys are an address, [`inverted`], IPv4 as in RFC 4291, 2.5.5.2; a prefix
/// length; a port.
const LIFTS: &str = "unentered_lifts";
const ENDS: &str = "unentered_ends";
/// The type of their keys, as the program nft has it: ipv6_addr . inet_service . inet_service.
const KEY_TYPE: u32 = (8 << 6 | 13) << 6 | 13;
/// Each part of a key fills whole registers of four bytes.
const KEY_LEN: u32 = 16 + 4 + 4;

impl Nft {
    /// Keeps these lifts.
    pub(super) fn keep_lifts(&mut self, targets: &[Target]) -> Result<(), Errno> {
        for step in targets.chunks(STEP) {
            self.change(|r, _| put(r, LIFTS, step))?;
        }
        Ok(())
    }

    /// Keeps that these bans end when they do here.
    pub(super) fn keep_ends(&mut self, targets: &[Target]) -> Result<(), Errno> {
        for step in targets.chunks(STEP) {
            self.change(|r, _| put(r, ENDS, step))?;
        }
        self.lifts_become_ends(&targets.iter().copied().collect())
    }

    /// Lifts the targets of the kept lifts and forgets all that was read; `false` if bans were
    /// changed without a ledger since then: those may be new bans of the same targets.
    pub(super) fn forget_all_kept(&mut self, lifts: &[Target]) -> Result<bool, Errno> {
        let mut elements: Vec<Element> = lifts.iter().map(|t| (&(*t, None)).into()).collect();
        elements.sort_by_key(Element::order);
        for step in elements.chunks(STEP) {
            let is_same = self.change_if_same(|r, seen| {
                for group in step.chunk_by(|a, b| a.set == b.set) {
                    if seen.sets.contains(&group[0].set) {
                        elements::remove(r, group);
                    }
                }
            })?;
            if !is_same {
                return Ok(false);
            }
        }
        self.change_if_same(|r, _| forget(r))
    }

    /// Sends the messages of `body` as one transaction; `false`, and nothing is changed, if bans
    /// were changed without a ledger since the kept changes were read.
    fn change_if_same(&mut self, body: impl Fn(&mut Request, &Ruleset)) -> Result<bool, Errno> {
        self.is_certain = false;
        again(|| {
            self.put_in_place()?;
            if self.seen.unentered != self.kept {
                return Ok(false);
            }
            let request = ruleset::batch(self.seen.generation, |r| body(r, &self.seen));
            if !request.is_empty() {
                self.socket.ask(&request, |_, _, _| ())?;
                self.seen.generation = ruleset::next(self.seen.generation);
            }
            Ok(true)
        })
    }

    /// Keeps the ends of those of these targets whose lifts are kept: they are banned then.
    pub(super) fn lifts_become_ends(&mut self, targets: &HashSet<Target>) -> Result<(), Errno> {
        let mut kept = self.read_set(LIFTS)?;
        kept.retain(|target| targets.contains(target));
        for step in kept.chunks(STEP) {
            self.change(|r, _| {
                put(r, ENDS, step);
                // Another process may have forgotten them: to delete a missing one fails.
                put(r, LIFTS, step);
                change_elements(r, NFT_MSG_DELSETELEM, LIFTS, step);
            })?;
        }
        Ok(())
    }

    /// All that is kept.
    pub(super) fn read_kept(&mut self) -> Result<Kept, Errno> {
        // In this order: what moves from the first to the second meanwhile is not missed.
        let lifts = self.read_set(LIFTS)?;
        Ok(Kept::new(lifts, self.read_set(ENDS)?))
    }

    /// The targets in one of the sets, which need not be there.
    fn read_set(&mut self, name: &str) -> Result<Vec<Target>, Errno> {
        let mut request = Request::default();
        request.message(NFT_MSG_GETSETELEM, NLM_F_DUMP, NFPROTO_INET, |r| {
            r.put_text(NFTA_SET_ELEM_LIST_TABLE, TABLE);
            r.put_text(NFTA_SET_ELEM_LIST_SET, name);
        });
        let mut found = Vec::new();
        match self.socket.ask(&request, |_, _, a| found.extend(read(a))) {
            Ok(()) | Err(Errno::ENOENT) => Ok(found),
            failed => failed.map(|()| found),
        }
    }
}

/// Deletes the sets, which need not be there.
pub(super) fn forget(r: &mut Request) {
    for name in [LIFTS, ENDS] {
        put_set(r, name);
        r.message(NFT_MSG_DELSET, 0, NFPROTO_INET, |r| {
            r.put_text(NFTA_SET_TABLE, TABLE);
            r.put_text(NFTA_SET_NAME, name);
        });
    }
}

fn put_set(r: &mut Request, name: &str) {
    r.message(NFT_MSG_NEWSET, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE);
        r.put_text(NFTA_SET_NAME, name);
        r.put_u32(NFTA_SET_FLAGS, 0);
        r.put_u32(NFTA_SET_KEY_TYPE, KEY_TYPE);
        r.put_u32(NFTA_SET_KEY_LEN, KEY_LEN);
        r.put_u32(NFTA_SET_ID, if name == LIFTS { 1 } else { 2 });
    });
}

/// Puts these into a set, which need not be there.
fn put(r: &mut Request, name: &str, targets: &[Target]) {
    put_set(r, name);
    change_elements(r, NFT_MSG_NEWSETELEM, name, targets);
}

/// Tells of these elements of a set.
fn change_elements(r: &mut Request, message: u16, name: &str, targets: &[Target]) {
    r.message(message, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_ELEM_LIST_TABLE, TABLE);
        r.put_text(NFTA_SET_ELEM_LIST_SET, name);
        r.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |r| {
            for target in targets {
                r.nest(NFTA_LIST_ELEM, |r| data(r, NFTA_SET_ELEM_KEY, &key(target)));
            }
        });
    });
}

fn key(target: &Target) -> [u8; KEY_LEN as usize] {
    let mut key = [0; KEY_LEN as usize];
    let address = inverted(&target.address).unwrap_or(target.address);
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    key[..16].copy_from_slice(&ip.octets());
    key[16..18].copy_from_slice(&u16::from(target.prefix_len()).to_be_bytes());
    key[20..22].copy_from_slice(&target.port.to_be_bytes());
    key
}

/// The targets in a part of a set's dump.
fn read(a: Attributes) -> impl Iterator<Item = Target> {
    let elements = a.nested(NFTA_SET_ELEM_LIST_ELEMENTS);
    elements.filter_map(|(_, element)| {
        let key = Attributes::new(element).nested(NFTA_SET_ELEM_KEY);
        let key: [u8; KEY_LEN as usize] = key.get(NFTA_DATA_VALUE)?.try_into().ok()?;
        let ip = <[u8; 16]>::try_from(&key[..16]).ok()?;
        let number = |at: usize| u16::from_be_bytes([key[at], key[at + 1]]);
        let ip = IpAddr::from(ip).to_canonical();
        let address = Address::network(ip, number(16).try_into().ok()?)?;
        Some(Target {
            address: inverted(&address)?,
            port: number(20),
        })
    })
}
