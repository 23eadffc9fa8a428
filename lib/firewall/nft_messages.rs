//! The messages of nf_tables that `nft.rs` sends and reads, by the numbers of linux/netfilter/nf_tables.h.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::Ban;
use super::netlink::{APPEND, Attributes, CREATE, DUMP, EXCL, Request};
use crate::address::{Address, mask4, mask6};

const TABLE: &str = "pipeban";
const CHAIN: &str = "prerouting";
const MARK: &str = "restored";

const SUBSYSTEM: u8 = 10;
const INET: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
const NETDEV: u8 = 5;
const BRIDGE: u8 = 7;
const PREROUTING: u32 = 0;
const INGRESS: u32 = 5;
const PRIORITY_RAW: i32 = -300;
const DROP: u32 = 0;
const ACCEPT: u32 = 1;
const REGISTER: u32 = 1;
const SET_TIMEOUT: u32 = 0x10;

pub const NEW_TABLE: u16 = 0x0a00;
const GET_TABLE: u16 = 0x0a01;
pub const NEW_CHAIN: u16 = 0x0a03;
const GET_CHAIN: u16 = 0x0a04;
pub const NEW_RULE: u16 = 0x0a06;
const GET_RULE: u16 = 0x0a07;
pub const NEW_SET: u16 = 0x0a09;
const GET_SET: u16 = 0x0a0a;
const NEW_ELEMENTS: u16 = 0x0a0c;
const GET_ELEMENTS: u16 = 0x0a0d;
const DEL_ELEMENTS: u16 = 0x0a0e;
const GET_GENERATION: u16 = 0x0a10;
const GET_FLOW_TABLE: u16 = 0x0a17;

// Attributes; the table's name is the first of each kind of message.
const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LEN: u16 = 5;
const SET_ID: u16 = 10;
const ELEMENTS_SET: u16 = 2;
const ELEMENTS: u16 = 3;
const ELEMENT_KEY: u16 = 1;
const ELEMENT_TIMEOUT: u16 = 4;
const ELEMENT_EXPIRATION: u16 = 5;
const LIST_ITEM: u16 = 1;
const DATA_VALUE: u16 = 1;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const LOOKUP_SET: u16 = 1;
const IMMEDIATE_DATA: u16 = 2;
const GENERATION_ID: u16 = 1;
const FLOW_TABLE_NAME: u16 = 2;

/// A set by family and prefix length: all that tells it from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Set {
    ipv4: bool,
    len: u8,
}

impl Set {
    fn of(address: Address) -> Self {
        Set {
            ipv4: address.is_ipv4(),
            len: address.prefix_len(),
        }
    }

    fn named(name: &str) -> Option<Self> {
        let (family, len) = name.split_once('_')?;
        let set = Set {
            ipv4: family == "ipv4",
            len: len.parse().ok()?,
        };
        (set.to_string() == name && set.len <= if set.ipv4 { 32 } else { 128 }).then_some(set)
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ipv{}_{}", if self.ipv4 { 4 } else { 6 }, self.len)
    }
}

/// What to put into a set.
pub struct Element {
    pub address: Address,
    pub set: Set,
    time: Option<Duration>,
}

impl Element {
    /// As the kernel is told: in whole milliseconds, `None` for ever.
    pub fn time(&self) -> Option<Duration> {
        self.time
            .map(|time| Duration::from_millis(milliseconds(time)))
    }
}

impl From<&Ban> for Element {
    fn from((address, time): &Ban) -> Self {
        Element {
            address: *address,
            set: Set::of(*address),
            time: *time,
        }
    }
}

/// A transaction that holds only if the ruleset is still of this generation.
pub fn batch(generation: u32, body: impl FnOnce(&mut Request)) -> Request {
    Request::batch(SUBSYSTEM, generation, body)
}

/// The generation after a transaction; the kernel leaves out 0.
pub fn next(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

/// Makes the table, or wakes one that is dormant.
pub fn put_table(r: &mut Request) {
    r.message(NEW_TABLE, CREATE, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_u32(TABLE_FLAGS, 0);
    });
}

pub fn put_chain(r: &mut Request) {
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

pub fn put_mark(r: &mut Request) {
    r.message(NEW_CHAIN, CREATE, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(CHAIN_NAME, MARK);
    });
}

