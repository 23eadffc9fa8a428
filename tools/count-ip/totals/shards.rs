//! Totals counted by several threads. Each reads pieces of the files. While the addresses are few,
//! it counts them all in its table; if they stay few, the tables are added up in the end, each part
//! of the hashes by one thread. Beyond that its table is a shard: it has the addresses of some
//! hashes. Events and counts go to the thread that has their address.
//!
//! Totals do not depend on the order of events, but evictions do. So where one thread would have to
//! let go of addresses, and where something is wrong with a file, all begins again with one thread.

use std::ffi::OsString;
use std::fs::File;
use std::iter::Enumerate;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};

use memchr::memchr;
use pipeban::address::list::addresses;
use pipeban::address::{mask4, mask6};
use pipeban::input::{Event, Input, PIECE, Pieces};
use pipeban::threads::most;

use super::counter::Totals;
use super::ranking::Ranking;
use super::split::{Events, Split};
use crate::arguments::Arguments;
use crate::line::{BadLines, Line};
use crate::table::key::{Key, Part, Seed};
use crate::table::memory::MEMORY;

/// Events are handed to another thread when there are this many, and this many times they may wait
/// there.
const TOGETHER: usize = 16 << 10;
const WAITING: usize = 8;
/// The part of the memory that the tables may take in all while each has all addresses.
const OWN: usize = MEMORY / 4;
/// The lines that are read between two looks at the events of others.
const AT_ONCE: usize = 1 << 16;

/// A piece that was read: its number, that of its operand, its lines, and the bad ones.
struct Told {
    piece: usize,
    operand: usize,
    lines: u64,
    bad: BadLines,
}

/// Whose addresses the tables have: each has all, that may change; each has all until the end, as
/// one thread has read to the end; each has those of its shard.
const ALL: u8 = 0;
const ALL_TO_END: u8 = 1;
const SHARD: u8 = 2;

/// The pieces that are left, and whether all begins again.
struct Shared {
    pieces: Mutex<Enumerate<Pieces>>,
    gives_up: AtomicBool,
    tables: AtomicU8,
}

impl Shared {
    /// Decides the tables' addresses, if that is not yet done; returns the decision.
    fn decide(&self, tables: u8) -> u8 {
        let decided = self.tables.compare_exchange(ALL, tables, Relaxed, Relaxed);
        decided.map_or_else(|before| before, |_| tables)
    }
}

struct Worker {
    number: usize,
    /// The counts of all addresses, while these are few; then those of the shard.
    totals: Totals,
    /// Whether the addresses of other shards are given to their threads.
    splits: bool,
    split: Split,
    merge: bool,
    /// The events that other threads found.
    inbox: Receiver<Events>,
    outboxes: Vec<SyncSender<Events>>,
    shared: Arc<Shared>,
    told: Vec<Told>,
    /// Empty ones whose memory is used again: as many come from other threads as go to them.
    spare: Vec<Events>,
}

/// The counts of all shards, and the bad lines in the order of the files.
pub(super) struct Counted {
    pub(super) shards: Vec<Ranking>,
    /// The number of the operand and of the line, and what is wrong.
    pub(super) bad: Vec<(usize, u64, String)>,
}

/// The number of threads that pay: one where the counts depend on the order of events, and where an
/// operand is no regular file that can be read.
fn threads(arguments: &Arguments) -> usize {
    let ordered = arguments.throttle.is_some() || arguments.max_addresses.is_some();
    let size = |file: &OsString| {
        let data = File::open(file).and_then(|file| file.metadata()).ok();
        data.filter(|data| data.is_file() && file != "-")
            .map(|data| data.len())
    };
    let sizes = arguments.files.iter().map(size).collect::<Option<Vec<_>>>();
    let Some(sizes) = sizes.filter(|_| !ordered && !arguments.is_remembered()) else {
        return 1;
    };
    let pieces = sizes.iter().map(|size| size / PIECE + 1).sum::<u64>();
    most(arguments.threads).min(usize::try_from(pieces).unwrap_or(usize::MAX))
}

