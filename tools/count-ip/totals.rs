//! Totals at the end of input, most first.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::hits::Hits;
use memchr::memchr;
use pipeban::address::list::{Bits, Take, addresses};
use pipeban::address::{Address, mask4, mask6};
use pipeban::complain::{self, Fault};
use pipeban::input::{self, Input};
use pipeban::time::Time;

use crate::Arguments;
use crate::bound::{Aged, Bound};
use crate::counts::{BATCH, Batch, Counts, keep_first};
use crate::event::Event;
use crate::key::Sextets;
use crate::known::{Known, Passed, Weight};
use crate::policy::lets_pass;
use crate::print;
use crate::stored::{ADDRESSES, BEHIND};

/// What is counted of one address, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    pub count: u64,
    pub span: Option<(Time, Time)>,
}

impl Total {
    pub fn add(&mut self, count: u64, span: Option<(Time, Time)>) {
        self.count = self.count.saturating_add(count);
        self.span = match (self.span, span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}

impl Weight for Total {}

pub fn run(arguments: Arguments) -> Result<bool, Fault> {
    let mut totals = Totals::new(&arguments);
    let mut stored = match arguments.is_remembered() {
        true => Some(Hits::open(
            arguments.state_file.as_deref(),
            &scope(&arguments),
        )?),
        false => None,
    };
    let mut input = Input::new(arguments.files.clone());
    let mut deadline = None;
    loop {
        match input.next_block(deadline)? {
            input::Event::Data(block) => {
                let (lines, bad) = totals.count(block);
                let mut passed = 0;
                for (line, what) in bad {
                    input.pass_lines(line - passed);
                    passed = line;
                    complain::bad_line(input.place(), what);
                }
                input.pass_lines(lines - passed);
                if stored.is_some() {
                    deadline.get_or_insert_with(|| Instant::now() + BEHIND);
                }
            }
            input::Event::Idle => {}
            input::Event::End => break,
        }
        if let Some(stored) = &mut stored
            && deadline.is_some_and(|deadline| deadline <= Instant::now())
        {
            store(
                std::mem::replace(&mut totals, Totals::new(&arguments)),
                stored,
            )?;
            deadline = None;
        }
    }
    if let Some(stored) = &mut stored {
        store(
            std::mem::replace(&mut totals, Totals::new(&arguments)),
            stored,
        )?;
        for (address, hit) in stored.all()? {
            if let Some(address) = Address::parse(address.as_bytes()) {
                totals.count_other(address, hit.count, hit.span);
            }
        }
    }
    totals.bound.report();
    print::totals(totals, &arguments)
}

/// A name for what is counted; what differs in it does not add up.
fn scope(arguments: &Arguments) -> String {
    match arguments.sizes() {
        sizes if sizes == [[32], [128]] => "totals".into(),
        [four, six] => format!("totals, prefixes {four:?} {six:?}"),
    }
}

/// Adds totals to those in the state.
fn store(totals: Totals, stored: &mut Hits) -> Result<(), Fault> {
    let most = totals.bound.addresses().unwrap_or(ADDRESSES);
    stored.write(|table| {
        let mut put = 0;
        for (address, total) in totals.rank(1, usize::MAX) {
            put += 1;
            let address = address.to_string();
            let mut hit = table.get(&address)?.unwrap_or_default();
            hit.add(total.count, total.span);
            table.put(&address, &hit)?;
        }
        if table.forget_beyond(most, put)? > 0 {
            complain::note(
                "state",
                format_args!("{most} addresses are held; those silent for longest were let go"),
            );
        }
        Ok(())
    })
}

/// The totals so far. Bare addresses have narrow tables of their own; all else is in `others`.
pub struct Totals {
    quads: Counts<u32, 8>,
    sextets: Counts<Sextets, 1>,
    others: Known<Total>,
    bound: Bound,
    merge: bool,
    /// Lengths of the networks that are counted.
    prefixes: (u8, u8),
    throttle: Option<Duration>,
    passed: Known<Passed>,
}

/// Bare addresses that are yet to be counted.
struct Batches<'a> {
    quads: (&'a mut Batch<u32>, &'a Counts<u32, 8>),
    sextets: (&'a mut Batch<Sextets>, &'a Counts<Sextets, 1>),
    masks: (u32, u128),
}

impl Take for Batches<'_> {
    #[inline(always)]
    fn take(&mut self, bits: Bits) {
        match bits {
            Bits::V4(quad) => self.quads.0.push(quad & self.masks.0, self.quads.1),
            Bits::V6(number) => {
                let number = number & self.masks.1;
                self.sextets.0.push(number.into(), self.sextets.1);
            }
        }
    }
}

impl Totals {
    fn new(arguments: &Arguments) -> Self {
        let [four, six] = arguments.sizes();
        Totals {
            quads: Counts::new(),
            sextets: Counts::new(),
            others: Known::new(),
            bound: Bound::new(arguments.max_addresses, true),
            merge: arguments.merge,
            prefixes: (four[0], six[0]),
            throttle: arguments.throttle,
            passed: Known::new(),
        }
    }

