//! The messages about all of ours that has to stand: to make it, to ask for it, and to know it again.

use super::elements::Set;
use super::numbers::*;
use crate::firewall::netlink::{APPEND, Attributes, CREATE, DUMP, Request};
use pipeban::address::{mask4, mask6};

/// A transaction that holds only if the ruleset is still of this generation.
pub(super) fn batch(generation: u32, body: impl FnOnce(&mut Request)) -> Request {
    Request::batch(SUBSYSTEM, generation, body)
}

/// The generation after a transaction; the kernel leaves out 0.
pub(super) fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

/// Makes the table, or wakes one that is dormant.
pub(super) fn put_table(r: &mut Request) {
    r.message(NEW_TABLE, CREATE, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_u32(TABLE_FLAGS, 0);
    });
}

pub(super) fn put_chain(r: &mut Request) {
    r.message(NEW_CHAIN, CREATE, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(CHAIN_NAME, CHAIN);
        r.put_text(CHAIN_TYPE, "filter");
        r.put_u32(CHAIN_POLICY, ACCEPT);
        r.nest(CHAIN_HOOK, |r| {
            r.put_u32(HOOK_NUMBER, PREROUTING);
            r.put_u32(HOOK_PRIORITY, PRIORITY_RAW as u32);
        });
    });
}

pub(super) fn put_mark(r: &mut Request) {
    r.message(NEW_CHAIN, CREATE, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(CHAIN_NAME, MARK);
    });
}

pub(super) fn put_set(r: &mut Request, set: Set) {
    // Numbers of the nft program's own, by which it knows how to print a key.
    let (kind, len) = if set.ipv4 { (7, 4) } else { (8, 16) };
    r.message(NEW_SET, CREATE, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(SET_NAME, &set.to_string());
        r.put_u32(SET_FLAGS, SET_TIMEOUT);
        r.put_u32(SET_KEY_TYPE, kind);
        r.put_u32(SET_KEY_LEN, len);
        r.put_u32(SET_ID, 1);
    });
}

/// `ip saddr & MASK @SET counter drop`, or the same of IPv6.
pub(super) fn put_rule(r: &mut Request, set: Set) {
    let (family, offset, mask) = if set.ipv4 {
        (IPV4, 12, mask4(set.len).to_be_bytes().to_vec())
    } else {
        (IPV6, 8, mask6(set.len).to_be_bytes().to_vec())
    };
    r.message(NEW_RULE, CREATE | APPEND, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(RULE_CHAIN, CHAIN);
        r.nest(RULE_EXPRESSIONS, |r| {
            expression(r, "meta", |r| {
                r.put_u32(1, REGISTER);
                r.put_u32(2, 15); // the family of the packet
            });
            expression(r, "cmp", |r| {
                r.put_u32(1, REGISTER);
                r.put_u32(2, 0); // equal
                data(r, 3, &[family]);
            });
            expression(r, "payload", |r| {
                r.put_u32(1, REGISTER);
                r.put_u32(2, 1); // of the network header
                r.put_u32(3, offset);
                r.put_u32(4, mask.len() as u32);
            });
            expression(r, "bitwise", |r| {
                r.put_u32(1, REGISTER);
                r.put_u32(2, REGISTER);
                r.put_u32(3, mask.len() as u32);
                data(r, 4, &mask);
                data(r, 5, &vec![0; mask.len()]);
            });
            expression(r, "lookup", |r| {
                r.put_text(LOOKUP_SET, &set.to_string());
                r.put_u32(2, REGISTER);
            });
            expression(r, "counter", |r| {
                r.put(1, &[0; 8]);
                r.put(2, &[0; 8]);
            });
            expression(r, "immediate", |r| {
                r.put_u32(1, 0); // the verdict's register
                r.nest(IMMEDIATE_DATA, |r| {
                    r.nest(DATA_VERDICT, |r| r.put_u32(VERDICT_CODE, DROP));
                });
            });
        });
    });
}

fn expression(r: &mut Request, name: &str, body: impl FnOnce(&mut Request)) {
    r.nest(LIST_ITEM, |r| {
        r.put_text(EXPRESSION_NAME, name);
        r.nest(EXPRESSION_DATA, body);
    });
}

pub(super) fn data(r: &mut Request, kind: u16, value: &[u8]) {
    r.nest(kind, |r| r.put(DATA_VALUE, value));
}

pub(super) fn get_generation() -> Request {
    let mut r = Request::default();
    r.message(GET_GENERATION, 0, 0, |_| ());
    r
}

pub(super) fn generation(a: Attributes) -> u32 {
    a.u32(GENERATION_ID).unwrap_or(0)
}

/// Asks for table, chains, rules and sets of ours; ENOENT says that one is missing.
pub(super) fn get_all() -> [Request; 3] {
    let mut requests = <[Request; 3]>::default();
    let [single, rules, sets] = &mut requests;
    single.message(GET_TABLE, 0, INET, |r| r.put_text(TABLE_NAME, TABLE));
    for name in [CHAIN, MARK] {
        single.message(GET_CHAIN, 0, INET, |r| {
            r.put_text(TABLE_NAME, TABLE);
            r.put_text(CHAIN_NAME, name);
        });
    }
    rules.message(GET_RULE, DUMP, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(RULE_CHAIN, CHAIN);
    });
    sets.message(GET_SET, DUMP, INET, |r| r.put_text(TABLE_NAME, TABLE));
    requests
}

pub(super) fn is_awake(table: Attributes) -> bool {
    table.u32(TABLE_FLAGS) == Some(0)
}

pub(super) fn is_hooked(chain: Attributes) -> bool {
    let hook = chain.nested(CHAIN_HOOK);
    chain.text(CHAIN_NAME) == Some(CHAIN)
        && hook.u32(HOOK_NUMBER) == Some(PREROUTING)
        && hook.u32(HOOK_PRIORITY) == Some(PRIORITY_RAW as u32)
}

pub(super) fn is_mark(chain: Attributes) -> bool {
    chain.text(CHAIN_NAME) == Some(MARK)
}

pub(super) fn set(a: Attributes) -> Option<Set> {
    Set::named(a.text(SET_NAME)?)
}

/// The set whose addresses a rule drops, if it is such a rule.
pub(super) fn dropped_by(rule: Attributes) -> Option<Set> {
    let set = expressions(rule).find(|(name, _)| *name == "lookup");
    let set = Set::named(set?.1.text(LOOKUP_SET)?)?;
    (verdict(rule) == Some(DROP)).then_some(set)
}

pub(super) fn expressions(rule: Attributes<'_>) -> impl Iterator<Item = (&str, Attributes<'_>)> {
    rule.nested(RULE_EXPRESSIONS).filter_map(|(_, expression)| {
        let expression = Attributes::new(expression);
        let name = expression.text(EXPRESSION_NAME)?;
        Some((name, expression.nested(EXPRESSION_DATA)))
    })
}

/// What a rule says in the end, if that does not depend on a map.
pub(super) fn verdict(rule: Attributes) -> Option<u32> {
    let verdicts = expressions(rule).filter(|(name, _)| *name == "immediate");
    let verdicts = verdicts.map(|(_, data)| data.nested(IMMEDIATE_DATA).nested(DATA_VERDICT));
    verdicts.filter_map(|v| v.u32(VERDICT_CODE)).last()
}
