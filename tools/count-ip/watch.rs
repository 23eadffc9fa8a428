//! The stream: an address is printed at the moment that it reaches the threshold.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};

use memchr::memchr;
use pipeban::address::Address;
use pipeban::address::quads::quads;
use pipeban::complain::{self, Fault};
use pipeban::input::{self, Input};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;

use crate::Arguments;
use crate::bound::Bound;
use crate::counts::BATCH;
use crate::event;
use crate::known::{Known, Passed};
use crate::policy::{Policy, Store};
use crate::stored::Stored;
use crate::tally::{Crossing, Event, Tally};

pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let policy = Policy::new(&arguments);
    let mut watch = Watch {
        memory: Memory::new(arguments.max_addresses),
        stored: match arguments.is_remembered() {
            true => Some(Stored::open(
                arguments.state_file.as_deref(),
                &policy,
                arguments.max_addresses,
            )?),
            false => None,
        },
        output: Output::new(arguments.json),
        json: arguments.json,
        live: is_live(&arguments.files),
        merge: arguments.merge,
        policy,
        done: false,
    };
    let mut input = Input::new(arguments.files);
    loop {
        match input.next_block(None)? {
            input::Event::Data(block) => {
                let (lines, bad) = watch.count(block)?;
                let mut passed = 0;
                for (line, what) in bad {
                    input.pass_lines(line - passed);
                    passed = line;
                    complain::bad_line(input.place(), what);
                }
                input.pass_lines(lines - passed);
            }
            input::Event::Idle => watch.settle()?,
            input::Event::End => break,
        }
    }
    watch.settle()?;
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

/// A line is kept as evidence up to this length, in bytes.
const EVIDENCE: usize = 8 << 10;

struct Watch {
    policy: Policy,
    memory: Memory,
    stored: Option<Stored>,
    output: Output,
    json: bool,
    live: bool,
    merge: bool,
    done: bool,
}

type BadLines = Vec<(u64, String)>;

impl Watch {
    /// Counts the lines of a block; answers how many they were, and which were bad.
    fn count(&mut self, block: &[u8]) -> Result<(u64, BadLines), Fault> {
        // All of a block arrived with one read.
        let now = Time::now();
        let bulk = self.policy.is_simple() && self.stored.is_none();
        let mut bad = Vec::new();
        let mut lines = 0;
        let mut rest = block;
        while !rest.is_empty() {
            if bulk {
                let mut batch = [0; BATCH];
                let (filled, used) = quads(rest, &mut batch);
                self.count_quads(&batch[..filled], now)?;
                lines += filled as u64;
                rest = &rest[used..];
                if filled == BATCH || rest.is_empty() {
                    continue;
                }
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            lines += 1;
            match event::Event::read(rest, end, self.merge) {
                Ok(Some(event)) => self.count_line(event, &rest[..end], now)?,
                Ok(None) => {}
                Err(what) => bad.push((lines, what)),
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        Ok((lines, bad))
    }

    /// Counts bare addresses. Their tallies lie all over the memory: they are looked up together.
    fn count_quads(&mut self, batch: &[u32], now: Time) -> Result<(), Fault> {
        let mut hashes = [0; BATCH];
        for (hash, quad) in hashes.iter_mut().zip(batch) {
            *hash = self.memory.tallies.hash(&self.policy.network(&host(*quad)));
        }
        self.memory.tallies.touch(&hashes[..batch.len()]);
        for quad in batch {
            let host = host(*quad);
            let event = Event {
                at: now,
                host,
                count: 1,
                lines: vec![],
            };
            let Ok(crossing) = self.policy.count(&mut self.memory, event, Some(now));
            if let Some((network, crossing)) = crossing {
                self.print_bare(network, &crossing)?;
            }
        }
        Ok(())
    }

    fn count_line(&mut self, event: event::Event, line: &[u8], now: Time) -> Result<(), Fault> {
        let at = event.span.map(|(_, last)| last);
        let evidence = self.policy.rule.evidence;
        let lines = match evidence {
            0 => vec![],
            _ => evidence_of(line, evidence),
        };
        // A replay is not limited by the clock, if it is not without times of its own.
        let limit = (self.live || at.is_none()).then_some(now);
        let event = Event {
            at: at.unwrap_or(now),
            host: event.address,
            count: event.count,
            lines,
        };
        if let Some(stored) = &mut self.stored {
            if stored.push(event, limit, line) {
                self.store()?;
            }
            return Ok(());
        }
        let Ok(crossing) = self.policy.count(&mut self.memory, event, limit);
        match crossing {
            Some((network, crossing)) => {
                self.print(&record(parse(line), network, &crossing, evidence))
            }
            None => Ok(()),
        }
    }

    /// Counts into the state what waits for that. What is printed for it is printed when it is safely in.
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
        }
        Ok(())
    }

    /// Leaves nothing undone before a wait.
    fn settle(&mut self) -> Result<(), Fault> {
        self.store()?;
        self.output.flush()
    }

    /// Prints what bare addresses reached, millions of times.
    fn print_bare(&mut self, network: Address, crossing: &Crossing) -> Result<(), Fault> {
        if self.json || crossing.hosts.is_some() || !crossing.lines.is_empty() {
            let evidence = self.policy.rule.evidence;
            return self.print(&record(None, network, crossing, evidence));
        }
        self.done = true;
        let buffer = self.output.buffer();
        network.write(buffer);
        buffer.extend_from_slice(b"\tcount=");
        write_number(crossing.count, buffer);
        buffer.extend_from_slice(b"\tfirst=");
        crossing.first.write(buffer);
        buffer.extend_from_slice(b"\tlast=");
        crossing.last.write(buffer);
        self.output.line(b"")
    }

    fn print(&mut self, record: &Record) -> Result<(), Fault> {
        self.done = true;
        self.output.record(record)
    }
}

/// As formatting would write it, faster.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[start..]);
        }
    }
}

