//! The rules that a line may match: first by its writer, then by the literals in it.

use super::programs::Programs;
use super::rule::Rule;
use crate::sieve::{Prefixes, Sieve};

/// A literal that is shorter, in bytes, makes the search for all of them slow.
const SHORT: usize = 6;

/// The rules that are tried without a look at their literals, at most.
const FEW: usize = 4;

/// The writer of a line.
#[derive(Clone, Copy)]
pub(super) enum Writer {
    /// The programs with the answer of this number.
    Program(usize),
    /// A service, into its own log.
    OwnLog,
    /// The same, or a remote party with a raw newline: the time stands inside the line, and other
    /// lines have heads.
    AmidHeads,
    /// The writer of the line before: it goes on with one of a service's own log.
    GoesOn,
    /// The line tells nothing about its writer.
    Unknown,
}

impl Writer {
    /// Whether such a line may match a rule.
    fn may_write(self, rule: &Rule, programs: &Programs) -> bool {
        match self {
            Writer::Program(number) => {
                let answer = programs.answer(number);
                rule.program.is_some_and(|pattern| answer[pattern])
            }
            Writer::OwnLog => rule.own_log,
            Writer::AmidHeads => rule.own_log && (rule.named || rule.object.is_none()),
            Writer::GoesOn => rule.goes_on && rule.named,
            Writer::Unknown => rule.named,
        }
    }
}

/// The rules for each writer. They are put together when its first line comes.
#[derive(Debug, Default)]
pub(super) struct Groups {
    others: [Option<Group>; 4],
    programs: Vec<Option<Group>>,
}

/// The rules for one writer.
#[derive(Debug)]
pub(super) struct Group {
    rules: Vec<u16>,
    /// `None` if a rule may match texts of any beginning.
    prefixes: Option<Prefixes>,
    /// `None` if there are more rules than it takes.
    sieve: Option<Sieve>,
}

impl Groups {
    /// The rules for a writer.
    pub(super) fn of(&mut self, writer: Writer, rules: &[Rule], programs: &Programs) -> &Group {
        let group = match writer {
            Writer::OwnLog => &mut self.others[0],
            Writer::GoesOn => &mut self.others[1],
            Writer::Unknown => &mut self.others[2],
            Writer::AmidHeads => &mut self.others[3],
            Writer::Program(number) => {
                if number >= self.programs.len() {
                    self.programs.resize_with(number + 1, || None);
                }
                &mut self.programs[number]
            }
        };
        group.get_or_insert_with(|| {
            let all = (0..).zip(rules);
            let mine = all.filter(|(_, rule)| writer.may_write(rule, programs));
            let (numbers, mine): (Vec<u16>, Vec<_>) = mine.unzip();
            let literals: Vec<_> = mine.iter().map(|rule| rule.literals.clone()).collect();
            let beginnings = mine.iter().map(|rule| rule.beginnings.clone());
            let beginnings = beginnings.collect::<Option<Vec<_>>>();
            Group {
                rules: numbers,
                prefixes: beginnings.map(|all| Prefixes::new(&all)),
                sieve: Sieve::new(&literals).ok(),
            }
        })
    }
}

impl Group {
    /// Puts the numbers of the rules that a text may match into `numbers`, in order.
    pub(super) fn candidates(&self, text: &[u8], numbers: &mut Vec<u16>) {
        let by_prefix = self.prefixes.as_ref().map(|p| p.candidates(text));
        match (by_prefix, &self.sieve) {
            // To search for literals would take longer than to try these.
            (Some(few), _) if few.len() <= FEW => {
                numbers.clear();
                numbers.extend_from_slice(few);
            }
            (_, Some(sieve)) => sieve.candidates(text, numbers),
            (_, None) => {
                numbers.clone_from(&self.rules);
                return;
            }
        }
        for number in numbers {
            *number = self.rules[usize::from(*number)];
        }
    }
}

/// Texts of which every line that matches a rule has one; `None` where none are known. A line of a
/// program has the program's name, too.
pub(super) fn literals(rule: &Rule, programs: &Programs) -> Option<Vec<Vec<u8>>> {
    let shortest = |texts: &[Vec<u8>]| texts.iter().map(Vec::len).min().unwrap_or(0);
    let literals = &rule.literals;
    if shortest(literals) < SHORT
        && !(rule.own_log || rule.named)
        && let Some(names) = rule.program.and_then(|number| programs.texts(number))
    {
        let names: Vec<_> = names.into_iter().map(String::into_bytes).collect();
        if shortest(&names) > shortest(literals) {
            return Some(names);
        }
    }
    (!literals.is_empty()).then(|| literals.clone())
}