    /// Counts the lines of a block; answers how many they were, and which were bad, and why.
    fn count(&mut self, block: &[u8]) -> (u64, Vec<(u64, String)>) {
        let masks = (mask4(self.prefixes.0), mask6(self.prefixes.1));
        let (mut quads, mut sextets) = (Batch::new(), Batch::new());
        let mut bad = Vec::new();
        let mut rest = block;
        let mut lines = 0;
        // When the lines arrived, for those without a time.
        let now = Time::now();
        while !rest.is_empty() {
            let (_, left) = self.bound.period();
            let most = if self.throttle.is_none() {
                BATCH.min(left)
            } else {
                0
            };
            let mut batches = Batches {
                quads: (&mut quads, &self.quads),
                sextets: (&mut sextets, &self.sextets),
                masks,
            };
            let (count, used) = addresses(rest, most, &mut batches);
            self.count_batches(&mut quads, &mut sextets);
            lines += count as u64;
            rest = &rest[used..];
            if count == BATCH || rest.is_empty() {
                continue;
            }
            // Here stands a line of another kind.
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let read = Event::read(rest, end, self.merge);
            rest = rest.get(end + 1..).unwrap_or_default();
            lines += 1;
            match read {
                Ok(Some(event)) => self.count_event(event, now),
                Ok(None) => {}
                Err(what) => bad.push((lines, what)),
            }
        }
        (lines, bad)
    }

    #[inline(always)]
    fn count_batches(&mut self, quads: &mut Batch<u32>, sextets: &mut Batch<Sextets>) {
        let done = self.quads.add_all(quads, &mut self.bound);
        for quad in quads.drain_from(done) {
            self.count_quad(quad, 1);
        }
        let done = self.sextets.add_all(sextets, &mut self.bound);
        for number in sextets.drain_from(done) {
            self.count_sextets(number, 1);
        }
    }

    fn count_quad(&mut self, quad: u32, count: u64) {
        while !self.quads.add(quad, count, &mut self.bound) {
            self.make_room();
        }
    }

    fn count_sextets(&mut self, number: Sextets, count: u64) {
        while !self.sextets.add(number, count, &mut self.bound) {
            self.make_room();
        }
    }

    fn count_event(&mut self, event: Event, now: Time) {
        let Event {
            address,
            count,
            span,
        } = event;
        if let Some(throttle) = self.throttle {
            let (_, at) = span.unwrap_or((now, now));
            let hash = self.passed.hash(&address);
            let place = loop {
                match self.passed.place(&address, hash, &mut self.bound) {
                    Some(place) => break place,
                    None => self.make_room(),
                }
            };
            if !self
                .passed
                .change(place, |last| lets_pass(throttle, &mut last.0, at, None))
            {
                return;
            }
        }
        if count > 0 {
            self.count_other(address, count, span);
        }
    }

    fn count_other(&mut self, address: Address, count: u64, span: Option<(Time, Time)>) {
        match address.ip() {
            IpAddr::V4(ip) if span.is_none() && address.prefix_len() >= self.prefixes.0 => {
                self.count_quad(ip.to_bits() & mask4(self.prefixes.0), count);
            }
            IpAddr::V6(ip) if span.is_none() && address.prefix_len() >= self.prefixes.1 => {
                self.count_sextets((ip.to_bits() & mask6(self.prefixes.1)).into(), count);
            }
            ip => {
                let length = if ip.is_ipv4() {
                    self.prefixes.0
                } else {
                    self.prefixes.1
                };
                let address = address.widen(length);
                let hash = self.others.hash(&address);
                loop {
                    if let Some(place) = self.others.place(&address, hash, &mut self.bound) {
                        return self.others.change(place, |total| total.add(count, span));
                    }
                    self.make_room();
                }
            }
        }
    }

    fn make_room(&mut self) {
        let tables: [&mut dyn Aged; 4] = [
            &mut self.quads,
            &mut self.sextets,
            &mut self.others,
            &mut self.passed,
        ];
        self.bound.make_room(tables);
    }

    /// Those of at least `least`, most first, then by address; of these, the first `top`.
    pub fn rank(mut self, least: u64, top: usize) -> impl Iterator<Item = (Address, Total)> {
        let (len4, len6) = self.prefixes;
        let mut others: Vec<_> = self.others.into_values().collect();
        // An address may have come both with a time and without.
        for (address, total) in &mut others {
            let more = match address.ip() {
                IpAddr::V4(ip) if address.prefix_len() == len4 => self.quads.take(ip.to_bits()),
                IpAddr::V6(ip) if address.prefix_len() == len6 => {
                    self.sextets.take(ip.to_bits().into())
                }
                _ => 0,
            };
            total.add(more, None);
        }
        others.retain(|(_, total)| total.count >= least);
        keep_first(&mut others, top, |(address, total)| {
            (Reverse(total.count), *address)
        });
        let network = |ip: IpAddr, len| Address::network(ip, len).unwrap_or(ip.into());
        let bare = |address, count| (address, Total { count, span: None });
        let quads = self
            .quads
            .rank(least, top)
            .map(move |(ip, count)| bare(network(Ipv4Addr::from_bits(ip).into(), len4), count));
        let sextets = self.sextets.rank(least, top).map(move |(ip, count)| {
            bare(network(Ipv6Addr::from_bits(ip.into()).into(), len6), count)
        });
        merge(merge(quads, sextets), others.into_iter()).take(top)
    }
}

/// Both in one order of rank, as each of them is.
fn merge(
    first: impl Iterator<Item = (Address, Total)>,
    second: impl Iterator<Item = (Address, Total)>,
) -> impl Iterator<Item = (Address, Total)> {
    let (mut first, mut second) = (first.peekable(), second.peekable());
    let rank = |(address, total): &(Address, Total), than: &(Address, Total)| {
        let counts = than.1.count.cmp(&total.count);
        counts.then_with(|| address.cmp(&than.0))
    };
    std::iter::from_fn(move || match (first.peek(), second.peek()) {
        (Some(one), Some(other)) if rank(other, one).is_lt() => second.next(),
        (Some(_), _) => first.next(),
        (None, _) => second.next(),
    })
}
