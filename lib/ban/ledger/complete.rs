//! The state in which a firewall held all bans that it was told: as long as it is in that state,
//! nobody has to ask it for each.

use std::io;

use nix::time::{ClockId, clock_gettime};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// The clock may be set this far meanwhile, in microseconds: the ends of bans in firewall and
/// ledger are then as far apart.
const SAME: i64 = 2_000_000;

/// The state in which a firewall held all bans that it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Complete {
    state: String,
    /// The time of day ahead of the time since the boot, at that time.
    clock: i64,
}

impl Complete {
    /// From the columns state and clock, the first of them at `from`; `None` if there is no row.
    pub(super) fn read(row: &Row, from: usize) -> rusqlite::Result<Option<Self>> {
        let state: Option<String> = row.get(from)?;
        let read = |state| {
            Ok(Complete {
                state,
                clock: row.get(from + 1)?,
            })
        };
        state.map(read).transpose()
    }

    /// Whether this is the state of a firewall, so that it holds all bans that it was told.
    pub fn is_now(&self, state: &str) -> bool {
        let is_same = |now: i64| self.clock.abs_diff(now) <= SAME as u64;
        self.state == state && clock().is_ok_and(is_same)
    }
}

/// Notes that a firewall in this state holds exactly the bans that it was told.
pub(super) fn note_complete(db: &Connection, backend: &str, state: &str) -> rusqlite::Result<()> {
    let Ok(clock) = clock() else {
        return Ok(());
    };
    let mut insert = db.prepare_cached("INSERT OR REPLACE INTO state VALUES (?, ?, ?)")?;
    insert.execute(params![backend, state, clock]).map(drop)
}

/// The state in which a firewall held all bans that it was told, if there was any.
pub(super) fn complete(db: &Connection, backend: &str) -> rusqlite::Result<Option<Complete>> {
    let mut query = db.prepare_cached("SELECT state, clock FROM state WHERE backend = ?")?;
    let found = query.query_row([backend], |row| Complete::read(row, 0));
    Ok(found.optional()?.flatten())
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