pub fn put_set(r: &mut Request, set: Set) {
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
pub fn put_rule(r: &mut Request, set: Set) {
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

fn data(r: &mut Request, kind: u16, value: &[u8]) {
    r.nest(kind, |r| r.put(DATA_VALUE, value));
}

/// Puts elements into their set, which is that of the first; `new` fails with EEXIST if one is there.
pub fn put_elements(r: &mut Request, elements: &[Element], new: bool) {
    let flags = if new { CREATE | EXCL } else { CREATE };
    r.message(NEW_ELEMENTS, flags, INET, |r| {
        write_elements(r, elements, true);
    });
}

/// Deletes elements from their set, which is that of the first; fails with ENOENT if one is missing.
pub fn delete_elements(r: &mut Request, elements: &[Element]) {
    r.message(DEL_ELEMENTS, 0, INET, |r| {
        write_elements(r, elements, false);
    });
}

fn write_elements(r: &mut Request, elements: &[Element], timed: bool) {
    r.put_text(TABLE_NAME, TABLE);
    r.put_text(ELEMENTS_SET, &elements[0].set.to_string());
    r.nest(ELEMENTS, |r| {
        for element in elements {
            r.nest(LIST_ITEM, |r| {
                match element.address.ip() {
                    IpAddr::V4(ip) => data(r, ELEMENT_KEY, &ip.octets()),
                    IpAddr::V6(ip) => data(r, ELEMENT_KEY, &ip.octets()),
                }
                if let Some(time) = element.time.filter(|_| timed) {
                    r.put(ELEMENT_TIMEOUT, &milliseconds(time).to_be_bytes());
                }
            });
        }
    });
}

/// The kernel takes what is less than one of its ticks, at most 10 ms, for no timeout at all, and multiplies to
/// nanoseconds: a century is far enough.
fn milliseconds(time: Duration) -> u64 {
    const CENTURY: u128 = 100 * 365 * 86_400_000;
    time.as_millis().clamp(20, CENTURY) as u64
}

pub fn get_generation() -> Request {
    let mut r = Request::default();
    r.message(GET_GENERATION, 0, 0, |_| ());
    r
}

pub fn generation(a: Attributes) -> u32 {
    a.u32(GENERATION_ID).unwrap_or(0)
}

/// Asks for table, chains, rules and sets of ours; ENOENT says that one is missing.
pub fn get_all() -> [Request; 3] {
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

pub fn is_awake(table: Attributes) -> bool {
    table.u32(TABLE_FLAGS) == Some(0)
}

pub fn is_hooked(chain: Attributes) -> bool {
    let hook = chain.nested(CHAIN_HOOK);
    chain.text(CHAIN_NAME) == Some(CHAIN)
        && hook.u32(HOOK_NUMBER) == Some(PREROUTING)
        && hook.u32(HOOK_PRIORITY) == Some(PRIORITY_RAW as u32)
}

pub fn is_mark(chain: Attributes) -> bool {
    chain.text(CHAIN_NAME) == Some(MARK)
}

pub fn set(a: Attributes) -> Option<Set> {
    Set::named(a.text(SET_NAME)?)
}

/// The set whose addresses a rule drops, if it is such a rule.
pub fn dropped_by(rule: Attributes) -> Option<Set> {
    let set = expressions(rule).find(|(name, _)| *name == "lookup");
    let set = Set::named(set?.1.text(LOOKUP_SET)?)?;
    (verdict(rule) == Some(DROP)).then_some(set)
}

fn expressions(rule: Attributes<'_>) -> impl Iterator<Item = (&str, Attributes<'_>)> {
    rule.nested(RULE_EXPRESSIONS).filter_map(|(_, expression)| {
        let expression = Attributes::new(expression);
        let name = expression.text(EXPRESSION_NAME)?;
        Some((name, expression.nested(EXPRESSION_DATA)))
    })
}

/// What a rule says in the end, if that does not depend on a map.
fn verdict(rule: Attributes) -> Option<u32> {
    let verdicts = expressions(rule).filter(|(name, _)| *name == "immediate");
    let verdicts = verdicts.map(|(_, data)| data.nested(IMMEDIATE_DATA).nested(DATA_VERDICT));
    verdicts.filter_map(|v| v.u32(VERDICT_CODE)).last()
}

/// A base chain of anybody's.
pub struct Chain {
    pub name: String,
    pub is_ours: bool,
    family: u8,
    hook: u32,
    priority: i32,
}

impl Chain {
    pub fn read(family: u8, a: Attributes) -> Option<Self> {
        let hook = a.nested(CHAIN_HOOK);
        let (table, chain) = (a.text(TABLE_NAME)?, a.text(CHAIN_NAME)?);
        Some(Chain {
            name: full_name(family, table, chain),
            is_ours: (family, table, chain) == (INET, TABLE, CHAIN),
            family,
            hook: hook.u32(HOOK_NUMBER)?,
            priority: hook.u32(HOOK_PRIORITY)? as i32,
        })
    }

    /// Whether incoming packets meet this chain before ours.
    pub fn is_before_ours(&self) -> bool {
        match self.family {
            INET | IPV4 | IPV6 => {
                self.hook == INGRESS || self.hook == PREROUTING && self.priority < PRIORITY_RAW
            }
            NETDEV => self.hook == PREROUTING,
            _ => false,
        }
    }
}

/// A rule of anybody's.
pub struct Rule {
    pub chain: String,
    pub accepts: bool,
    /// It returns, or jumps elsewhere.
    pub leads_away: bool,
    /// It asks for the state of a connection.
    pub of_connections: bool,
}

impl Rule {
    pub fn read(family: u8, a: Attributes) -> Option<Self> {
        let verdict = verdict(a);
        Some(Rule {
            chain: full_name(family, a.text(TABLE_NAME)?, a.text(RULE_CHAIN)?),
            accepts: verdict == Some(ACCEPT),
            // All verdicts that only nf_tables has are negative numbers.
            leads_away: verdict.is_some_and(|v| (v as i32) < 0),
            of_connections: expressions(a).any(|(name, _)| name == "ct"),
        })
    }
}

/// The name of a table that forwards packets on its own.
pub fn flow_table(family: u8, a: Attributes) -> Option<String> {
    Some(full_name(
        family,
        a.text(TABLE_NAME)?,
        a.text(FLOW_TABLE_NAME)?,
    ))
}

fn full_name(family: u8, table: &str, name: &str) -> String {
    let family = match family {
        INET => "inet",
        IPV4 => "ip",
        IPV6 => "ip6",
        NETDEV => "netdev",
        BRIDGE => "bridge",
        _ => "other",
    };
    format!("{family} {table} {name}")
}

/// Asks for all chains, rules and flow tables of everybody.
pub fn get_everything() -> [Request; 3] {
    [GET_CHAIN, GET_RULE, GET_FLOW_TABLE].map(|kind| {
        let mut r = Request::default();
        r.message(kind, DUMP, 0, |_| ());
        r
    })
}

/// Asks for one element; ENOENT says that it, or its set, is missing.
pub fn get_element(element: &Element) -> Request {
    let mut r = Request::default();
    r.message(GET_ELEMENTS, 0, INET, |r| {
        write_elements(r, std::slice::from_ref(element), false);
    });
    r
}

pub fn get_elements(set: Set) -> Request {
    let mut r = Request::default();
    r.message(GET_ELEMENTS, DUMP, INET, |r| {
        r.put_text(TABLE_NAME, TABLE);
        r.put_text(ELEMENTS_SET, &set.to_string());
    });
    r
}

/// The bans in a part of a set's dump.
pub fn elements(a: Attributes, set: Set) -> impl Iterator<Item = Ban> {
    a.nested(ELEMENTS).filter_map(move |(_, element)| {
        let element = Attributes::new(element);
        let key = element.nested(ELEMENT_KEY).get(DATA_VALUE)?;
        let ip = if set.ipv4 {
            IpAddr::from(<[u8; 4]>::try_from(key).ok()?)
        } else {
            IpAddr::from(<[u8; 16]>::try_from(key).ok()?)
        };
        let left = element.u64(ELEMENT_EXPIRATION).map(Duration::from_millis);
        Some((Address::network(ip, set.len)?, left))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_sets() {
        for name in ["ipv4_32", "ipv4_0", "ipv6_64", "ipv6_128"] {
            assert_eq!(
                Set::named(name).map(|s| s.to_string()).as_deref(),
                Some(name)
            );
        }
        for name in [
            "ipv4_33", "ipv6_129", "ipv4_032", "ipv5_1", "ipv4_", "other",
        ] {
            assert_eq!(Set::named(name), None, "{name}");
        }
    }

    #[test]
    fn times_neither_vanish_nor_wrap() {
        assert_eq!(milliseconds(Duration::ZERO), 20);
        assert_eq!(milliseconds(Duration::from_secs(3_600)), 3_600_000);
        let century = 100 * 365 * 86_400_000;
        assert_eq!(milliseconds(Duration::from_secs(century)), century);
        assert_eq!(milliseconds(Duration::MAX), century);
    }
}
