//! Lines of the stream, counted in batches, and the records that they lead to.

use std::ops::Range;
use std::time::Instant;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::address::list::{Bits, Take, addresses};
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

use super::in_memory::{Memory, Target};
use super::in_state::Stored;
use super::policy::Policy;
use super::report::{evidence_of, parse, record};
use super::rule::{Crossing, Event, Verdict};
use super::times::Times;
use crate::arguments::Arguments;
use crate::line::{BadLines, Line};
use crate::output::print_count;
use crate::table::memory::BATCH;

/// Counts the lines of the stream.
pub struct Watcher {
    policy: Policy,
    memory: Memory,
    /// The highest number of addresses, if the user gave one.
    most: Option<usize>,
    /// Events of a block that are read and not counted yet.
    batch: Vec<Pending>,
    /// The lines of those that are more than an address.
    lines: Vec<Full>,
    stored: Option<Stored>,
    output: Output,
    times: Times,
    merge: bool,
    /// Whether a record was printed.
    done: bool,
}

/// An event that is to be counted.
struct Pending {
    target: Target,
    /// The index of its [`Full`] line, if it is more than an address.
    line: Option<u32>,
}

/// A line that is more than an address.
struct Full {
    count: u64,
    at: Option<Time>,
    /// Its place in the block.
    place: Range<usize>,
}

/// Takes bare addresses into a batch.
struct Bare<'a> {
    memory: &'a Memory,
    batch: &'a mut Vec<Pending>,
}

impl Take for Bare<'_> {
    #[inline(always)]
    fn take(&mut self, bits: Bits) {
        let mut target = self.memory.target_of(bits);
        self.memory.prefetch_index(&mut target);
        self.batch.push(Pending { target, line: None });
    }
}

impl Watcher {
    /// `live`: the input comes as things happen, so no time lies ahead of the clock.
    pub fn new(arguments: &Arguments, live: bool) -> Result<Self, Fault> {
        let policy = Policy::new(arguments);
        let (file, most) = (arguments.state_file.as_deref(), arguments.max_addresses);
        Ok(Watcher {
            memory: Memory::new(most, &policy, arguments.is_remembered()),
            most,
            batch: Vec::with_capacity(BATCH),
            lines: Vec::with_capacity(BATCH),
            stored: match arguments.is_remembered() {
                true => Some(Stored::open(file, &policy, most)?),
                false => None,
            },
            output: Output::new(arguments.json),
            times: Times::new(live, arguments.within.is_some()),
            merge: arguments.merge,
            policy,
            done: false,
        })
    }

    /// Counts the lines of a block; returns their number and the bad ones.
    pub fn count(&mut self, block: &[u8]) -> Result<(u64, BadLines), Fault> {
        // All of a block arrived with one read.
        let now = Time::now();
        let mut bad = Vec::new();
        let mut lines = 0;
        let mut at = 0;
        while at < block.len() {
            let free = BATCH - self.batch.len();
            let mut bare = Bare {
                memory: &self.memory,
                batch: &mut self.batch,
            };
            let (count, used) = addresses(&block[at..], free, &mut bare);
            lines += count as u64;
            at += used;
            if !self.times.accept_untimed(count as u64) {
                self.batch.truncate(BATCH - free);
            }
            if self.batch.len() < BATCH && at < block.len() {
                let rest = &block[at..];
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                lines += 1;
                match Line::read(rest, end, self.merge) {
                    Ok(Some(read)) => {
                        let own = read.span.map(|(_, last)| last);
                        if own.is_some() && self.times.is_first_timed() {
                            self.forget();
                        }
                        if own.is_none() && !self.times.accept_untimed(1) {
                            at += end + 1;
                            continue;
                        }
                        let mut target = self.memory.target(read.address);
                        self.memory.prefetch_index(&mut target);
                        let line = Some(self.lines.len() as u32);
                        self.batch.push(Pending { target, line });
                        self.lines.push(Full {
                            count: read.count,
                            at: own,
                            place: at..at + end,
                        });
                    }
                    Ok(None) => {}
                    Err(fault) => bad.push((lines, fault)),
                }
                at += end + 1;
            }
            if self.batch.len() == BATCH {
                self.count_batch(block, now)?;
            }
        }
        self.count_batch(block, now)?;
        self.times.tell();
        Ok((lines, bad))
    }

    /// Forgets all events that were counted in this run.
    #[cold]
    fn forget(&mut self) {
        self.batch.clear();
        self.lines.clear();
        self.memory = Memory::new(self.most, &self.policy, self.stored.is_some());
        if let Some(stored) = &mut self.stored {
            stored.clear();
        }
    }

