//! The rules: to write them, and to recognise those that drop what they should.
//!
//! For each set of bans a rule of the chain at the hook, `ip saddr & MASK @SET counter goto SET`,
//! leads to a chain of the set's name. That one counts, `update @SET_hits { ip saddr & MASK
//! counter }`, and drops by a rule of its own: a rule that counts breaks off if there is no room or
//! memory for another counter, so no packet may depend on it. For single ports the same is done for
//! TCP and for UDP, with `. th dport` behind the address.

use std::collections::BTreeSet;

use super::elements::put_counter;
use super::header::*;
use super::set::{Role, Set, data};
use crate::firewall::interface::Dropped;
use crate::firewall::netlink::{Attributes, NLM_F_APPEND, NLM_F_CREATE, Request};
use pipeban::address::{mask4, mask6};

/// The part of a packet that is looked up in a set: its family, the offset of the source address in
/// the header, and the mask.
fn compared(set: Set) -> (u8, u32, Vec<u8>) {
    if set.ipv4 {
        (NFPROTO_IPV4, 12, mask4(set.len).to_be_bytes().to_vec())
    } else {
        (NFPROTO_IPV6, 8, mask6(set.len).to_be_bytes().to_vec())
    }
}

/// Appends the rules of a set to the chain at the hook, which drop or, if it is `counted`, lead to
/// the chain of the set.
pub(super) fn put_rules(r: &mut Request, set: Set, counted: bool) {
    for protocol in set.protocols() {
        put_rule(r, set, *protocol, counted);
    }
}

/// The same for this protocol; 0 is all, the set has no ports then.
pub(super) fn put_rule(r: &mut Request, set: Set, protocol: u8, counted: bool) {
    rule(r, CHAIN, |r| {
        put_source(r, set, protocol);
        expression(r, "lookup", |r| {
            r.put_text(NFTA_LOOKUP_SET, &set.to_string());
            r.put_u32(NFTA_LOOKUP_SREG, NFT_REG_1);
        });
        r.nest(NFTA_LIST_ELEM, put_new_counter);
        match counted {
            true => put_verdict(r, NFT_GOTO, Some(set)),
            false => put_verdict(r, NF_DROP, None),
        }
    });
}

/// Makes the chain of a set, or makes it anew: it counts packets and drops them.
pub(super) fn put_counting_chain(r: &mut Request, set: Set) {
    let name = set.to_string();
    r.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_CHAIN_TABLE, TABLE);
        r.put_text(NFTA_CHAIN_NAME, &name);
    });
    delete_rules(r, &name);
    for protocol in set.protocols() {
        rule(r, &name, |r| {
            put_source(r, set, *protocol);
            expression(r, "dynset", |r| {
                r.put_text(NFTA_DYNSET_SET_NAME, &set.with(Role::Hits).to_string());
                r.put_u32(NFTA_DYNSET_OP, NFT_DYNSET_OP_UPDATE);
                r.put_u32(NFTA_DYNSET_SREG_KEY, NFT_REG_1);
                r.nest(NFTA_DYNSET_EXPR, put_new_counter);
            });
        });
    }
    rule(r, &name, |r| put_verdict(r, NF_DROP, None));
}

/// Deletes all rules of a chain.
pub(super) fn delete_rules(r: &mut Request, chain: &str) {
    r.message(NFT_MSG_DELRULE, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_RULE_TABLE, TABLE);
        r.put_text(NFTA_RULE_CHAIN, chain);
    });
}

fn rule(r: &mut Request, chain: &str, body: impl FnOnce(&mut Request)) {
    let flags = NLM_F_CREATE | NLM_F_APPEND;
    r.message(NFT_MSG_NEWRULE, flags, NFPROTO_INET, |r| {
        r.put_text(NFTA_RULE_TABLE, TABLE);
        r.put_text(NFTA_RULE_CHAIN, chain);
        r.nest(NFTA_RULE_EXPRESSIONS, body);
    });
}