/// Counts all files by several threads; `None` if one has to do it.
pub(super) fn count(arguments: &Arguments) -> Option<Counted> {
    let threads = threads(arguments);
    if threads < 2 {
        return None;
    }
    let mut input = Input::new(arguments.files.clone());
    input.unpack_by(arguments.threads);
    input.fail_on_error();
    let shared = Arc::new(Shared {
        pieces: Mutex::new(input.pieces(true).enumerate()),
        gives_up: AtomicBool::new(false),
        tables: AtomicU8::new(ALL),
    });
    let (outboxes, inboxes): (Vec<_>, Vec<_>) = (0..threads).map(|_| sync_channel(WAITING)).unzip();
    let (seed, table_seed) = (Seed::random(), Seed::random());
    let [four, six] = arguments.sizes();
    let worker = |(number, inbox)| Worker {
        number,
        totals: Totals::new(arguments, table_seed),
        splits: false,
        split: Split {
            shards: (0..threads).map(|_| Events::default()).collect(),
            masks: (mask4(four[0]), mask6(six[0])),
            seed,
        },
        merge: arguments.merge,
        inbox,
        outboxes: outboxes.clone(),
        shared: shared.clone(),
        told: Vec::new(),
        spare: Vec::new(),
    };
    let workers: Vec<_> = inboxes.into_iter().enumerate().map(worker).collect();
    drop(outboxes);
    let work = workers.into_iter().map(|worker| {
        let mut input = input.empty_copy();
        input.fail_on_error();
        move || worker.work(input)
    });
    let mut work: Vec<_> = work.collect();
    // This thread works, too: it keeps its processor for all that comes behind.
    let here = work.swap_remove(0);
    let spawned: Vec<_> = work
        .into_iter()
        .map(|work| Builder::new().spawn(work))
        .collect();
    if spawned.iter().any(Result::is_err) {
        shared.gives_up.store(true, Relaxed);
    }
    let (totals, mut told) = here();
    let mut tables = vec![totals];
    for thread in spawned.into_iter().flatten() {
        let ended = thread.join();
        let (totals, its) = ended.unwrap_or_else(|e| resume_unwind(e));
        tables.push(totals);
        told.extend(its);
    }
    if shared.gives_up.load(Relaxed) {
        return None;
    }
    let shards = match shared.tables.load(Relaxed) {
        SHARD => all_of(tables, |shard| shard.rank(arguments.limits())),
        _ => all_of(Part::all(threads).collect(), |part| {
            Totals::rank_part(&tables, part, table_seed, arguments)
        }),
    };
    Some(Counted {
        shards,
        bad: bad_lines(told),
    })
}

