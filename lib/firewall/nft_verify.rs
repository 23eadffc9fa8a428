//! What in the live ruleset would let a packet from a banned address through, in plain words.

use std::collections::BTreeSet;

use nix::errno::Errno;

use super::netlink::{Attributes, Socket};
use super::nft_messages::{self as messages, Chain, NEW_CHAIN, NEW_RULE, Rule};

/// Looks at all base chains and rules of the network namespace.
pub fn others(socket: &mut Socket) -> Result<Vec<String>, Errno> {
    let (mut chains, mut rules, mut shortcuts) = (Vec::new(), Vec::new(), Vec::new());
    for request in messages::get_everything() {
        socket.ask(&request, |kind, family, a: Attributes| match kind {
            NEW_CHAIN => chains.extend(Chain::read(family, a)),
            NEW_RULE => rules.extend(Rule::read(family, a)),
            _ => shortcuts.extend(messages::flow_table(family, a)),
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
