//! Prints the records of a batch as their bans are made.

use std::collections::HashMap;
use std::iter::successors;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban_ban::ledger::{Ban, BanFormatter, Entered};
use pipeban_ban::target::Target;

use crate::candidate::Candidate;

/// A batch of records, printed in its order as far as its bans are made together.
pub struct Printer<'a> {
    /// The records.
    pub batch: Vec<Candidate>,
    /// The bans of the records that were not printed yet, and whether they were known before.
    bans: Vec<Option<(Ban, bool)>>,
    /// The place in the batch of each ban's record: one for several ports has several.
    records: Vec<usize>,
    /// The first place in `bans` of each target, and behind each place the next one of the same.
    first: HashMap<Target, usize>,
    next: Vec<Option<usize>>,
    output: &'a mut Output,
    formatter: BanFormatter,
    done: bool,
    /// The place of the record that was printed last.
    printed: Option<usize>,
}

impl<'a> Printer<'a> {
    /// Of a batch of which nothing was entered yet.
    pub fn new(batch: Vec<Candidate>, output: &'a mut Output) -> Self {
        Printer {
            batch,
            bans: vec![],
            records: vec![],
            first: HashMap::new(),
            next: vec![],
            output,
            formatter: BanFormatter::default(),
            done: false,
            printed: None,
        }
    }

    /// Takes the results of entering the batch, each with the place of its record, and older
    /// records that are still to be printed.
    pub fn expect(
        &mut self,
        entered: Vec<Entered>,
        records: Vec<usize>,
        older: Vec<(Candidate, Vec<Ban>)>,
    ) {
        self.records = records;
        self.bans = entered
            .into_iter()
            .map(|entered| match entered {
                Entered::New(ban) => Some((ban, false)),
                Entered::Known(ban) => Some((ban, true)),
                Entered::Nothing | Entered::Over => None,
            })
            .collect();
        for (candidate, bans) in older {
            self.records.extend(bans.iter().map(|_| self.batch.len()));
            self.batch.push(candidate);
            self.bans
                .extend(bans.into_iter().map(|ban| Some((ban, false))));
        }
        self.first = HashMap::with_capacity(self.bans.len());
        self.next = vec![None; self.bans.len()];
        for (i, ban) in self.bans.iter().enumerate().rev() {
            if let Some((ban, _)) = ban {
                self.next[i] = self.first.insert(ban.target, i);
            }
        }
        let several: Vec<usize> = self.first.values().copied().collect();
        for first in several.into_iter().filter(|i| self.next[*i].is_some()) {
            let places: Vec<usize> = self.places(Some(first)).collect();
            let is_new = |i: &usize| self.bans[*i].is_some_and(|(_, known)| !known);
            if places.iter().any(is_new) {
                // The others are no news beside it.
                for i in places {
                    self.bans[i] = self.bans[i].filter(|(_, known)| !known);
                }
            }
        }
    }

    /// This place in `bans` and those behind it of the same target.
    fn places(&self, first: Option<usize>) -> impl Iterator<Item = usize> {
        successors(first, |i| self.next[*i])
    }

    /// The bans that were in force before, each once.
    pub fn known(&self) -> Vec<Ban> {
        let known = self.first.values().filter_map(|first| {
            let first = self.bans[*first].filter(|(_, known)| *known);
            first.map(|(ban, _)| ban)
        });
        known.collect()
    }

    /// The bans that were entered and are not printed yet.
    pub fn expected(&self) -> Vec<Ban> {
        let expected = self.bans.iter().flatten().filter(|(_, known)| !known);
        expected.map(|(ban, _)| *ban).collect()
    }

    /// Prints the records of these addresses.
    pub fn made(&mut self, bans: &[Ban]) -> Result<(), Fault> {
        let first = bans.iter().map(|ban| self.first.get(&ban.target).copied());
        let mut places: Vec<usize> = first.flat_map(|first| self.places(first)).collect();
        places.sort_unstable();
        for i in places {
            let Some((ban, known)) = self.bans[i].take() else {
                continue;
            };
            if known {
                // Of several records about a ban that was put back, the first is enough.
                let mut other = self.next[i];
                while let Some(i) = other {
                    (self.bans[i], other) = (None, self.next[i]);
                }
            }
            let place = self.records[i];
            if self.printed.replace(place) == Some(place) {
                // For another port.
                continue;
            }
            let record = &mut self.batch[place].record;
            self.formatter.describe(&ban, record);
            self.done = true;
            self.output.record(record)?;
        }
        self.output.flush()
    }

    /// The records whose bans were entered and not made.
    pub fn unprinted(&mut self) -> Vec<(Candidate, Vec<Ban>)> {
        let mut bans: HashMap<usize, Vec<Ban>> = HashMap::new();
        for (place, ban) in self.records.drain(..).zip(self.bans.drain(..)) {
            if let Some((ban, false)) = ban {
                bans.entry(place).or_default().push(ban);
            }
        }
        let batch = std::mem::take(&mut self.batch).into_iter().enumerate();
        batch
            .filter_map(|(place, candidate)| Some((candidate, bans.remove(&place)?)))
            .collect()
    }

    /// Whether any record was printed.
    pub fn done(&self) -> bool {
        self.done
    }
}