/// Loads the key of the set's elements from a packet, for all protocols, which is 0, or only from
/// those of one.
fn put_source(r: &mut Request, set: Set, protocol: u8) {
    let (family, offset, mask) = compared(set);
    put_only(r, NFT_META_NFPROTO, NFT_REG_1, family);
    expression(r, "payload", |r| {
        r.put_u32(NFTA_PAYLOAD_DREG, NFT_REG_1);
        r.put_u32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
        r.put_u32(NFTA_PAYLOAD_OFFSET, offset);
        r.put_u32(NFTA_PAYLOAD_LEN, mask.len() as u32);
    });
    expression(r, "bitwise", |r| {
        r.put_u32(NFTA_BITWISE_SREG, NFT_REG_1);
        r.put_u32(NFTA_BITWISE_DREG, NFT_REG_1);
        r.put_u32(NFTA_BITWISE_LEN, mask.len() as u32);
        data(r, NFTA_BITWISE_MASK, &mask);
        data(r, NFTA_BITWISE_XOR, &vec![0; mask.len()]);
    });
    if protocol != 0 {
        put_port(r, set, protocol);
    }
}

/// Only packets of which this fact has this value; the register is used for it.
fn put_only(r: &mut Request, fact: u32, register: u32, value: u8) {
    expression(r, "meta", |r| {
        r.put_u32(NFTA_META_DREG, register);
        r.put_u32(NFTA_META_KEY, fact);
    });
    expression(r, "cmp", |r| {
        r.put_u32(NFTA_CMP_SREG, register);
        r.put_u32(NFTA_CMP_OP, NFT_CMP_EQ);
        data(r, NFTA_CMP_DATA, &[value]);
    });
}

/// Only packets of this protocol; their destination port goes behind the address.
fn put_port(r: &mut Request, set: Set, protocol: u8) {
    // The registers behind an address; the first ones hold it already.
    let (behind, free) = match set.ipv4 {
        true => (NFT_REG32_01, NFT_REG32_04),
        false => (NFT_REG32_04, NFT_REG32_04),
    };
    put_only(r, NFT_META_L4PROTO, free, protocol);
    expression(r, "payload", |r| {
        r.put_u32(NFTA_PAYLOAD_DREG, behind);
        r.put_u32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
        r.put_u32(NFTA_PAYLOAD_OFFSET, 2);
        r.put_u32(NFTA_PAYLOAD_LEN, 2);
    });
}

/// A verdict; `chain` is the set whose chain a packet goes to.
fn put_verdict(r: &mut Request, code: u32, chain: Option<Set>) {
    expression(r, "immediate", |r| {
        r.put_u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
        r.nest(NFTA_IMMEDIATE_DATA, |r| {
            r.nest(NFTA_DATA_VERDICT, |r| {
                r.put_u32(NFTA_VERDICT_CODE, code);
                if let Some(set) = chain {
                    r.put_text(NFTA_VERDICT_CHAIN, &set.to_string());
                }
            });
        });
    });
}

fn put_new_counter(r: &mut Request) {
    put_counter(r, &Dropped::default());
}

fn expression(r: &mut Request, name: &str, body: impl FnOnce(&mut Request)) {
    r.nest(NFTA_LIST_ELEM, |r| {
        r.put_text(NFTA_EXPR_NAME, name);
        r.nest(NFTA_EXPR_DATA, body);
    });
}

/// The rules of our chains, as far as they are as we make them, each by its set and the protocol
/// that it looks for.
#[derive(Default)]
pub(super) struct Rules {
    /// Those at the hook that drop.
    dropping: BTreeSet<(Set, u8)>,
    /// Those at the hook that lead to the chain of the set.
    leading: BTreeSet<(Set, u8)>,
    /// Those of the chain of a set that count.
    counting: BTreeSet<(Set, u8)>,
    /// The sets whose chain drops all packets; and those in whose chain another rule may decide
    /// before that.
    drops_all: BTreeSet<Set>,
    deciding: BTreeSet<Set>,
}

