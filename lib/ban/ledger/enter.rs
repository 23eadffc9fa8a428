//! New bans, and longer ones.

use super::ban::Ban;
use super::batch::enter;
use super::new_ban::{Entered, NewBan};
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
        self.write_many(wanted.len())?;
        let unprinted = &mut self.unprinted;
        let done = (self.state).write(|db| Ok(enter(db, unprinted, backend, wanted, now)?))?;
        self.recent = done.changed;
        Ok(done.entered)
    }

    /// Prepares to write this number of bans.
    pub(super) fn write_many(&self, number: usize) -> Result<(), Fault> {
        if number < BULK {
            return Ok(());
        }
        // To write back seldom is quicker, but each process that opens the file reads all that is
        // not yet written back.
        let seldom = "PRAGMA wal_autocheckpoint=4000";
        self.state.run(|db| db.execute_batch(seldom))
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