fn host(quad: u32) -> Address {
    IpAddr::from(Ipv4Addr::from_bits(quad)).into()
}

fn parse(line: &[u8]) -> Option<Record> {
    Record::parse(line).ok().flatten()
}

/// The lines that a record carries, none longer than it is worth to be kept.
fn evidence_of(line: &[u8], most: usize) -> Vec<Vec<u8>> {
    let Some(record) = parse(line) else {
        return vec![];
    };
    let cut = |mut line: Vec<u8>| {
        line.truncate(EVIDENCE);
        line.shrink_to_fit();
        line
    };
    record.all("line").take(most).map(cut).collect()
}

/// The record of an address that is to be printed: with the fields of the one that decided it.
fn record(
    decided: Option<Record>,
    network: Address,
    crossing: &Crossing,
    evidence: usize,
) -> Record {
    let mut record = decided.unwrap_or_else(|| Record::new(network));
    record.address = network;
    record.set("count", crossing.count.to_string().as_bytes());
    match crossing.hosts {
        Some(hosts) => record.set("hosts", hosts.to_string().as_bytes()),
        None => record.remove("hosts"),
    }
    record.set("first", crossing.first.to_string().as_bytes());
    record.set("last", crossing.last.to_string().as_bytes());
    if evidence > 0 {
        record.remove("line");
        for line in &crossing.lines {
            record.push("line", line);
        }
    }
    record
}

/// Tallies in memory, under its bound.
struct Memory {
    tallies: Known<Tally>,
    passed: Known<Passed>,
    bound: Bound,
}

impl Memory {
    fn new(addresses: Option<usize>) -> Self {
        Memory {
            tallies: Known::new(),
            passed: Known::new(),
            bound: Bound::new(addresses),
        }
    }

    fn make_room(&mut self) {
        self.bound.make_room([&mut self.tallies, &mut self.passed]);
    }
}

impl Store for Memory {
    type Error = Infallible;

    #[inline(always)]
    fn change<R>(
        &mut self,
        network: &Address,
        change: impl FnOnce(&mut Tally) -> R,
    ) -> Result<R, Infallible> {
        let hash = self.tallies.hash(network);
        loop {
            if let Some(place) = self.tallies.place(network, hash, &mut self.bound) {
                let result = self.tallies.change(place, change);
                self.bound.relieve([&mut self.tallies]);
                return Ok(result);
            }
            self.make_room();
        }
    }

    fn pass(
        &mut self,
        host: &Address,
        change: impl FnOnce(&mut Option<Time>) -> bool,
    ) -> Result<bool, Infallible> {
        let hash = self.passed.hash(host);
        loop {
            if let Some(place) = self.passed.place(host, hash, &mut self.bound) {
                return Ok(self.passed.change(place, |passed| change(&mut passed.0)));
            }
            self.make_room();
        }
    }
}
