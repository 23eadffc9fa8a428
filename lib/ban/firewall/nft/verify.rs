//! Chains and rules of the live ruleset that would let a packet from a banned address through, in
//! plain words.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::header::*;
use super::ruleset::{expressions, verdict};
use crate::firewall::netlink::{Attributes, NLM_F_DUMP, Request, Socket};

/// Looks at all base chains and rules of the network namespace.
pub(super) fn others(socket: &mut Socket) -> Result<Vec<String>, Errno> {
    let (mut chains, mut rules, mut shortcuts) = (Vec::new(), Vec::new(), Vec::new());
    for request in get_everything() {
        socket.ask(&request, |kind, family, a: Attributes| match kind {
            NFT_MSG_NEWCHAIN => chains.extend(Chain::read(family, a)),
            NFT_MSG_NEWRULE => rules.extend(Rule::read(family, a)),
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
                // Another chain then decides.
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

/// A base chain of any table.
pub(super) struct Chain {
    pub name: String,
    pub is_ours: bool,
    family: u8,
    hook: u32,
    priority: i32,
}

impl Chain {
    pub(super) fn read(family: u8, a: Attributes) -> Option<Self> {
        let hook = a.nested(NFTA_CHAIN_HOOK);
        let (table, chain) = (a.text(NFTA_CHAIN_TABLE)?, a.text(NFTA_CHAIN_NAME)?);
        Some(Chain {
            name: full_name(family, table, chain),
            is_ours: (family, table, chain) == (NFPROTO_INET, TABLE, CHAIN),
            family,
            hook: hook.u32(NFTA_HOOK_HOOKNUM)?,
            priority: hook.u32(NFTA_HOOK_PRIORITY)? as i32,
        })
    }

    /// Whether incoming packets meet this chain before ours.
    pub(super) fn is_before_ours(&self) -> bool {
        match self.family {
            NFPROTO_INET | NFPROTO_IPV4 | NFPROTO_IPV6 => {
                self.hook == NF_INET_INGRESS
                    || self.hook == NF_INET_PRE_ROUTING && self.priority < NF_IP_PRI_RAW
            }
            NFPROTO_NETDEV => self.hook == NF_NETDEV_INGRESS,
            _ => false,
        }
    }
}

/// A rule of any table.
pub(super) struct Rule {
    pub chain: String,
    pub accepts: bool,
    /// It returns, or jumps elsewhere.
    pub leads_away: bool,
    /// It looks at the state of the connection.
    pub of_connections: bool,
}

impl Rule {
    pub(super) fn read(family: u8, a: Attributes) -> Option<Self> {
        let verdict = verdict(a);
        Some(Rule {
            chain: full_name(family, a.text(NFTA_RULE_TABLE)?, a.text(NFTA_RULE_CHAIN)?),
            accepts: verdict == Some(NF_ACCEPT),
            // All verdicts that only nf_tables has are negative header.
            leads_away: verdict.is_some_and(|v| (v as i32) < 0),
            of_connections: expressions(a).any(|(name, _)| name == "ct"),
        })
    }
}

/// The name of a table that forwards packets on its own.
pub(super) fn flow_table(family: u8, a: Attributes) -> Option<String> {
    Some(full_name(
        family,
        a.text(NFTA_FLOWTABLE_TABLE)?,
        a.text(NFTA_FLOWTABLE_NAME)?,
    ))
}

fn full_name(family: u8, table: &str, name: &str) -> String {
    let family = match family {
        NFPROTO_INET => "inet",
        NFPROTO_IPV4 => "ip",
        NFPROTO_IPV6 => "ip6",
        NFPROTO_NETDEV => "netdev",
        NFPROTO_BRIDGE => "bridge",
        _ => "other",
    };
    format!("{family} {table} {name}")
}

/// Asks for all chains, rules and flow tables.
pub(super) fn get_everything() -> [Request; 3] {
    [NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETFLOWTABLE].map(|kind| {
        let mut r = Request::default();
        r.message(kind, NLM_F_DUMP, 0, |_| ());
        r
    })
}