/// The results of these tasks, in any order, by as many threads.
fn all_of<I: Send, T: Send>(tasks: Vec<I>, run: impl Fn(I) -> T + Sync) -> Vec<T> {
    let threads = tasks.len();
    let (tasks, done) = (Mutex::new(tasks), Mutex::new(Vec::new()));
    let next = || tasks.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || {
        while let Some(task) = next() {
            let result = run(task);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where a thread can't be had the others do its work.
            let _ = Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The bad lines of all pieces, in order.
fn bad_lines(mut told: Vec<Told>) -> Vec<(usize, u64, String)> {
    told.sort_by_key(|told| told.piece);
    let (mut operand, mut before) = (0, 0);
    let mut bad = Vec::new();
    for told in told {
        if told.operand != operand {
            (operand, before) = (told.operand, 0);
        }
        let lines = told.bad.into_iter();
        bad.extend(lines.map(|(line, what)| (operand, before + line, what)));
        before += told.lines;
    }
    bad
}

impl Worker {
    /// Reads pieces while there are any, and counts the events of its shard.
    fn work(mut self, mut input: Input) -> (Totals, Vec<Told>) {
        while self.read(&mut input) {
            self.pass_on();
        }
        if self.shared.decide(ALL_TO_END) == SHARD {
            self.begin_to_split();
            for to in 0..self.outboxes.len() {
                self.send(to);
            }
        }
        self.outboxes.clear();
        // The others end when they have read all; until then events come.
        while let Ok(events) = self.inbox.recv() {
            self.count_all(events);
        }
        (self.totals, self.told)
    }

    /// Reads a piece; false if there is none.
    fn read(&mut self, input: &mut Input) -> bool {
        let mut pieces = self
            .shared
            .pieces
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let next = pieces.next();
        drop(pieces);
        let Some((number, piece)) = next else {
            return false;
        };
        let mut told = Told {
            piece: number,
            operand: piece.operand(),
            lines: 0,
            bad: Vec::new(),
        };
        input.begin(piece);
        loop {
            match input.next_block(None) {
                Ok(Event::Data(block)) => self.count_block(block, &mut told),
                Ok(Event::Idle) => {}
                Ok(Event::End) => break,
                // One thread tells it, and what line it is.
                Err(_) => self.shared.gives_up.store(true, Relaxed),
            }
            if self.shared.gives_up.load(Relaxed) {
                return false;
            }
        }
        self.told.push(told);
        true
    }

    fn count_block(&mut self, block: &[u8], told: &mut Told) {
        let memory = self.totals.memory() * self.split.shards.len();
        let tables = match memory > OWN {
            true => self.shared.decide(SHARD),
            false => self.shared.tables.load(Relaxed),
        };
        if memory > MEMORY {
            self.shared.gives_up.store(true, Relaxed);
        }
        if tables == SHARD {
            self.begin_to_split();
            self.split_block(block, told);
            return self.pass_on();
        }
        let (lines, bad) = self.totals.count(block);
        let bad = bad.into_iter();
        told.bad
            .extend(bad.map(|(line, what)| (told.lines + line, what)));
        told.lines += lines;
    }

    /// Makes the table this shard's alone, if it is not yet: the counts of others go to the threads
    /// that have the addresses.
    fn begin_to_split(&mut self) {
        if std::mem::replace(&mut self.splits, true) {
            return;
        }
        let (split, number) = (&self.split, self.number);
        let is_other = |hash| split.shard(hash) != number;
        let (fours, others) = self.totals.take_out(
            |ip| is_other(ip.hash(split.seed)),
            |ip| is_other(ip.hash(split.seed)),
        );
        for (i, (ip, count)) in fours.into_iter().enumerate() {
            let shard = self.split.shard(ip.hash(self.split.seed));
            self.split.shards[shard].counts.push((ip, count));
            if i % TOGETHER == 0 {
                self.pass_on();
            }
        }
        for (i, (address, total)) in others.into_iter().enumerate() {
            self.split.take_line(Line {
                address,
                count: total.count,
                span: total.span,
                success: false,
            });
            if i % TOGETHER == 0 {
                self.pass_on();
            }
        }
    }

    fn split_block(&mut self, block: &[u8], told: &mut Told) {
        let mut rest = block;
        while !rest.is_empty() {
            let (count, used) = addresses(rest, AT_ONCE, &mut self.split);
            told.lines += count as u64;
            rest = &rest[used..];
            if count == AT_ONCE || rest.is_empty() {
                continue;
            }
            // The next line is more than an address.
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let read = Line::read(rest, end, self.merge, false);
            rest = rest.get(end + 1..).unwrap_or_default();
            told.lines += 1;
            match read {
                Ok(Some(line)) if line.count > 0 => self.split.take_line(line),
                Ok(_) => {}
                Err(what) => told.bad.push((told.lines, what)),
            }
        }
    }

    /// Hands on many events at once, counts those of the own shard, and looks at the inbox.
    fn pass_on(&mut self) {
        for to in 0..self.outboxes.len() {
            if to == self.number || self.split.shards[to].len() >= TOGETHER {
                self.send(to);
            }
        }
        while let Ok(events) = self.inbox.try_recv() {
            self.count_all(events);
        }
    }

    /// Hands on the events of a shard, and counts others while its thread takes none.
    fn send(&mut self, to: usize) {
        let empty = self.spare.pop().unwrap_or_default();
        let mut events = std::mem::replace(&mut self.split.shards[to], empty);
        if to == self.number {
            return self.count_all(events);
        }
        while let Err(TrySendError::Full(back)) = self.outboxes[to].try_send(events) {
            events = back;
            match self.inbox.try_recv() {
                Ok(events) => self.count_all(events),
                Err(_) => thread::yield_now(),
            }
        }
    }

    fn count_all(&mut self, mut events: Events) {
        self.totals.add_bare(&events.ipv4, &events.ipv6);
        self.totals.add_counts(&events.counts);
        for line in &events.others {
            self.totals.count_other(line.address, line.count, line.span);
        }
        if self.totals.memory() > MEMORY / self.split.shards.len() {
            self.shared.gives_up.store(true, Relaxed);
        }
        if self.spare.len() < WAITING {
            events.clear();
            self.spare.push(events);
        }
    }
}
