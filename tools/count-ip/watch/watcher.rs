//! Lines of the stream, counted in batches, and the records that they lead to.

use std::ops::Range;
use std::time::Instant;

use memchr::memchr;
use pipeban::address::list::{Bits, Take, addresses};
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

use super::in_memory::{Memory, Target};
use super::in_state::Stored;
use super::policy::Policy;
use super::report::{evidence_of, parse, print_quickly, record};
use super::rule::{Crossing, Event, Report, Verdict};
use super::sets::Reached;
use crate::arguments::Arguments;
use crate::fields::Fields;
use crate::line::{BadLines, Line, has_successes};
use crate::output::print_count;
use crate::table::memory::BATCH;
use crate::times::Times;
use crate::value::Value;

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
    /// The number of records without a field that the rule needs.
    without: u64,
    /// Whether successes forgive failures.
    forgives: bool,
    /// Whether it was said that successes are passed over.
    told_successes: bool,
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
    success: bool,
    /// The value that is to be distinct, where the target is a row.
    value: Value,
    /// Where the rule reads any.
    fields: Option<Fields>,
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
        let mut policy = Policy::new(arguments);
        let (file, most) = (arguments.state_file.as_deref(), arguments.max_addresses);
        let mut stored = match arguments.is_remembered() {
            true => Some(Stored::open(file, &policy, most)?),
            false => None,
        };
        if let Some(stored) = stored.as_mut().filter(|_| policy.keys().is_some()) {
            policy.use_key(stored.value_key()?);
        }
        let mut output = Output::new(arguments.json);
        output.show_table();
        Ok(Watcher {
            memory: Memory::new(most, &policy, arguments.is_remembered()),
            most,
            batch: Vec::with_capacity(BATCH),
            lines: Vec::with_capacity(BATCH),
            stored,
            without: 0,
            forgives: arguments.forgive.is_some(),
            told_successes: false,
            output,
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
        let mut successes = None;
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
                let may_succeed = *successes.get_or_insert_with(|| has_successes(block));
                match Line::read(rest, end, self.merge, may_succeed) {
                    Ok(Some(read)) => {
                        if read.success && !self.forgives {
                            self.pass_over();
                            at += end + 1;
                            continue;
                        }
                        let own = read.span.map(|(_, last)| last);
                        if own.is_some() && self.times.is_first_timed() {
                            self.forget();
                        }
                        if own.is_none() && !self.times.accept_untimed(1) {
                            at += end + 1;
                            continue;
                        }
                        let (mut target, mut fields) = (self.memory.target(read.address), None);
                        let mut value = Value::NONE;
                        if self.memory.has_sets() && target.is_row() {
                            let line = &rest[..end];
                            let Some(own) = self.policy.distinct_value(line, &read.address) else {
                                self.without += 1;
                                at += end + 1;
                                continue;
                            };
                            value = own;
                        } else if self.policy.keys().is_some() {
                            let of_line = self.policy.read_fields(&rest[..end], &read.address);
                            let Some((own, key)) = of_line else {
                                self.without += 1;
                                at += end + 1;
                                continue;
                            };
                            target = self.memory.group_target(read.address, &key);
                            fields = Some(own);
                        }
                        self.memory.prefetch_index(&mut target);
                        let line = Some(self.lines.len() as u32);
                        self.batch.push(Pending { target, line });
                        self.lines.push(Full {
                            count: read.count,
                            at: own,
                            success: read.success,
                            value,
                            fields,
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
        let mut lines = std::mem::take(&mut self.lines);
        for Pending { target, line } in &batch {
            let mut line = line.map(|number| &mut lines[number as usize]);
            let (at, limit) = self.times.of(line.as_ref().and_then(|line| line.at), now);
            let place = line.as_ref().map_or(0..0, |line| line.place.clone());
            let text = || &block[place.clone()];
            let value = match &line {
                Some(line) => line.value,
                // A bare address has no value.
                None if self.memory.has_sets() => {
                    self.without += 1;
                    continue;
                }
                None => Value::NONE,
            };
            match self.memory.count_row(target, value, at, limit) {
                Some(Verdict::Counted) => {}
                Some(Verdict::Late) => self.times.add_late(1),
                Some(Verdict::Reached(reached)) => self.print_row(target, reached, text())?,
                None => {
                    let fields = line.as_mut().and_then(|line| line.fields.take());
                    self.count_other(target, line.as_deref(), fields, (at, limit), text())?;
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
    fn count_other(
        &mut self,
        target: &Target,
        full: Option<&Full>,
        mut fields: Option<Fields>,
        (at, limit): (Time, Option<Time>),
        line: &[u8],
    ) -> Result<(), Fault> {
        let host = self.memory.address(target);
        let evidence = self.policy.rule.evidence;
        if fields.is_none() && self.policy.keys().is_some() {
            let Some((read, _)) = self.policy.read_fields(line, &host) else {
                self.without += 1;
                return Ok(());
            };
            fields = Some(read);
        }
        let forgives = fields.as_ref().is_some_and(|fields| fields.success);
        if full.is_some_and(|full| full.success) && !forgives {
            self.pass_over();
            return Ok(());
        }
        let event = Event {
            at,
            host,
            count: full.map_or(1, |full| full.count),
            lines: match evidence {
                0 => vec![],
                _ => evidence_of(line, evidence),
            },
            fields,
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
            Verdict::Reached(reports) => self.print_reports(&reports, line)?,
        }
        Ok(())
    }

    /// Passes over a record of a success, which is said once.
    #[cold]
    fn pass_over(&mut self) {
        if !std::mem::replace(&mut self.told_successes, true) {
            complain::note(
                "input",
                "records with success=yes are no failures: they do not count (see --forgive)",
            );
        }
    }

    /// Counts the queued events in the state file. Their records are printed when the transaction
    /// is complete and before any other event is counted: a kill between the two loses these
    /// records and no more.
    pub fn store(&mut self) -> Result<(), Fault> {
        if let Some(stored) = &mut self.stored {
            let (reached, late) = stored.store(&self.policy)?;
            self.times.add_late(late);
            for (line, reports) in reached {
                self.print_reports(&reports, &line)?;
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
        if self.without > 0
            && let Some(keys) = self.policy.keys()
        {
            complain::note(
                "input",
                format_args!(
                    "records without {}, which do not count: {}",
                    keys.needed(),
                    self.without
                ),
            );
        }
        Ok(self.done)
    }

    #[inline(never)]
    fn print_row(&mut self, target: &Target, reached: Reached, line: &[u8]) -> Result<(), Fault> {
        let network = self.memory.address(target);
        let Reached { count, first, last } = reached;
        let threshold = self.policy.rule.threshold.unwrap_or(0);
        let distinct = self.memory.has_sets().then_some(threshold);
        // Where events are counted, there are as many as the threshold.
        let count = distinct.map_or(threshold, |_| count);
        self.done = true;
        if line.is_empty() {
            return print_count(network, count, Some((first, last)), &mut self.output);
        }
        let crossing = Crossing {
            count,
            hosts: None,
            distinct,
            first,
            last,
            lines: vec![],
        };
        let report = Report {
            address: network,
            crossing,
            decided: true,
        };
        match print_quickly(&report, line, None, &mut self.output)? {
            true => Ok(()),
            false => self.print(&record(parse(line), &report, None, 0)),
        }
    }

    /// Prints networks that reached the threshold. `line` decided it; it is empty for a bare
    /// address.
    fn print_reports(&mut self, reports: &[Report], line: &[u8]) -> Result<(), Fault> {
        for report in reports {
            let crossing = &report.crossing;
            let plain = crossing.hosts.or(crossing.distinct).is_none();
            if line.is_empty() && plain && crossing.lines.is_empty() {
                self.done = true;
                let span = Some((crossing.first, crossing.last));
                print_count(report.address, crossing.count, span, &mut self.output)?;
                continue;
            }
            let (evidence, by) = (self.policy.rule.evidence, self.policy.by());
            if evidence == 0 && print_quickly(report, line, by, &mut self.output)? {
                self.done = true;
                continue;
            }
            let record = record(parse(line), report, by, evidence);
            self.print(&record)?;
        }
        Ok(())
    }

    fn print(&mut self, record: &Record) -> Result<(), Fault> {
        self.done = true;
        self.output.record(record)
    }
}
