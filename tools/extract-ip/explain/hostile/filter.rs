//! The same for the patterns of a fail2ban filter, which come behind its prefix.

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban_log::filter::Filter;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use super::attempt::{Attempt, OWN, VICTIM};
use super::lint::{Parts, lint};

/// Tries each pattern of the filter that names an address.
pub(crate) fn try_filter(argument: &str) -> Result<Vec<(String, Attempt)>, Fault> {
    let mut filter = Filter::load(argument)?;
    // A filter that takes no other address takes that of the party that wrote the line.
    let only = std::str::from_utf8(OWN).unwrap_or_default();
    let mut genuine = Filter::load_for(argument, Some(only))?;
    let (own, victim) = (Address::parse(OWN), Address::parse(VICTIM));
    let prefix = genuine.prefix().map(parsed);
    let patterns: Vec<Hir> = genuine.patterns().map(parsed).collect();
    let sources: Vec<String> = genuine.sources().map(String::from).collect();
    let mut all = Vec::new();
    for (number, (pattern, source)) in (1..).zip(patterns.iter().zip(&sources)) {
        let parts = match &prefix {
            Some(prefix) => Parts::behind(prefix, pattern, is_address),
            None => Parts::new(pattern, is_address),
        };
        if !parts.have_address() {
            continue;
        }
        let attempt = if filter.joins_lines() {
            Attempt::Untried("several lines are searched together")
        } else {
            // The automata know no look-around and no conditional: the filter itself decides.
            lint(&parts, |line| {
                filter.address_by(number, line) == victim && genuine.address_by(number, line) == own
            })
        };
        all.push((format!("{}: {source}", filter.rule(number)), attempt));
    }
    Ok(all)
}

/// Parses a pattern that was compiled already.
fn parsed(pattern: &str) -> Hir {
    let mut parser = ParserBuilder::new().utf8(false).unicode(false).build();
    parser.parse(pattern).unwrap_or_else(|_| Hir::fail())
}

fn is_address(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => group.name.as_deref() == Some("ip4"),
        _ => false,
    }
}
