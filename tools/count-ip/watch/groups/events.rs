//! The events of a group that count, as few as tell whether the threshold is reached.

use pipeban::address::Address;
use pipeban::time::Time;

use crate::value::Value;

/// Where a threshold is not higher, this is the highest number of [`Entry`]s in a group.
const MOST: usize = 4096;

/// Events of one user at one address with one value. With a window and a threshold of events, each
/// event is an entry of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The distinct value; [`Value::NONE`] where events are counted.
    pub value: Value,
    pub address: Address,
    pub user: Value,
    pub first: Time,
    pub last: Time,
    pub count: u64,
}

/// The entries of a group, sorted by value, address and user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    pub list: Vec<Entry>,
    /// No entry ended before this time, where it is known.
    oldest: Option<Time>,
}

impl Entries {
    /// These entries, in any order.
    pub fn new(mut list: Vec<Entry>) -> Self {
        list.sort_unstable_by_key(|entry| (entry.value, entry.address, entry.user));
        Entries { list, oldest: None }
    }

    /// Makes times ahead of the clock count as now.
    pub fn limit(&mut self, now: Time) {
        self.oldest = None;
        for entry in &mut self.list {
            (entry.first, entry.last) = (entry.first.min(now), entry.last.min(now));
        }
    }

    /// Whether there are at least `number` events, or distinct values if `distinct`.
    pub fn reaches(&self, number: u64, distinct: bool) -> bool {
        match distinct {
            // An entry has one value.
            true => self.list.len() as u64 >= number && self.distinct() >= number,
            false => self.count() >= number,
        }
    }

    /// Adds an event, to an entry like it if `join`. Entries that ended before `from` are removed.
    pub fn add(&mut self, new: Entry, join: bool, from: Time, threshold: u64) {
        if self.oldest.is_none_or(|oldest| oldest < from) {
            self.list.retain(|entry| entry.last >= from);
            let oldest = self.list.iter().map(|entry| entry.last).min();
            self.oldest = Some(oldest.unwrap_or(new.last));
        }
        self.oldest = self.oldest.min(Some(new.last));
        let key = |entry: &Entry| (entry.value, entry.address, entry.user);
        match self.list.binary_search_by_key(&key(&new), key) {
            Ok(place) if join => {
                let entry = &mut self.list[place];
                entry.first = entry.first.min(new.first);
                entry.last = entry.last.max(new.last);
                entry.count = entry.count.saturating_add(new.count);
            }
            Ok(place) | Err(place) => {
                // Most groups have few entries: they grow by half, not to the double.
                if self.list.len() == self.list.capacity() {
                    self.list.reserve_exact(self.list.len() / 2 + 1);
                }
                self.list.insert(place, new);
            }
        }
        if self.list.len() > MOST.max(usize::try_from(threshold).unwrap_or(usize::MAX)) {
            self.drop_one();
        }
    }

    /// Removes the oldest entry of those whose value another one has too: no value is lost.
    fn drop_one(&mut self) {
        let list = &self.list;
        let same = |i: usize, j: usize| list.get(j).is_some_and(|e| e.value == list[i].value);
        let spare = (0..list.len()).filter(|i| same(*i, i + 1) || (*i > 0 && same(*i, i - 1)));
        if let Some(oldest) = spare.min_by_key(|i| list[*i].last) {
            self.list.remove(oldest);
        }
    }

    /// The number of distinct values.
    pub fn distinct(&self) -> u64 {
        self.list.chunk_by(|a, b| a.value == b.value).count() as u64
    }

    /// The number of events.
    pub fn count(&self) -> u64 {
        let counts = self.list.iter().map(|entry| entry.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Removes the events of a user at an address up to a time; true if there were any.
    pub fn forgive(&mut self, user: Value, address: &Address, until: Time) -> bool {
        let before = self.list.len();
        self.list
            .retain(|entry| entry.user != user || entry.address != *address || entry.last > until);
        self.list.len() < before
    }
}
