//! The same for the patterns of a fail2ban filter, which come behind its prefix.

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban_log::filter::Filter;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use super::attempt::{Attempt, OWN, VICTIM, attempt};
use super::example::{Example, Part, text};

/// Examples of a pattern that are made, at most, until the pattern matches one: the linear form of
/// a pattern has no look-arounds and no conditionals.
const EXAMPLES: u64 = 200;

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
        if !has_address(pattern) {
            continue;
        }
        let attempt = if filter.joins_lines() {
            Attempt::Untried("several lines are searched together")
        } else if let Some(parts) = example(&mut genuine, number, pattern, prefix.as_ref()) {
            attempt(parts, |line| {
                filter.address_by(number, line) == victim && genuine.address_by(number, line) == own
            })
        } else {
            Attempt::Untried("no line could be made that it matches")
        };
        all.push((format!("{}: {source}", filter.rule(number)), attempt));
    }
    Ok(all)
}

/// The parts of a line that the pattern matches.
fn example(
    genuine: &mut Filter,
    number: usize,
    pattern: &Hir,
    prefix: Option<&Hir>,
) -> Option<Vec<Part>> {
    for seed in 0..EXAMPLES {
        let mut state = seed;
        // Numbers of a linear congruential generator (Knuth's MMIX); first the first branch
        // everywhere.
        let mut choose = |branches: usize| {
            if seed == 0 {
                return Some(0);
            }
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            Some((state >> 33) as usize % branches)
        };
        let mut parts = Vec::new();
        let mut example = Example {
            is_address,
            choose: &mut choose,
            content: None,
        };
        example.flatten(pattern, &mut parts);
        if let Some(prefix) = prefix {
            example.content = Some(std::mem::take(&mut parts));
            example.flatten(prefix, &mut parts);
        }
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        let line = text(&parts, OWN);
        if genuine.address_by(number, &line).is_some() {
            return Some(parts);
        }
    }
    None
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

fn has_address(hir: &Hir) -> bool {
    is_address(hir) || hir.kind().subs().iter().any(has_address)
}
