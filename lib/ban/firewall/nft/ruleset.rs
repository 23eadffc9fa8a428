//! Messages about table, chains, sets and rules: to make them, to ask for them, to recognise them.

use super::header::*;
use super::set::{Set, data};
use crate::firewall::netlink::{Attributes, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, Request};
use pipeban::address::{mask4, mask6};

/// A transaction that the kernel refuses if the ruleset is no longer of this generation.
pub(super) fn batch(generation: u32, body: impl FnOnce(&mut Request)) -> Request {
    Request::batch(NFNL_SUBSYS_NFTABLES, generation, body)
}

/// The generation after a transaction; the kernel skips 0.
pub(super) fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

/// Makes the table, or wakes one that is dormant.
pub(super) fn put_table(r: &mut Request) {
    r.message(NFT_MSG_NEWTABLE, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_TABLE_NAME, TABLE);
        r.put_u32(NFTA_TABLE_FLAGS, 0);
    });
}

/// Makes the chain that drops.
pub(super) fn put_chain(r: &mut Request) {
    r.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_CHAIN_TABLE, TABLE);
        r.put_text(NFTA_CHAIN_NAME, CHAIN);
        r.put_text(NFTA_CHAIN_TYPE, "filter");
        r.put_u32(NFTA_CHAIN_POLICY, NF_ACCEPT);
        r.nest(NFTA_CHAIN_HOOK, |r| {
            r.put_u32(NFTA_HOOK_HOOKNUM, NF_INET_PRE_ROUTING);
            r.put_u32(NFTA_HOOK_PRIORITY, NF_IP_PRI_RAW as u32);
        });
    });
}

/// Makes a chain without a hook, a mark with the token of this number, in place of an `old` one.
pub(super) fn put_mark(r: &mut Request, mark: &str, old: bool, number: u64) {
    if old {
        delete_mark(r, mark);
    }
    r.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_CHAIN_TABLE, TABLE);
        r.put_text(NFTA_CHAIN_NAME, mark);
        r.put(
            NFTA_CHAIN_USERDATA,
            &[TOKEN, &number.to_ne_bytes()].concat(),
        );
    });
}

/// Deletes a mark.
pub(super) fn delete_mark(r: &mut Request, mark: &str) {
    r.message(NFT_MSG_DELCHAIN, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_CHAIN_TABLE, TABLE);
        r.put_text(NFTA_CHAIN_NAME, mark);
    });
}

/// Makes a set for elements with timeouts, each with a counter if they are to be `counted`.
pub(super) fn put_set(r: &mut Request, set: Set, counted: bool) {
    let (kind, len) = set.key();
    r.message(NFT_MSG_NEWSET, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE);
        r.put_text(NFTA_SET_NAME, &set.to_string());
        r.put_u32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT);
        r.put_u32(NFTA_SET_KEY_TYPE, kind);
        r.put_u32(NFTA_SET_KEY_LEN, len);
        r.put_u32(NFTA_SET_ID, 1);
        if counted {
            r.nest(NFTA_SET_EXPR, |r| {
                r.put_text(NFTA_EXPR_NAME, "counter");
                r.nest(NFTA_EXPR_DATA, put_counter);
            });
        }
    });
}

/// A counter that begins at 0.
fn put_counter(r: &mut Request) {
    r.put(NFTA_COUNTER_BYTES, &[0; 8]);
    r.put(NFTA_COUNTER_PACKETS, &[0; 8]);
}

/// Deletes a set that no rule uses.
pub(super) fn delete_set(r: &mut Request, set: Set) {
    r.message(NFT_MSG_DELSET, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE);
        r.put_text(NFTA_SET_NAME, &set.to_string());
    });
}

/// Deletes all rules of the chain that drops.
pub(super) fn delete_rules(r: &mut Request) {
    r.message(NFT_MSG_DELRULE, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_RULE_TABLE, TABLE);
        r.put_text(NFTA_RULE_CHAIN, CHAIN);
    });
}

/// The part of a packet that is looked up in a set: its family, the offset of the source address in
/// the header, and the mask.
fn compared(set: Set) -> (u8, u32, Vec<u8>) {
    if set.ipv4 {
        (NFPROTO_IPV4, 12, mask4(set.len).to_be_bytes().to_vec())
    } else {
        (NFPROTO_IPV6, 8, mask6(set.len).to_be_bytes().to_vec())
    }
}

/// `ip saddr & MASK @SET counter drop`, or the same of IPv6; with ports, for TCP and UDP,
/// `meta l4proto tcp ip saddr & MASK . th dport @SET counter drop`.
pub(super) fn put_rules(r: &mut Request, set: Set) {
    for protocol in set.protocols() {
        put_rule(r, set, *protocol);
    }
}

