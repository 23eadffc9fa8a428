//! The last changes that this process has entered.

use std::ops::RangeInclusive;

use super::ban::Ban;
use super::complete::Complete;

/// The last changes that this process has entered: they need not be read again, since a ban that
/// is changed gets another number.
#[derive(Default)]
pub(super) struct Recent {
    backend: String,
    before: i64,
    bans: Vec<Ban>,
    /// The ledger had no ban of any of their targets, in force or ended.
    are_first: bool,
    /// The number up to which the firewall was told all bans before they were entered, and the
    /// state in which it held all of them. `None` if it may have to be told anything else.
    told: Option<(i64, Option<Complete>)>,
}

impl Recent {
    /// None yet of this firewall; the first one will be the next after this number. For `told`,
    /// see [`told`](Self::told).
    pub(super) fn after(backend: &str, before: i64, told: Option<(i64, Option<Complete>)>) -> Self {
        Recent {
            backend: backend.to_owned(),
            before,
            bans: vec![],
            are_first: true,
            told,
        }
    }

    /// Adds the next one, the first of its target or not.
    pub(super) fn push(&mut self, ban: Ban, is_first: bool) {
        self.bans.push(ban);
        self.are_first &= is_first;
    }

    /// Whether the ledger had no ban of any of their targets, in force or ended.
    pub(super) fn are_first(&self) -> bool {
        self.are_first
    }

    /// The number of the last one.
    pub(super) fn last(&self) -> i64 {
        self.before + self.bans.len() as i64
    }

    /// Their numbers.
    pub(super) fn numbers(&self) -> RangeInclusive<i64> {
        self.before + 1..=self.last()
    }

    /// Whether each ban that this firewall has not been told, of those with numbers above `told`
    /// and at most `highest`, the highest of all, is one of them.
    pub(super) fn are_all(&self, backend: &str, told: i64, highest: i64) -> bool {
        self.backend == backend && told >= self.before && highest == self.last()
    }

    /// The number up to which this firewall was told all bans when they were entered, and the state
    /// in which it held all of them; `None` if it may have to be told others than these.
    pub(super) fn told(&self, backend: &str) -> Option<(i64, &Option<Complete>)> {
        let (told, complete) = self.told.as_ref()?;
        (self.backend == backend && *told >= self.before).then_some((*told, complete))
    }

    /// The ban that got this number, if it is one of them.
    pub(super) fn get(&self, id: i64) -> Option<Ban> {
        let place = usize::try_from(id.checked_sub(self.before + 1)?).ok()?;
        self.bans.get(place).copied()
    }
}
