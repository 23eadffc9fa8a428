//! Proves of a pattern that the log's remote party can't choose the address that it names, or finds
//! a line that shows it can.
//!
//! A pattern tells what a service writes: fixed text, numbers, and runs of free text, which stand
//! for texts that a remote party chose, whatever bytes the pattern hopes for there. So there are
//! two automata: one of all lines that the service may write for one address, with any text in the
//! place of each run, and the search for the pattern, which prefers as the engines do. Their
//! product has all lines that are both, and so each line in which another address is named.

mod alphabet;
mod head;
mod machine;
mod nfa;
mod parts;
mod search;
mod shape;

use self::alphabet::Alphabet;
use self::machine::Machine;
use self::nfa::{Meaning, Nfa, TooLarge};
pub(super) use self::parts::Parts;
use self::search::{Outcome, Search, Symbol, View, Written};
use self::shape::shape;
use super::attempt::{Attempt, Hostile, OWN, VICTIM};

/// Lines that a pattern with large counts is tried on: each takes long.
const MAX_SLOW: usize = 3;

/// Looks for a line; `takes` says whether the pattern names [`VICTIM`] in a line.
pub(super) fn lint(parts: &Parts, takes: impl FnMut(&[u8]) -> bool) -> Attempt {
    if !parts.have_address() {
        return Attempt::Untried("it names no address");
    }
    let tried = format!("any text at each … of: {}", shape(parts));
    match search(parts, takes) {
        Ok(Some(line)) => Attempt::Found(hostile(&line)),
        Ok(None) => Attempt::NoneFound(tried),
        Err(TooLarge) => Attempt::Untried("it has too many states, or too large counts"),
    }
}

fn search(
    parts: &Parts,
    mut takes: impl FnMut(&[u8]) -> bool,
) -> Result<Option<Vec<Written>>, TooLarge> {
    let service = Nfa::new(parts, Meaning::Service)?;
    let mut machines = [Machine::new(parts)?, Machine::new(parts)?];
    let is_capped = machines[0].nfa.is_capped || service.is_capped;
    let sets = service.sets.iter().chain(&machines[0].nfa.sets);
    let alphabet = Alphabet::new(sets);
    let mut tried = 0;
    let mut takes = |line: &[Written]| {
        tried += 1;
        !(is_capped && tried > MAX_SLOW) && takes(&text(line))
    };
    for view in [View::Both, View::EachAlone] {
        let mut search = Search::new(&service, &mut machines, &alphabet, view);
        match search.run(&mut takes) {
            Outcome::Found(line) => return Ok(Some(line)),
            Outcome::TooLarge => return Err(TooLarge),
            Outcome::Nothing => {}
        }
    }
    if is_capped { Err(TooLarge) } else { Ok(None) }
}

fn bytes(symbol: &Symbol) -> &[u8] {
    match symbol {
        Symbol::Byte(byte) => std::slice::from_ref(byte),
        Symbol::Own => OWN,
        Symbol::Victim => VICTIM,
    }
}

fn text(line: &[Written]) -> Vec<u8> {
    let texts = line.iter().map(|(symbol, _)| bytes(symbol));
    texts.flat_map(<[u8]>::iter).copied().collect()
}

/// The line, with those runs of the remote party's text that say more than a name.
fn hostile(line: &[Written]) -> Hostile {
    let (mut text, mut written) = (Vec::new(), Vec::new());
    for run in line.chunk_by(|(_, a), (_, b)| a == b) {
        let start = text.len();
        let symbols = run.iter().map(|(symbol, _)| symbol);
        text.extend(symbols.flat_map(bytes));
        let is_name = |b: &u8| b.is_ascii_alphanumeric();
        if run[0].1 && !text[start..].iter().all(is_name) {
            written.push(start..text.len());
        }
    }
    Hostile {
        line: text,
        written,
    }
}

#[cfg(test)]
mod tests;