impl Rules {
    /// Takes a rule, in the order of its chain.
    pub(super) fn add(&mut self, rule: Attributes) {
        if let Some((set, protocol)) = looked_up(rule) {
            match verdict(rule) {
                Some(NF_DROP) => _ = self.dropping.insert((set, protocol)),
                _ if leads(rule) => _ = self.leading.insert((set, protocol)),
                _ => (),
            }
        }
        let Some(set) = rule.text(NFTA_RULE_CHAIN).and_then(Set::named) else {
            return;
        };
        if self.deciding.contains(&set) || self.drops_all.contains(&set) {
            return;
        }
        if let Some(protocol) = counted(rule, set) {
            self.counting.insert((set, protocol));
        } else if drops_all(rule) {
            self.drops_all.insert(set);
        } else if !is_harmless(rule) {
            self.deciding.insert(set);
        }
    }

    /// Notes that the rules of a set were made, by which its packets are `counted` or not.
    pub(super) fn made(&mut self, set: Set, counted: bool) {
        let rules = set.protocols().iter().map(|protocol| (set, *protocol));
        self.dropping.retain(|(other, _)| *other != set);
        if counted {
            self.leading.extend(rules.clone());
            self.counting.extend(rules);
            self.drops_all.insert(set);
        } else {
            self.dropping.extend(rules);
        }
    }

    /// Whether the packets that a set's rule for this protocol looks for are dropped.
    pub(super) fn drop(&self, set: Set, protocol: u8) -> bool {
        let rule = (set, protocol);
        self.dropping.contains(&rule)
            || self.leading.contains(&rule) && self.drops_all.contains(&set)
    }

    /// Whether a rule at the hook leads to the chain of the set.
    pub(super) fn lead(&self, set: Set, protocol: u8) -> bool {
        self.leading.contains(&(set, protocol))
    }

    /// Whether all packets from those in a set are counted for each of them, and dropped.
    pub(super) fn count(&self, set: Set) -> bool {
        let all = |rules: &BTreeSet<(Set, u8)>| {
            let mut protocols = set.protocols().iter();
            protocols.all(|protocol| rules.contains(&(set, *protocol)))
        };
        let plain = self.dropping.iter().any(|(dropped, _)| *dropped == set);
        self.drops_all.contains(&set) && !plain && all(&self.leading) && all(&self.counting)
    }
}

/// The set in which a rule at the hook looks up sources, all of them, and the protocol that it
/// looks for; `None` if it does something else.
fn looked_up(rule: Attributes) -> Option<(Set, u8)> {
    if rule.text(NFTA_RULE_CHAIN) != Some(CHAIN) {
        return None;
    }
    let (_, lookup) = expressions(rule).find(|(name, _)| *name == "lookup")?;
    let set = Set::named(lookup.text(NFTA_LOOKUP_SET)?)?;
    let is_plain = lookup.u32(NFTA_LOOKUP_FLAGS).unwrap_or(0) == 0;
    let protocol = source(rule, set, &["lookup", "counter", "immediate"])?;
    is_plain.then_some((set, protocol))
}

