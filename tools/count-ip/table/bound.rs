//! The bound on memory: which addresses are evicted when no more can be held.
//!
//! Time is counted in periods. With N addresses held, a period is N/16 events long, so at most
//! N/16 addresses have an event in it. The age of an address is the number of the period of its
//! last event. To free memory the oldest periods are evicted, each with all its addresses, until
//! an eighth of the addresses is gone. So an evicted address has been silent for longer than any
//! that stays. The other seven eighths had their last events in at least fourteen periods:
//! therefore no address is evicted that had one of the last N/2 events.

use pipeban::complain;

use super::memory::{BATCH, MEMORY};

/// The highest age; before it is reached all ages are made smaller.
const HIGHEST: u8 = u8::MAX;

/// Counts the addresses held, and evicts some when memory is full.
pub struct Bound {
    /// The highest number of addresses, if the user gave one.
    addresses: Option<usize>,
    held: usize,
    age: u8,
    /// The lowest number of events in a period.
    least: usize,
    left_of_period: usize,
    evicted: u64,
}

/// A table whose addresses have ages.
pub trait Aged {
    /// Adds to each element of `ages` the number of addresses of that age.
    fn count_ages(&self, ages: &mut [usize; 256]);
    /// Makes all ages smaller by this number; those below it become 0.
    fn lower_ages(&mut self, by: u8);
    /// Removes the addresses of this age and of lower ones; returns their number.
    fn evict(&mut self, age: u8) -> usize;
    /// The memory that the table takes in bytes, with all that its values point to.
    fn size(&self) -> usize;
    /// The memory that its values point to, in bytes.
    fn weight(&self) -> usize {
        0
    }
    /// The memory that growing takes at its worst moment, in bytes beyond [`size`](Self::size);
    /// 0 if there is a place for another address.
    fn growth(&self) -> usize;
    /// Makes places for more addresses.
    fn grow(&mut self);
}

impl Bound {
    /// `addresses` is the highest number of them, if the user gave one. `light`: an address takes
    /// hardly more memory than its slot in a table.
    pub fn new(addresses: Option<usize>, light: bool) -> Self {
        // A whole batch of events has one age, unless that is more than a sixteenth of all the
        // addresses that are ever held.
        let many = addresses.is_none_or(|most| most >= 16 * BATCH);
        let least = if light && many { BATCH } else { 1 };
        Bound {
            addresses,
            held: 0,
            age: 1,
            least,
            left_of_period: least,
            evicted: 0,
        }
    }

    /// The age that an event has now, and the number of events that are left of this period.
    /// After them [`make_room`](Self::make_room) begins the next period.
    #[inline(always)]
    pub fn period(&self) -> (u8, usize) {
        (self.age, self.left_of_period)
    }

    /// Tells that this number of events was counted, at most as many as the period has left.
    #[inline(always)]
    pub fn advance(&mut self, events: usize) {
        self.left_of_period -= events;
    }

    /// Adds one to the number of addresses held; false if no more may be held.
    #[inline(always)]
    pub fn try_hold(&mut self) -> bool {
        if self.addresses.is_some_and(|most| self.held >= most) {
            return false;
        }
        self.held += 1;
        true
    }

    /// Makes it possible to count the next event: begins a period, grows tables or evicts
    /// addresses. `tables` are all the tables under this bound.
    #[cold]
    pub fn make_room<const N: usize>(&mut self, mut tables: [&mut dyn Aged; N]) {
        if self.left_of_period == 0 {
            self.begin_period(&mut tables);
            return;
        }
        let weight: usize = tables.iter().map(|t| t.weight()).sum();
        let full = match self.addresses {
            Some(most) => self.held >= most || weight > MEMORY,
            None => tables.iter().map(|t| t.size() + t.growth()).sum::<usize>() > MEMORY,
        };
        if full {
            self.evict(&mut tables);
        } else {
            for table in tables.iter_mut().filter(|t| t.growth() > 0) {
                table.grow();
            }
        }
    }

    /// Evicts addresses if their values take too much memory.
    #[inline(always)]
    pub fn relieve<const N: usize>(&mut self, mut tables: [&mut dyn Aged; N]) {
        if tables.iter().map(|t| t.weight()).sum::<usize>() > MEMORY {
            self.evict(&mut tables);
        }
    }

    fn begin_period(&mut self, tables: &mut [&mut dyn Aged]) {
        self.left_of_period = (self.held / 16).max(self.least);
        self.age += 1;
        if self.age == HIGHEST {
            self.age -= HIGHEST / 2;
            for table in tables {
                table.lower_ages(HIGHEST / 2);
            }
        }
    }

    fn evict(&mut self, tables: &mut [&mut dyn Aged]) {
        let mut ages = [0; 256];
        for table in tables.iter() {
            table.count_ages(&mut ages);
        }
        let mut sum = 0;
        let oldest = ages.iter().position(|n| {
            sum += n;
            sum > self.held / 8
        });
        let Some(oldest) = oldest else { return };
        if self.evicted == 0 {
            let held = self.held;
            complain::note(
                "memory",
                format_args!(
                    "{held} addresses are held; from here on, those silent for longest are let go"
                ),
            );
        }
        for table in tables {
            let gone = table.evict(oldest as u8);
            self.held -= gone;
            self.evicted += gone as u64;
        }
    }

    /// Reports, at the end of a run, how many addresses were evicted. `failed`: this is an error.
    pub fn report(&self, failed: bool) {
        let report = if failed {
            complain::error
        } else {
            complain::note
        };
        if self.evicted > 0 {
            let number = self.evicted;
            report(
                "memory",
                format!("{number} times an address was let go, and its count with it"),
            );
        }
    }
}
