//! Messages about table, chains and sets: to make them, to ask for them, to recognise them.

use std::time::Duration;

use super::header::*;
use super::set::{Role, Set};
use crate::firewall::netlink::{Attributes, NLM_F_CREATE, NLM_F_DUMP, Request};

/// The kernel removes a counter if no packet has come for this time.
const HIT: Duration = Duration::from_secs(7 * 86_400);

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

/// Makes a set of bans, elements with timeouts.
pub(super) fn put_set(r: &mut Request, set: Set) {
    let (kind, len) = set.key();
    r.message(NFT_MSG_NEWSET, NLM_F_CREATE, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE);
        r.put_text(NFTA_SET_NAME, &set.to_string());
        r.put_u32(NFTA_SET_FLAGS, flags(set));
        r.put_u32(NFTA_SET_KEY_TYPE, kind);
        r.put_u32(NFTA_SET_KEY_LEN, len);
        r.put_u32(NFTA_SET_ID, 1);
        if set.role == Role::Hits {
            // Without a size the kernel makes room as it is used, for 65,535 at most.
            let time = HIT.as_millis() as u64;
            r.put(NFTA_SET_TIMEOUT, &time.to_be_bytes());
        }
    });
}

fn flags(set: Set) -> u32 {
    match set.role {
        Role::Hits => NFT_SET_TIMEOUT | NFT_SET_EVAL,
        Role::Bans | Role::Moving => NFT_SET_TIMEOUT,
    }
}

/// Deletes a set that no rule uses.
pub(super) fn delete_set(r: &mut Request, set: Set) {
    r.message(NFT_MSG_DELSET, 0, NFPROTO_INET, |r| {
        r.put_text(NFTA_SET_TABLE, TABLE);
        r.put_text(NFTA_SET_NAME, &set.to_string());
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
        r.put_text(NFTA_RULE_TABLE, TABLE)
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

/// Whether a set is of the kind that we make: with timeouts, without intervals, of such keys.
pub(super) fn is_of_our_kind(a: Attributes, set: Set) -> bool {
    let others = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL | NFT_SET_MAP;
    let flags = a.u32(NFTA_SET_FLAGS).unwrap_or(0);
    let ours = self::flags(set);
    flags & (others | ours) == ours && a.u32(NFTA_SET_KEY_LEN) == Some(set.key().1)
}

/// Whether each element of a set has a counter.
pub(super) fn counts(set: Attributes) -> bool {
    set.get(NFTA_SET_EXPR).is_some()
}

/// The number of a set's elements, also of those that have ended and are not yet removed; kernels
/// from 6.17 on tell it.
pub(super) fn count(set: Attributes) -> Option<usize> {
    set.u32(NFTA_SET_COUNT)?.try_into().ok()
}

/// The greatest number of a set's elements, if it has one.
pub(super) fn size(set: Attributes) -> Option<usize> {
    let size = set.nested(NFTA_SET_DESC).u32(NFTA_SET_DESC_SIZE);
    size?.try_into().ok()
}
