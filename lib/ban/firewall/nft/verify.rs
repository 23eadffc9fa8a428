//! Chains and rules of the live ruleset that would let a packet from a banned address through, in
//! plain words.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::header::*;
use super::rules::{expressions, leads, verdict};
use crate::firewall::netlink::{Attributes, NLM_F_DUMP, Request, Socket};

/// Looks at all base chains, rules and flow tables of the network namespace.
///
/// A rule of another chain that accepts a packet lets it through that chain only: ours still gets
/// it, as its chain hooks in first or is asked afterwards.
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
        let mut rules = rules.iter().filter(|r| r.chain == chain.name);
        if chain.is_ours {
            // A rule behind the last one that drops does no harm.
            let rules: Vec<&Rule> = rules.collect();
            let last = rules.iter().rposition(|r| r.drops).unwrap_or(rules.len());
            let before = rules[..last].iter().filter_map(|r| r.decides);
            found.extend(before.map(|how| format!("chain {} {how} before the bans", chain.name)));
        } else if chain.is_ingress
            && let Some(how) = rules.find_map(|r| r.sends)
        {
            found.insert(format!("chain {} {how} before the bans", chain.name));
        }
    }
    Ok(found.into_iter().collect())
}

/// A base chain of any table.
pub(super) struct Chain {
    pub name: String,
    pub is_ours: bool,
    /// Packets meet it as they come from the device.
    pub is_ingress: bool,
}

impl Chain {
    pub(super) fn read(family: u8, a: Attributes) -> Option<Self> {
        let hook = a.nested(NFTA_CHAIN_HOOK).u32(NFTA_HOOK_HOOKNUM)?;
        let (table, chain) = (a.text(NFTA_CHAIN_TABLE)?, a.text(NFTA_CHAIN_NAME)?);
        Some(Chain {
            name: full_name(family, table, chain),
            is_ours: (family, table, chain) == (NFPROTO_INET, TABLE, CHAIN),
            is_ingress: match family {
                NFPROTO_INET => hook == NF_INET_INGRESS,
                NFPROTO_NETDEV => hook == NF_NETDEV_INGRESS,
                _ => false,
            },
        })
    }
}

/// A rule of any table, and its effect in words.
pub(super) struct Rule {
    pub chain: String,
    /// It drops packets, or leads those of our sets to the chains that drop them.
    drops: bool,
    /// It decides about packets other than by a drop: it accepts, returns or jumps elsewhere.
    decides: Option<&'static str>,
    /// It sends packets out at another device.
    sends: Option<&'static str>,
}

impl Rule {
    pub(super) fn read(family: u8, a: Attributes) -> Option<Self> {
        let verdict = verdict(a);
        let has = |wanted| expressions(a).any(|(name, _)| name == wanted);
        let is_ours = (family, a.text(NFTA_RULE_TABLE)) == (NFPROTO_INET, Some(TABLE));
        let leads = is_ours && leads(a);
        let decides = match verdict.filter(|_| !leads) {
            Some(NF_ACCEPT) if has("ct") => Some("accepts packets of open connections"),
            Some(NF_ACCEPT) => Some("accepts packets"),
            // All verdicts that only nf_tables has are negative.
            Some(v) if (v as i32) < 0 => Some("leads packets away"),
            _ => None,
        };
        let sends = [
            ("fwd", "forwards packets to another device"),
            ("dup", "copies packets to another device"),
        ];
        Some(Rule {
            chain: full_name(family, a.text(NFTA_RULE_TABLE)?, a.text(NFTA_RULE_CHAIN)?),
            drops: verdict == Some(NF_DROP) || leads,
            decides,
            sends: sends
                .iter()
                .find(|(name, _)| has(name))
                .map(|(_, how)| *how),
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