/// The protocol for which a rule loads keys of this set from all packets; `None` if it looks at
/// anything else, or has other expressions beside these.
fn source(rule: Attributes, set: Set, beside: &[&str]) -> Option<u8> {
    let (family, offset, mask) = compared(set);
    let is = |a: Attributes<'_>, kind, wanted: &[u8]| {
        a.nested(kind).get(NFTA_DATA_VALUE) == Some(wanted)
    };
    // Each part is one that our own rule has: one that is negated, or looks at anything else, drops
    // less. The program nft loads the protocol first, and no mask where it is all ones.
    let (mut keys, mut values, mut places, mut masks) = (vec![], vec![], vec![], 0);
    let is_plain = expressions(rule).all(|(name, a)| match name {
        "meta" => {
            keys.push(a.u32(NFTA_META_KEY));
            true
        }
        "cmp" => {
            values.push(a.nested(NFTA_CMP_DATA).get(NFTA_DATA_VALUE));
            a.u32(NFTA_CMP_OP) == Some(NFT_CMP_EQ)
        }
        "payload" => {
            let place = [NFTA_PAYLOAD_BASE, NFTA_PAYLOAD_OFFSET, NFTA_PAYLOAD_LEN];
            places.push(place.map(|kind| a.u32(kind).unwrap_or(u32::MAX)));
            true
        }
        "bitwise" => {
            masks += 1;
            is(a, NFTA_BITWISE_MASK, &mask) && is(a, NFTA_BITWISE_XOR, &vec![0; mask.len()])
        }
        name => beside.contains(&name),
    });
    let is_masked = masks > 0 || mask.iter().all(|byte| *byte == 0xff);
    let own = 1 + usize::from(set.ports);
    if !is_plain || !is_masked || keys.len() != own || values.len() != own {
        return None;
    }
    let value = |wanted| {
        let at = keys.iter().position(|key| *key == Some(wanted))?;
        match values[at] {
            Some([value]) => Some(*value),
            _ => None,
        }
    };
    let protocol = match set.ports {
        true => value(NFT_META_L4PROTO)?,
        false => 0,
    };
    let source = [NFT_PAYLOAD_NETWORK_HEADER, offset, mask.len() as u32];
    let port = [NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2];
    let is_ours = value(NFT_META_NFPROTO)? == family && places == [source, port][..own];
    is_ours.then_some(protocol)
}

/// The protocol for which a rule counts the packets of each element of a set.
fn counted(rule: Attributes, set: Set) -> Option<u8> {
    let (_, dynset) = expressions(rule).find(|(name, _)| *name == "dynset")?;
    let hits = set.with(Role::Hits).to_string();
    let is_ours = dynset.text(NFTA_DYNSET_SET_NAME) == Some(&hits)
        && dynset.u32(NFTA_DYNSET_OP) == Some(NFT_DYNSET_OP_UPDATE);
    source(rule, set, &["dynset"]).filter(|_| is_ours)
}

/// Whether a rule of the chain at the hook leads the packets from those in a set to its chain.
pub(super) fn leads(rule: Attributes) -> bool {
    let Some((set, _)) = looked_up(rule) else {
        return false;
    };
    let chain = verdicts(rule).filter_map(|v| v.text(NFTA_VERDICT_CHAIN));
    verdict(rule) == Some(NFT_GOTO) && chain.last() == Some(&set.to_string())
}

/// Whether a rule drops all packets.
fn drops_all(rule: Attributes) -> bool {
    let is_plain = |(name, _)| ["counter", "log", "immediate"].contains(&name);
    expressions(rule).all(is_plain) && verdict(rule) == Some(NF_DROP)
}

/// Whether a rule decides nothing about packets.
fn is_harmless(rule: Attributes) -> bool {
    let known = [
        "meta", "cmp", "payload", "bitwise", "ct", "counter", "limit", "log", "dynset",
    ];
    expressions(rule).all(|(name, _)| known.contains(&name))
}

pub(super) fn expressions(rule: Attributes<'_>) -> impl Iterator<Item = (&str, Attributes<'_>)> {
    rule.nested(NFTA_RULE_EXPRESSIONS)
        .filter_map(|(_, expression)| {
            let expression = Attributes::new(expression);
            let name = expression.text(NFTA_EXPR_NAME)?;
            Some((name, expression.nested(NFTA_EXPR_DATA)))
        })
}

/// The last verdict of a rule, if it does not depend on a map.
pub(super) fn verdict(rule: Attributes) -> Option<u32> {
    verdicts(rule)
        .filter_map(|v| v.u32(NFTA_VERDICT_CODE))
        .last()
}

fn verdicts(rule: Attributes<'_>) -> impl Iterator<Item = Attributes<'_>> {
    let verdicts = expressions(rule).filter(|(name, _)| *name == "immediate");
    verdicts.map(|(_, data)| data.nested(NFTA_IMMEDIATE_DATA).nested(NFTA_DATA_VERDICT))
}
