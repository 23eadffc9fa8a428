//! The bound on memory: which addresses go when no more can be held.
//!
//! Each address has an age, the number of the period in which its last event came. A period is as
//! many events as a sixteenth of the addresses held, so it sees at most so many of them. When room
//! is needed, the oldest periods go, whole, until an eighth of the addresses is gone. So what goes is
//! always silent for longer than what stays. And as it takes fourteen periods to see the seven
//! eighths that stay or were last to go, no address goes that had one of the last N/2 events, N being
//! how many addresses are held.

use pipeban::complain;

use crate::counts::BATCH;

/// Memory for tables and what hangs on them, in bytes, where the user sets no other bound. The
/// program with its buffers stays under 256 MiB.
pub const MEMORY: usize = 232 << 20;

/// The last age before all are shifted down.
const OLDEST: u8 = u8::MAX;

pub struct Bound {
    /// The most addresses, if the user said so.
    addresses: Option<usize>,
    held: usize,
    age: u8,
    /// The least events of a period.
    least: usize,
    left_of_period: usize,
    forgotten: u64,
}

/// A table whose addresses have ages.
pub trait Aged {
    /// Adds to each age how many addresses have it.
    fn census(&self, ages: &mut [usize; 256]);
    /// Makes all ages smaller by this; those under it become 0.
    fn shift(&mut self, by: u8);
    /// Lets go of the addresses up to this age; how many they were.
    fn forget(&mut self, age: u8) -> usize;
    /// In bytes, with all that hangs on it.
    fn size(&self) -> usize;
    /// What hangs on it, in bytes.
    fn weight(&self) -> usize {
        0
    }
    /// What it takes to grow, at the worst moment, in bytes more; 0 if there is room for another address.
    fn growth(&self) -> usize;
    fn grow(&mut self);
}

impl Bound {
    /// `light`: hardly anything hangs on an address beside its place in a table.
    pub fn new(addresses: Option<usize>, light: bool) -> Self {
        // A whole batch of events has one age, as far as that is no more than a sixteenth of all that are ever held.
        let many = addresses.is_none_or(|most| most >= 16 * BATCH);
        let least = if light && many { BATCH } else { 1 };
        Bound {
            addresses,
            held: 0,
            age: 1,
            least,
            left_of_period: least,
            forgotten: 0,
        }
    }

    /// The most addresses, if the user said so.
    pub fn addresses(&self) -> Option<usize> {
        self.addresses
    }

    /// The age of events now, and for how many of them; [`make_room`](Self::make_room) then begins the next period.
    #[inline(always)]
    pub fn period(&self) -> (u8, usize) {
        (self.age, self.left_of_period)
    }

    /// Tells that so many events were counted, at most as many as the period has left.
    #[inline(always)]
    pub fn pass(&mut self, events: usize) {
        self.left_of_period -= events;
    }

    /// Asks to hold one more address.
    #[inline(always)]
    pub fn hold_one(&mut self) -> bool {
        if self.addresses.is_some_and(|most| self.held >= most) {
            return false;
        }
        self.held += 1;
        true
    }

    /// Does what is needed before the next event can be counted: begins a period, grows a table or lets addresses go.
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
            self.let_go(&mut tables);
        } else {
            for table in tables.iter_mut().filter(|t| t.growth() > 0) {
                table.grow();
            }
        }
    }

    /// Lets addresses go if too much hangs on them.
    #[inline(always)]
    pub fn relieve<const N: usize>(&mut self, mut tables: [&mut dyn Aged; N]) {
        if tables.iter().map(|t| t.weight()).sum::<usize>() > MEMORY {
            self.let_go(&mut tables);
        }
    }

    fn begin_period(&mut self, tables: &mut [&mut dyn Aged]) {
        self.left_of_period = (self.held / 16).max(self.least);
        self.age += 1;
        if self.age == OLDEST {
            self.age -= OLDEST / 2;
            for table in tables {
                table.shift(OLDEST / 2);
            }
        }
    }

    fn let_go(&mut self, tables: &mut [&mut dyn Aged]) {
        let mut ages = [0; 256];
        for table in tables.iter() {
            table.census(&mut ages);
        }
        let mut going = 0;
        let oldest = ages.iter().position(|n| {
            going += n;
            going > self.held / 8
        });
        let Some(oldest) = oldest else { return };
        if self.forgotten == 0 {
            let what = format_args!(
                "{} addresses are held; from here on, those silent for longest are let go",
                self.held
            );
            complain::note("memory", what);
        }
        for table in tables {
            let gone = table.forget(oldest as u8);
            self.held -= gone;
            self.forgotten += gone as u64;
        }
    }

    /// Says at the end how many addresses were let go.
    pub fn report(&self) {
        if self.forgotten > 0 {
            complain::note(
                "memory",
                format_args!(
                    "{} times an address was let go, and its count with it",
                    self.forgotten
                ),
            );
        }
    }
}
