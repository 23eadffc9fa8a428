//! Prints the records of a batch as their bans are made.

use std::collections::HashMap;

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
    /// The places in `bans` in the order of their targets, those of one target in their order.
    order: Vec<(Target, usize)>,
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
            order: vec![],
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
        let bans = self.bans.iter().zip(0..);
        let order = bans.filter_map(|(ban, place)| Some((ban.as_ref()?.0.target, place)));
        self.order = order.collect();
        self.order.sort_by_key(|(target, _)| *target);
        for places in self.order.chunk_by(|a, b| a.0 == b.0) {
            let is_new = |(_, i): &(Target, usize)| self.bans[*i].is_some_and(|(_, known)| !known);
            if places.len() > 1 && places.iter().any(is_new) {
                // The others are no news beside it.
                for (_, i) in places {
                    self.bans[*i] = self.bans[*i].filter(|(_, known)| !known);
                }
            }
        }
    }

    /// The places in `bans` of these targets.
    fn places(&self, targets: impl Iterator<Item = Target>) -> Vec<usize> {
        let (mut places, mut at) = (Vec::with_capacity(targets.size_hint().0), 0);
        for target in targets {
            // As a rule they come in their order.
            if self.order.get(at).is_none_or(|(next, _)| *next != target) {
                at = self.order.partition_point(|(other, _)| *other < target);
            }
            let same = self.order[at..]
                .iter()
                .take_while(|(other, _)| *other == target);
            let before = places.len();
            places.extend(same.map(|(_, place)| *place));
            at += places.len() - before;
        }
        places
    }

    /// The bans that were in force before, each once.
    pub fn known(&self) -> Vec<Ban> {
        let targets = self.order.chunk_by(|a, b| a.0 == b.0);
        let known = targets.filter_map(|places| {
            let first = self.bans[places[0].1].filter(|(_, known)| *known);
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
        let mut places = self.places(bans.iter().map(|ban| ban.target));
        places.sort_unstable();
        for i in places {
            let Some((ban, known)) = self.bans[i].take() else {
                continue;
            };
            if known {
                // Of several records about a ban that was put back, the first is enough.
                let others = self.places(std::iter::once(ban.target)).into_iter();
                others.for_each(|i| self.bans[i] = None);
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
