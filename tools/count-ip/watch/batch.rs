//! Events of a block that are read and not counted yet. Their counts lie anywhere in memory, so
//! many are looked up together.

use std::ops::Range;

use pipeban::address::list::{Bits, Take};
use pipeban::time::{Recent, Time};

use super::in_memory::{Memory, Target};
use crate::fields::Fields;
use crate::table::memory::BATCH;
use crate::value::Value;

/// At most [`BATCH`] events.
#[derive(Default)]
pub struct EventBatch {
    pub events: Vec<Pending>,
    /// The lines of those that are more than an address.
    pub lines: Vec<Full>,
    /// The fields of those lines, where the rule reads any.
    pub fields: Vec<Fields>,
}

/// An event that is to be counted.
pub struct Pending {
    pub target: Target,
    /// The index of its [`Full`] line, if it is more than an address.
    pub line: Option<u32>,
}

/// A line that is more than an address.
pub struct Full {
    pub count: u64,
    pub at: Option<Time>,
    pub success: bool,
    /// The value that is to be distinct, where the target is a row.
    pub value: Value,
    /// Where the rule reads any, and the target is none: the index of its fields.
    pub fields: Option<u32>,
    /// Its place in the block, which is shorter than 4 GiB. A line fills one cache line.
    pub place: Range<u32>,
}

/// Takes bare addresses into a batch.
pub struct Bare<'a> {
    pub memory: &'a Memory,
    pub batch: &'a mut EventBatch,
}

impl Take for Bare<'_> {
    #[inline(always)]
    fn take(&mut self, bits: Bits) {
        let events = &mut self.batch.events;
        self.memory
            .load(bits, |target| events.push(Pending { target, line: None }));
    }
}

impl EventBatch {
    pub fn new() -> Self {
        EventBatch {
            events: Vec::with_capacity(BATCH),
            lines: Vec::with_capacity(BATCH),
            fields: Vec::new(),
        }
    }

    /// The number of events that may be added.
    #[inline(always)]
    pub fn free(&self) -> usize {
        BATCH - self.events.len()
    }

    pub fn clear(&mut self) {
        self.events.clear();
        self.lines.clear();
        self.fields.clear();
    }

    /// Counts the events as recent ones; those without a time came now.
    pub fn count_times(&self, recent: &Recent, now: Time) {
        let bare = (self.events.len() - self.lines.len()) as u64;
        let failures = self.lines.iter().filter(|line| !line.success);
        let timed = failures.map(|line| (line.at.unwrap_or(now).min(now), line.count));
        recent.add(timed.chain([(now, bare)]));
    }

    /// Keeps the fields of a line that is added next.
    pub fn add_fields(&mut self, fields: Fields) -> Option<u32> {
        self.fields.push(fields);
        Some(self.fields.len() as u32 - 1)
    }

    /// Adds the event of a line.
    #[inline(always)]
    pub fn add(
        &mut self,
        target: Target,
        at: Option<Time>,
        value: Value,
        fields: Option<u32>,
        place: Range<usize>,
    ) {
        self.add_full(
            target,
            Full {
                count: 1,
                at,
                success: false,
                value,
                fields,
                place: place.start as u32..place.end as u32,
            },
        );
    }

    /// The same with all that a line can say.
    #[inline(always)]
    pub fn add_full(&mut self, target: Target, line: Full) {
        let number = self.lines.len() as u32;
        self.lines.push(line);
        let line = Some(number);
        self.events.push(Pending { target, line });
    }
}
