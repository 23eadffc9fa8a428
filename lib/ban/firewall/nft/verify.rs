//! What in the live ruleset would let a packet from a banned address through, in plain words.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::numbers::*;
use super::ruleset::{expressions, verdict};
use crate::firewall::netlink::{Attributes, DUMP, Request, Socket};

/// Looks at all base chains and rules of the network namespace.
pub(super) fn others(socket: &mut Socket) -> Result<Vec<String>, Errno> {
    let (mut chains, mut rules, mut shortcuts) = (Vec::new(), Vec::new(), Vec::new());
    for request in get_everything() {
        socket.ask(&request, |kind, family, a: Attributes| match kind {
            NEW_CHAIN => chains.extend(Chain::read(family, a)),
            NEW_RULE => rules.extend(Rule::read(family, a)),
            _ => shortcuts.extend(flow_table(family, a)),
        })?;
    }
    let mut found: BTreeSet<String> = shortcuts
        .into_iter()
        .map(|name| format!("flow table {name} forwards open connections past all rules"))
        .collect();
    for chain in &chains {
        let before = chain.is_before_ours();
        for rule in rules.iter().filter(|r| r.chain == chain.name) {
            let what = match (rule.accepts, rule.of_connections) {
                (true, true) => "accepts packets of open connections",
                (true, false) => "accepts packets",
                // Where it leads, somebody else decides.
                (false, _) if rule.leads_away && chain.is_ours => "leads packets away",
                _ => continue,
            };
            if before || chain.is_ours {
                found.insert(format!("chain {} {what} before the bans", chain.name));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// A base chain of anybody's.
pub(super) struct Chain {
    pub name: String,
    pub is_ours: bool,
    family: u8,
    hook: u32,
    priority: i32,
}

impl Chain {
    pub(super) fn read(family: u8, a: Attributes) -> Option<Self> {
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
    pub(super) fn is_before_ours(&self) -> bool {
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
pub(super) struct Rule {
    pub chain: String,
    pub accepts: bool,
    /// It returns, or jumps elsewhere.
    pub leads_away: bool,
    /// It asks for the state of a connection.
    pub of_connections: bool,
}

impl Rule {
    pub(super) fn read(family: u8, a: Attributes) -> Option<Self> {
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
pub(super) fn flow_table(family: u8, a: Attributes) -> Option<String> {
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
pub(super) fn get_everything() -> [Request; 3] {
    [GET_CHAIN, GET_RULE, GET_FLOW_TABLE].map(|kind| {
        let mut r = Request::default();
        r.message(kind, DUMP, 0, |_| ());
        r
    })
}
