//! Prints the records of a batch as their bans are made.

use std::collections::HashMap;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban_ban::ledger::{Ban, BanFormatter, Entered};

use crate::candidate::Candidate;

/// A batch of records, printed in its order as far as its bans are made together.
pub struct Printer<'a> {
    /// The records.
    pub batch: Vec<Candidate>,
    /// The ban of each record that was not printed yet, and whether it was known before.
    bans: Vec<Option<(Ban, bool)>>,
    /// The places in the batch of each address.
    places: HashMap<Address, Vec<usize>>,
    output: &'a mut Output,
    formatter: BanFormatter,
    done: bool,
}

impl<'a> Printer<'a> {
    /// Of a batch of which nothing was entered yet.
    pub fn new(batch: Vec<Candidate>, output: &'a mut Output) -> Self {
        Printer {
            batch,
            bans: vec![],
            places: HashMap::new(),
            output,
            formatter: BanFormatter::default(),
            done: false,
        }
    }

    /// Takes the results of entering the batch, and older records that are still to be printed.
    pub fn expect(&mut self, entered: Vec<Entered>, older: Vec<(Candidate, Ban)>) {
        self.bans = entered
            .into_iter()
            .map(|entered| match entered {
                Entered::New(ban) => Some((ban, false)),
                Entered::Known(ban) => Some((ban, true)),
                Entered::Nothing => None,
            })
            .collect();
        for (candidate, ban) in older {
            self.batch.push(candidate);
            self.bans.push(Some((ban, false)));
        }
        self.places.clear();
        for (i, (candidate, ban)) in self.batch.iter().zip(&self.bans).enumerate() {
            if ban.is_some() {
                let places = self.places.entry(candidate.record.address);
                places.or_default().push(i);
            }
        }
        for places in self.places.values() {
            let is_new = |i: &usize| self.bans[*i].is_some_and(|(_, known)| !known);
            if places.iter().any(is_new) {
                // The others are no news beside it.
                for i in places {
                    self.bans[*i] = self.bans[*i].filter(|(_, known)| !known);
                }
            }
        }
    }

    /// The bans that were in force before, each once.
    pub fn known(&self) -> Vec<Ban> {
        let known = self.places.values().filter_map(|places| {
            let first = self.bans[places[0]].filter(|(_, known)| *known);
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
        let places = bans.iter().filter_map(|ban| self.places.get(&ban.address));
        let mut places: Vec<usize> = places.flatten().copied().collect();
        places.sort_unstable();
        for i in places {
            let Some((ban, known)) = self.bans[i].take() else {
                continue;
            };
            if known {
                // Of several records about a ban that was put back, the first is enough.
                for other in &self.places[&ban.address] {
                    self.bans[*other] = None;
                }
            }
            let record = &mut self.batch[i].record;
            self.formatter.describe(&ban, record);
            self.done = true;
            self.output.record(record)?;
        }
        self.output.flush()
    }

    /// The records whose bans were entered and not made.
    pub fn unprinted(&mut self) -> Vec<(Candidate, Ban)> {
        let batch = std::mem::take(&mut self.batch);
        let bans = std::mem::take(&mut self.bans);
        let both = batch.into_iter().zip(bans);
        both.filter_map(|(candidate, ban)| match ban {
            Some((ban, false)) => Some((candidate, ban)),
            _ => None,
        })
        .collect()
    }

    /// Whether any record was printed.
    pub fn done(&self) -> bool {
        self.done
    }
}
