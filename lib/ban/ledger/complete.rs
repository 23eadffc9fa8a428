//! The state in which a firewall held all bans that it was told: as long as it is in that state,
//! nobody has to ask it for each.

use std::io;

use nix::time::{ClockId, clock_gettime};
use rusqlite::{Connection, OptionalExtension, params};

use super::store::Ledger;
use pipeban::complain::Fault;

/// The clock may be set this far meanwhile, in microseconds: the ends of bans in firewall and
/// ledger are then as far apart.
const SAME: i64 = 2_000_000;

impl Ledger {
    /// Whether a firewall in this state holds all bans that it was told.
    pub fn is_complete(&self, backend: &str, state: &str) -> Result<bool, Fault> {
        let Ok(clock) = clock() else {
            return Ok(false);
        };
        self.state.run(|db| {
            let mut query =
                db.prepare_cached("SELECT clock FROM state WHERE backend = ? AND state = ?")?;
            let noted = query.query_row([backend, state], |row| row.get::<_, i64>(0));
            let noted = noted.optional()?;
            Ok(noted.is_some_and(|noted| noted.abs_diff(clock) <= SAME as u64))
        })
    }

    /// Notes that a firewall in this state holds exactly the bans that it was told.
    pub fn note_complete(&mut self, backend: &str, state: &str) -> Result<(), Fault> {
        let Ok(clock) = clock() else {
            return Ok(());
        };
        self.state.run(|db| {
            let query = "INSERT OR REPLACE INTO state VALUES (?, ?, ?)";
            let mut insert = db.prepare_cached(query)?;
            insert.execute(params![backend, state, clock]).map(drop)
        })
    }
}

/// Notes that a firewall that held all is in another state now, and still holds all.
pub(super) fn note_state(db: &Connection, backend: &str, state: &str) -> rusqlite::Result<()> {
    // The clock is compared with its first reading: small steps add up.
    let mut update = db.prepare_cached("UPDATE state SET state = ? WHERE backend = ?")?;
    update.execute([state, backend]).map(drop)
}

/// The time of day ahead of the time since the boot, in microseconds. It changes when the clock is
/// set and when the machine sleeps; then a kernel's bans end at another time of day.
fn clock() -> io::Result<i64> {
    let [day, boot] = [ClockId::CLOCK_REALTIME, ClockId::CLOCK_MONOTONIC].map(clock_gettime);
    let (day, boot) = (day?, boot?);
    let seconds = day.tv_sec() - boot.tv_sec();
    Ok(seconds * 1_000_000 + (day.tv_nsec() - boot.tv_nsec()) / 1_000)
}
