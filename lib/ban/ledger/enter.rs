//! New bans, and longer ones.

use super::ban::Ban;
use super::batch::{Batch, Entered, NewBan};
use super::forget::forget_some;
use super::rows::{highest, longest, renumber, told};
use super::store::Ledger;
use pipeban::complain::Fault;
use pipeban::time::Time;

/// From this number of new bans on, the ledger writes in bulk mode.
const BULK: usize = 1_000;

impl Ledger {
    /// Enters those of `wanted` that are new, or longer than the present ban of their address, and
    /// have not ended by now; see [`Ban::onto`]. The firewall has then to be told.
    ///
    /// A ban that another host asks for is entered beside this host's own. One in force that a
    /// killed process has not printed is entered again as it is.
    pub fn ban(
        &mut self,
        backend: &str,
        wanted: &[NewBan],
        now: Time,
    ) -> Result<Vec<Entered>, Fault> {
        if wanted.len() >= BULK {
            // To write back seldom is quicker, but each process that opens the file reads all that
            // is not yet written back.
            let seldom = "PRAGMA wal_autocheckpoint=4000";
            self.state.run(|db| db.execute_batch(seldom))?;
        }
        let unprinted = &mut self.unprinted;
        let done = self.state.write(|db| {
            let left = unprinted.as_ref().map(|u| u.left(db)).transpose()?;
            let left = left.unwrap_or_default();
            let done = Batch::new(db, backend, wanted, left, now)?.enter()?;
            let numbers = done.changed.numbers();
            if !numbers.is_empty() {
                forget_some(db, numbers.clone(), now)?;
                if let Some(unprinted) = unprinted {
                    unprinted.note(db, numbers)?;
                }
            }
            Ok(done)
        })?;
        self.recent = done.changed;
        Ok(done.entered)
    }

    /// Enters those of these bans again that are still in force and that the firewall was told: it
    /// does not hold them, and has to be told again.
    pub fn put_back(&mut self, backend: &str, bans: &[Ban], now: Time) -> Result<(), Fault> {
        let unprinted = &mut self.unprinted;
        self.state.write(|db| {
            let (told, before) = (told(db, backend)?, highest(db)?);
            let mut last = before;
            for ban in bans {
                let found = longest(db, backend, &ban.target, Time::MAX, now)?;
                if let Some((id, _)) = found.filter(|(id, _)| *id <= told) {
                    last += 1;
                    renumber(db, id, last)?;
                }
            }
            match unprinted {
                Some(unprinted) if last > before => Ok(unprinted.note(db, before + 1..=last)?),
                _ => Ok(()),
            }
        })
    }
}
