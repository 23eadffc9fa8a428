//! Lines of the stream, counted in batches, and the records that they lead to.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use memchr::memchr;
use pipeban::address::list::addresses;
use pipeban::complain::{self, Fault};
use pipeban::figures;
use pipeban::output::Output;
use pipeban::time::{Recent, Time, TimeReader};

use super::batch::{Bare, EventBatch, Full, Pending};
use super::in_memory::{Memory, Target};
use super::in_state::Stored;
use super::lines::Lines;
use super::policy::Policy;
use super::report::{evidence_of, print};
use super::row_batch::{Counting, Effect, load_rows};
use super::rule::{Event, Report, Reports, Verdict};
use super::sets::Reached;
use crate::arguments::Arguments;
use crate::fields::Fields;
use crate::line::{BadLines, Line, has_successes};
use crate::output::print_count;
use crate::table::memory::BATCH;
use crate::times::Times;
use crate::value::Value;

const PASSED_OVER: &str =
    "records with success=yes are no failures: they do not count (see --forgive)";
const FORGIVES_NOTHING: &str = "a success without user= forgives nothing (extract-ip --with user)";

/// Counts the lines of the stream.
pub struct Watcher {
    policy: Policy,
    memory: Memory,
    /// The highest number of addresses, if the user gave one.
    most: Option<usize>,
    batch: EventBatch,
    stored: Option<Stored>,
    output: Output,
    times: Times,
    reader: TimeReader,
    /// The events of the last window, where there is one: a figure for `pipeban-status`.
    recent: Option<Arc<Recent>>,
    /// The number of records without a field that the rule needs.
    without: u64,
    /// Whether successes forgive failures.
    forgives: bool,
    /// Whether it was said that successes have no effect.
    told_successes: bool,
    merge: bool,
    /// Whether a record was printed.
    done: bool,
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
        let recent = arguments.within.map(|window| Arc::new(Recent::new(window)));
        if let Some(recent) = &recent {
            figures::tell_recent("recent", recent.clone());
        }
        Ok(Watcher {
            memory: Memory::new(most, &policy, arguments.is_remembered()),
            most,
            batch: EventBatch::new(),
            stored,
            without: 0,
            forgives: arguments.forgive.is_some(),
            told_successes: false,
            output,
            recent,
            times: Times::new(live, arguments.within.is_some()),
            reader: TimeReader::default(),
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
        // Behind a line with fields most have some.
        let mut were_usual = false;
        while at < block.len() {
            if !were_usual {
                let free = self.batch.free();
                let mut bare = Bare {
                    memory: &self.memory,
                    batch: &mut self.batch,
                };
                let (count, used) = addresses(&block[at..], free, &mut bare);
                lines += count as u64;
                at += used;
                if !self.times.accept_untimed(count as u64) {
                    self.batch.events.truncate(BATCH - free);
                }
            }
            if self.batch.free() > 0 && at < block.len() {
                let may_succeed = *successes.get_or_insert_with(|| has_successes(block));
                let (count, used) = match self.merge || may_succeed {
                    true => (0, 0),
                    false => self.take_usual(block, at),
                };
                were_usual = count > 0;
                lines += count as u64;
                at += used;
                if !were_usual {
                    let rest = &block[at..];
                    let end = memchr(b'\n', rest).unwrap_or(rest.len());
                    lines += 1;
                    if let Err(fault) = self.take(rest, at..at + end, may_succeed) {
                        bad.push((lines, fault));
                    }
                    at += end + 1;
                }
            }
            if self.batch.free() == 0 {
                self.count_batch(block, now)?;
            }
        }
        self.count_batch(block, now)?;
        self.times.tell();
        Ok((lines, bad))
    }

    /// Takes the lines in the usual form from `at` on into the batch, until another kind of line
    /// comes. Answers their number and their length in bytes.
    fn take_usual(&mut self, block: &[u8], at: usize) -> (usize, usize) {
        let most = self.batch.free();
        let lines = Lines {
            policy: &self.policy,
            memory: &self.memory,
            batch: &mut self.batch,
            times: &mut self.times,
            reader: &mut self.reader,
            without: &mut self.without,
            start: at,
        };
        lines.take(&block[at..], most)
    }

    /// Takes the line at this place of the block, with which `text` begins, into the batch. The
    /// error says what is wrong with the line.
    fn take(&mut self, text: &[u8], place: Range<usize>, may_succeed: bool) -> Result<(), String> {
        let end = place.len();
        let Some(read) = Line::read(text, end, self.merge, may_succeed)? else {
            return Ok(());
        };
        if read.success && !self.forgives {
            self.tell_successes(PASSED_OVER);
            return Ok(());
        }
        let own = read.span.map(|(_, last)| last);
        if !self.accept(own) {
            return Ok(());
        }
        let mut target = self.memory.load_any(read.address);
        let (mut value, mut fields) = (Value::NONE, None);
        if self.policy.keys().is_some() {
            let Some((own, key)) = self.policy.read_fields(&text[..end], &read.address) else {
                self.without += 1;
                return Ok(());
            };
            value = own.distinct;
            if !target.is_row() {
                target = self.memory.load_group(read.address, &key);
                fields = self.batch.add_fields(own);
            }
        }
        let line = Full {
            count: read.count,
            at: own,
            success: read.success,
            value,
            fields,
            place: place.start as u32..place.end as u32,
        };
        self.batch.add_full(target, line);
        Ok(())
    }

    /// Whether an event with its own time or without one counts.
    #[inline(always)]
    fn accept(&mut self, own: Option<Time>) -> bool {
        match own {
            Some(_) if self.times.is_first_timed() => self.forget(),
            Some(_) => {}
            None => return self.times.accept_untimed(1),
        }
        true
    }

    /// Forgets all events that were counted in this run.
    #[cold]
    fn forget(&mut self) {
        self.batch.clear();
        self.memory = Memory::new(self.most, &self.policy, self.stored.is_some());
        if let Some(stored) = &mut self.stored {
            stored.clear();
        }
    }

    /// Counts the events that are read. Their tallies lie anywhere in memory, so all are loaded
    /// before the first is used.
    fn count_batch(&mut self, block: &[u8], now: Time) -> Result<(), Fault> {
        let mut batch = std::mem::take(&mut self.batch);
        if let Some(recent) = &self.recent {
            batch.count_times(recent, now);
        }
        match self.memory.rows() {
            Some((rows, _)) => load_rows(&mut batch, rows),
            None => {
                for pending in &batch.events {
                    self.memory.prefetch_events(&pending.target);
                }
                for pending in &batch.events {
                    self.memory.prefetch_group(&pending.target);
                }
            }
        }
        let mut part = Counting {
            batch: &batch,
            counted: 0,
            now,
        };
        while part.counted < part.batch.events.len() {
            let (number, effect) = match self.memory.rows() {
                Some((rows, bound)) => match part.count(rows, bound, &self.times) {
                    Some(stopped) => stopped,
                    None => break,
                },
                None => {
                    part.counted += 1;
                    (part.counted - 1, Effect::Other)
                }
            };
            let Pending { target, line } = &batch.events[number];
            let line = line.map(|number| &batch.lines[number as usize]);
            let text = line.map_or(&[][..], |line| {
                &block[line.place.start as usize..line.place.end as usize]
            });
            match effect {
                Effect::Full => self.memory.make_room(),
                Effect::WithoutValue => self.without += 1,
                Effect::Late => self.times.add_late(1),
                Effect::Reached(reached) => self.print_row(target, reached, text)?,
                Effect::Other => {
                    let time = self.times.of(line.and_then(|line| line.at), now);
                    let fields = line.and_then(|line| line.fields);
                    let fields = fields.map(|number| &batch.fields[number as usize]);
                    self.count_other(target, line, fields, time, text)?;
                }
            }
        }
        self.batch = batch;
        self.batch.clear();
        Ok(())
    }

    /// Counts an event whose target is no window. `line` is empty for a bare address.
    #[inline(never)]
    fn count_other(
        &mut self,
        target: &Target,
        full: Option<&Full>,
        fields: Option<&Fields>,
        (at, limit): (Time, Option<Time>),
        line: &[u8],
    ) -> Result<(), Fault> {
        let host = self.memory.address(target);
        let evidence = self.policy.rule.evidence;
        let mut read = None;
        if fields.is_none() && self.policy.keys().is_some() {
            read = self.policy.read_fields(line, &host);
            if read.is_none() {
                self.without += 1;
                return Ok(());
            }
        }
        let fields = fields.or(read.as_ref().map(|(fields, _)| fields));
        let forgives = fields.is_some_and(|fields| fields.success);
        if full.is_some_and(|full| full.success) && !forgives {
            self.tell_successes(PASSED_OVER);
            return Ok(());
        }
        if forgives && fields.is_some_and(|fields| fields.user == Value::NONE) {
            self.tell_successes(FORGIVES_NOTHING);
        }
        let count = full.map_or(1, |full| full.count);
        let lines = match evidence {
            0 => vec![],
            _ => evidence_of(line, evidence),
        };
        if self.stored.is_none()
            && let Some(fields) = fields
            && let Some(groups) = self.policy.only_groups()
        {
            let event = groups.event(fields, host, at, count, lines);
            let (policy, memory) = (&self.policy, &mut self.memory);
            let Ok(verdict) = policy.count_in_group(groups, memory, fields, event, limit);
            return self.take_verdict(verdict, line);
        }
        let event = Event {
            at,
            host,
            count,
            lines,
            fields: fields.cloned(),
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
        self.take_verdict(verdict, line)
    }

    /// Does all that a verdict asks for. `line` decided it.
    fn take_verdict(&mut self, verdict: Verdict<Reports>, line: &[u8]) -> Result<(), Fault> {
        match verdict {
            Verdict::Late => self.times.add_late(1),
            Verdict::Counted => {}
            Verdict::Reached(reports) => self.print_reports(reports.as_slice(), line)?,
        }
        Ok(())
    }

    /// Says once why a success has no effect.
    #[cold]
    fn tell_successes(&mut self, what: &str) {
        if !std::mem::replace(&mut self.told_successes, true) {
            complain::note("input", what);
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
                self.print_reports(reports.as_slice(), &line)?;
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
            let (needed, number) = (keys.needed(), self.without);
            let what = format!("records without {needed}, which do not count: {number}");
            complain::note("input", what);
        }
        Ok(self.done)
    }

    #[inline(never)]
    fn print_row(&mut self, target: &Target, reached: Reached, line: &[u8]) -> Result<(), Fault> {
        let address = self.memory.address(target);
        let threshold = self.policy.rule.threshold.unwrap_or(0);
        let distinct = self.memory.has_rows().1.then_some(threshold);
        // Where events are counted, there are as many as the threshold.
        let count = distinct.map_or(threshold, |_| reached.count);
        let span = (reached.first, reached.last);
        if line.is_empty() && distinct.is_none() {
            self.done = true;
            return print_count(address, count, Some(span), &mut self.output);
        }
        let report = Report::bare(address, count, distinct, span);
        self.print_reports(&[report], line)
    }

    /// Prints networks that reached the threshold by `line`, which is empty for a bare address.
    fn print_reports(&mut self, reports: &[Report], line: &[u8]) -> Result<(), Fault> {
        self.done |= !reports.is_empty();
        let (by, evidence) = (self.policy.by(), self.policy.rule.evidence);
        for report in reports {
            print(report, line, by, evidence, &mut self.output)?;
        }
        Ok(())
    }
}