/// The rule of a set for this protocol: 0 is all, the set has no ports then.
pub(super) fn put_rule(r: &mut Request, set: Set, protocol: u8) {
    let (family, offset, mask) = compared(set);
    r.message(
        NFT_MSG_NEWRULE,
        NLM_F_CREATE | NLM_F_APPEND,
        NFPROTO_INET,
        |r| {
            r.put_text(NFTA_RULE_TABLE, TABLE);
            r.put_text(NFTA_RULE_CHAIN, CHAIN);
            r.nest(NFTA_RULE_EXPRESSIONS, |r| {
                expression(r, "meta", |r| {
                    r.put_u32(NFTA_META_DREG, NFT_REG_1);
                    r.put_u32(NFTA_META_KEY, NFT_META_NFPROTO);
                });
                expression(r, "cmp", |r| {
                    r.put_u32(NFTA_CMP_SREG, NFT_REG_1);
                    r.put_u32(NFTA_CMP_OP, NFT_CMP_EQ);
                    data(r, NFTA_CMP_DATA, &[family]);
                });
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
                expression(r, "lookup", |r| {
                    r.put_text(NFTA_LOOKUP_SET, &set.to_string());
                    r.put_u32(NFTA_LOOKUP_SREG, NFT_REG_1);
                });
                expression(r, "counter", put_counter);
                expression(r, "immediate", |r| {
                    r.put_u32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
                    r.nest(NFTA_IMMEDIATE_DATA, |r| {
                        r.nest(NFTA_DATA_VERDICT, |r| r.put_u32(NFTA_VERDICT_CODE, NF_DROP));
                    });
                });
            });
        },
    );
}

/// Only packets of this protocol; their destination port goes behind the address.
fn put_port(r: &mut Request, set: Set, protocol: u8) {
    // The registers behind an address; the first ones hold it already.
    let (behind, free) = match set.ipv4 {
        true => (NFT_REG32_01, NFT_REG32_04),
        false => (NFT_REG32_04, NFT_REG32_04),
    };
    expression(r, "meta", |r| {
        r.put_u32(NFTA_META_DREG, free);
        r.put_u32(NFTA_META_KEY, NFT_META_L4PROTO);
    });
    expression(r, "cmp", |r| {
        r.put_u32(NFTA_CMP_SREG, free);
        r.put_u32(NFTA_CMP_OP, NFT_CMP_EQ);
        data(r, NFTA_CMP_DATA, &[protocol]);
    });
    expression(r, "payload", |r| {
        r.put_u32(NFTA_PAYLOAD_DREG, behind);
        r.put_u32(NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
        r.put_u32(NFTA_PAYLOAD_OFFSET, 2);
        r.put_u32(NFTA_PAYLOAD_LEN, 2);
    });
}

fn expression(r: &mut Request, name: &str, body: impl FnOnce(&mut Request)) {
    r.nest(NFTA_LIST_ELEM, |r| {
        r.put_text(NFTA_EXPR_NAME, name);
        r.nest(NFTA_EXPR_DATA, body);
    });
}

/// Asks for the generation of the ruleset.
pub(super) fn get_generation() -> Request {
    let mut r = Request::default();
    r.message(NFT_MSG_GETGEN, 0, 0, |_| ());
    r
}

pub(super) fn generation(a: Attributes) -> u32 {
    a.u32(NFTA_GEN_ID).unwrap_or(0)
}

/// Asks for our table, chains, rules and sets; ENOENT says that one is missing.
pub(super) fn get_all() -> [Request; 3] {
    let mut requests = <[Request; 3]>::default();
    let [single, rules, sets] = &mut requests;
    single.message(NFT_MSG_GETTABLE, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_TABLE_NAME, TABLE)
    });
    for name in [CHAIN, RESTORED, UNENTERED] {
        single.message(NFT_MSG_GETCHAIN, 0, NFPROTO_INET, |r| {
            r.put_text(NFTA_CHAIN_TABLE, TABLE);
            r.put_text(NFTA_CHAIN_NAME, name);
        });
    }
    rules.message(NFT_MSG_GETRULE, NLM_F_DUMP, NFPROTO_INET, |r| {
        r.put_text(NFTA_RULE_TABLE, TABLE);
        r.put_text(NFTA_RULE_CHAIN, CHAIN);
    });
    sets.message(NFT_MSG_GETSET, NLM_F_DUMP, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE)
    });
    requests
}

pub(super) fn is_awake(table: Attributes) -> bool {
    table.u32(NFTA_TABLE_FLAGS) == Some(0)
}

