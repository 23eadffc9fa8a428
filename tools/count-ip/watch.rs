//! The stream: an address is printed at the moment that it reaches the threshold.

use std::ffi::OsString;
use std::ops::Range;
use std::time::Instant;

use memchr::memchr;
use pipeban::address::Address;
use pipeban::address::list::{Bits, Take, addresses};
use pipeban::complain::{self, Fault};
use pipeban::input::{self, Input};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

use crate::Arguments;
use crate::counts::BATCH;
use crate::crossing::{evidence_of, parse, record};
use crate::event;
use crate::memory::{Memory, Place};
use crate::policy::Policy;
use crate::print;
use crate::stored::Stored;
use crate::tally::{Crossing, Event};

pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let policy = Policy::new(&arguments);
    let mut watch = Watch {
        memory: Memory::new(arguments.max_addresses, &policy, arguments.is_remembered()),
        batch: Vec::with_capacity(BATCH),
        lines: Vec::with_capacity(BATCH),
        stored: match arguments.is_remembered() {
            true => Some(Stored::open(
                arguments.state_file.as_deref(),
                &policy,
                arguments.max_addresses,
            )?),
            false => None,
        },
        output: Output::new(arguments.json),
        live: is_live(&arguments.files),
        merge: arguments.merge,
        policy,
        done: false,
    };
    let mut input = Input::new(arguments.files);
    loop {
        match input.next_block(watch.deadline())? {
            input::Event::Data(block) => {
                let (lines, bad) = watch.count(block)?;
                let mut passed = 0;
                for (line, what) in bad {
                    input.pass_lines(line - passed);
                    passed = line;
                    complain::bad_line(input.place(), what);
                }
                input.pass_lines(lines - passed);
                if watch
                    .deadline()
                    .is_some_and(|deadline| deadline <= Instant::now())
                {
                    watch.store()?;
                }
            }
            input::Event::Idle => watch.settle()?,
            input::Event::End => break,
        }
    }
    watch.store()?;
    watch.output.flush()?;
    watch.memory.bound.report();
    Ok(watch.done)
}

/// Whether the input comes as things happen: from a pipe or the like, not from a file.
fn is_live(files: &[OsString]) -> bool {
    let is_file = |file: &OsString| {
        let path = if file == "-" {
            "/dev/stdin".as_ref()
        } else {
            file.as_os_str()
        };
        std::fs::metadata(path).is_ok_and(|file| file.is_file())
    };
    let standard_input = [OsString::from("-")];
    let files = if files.is_empty() {
        &standard_input
    } else {
        files
    };
    !files.iter().any(is_file)
}

struct Watch {
    policy: Policy,
    memory: Memory,
    /// Lines of a block that are read and yet to be counted.
    batch: Vec<Pending>,
    lines: Vec<Line>,
    stored: Option<Stored>,
    output: Output,
    live: bool,
    merge: bool,
    done: bool,
}

/// A line that is to be counted.
struct Pending {
    place: Place,
    /// The number of its [`Line`], if it is more than an address.
    line: Option<u32>,
}

struct Line {
    count: u64,
    at: Option<Time>,
    /// Where it stands in the block.
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
        let mut place = self.memory.place_of(bits);
        self.memory.bring(&mut place);
        self.batch.push(Pending { place, line: None });
    }
}

type BadLines = Vec<(u64, String)>;

impl Watch {
    /// Counts the lines of a block; answers how many they were, and which were bad.
    fn count(&mut self, block: &[u8]) -> Result<(u64, BadLines), Fault> {
        // All of a block arrived with one read.
        let now = Time::now();
        let mut bad = Vec::new();
        let mut lines = 0;
        let mut at = 0;
        while at < block.len() {
            let room = BATCH - self.batch.len();
            let mut bare = Bare {
                memory: &self.memory,
                batch: &mut self.batch,
            };
            let (count, used) = addresses(&block[at..], room, &mut bare);
            lines += count as u64;
            at += used;
            if self.batch.len() < BATCH && at < block.len() {
                let rest = &block[at..];
                let end = memchr(b'\n', rest).unwrap_or(rest.len());
                lines += 1;
                match event::Event::read(rest, end, self.merge) {
                    Ok(Some(event)) => {
                        let mut place = self.memory.place(event.address);
                        self.memory.bring(&mut place);
                        let line = Some(self.lines.len() as u32);
                        self.batch.push(Pending { place, line });
                        self.lines.push(Line {
                            count: event.count,
                            at: event.span.map(|(_, last)| last),
                            place: at..at + end,
                        });
                    }
                    Ok(None) => {}
                    Err(what) => bad.push((lines, what)),
                }
                at += end + 1;
            }
            if self.batch.len() == BATCH {
                self.count_batch(block, now)?;
            }
        }
        self.count_batch(block, now)?;
        Ok((lines, bad))
    }