    /// Counts the events that are read. Their tallies lie anywhere in memory, so all are loaded
    /// before the first is used.
    fn count_batch(&mut self, block: &[u8], now: Time) -> Result<(), Fault> {
        let mut batch = std::mem::take(&mut self.batch);
        for pending in &mut batch {
            self.memory.prefetch_events(&mut pending.target);
        }
        let lines = std::mem::take(&mut self.lines);
        for Pending { target, line } in &batch {
            let line = line.map(|number| &lines[number as usize]);
            let (at, limit) = self.times.of(line.and_then(|line| line.at), now);
            let text = || line.map_or(&[][..], |line| &block[line.place.clone()]);
            match self.memory.count_window(target, at, limit) {
                Some(Verdict::Counted) => {}
                Some(Verdict::Late) => self.times.add_late(1),
                Some(Verdict::Reached(span)) => self.print_window(target, span, text())?,
                None => {
                    let count = line.map_or(1, |line| line.count);
                    self.count_tally(target, count, at, limit, text())?;
                }
            }
        }
        (self.batch, self.lines) = (batch, lines);
        self.batch.clear();
        self.lines.clear();
        Ok(())
    }

    /// Counts an event whose target is no window. `line` is empty for a bare address.
    #[inline(never)]
    fn count_tally(
        &mut self,
        target: &Target,
        count: u64,
        at: Time,
        limit: Option<Time>,
        line: &[u8],
    ) -> Result<(), Fault> {
        let host = self.memory.address(target);
        let evidence = self.policy.rule.evidence;
        let lines = match evidence {
            0 => vec![],
            _ => evidence_of(line, evidence),
        };
        let event = Event {
            at,
            host,
            count,
            lines,
        };
        if let Some(stored) = &mut self.stored {
            let bare = host.to_string();
            let line = if line.is_empty() {
                bare.as_bytes()
            } else {
                line
            };
            if stored.push(event, limit, line) {
                self.store()?;
            }
            return Ok(());
        }
        let Ok(verdict) = self.policy.count(&mut self.memory, event, limit);
        match verdict {
            Verdict::Late => self.times.add_late(1),
            Verdict::Counted => {}
            Verdict::Reached((network, crossing)) if line.is_empty() => {
                self.print_bare(network, &crossing)?;
            }
            Verdict::Reached((network, crossing)) => {
                self.print(&record(parse(line), network, &crossing, evidence))?;
            }
        }
        Ok(())
    }

    /// Counts the queued events in the state file. Their records are printed when the transaction
    /// is complete and before any other event is counted: a kill between the two loses these
    /// records and no more.
    pub fn store(&mut self) -> Result<(), Fault> {
        if let Some(stored) = &mut self.stored {
            let (reached, late) = stored.store(&self.policy)?;
            self.times.add_late(late);
            for (line, network, crossing) in reached {
                self.print(&record(
                    parse(&line),
                    network,
                    &crossing,
                    self.policy.rule.evidence,
                ))?;
            }
            self.output.flush()?;
        }
        Ok(())
    }

    /// The time at which [`store`](Self::store) must be called at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.stored.as_ref().and_then(Stored::deadline)
    }

    /// To be called before a wait for more input: stores and prints as far as needed.
    pub fn settle(&mut self) -> Result<(), Fault> {
        if let Some(stored) = &mut self.stored
            && stored.must_store(&self.policy)?
        {
            self.store()?;
        }
        self.output.flush()
    }

    /// Ends the run; true if a record was printed.
    pub fn finish(mut self) -> Result<bool, Fault> {
        self.store()?;
        self.output.flush()?;
        self.memory.report_evictions();
        self.times.report();
        Ok(self.done)
    }

    #[inline(never)]
    fn print_window(
        &mut self,
        target: &Target,
        (first, last): (Time, Time),
        line: &[u8],
    ) -> Result<(), Fault> {
        let network = self.memory.address(target);
        let count = self.policy.rule.threshold.unwrap_or(0);
        if line.is_empty() {
            self.done = true;
            return print_count(network, count, Some((first, last)), &mut self.output);
        }
        let crossing = Crossing {
            count,
            hosts: None,
            first,
            last,
            lines: vec![],
        };
        self.print(&record(parse(line), network, &crossing, 0))
    }

    /// Prints a network for which a bare address was decisive.
    fn print_bare(&mut self, network: Address, crossing: &Crossing) -> Result<(), Fault> {
        if crossing.hosts.is_some() || !crossing.lines.is_empty() {
            let evidence = self.policy.rule.evidence;
            return self.print(&record(None, network, crossing, evidence));
        }
        self.done = true;
        let span = Some((crossing.first, crossing.last));
        print_count(network, crossing.count, span, &mut self.output)
    }

    fn print(&mut self, record: &Record) -> Result<(), Fault> {
        self.done = true;
        self.output.record(record)
    }
}