/// Whether this is the chain that drops; the answer is whether it is of the kind that we make.
pub(super) fn hooked(chain: Attributes) -> Option<bool> {
    let hook = chain.nested(NFTA_CHAIN_HOOK);
    (chain.text(NFTA_CHAIN_NAME) == Some(CHAIN)).then(|| {
        hook.u32(NFTA_HOOK_HOOKNUM) == Some(NF_INET_PRE_ROUTING)
            && hook.u32(NFTA_HOOK_PRIORITY) == Some(NF_IP_PRI_RAW as u32)
    })
}

/// The handle of a table: another table of the same name has another one.
pub(super) fn handle(table: Attributes) -> Option<u64> {
    table.u64(NFTA_TABLE_HANDLE)
}

/// Whether this chain is this mark; the answer is the number of its token, if it has one. That of
/// an older version has none, and counts as 0.
pub(super) fn marked(chain: Attributes, mark: &str) -> Option<Option<u64>> {
    (chain.text(NFTA_CHAIN_NAME) == Some(mark)).then(|| {
        let number = chain.get(NFTA_CHAIN_USERDATA)?.strip_prefix(TOKEN)?;
        Some(number.try_into().map_or(0, u64::from_ne_bytes))
    })
}

/// Asks for one set.
pub(super) fn get_set(set: Set) -> Request {
    let mut r = Request::default();
    r.message(NFT_MSG_GETSET, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE);
        r.put_text(NFTA_SET_NAME, &set.to_string());
    });
    r
}

/// The set of this name, if it is one of ours.
pub(super) fn set(a: Attributes) -> Option<Set> {
    Set::named(a.text(NFTA_SET_NAME)?)
}

/// Whether a set is of the kind that we make: one with timeouts, without intervals, of such keys.
pub(super) fn is_of_our_kind(a: Attributes, set: Set) -> bool {
    let others = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL | NFT_SET_MAP;
    let flags = a.u32(NFTA_SET_FLAGS).unwrap_or(0);
    flags & (others | NFT_SET_TIMEOUT) == NFT_SET_TIMEOUT
        && a.u32(NFTA_SET_KEY_LEN) == Some(set.key().1)
}

/// Whether the elements of a set have counters.
pub(super) fn counts(set: Attributes) -> bool {
    set.get(NFTA_SET_EXPR).is_some()
}

/// The number of a set's elements, also of those that have ended and are not yet removed; kernels
/// from 6.17 on tell it.
pub(super) fn count(set: Attributes) -> Option<usize> {
    set.u32(NFTA_SET_COUNT)?.try_into().ok()
}

/// The set whose addresses a rule drops, all of them and whatever the packet, and the protocol that
/// it looks for; `None` if the rule does something else.
pub(super) fn dropped_by(rule: Attributes) -> Option<(Set, u8)> {
    let set = expressions(rule).find(|(name, _)| *name == "lookup");
    let set = Set::named(set?.1.text(NFTA_LOOKUP_SET)?)?;
    let (family, offset, mask) = compared(set);
    let length = mask.len() as u32;
    let is = |a: Attributes<'_>, kind, wanted: &[u8]| {
        a.nested(kind).get(NFTA_DATA_VALUE) == Some(wanted)
    };
    // Each part is one that our own rule has, in the same order: one that is negated, or looks at
    // anything else, drops less.
    let mut keys = Vec::new();
    let mut values = Vec::new();
    let mut places = Vec::new();
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
            is(a, NFTA_BITWISE_MASK, &mask) && is(a, NFTA_BITWISE_XOR, &vec![0; mask.len()])
        }
        "lookup" => a.u32(NFTA_LOOKUP_FLAGS).unwrap_or(0) == 0,
        name => ["counter", "immediate"].contains(&name),
    });
    let own = 1 + usize::from(set.ports);
    let protocol = match values.get(1).copied().flatten() {
        Some([protocol]) if set.ports => *protocol,
        _ => 0,
    };
    let source = [NFT_PAYLOAD_NETWORK_HEADER, offset, length];
    let port = [NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2];
    let is_ours = keys == [Some(NFT_META_NFPROTO), Some(NFT_META_L4PROTO)][..own]
        && values == [Some(&[family][..]), Some(&[protocol][..])][..own]
        && places == [source, port][..own];
    (is_plain && is_ours && verdict(rule) == Some(NF_DROP)).then_some((set, protocol))
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
    let verdicts = expressions(rule).filter(|(name, _)| *name == "immediate");
    let verdicts =
        verdicts.map(|(_, data)| data.nested(NFTA_IMMEDIATE_DATA).nested(NFTA_DATA_VERDICT));
    verdicts.filter_map(|v| v.u32(NFTA_VERDICT_CODE)).last()
}