    /// Counts the lines that are read. Their tallies lie all over the memory: they are asked for together.
    fn count_batch(&mut self, block: &[u8], now: Time) -> Result<(), Fault> {
        let mut batch = std::mem::take(&mut self.batch);
        for pending in &mut batch {
            self.memory.bring_more(&mut pending.place);
        }
        let lines = std::mem::take(&mut self.lines);
        for Pending { place, line } in &batch {
            let line = line.map(|number| &lines[number as usize]);
            let own = line.and_then(|line| line.at);
            let at = own.unwrap_or(now);
            // A replay is not limited by the clock, if it is not without times of its own.
            let limit = (self.live || own.is_none()).then_some(now);
            let text = || line.map_or(&[][..], |line| &block[line.place.clone()]);
            match self.memory.count_window(place, at, limit) {
                Some(None) => {}
                Some(Some(span)) => self.print_window(place, span, text())?,
                None => {
                    let count = line.map_or(1, |line| line.count);
                    self.count_tally(place, count, at, limit, text())?;
                }
            }
        }
        (self.batch, self.lines) = (batch, lines);
        self.batch.clear();
        self.lines.clear();
        Ok(())
    }

    /// Counts what is more than a window. `line` is empty for a bare address.
    #[inline(never)]
    fn count_tally(
        &mut self,
        place: &Place,
        count: u64,
        at: Time,
        limit: Option<Time>,
        line: &[u8],
    ) -> Result<(), Fault> {
        let host = self.memory.address(place);
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
        let Ok(crossing) = self.policy.count(&mut self.memory, event, limit);
        match crossing {
            Some((network, crossing)) if line.is_empty() => self.print_bare(network, &crossing),
            Some((network, crossing)) => {
                self.print(&record(parse(line), network, &crossing, evidence))
            }
            None => Ok(()),
        }
    }

    /// Counts into the state what waits for that. What is printed for it is printed when it is safely in, and before
    /// anything else is counted: who is killed between the two loses no more than that.
    fn store(&mut self) -> Result<(), Fault> {
        if let Some(stored) = &mut self.stored {
            for (line, network, crossing) in stored.store(&self.policy)? {
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

    /// When the state must be written at the latest.
    fn deadline(&self) -> Option<Instant> {
        self.stored.as_ref().and_then(Stored::deadline)
    }

    /// Leaves nothing undone before a wait that must be done.
    fn settle(&mut self) -> Result<(), Fault> {
        if let Some(stored) = &mut self.stored
            && stored.must_store(&self.policy)?
        {
            self.store()?;
        }
        self.output.flush()
    }

    #[inline(never)]
    fn print_window(
        &mut self,
        place: &Place,
        (first, last): (Time, Time),
        line: &[u8],
    ) -> Result<(), Fault> {
        let network = self.memory.address(place);
        let count = self.policy.rule.threshold.unwrap_or(0);
        if line.is_empty() {
            self.done = true;
            return print::counted(network, count, Some((first, last)), &mut self.output);
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

    /// Prints what a bare address reached.
    fn print_bare(&mut self, network: Address, crossing: &Crossing) -> Result<(), Fault> {
        if crossing.hosts.is_some() || !crossing.lines.is_empty() {
            let evidence = self.policy.rule.evidence;
            return self.print(&record(None, network, crossing, evidence));
        }
        self.done = true;
        let span = Some((crossing.first, crossing.last));
        print::counted(network, crossing.count, span, &mut self.output)
    }

    fn print(&mut self, record: &Record) -> Result<(), Fault> {
        self.done = true;
        self.output.record(record)
    }
}
