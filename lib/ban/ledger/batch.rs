//! Bans that are entered together, in one transaction.

use rusqlite::{CachedStatement, Connection, ToSql, params};

use super::forget::{forget_reminder, forget_some};
use super::new_ban::{Entered, NewBan, REPLACE, is_known_event, judge, keep_past, lifted_since};
use super::rows::{IN_FORCE, Recent, highest, in_force, is_shared, last_id, longest, renumber};
use super::unprinted::{Left, Unprinted};
use crate::target::Target;
use pipeban::time::Time;

/// The number of new bans that one statement enters.
const ROWS: usize = 32;

/// The results of a batch.
pub(super) struct Done {
    /// In the order of the bans that were wanted.
    pub(super) entered: Vec<Entered>,
    /// The changes, in the order of their numbers.
    pub(super) changed: Recent,
}

/// Enters bans; see [`Ledger::ban`](super::Ledger::ban).
pub(super) fn enter(
    db: &Connection,
    unprinted: &mut Option<Unprinted>,
    backend: &str,
    wanted: &[NewBan],
    now: Time,
) -> rusqlite::Result<Done> {
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
}

/// A ban that is wanted, by its place.
type Wanted = (Target, usize);

/// Bans that are entered together.
struct Batch<'a> {
    db: &'a Connection,
    backend: &'a str,
    wanted: &'a [NewBan],
    now: Time,
    /// The changes that killed processes have not printed.
    left: Left,
    /// Another host has asked for some ban.
    shared: bool,
    /// Some address was lifted by hand.
    lifted: bool,
    /// Some firewall has to lift a ban later.
    reminds: bool,
    find: CachedStatement<'a>,
    replace: CachedStatement<'a>,
    /// Enters one ban, and [`ROWS`] of them.
    one: CachedStatement<'a>,
    rows: Option<CachedStatement<'a>>,
    /// Of the last address a ban was in force: then most likely also of the next one.
    expect_old: bool,
    done: Done,
}

impl<'a> Batch<'a> {
    fn new(
        db: &'a Connection,
        backend: &'a str,
        wanted: &'a [NewBan],
        left: Left,
        now: Time,
    ) -> rusqlite::Result<Self> {
        let is_others = |new: &NewBan| !new.origin.is_empty();
        Ok(Batch {
            db,
            backend,
            wanted,
            now,
            left,
            shared: wanted.iter().any(is_others) || is_shared(db)?,
            lifted: has_any(db, "lifted")?,
            reminds: has_any(db, "later")?,
            find: db.prepare_cached(IN_FORCE)?,
            replace: db.prepare_cached(REPLACE)?,
            one: db.prepare_cached(&insertion(1))?,
            rows: match wanted.len() {
                0..ROWS => None,
                ROWS.. => Some(db.prepare_cached(&insertion(ROWS))?),
            },
            expect_old: false,
            done: Done {
                entered: vec![Entered::Nothing; wanted.len()],
                changed: Recent::after(highest(db)?),
            },
        })
    }

    /// Enters all.
    fn enter(mut self) -> rusqlite::Result<Done> {
        // Neighbours share a page of the index.
        let target = |new: &NewBan| new.ban.target;
        let mut order: Vec<Wanted> = self.wanted.iter().map(target).zip(0..).collect();
        order.sort_by_key(|(target, _)| *target);
        let mut rest = order.as_slice();
        while let Some((_, place)) = rest.first() {
            let entered = match rest.first_chunk() {
                Some(rows) if !self.expect_old && self.are_plain(rows)? => self.enter_rows(rows)?,
                _ => self.enter_one(*place).map(|()| 1)?,
            };
            rest = &rest[entered..];
        }
        Ok(self.done)
    }

    /// Whether these need no look at other rows, if their addresses had no ban.
    fn are_plain(&self, rows: &[Wanted; ROWS]) -> rusqlite::Result<bool> {
        if self.shared || !rows.is_sorted_by(|a, b| a.0 != b.0) {
            return Ok(false);
        }
        for (_, place) in rows {
            let new = &self.wanted[*place];
            if new.ban.has_ended(self.now) || self.lifted && lifted_since(self.db, new, self.now)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Enters plain ones; answers their number.
    fn enter_rows(&mut self, rows: &[Wanted; ROWS]) -> rusqlite::Result<usize> {
        let before = self.done.changed.last();
        let statement = self.rows.as_mut().expect("there are as many");
        let news = rows.iter().map(|(_, place)| &self.wanted[*place]);
        let inserted = insert(statement, self.backend, news)?;
        self.expect_old = inserted < ROWS;
        let mut others = Vec::new();
        for (target, place) in rows {
            let new = &self.wanted[*place];
            let is_new = inserted == ROWS || {
                let key = (target.address.to_string(), target.port);
                last_id(self.db, self.backend, (&key.0, key.1), &new.origin)? > before
            };
            if is_new {
                self.done.entered[*place] = Entered::New(new.ban);
                self.done.changed.push(new.ban);
            } else {
                others.push(*place);
            }
        }
        others
            .into_iter()
            .try_for_each(|place| self.enter_one(place))?;
        Ok(ROWS)
    }

    fn enter_one(&mut self, place: usize) -> rusqlite::Result<()> {
        let (db, backend, now) = (self.db, self.backend, self.now);
        let new = &self.wanted[place];
        let address = new.ban.target.address.to_string();
        let key = (address.as_str(), new.ban.target.port);
        let over = new.ban.has_ended(now);
        let others = match self.shared && (!over || new.event.is_some()) {
            true => longest(db, backend, &new.ban.target, Time::MAX, now)?,
            false => None,
        };
        let others = others.map(|(_, ban)| ban);
        self.done.entered[place] = if over && new.event.is_none() {
            Entered::Over
        } else if self.lifted && lifted_since(db, new, now)? {
            others.map_or(Entered::Nothing, Entered::Known)
        } else if over {
            match is_known_event(db, backend, key, new, now)? {
                true => Entered::Nothing,
                false => Entered::Over,
            }
        } else {
            match (self.enter_lasting(new, key)?, others) {
                // Beside a longer one it is no news.
                (Entered::New(ban), Some(other)) if ban.onto(Some(&other), now).is_none() => {
                    Entered::Known(other)
                }
                (Entered::Nothing, Some(other)) => Entered::Known(other),
                (done, _) => done,
            }
        };
        Ok(())
    }

    /// Enters a ban that has not ended, beside those of other hosts.
    fn enter_lasting(&mut self, new: &NewBan, key: (&str, u16)) -> rusqlite::Result<Entered> {
        let (db, backend, now) = (self.db, self.backend, self.now);
        let find = &mut self.find;
        let mut find_old = || in_force(find, backend, key, &new.origin, now);
        let mut old = match self.expect_old {
            true => find_old()?,
            false => None,
        };
        if old.is_none() && insert(&mut self.one, backend, [new])? > 0 {
            self.expect_old = false;
            self.done.changed.push(new.ban);
            return Ok(Entered::New(new.ban));
        }
        if old.is_none() {
            old = find_old()?;
        }
        self.expect_old = old.is_some();
        let id = self.done.changed.last() + 1;
        let (old_id, mut done) = judge(db, backend, key, new, old, now)?;
        if let Entered::New(ban) = done {
            match old {
                Some(_) if self.reminds => forget_reminder(db, old_id)?,
                Some(_) => {}
                None => keep_past(db, old_id)?,
            }
            let (since, until) = (ban.since.0, ban.until.map(|t| t.0));
            let facts = Some(&new.facts).filter(|f| !f.is_empty());
            let row = params![old_id, id, since, until, facts, old.is_some()];
            self.replace.execute(row)?;
        }
        if let (Entered::Known(_), Some((old_id, ban))) = (done, old)
            && self.left.contains(old_id)
        {
            renumber(db, old_id, id)?;
            done = Entered::New(ban);
        }
        if let Entered::New(ban) = done {
            self.done.changed.push(ban);
        }
        Ok(done)
    }
}

/// The statement that enters this number of bans, those that have no row yet.
fn insertion(rows: usize) -> String {
    let row = |i: usize| {
        let [address, since, until, facts, origin, port] = [2, 3, 4, 5, 6, 7].map(|n| n + 6 * i);
        // The pointer of an empty text that is bound is none: to compare it costs 100 ns (AVX-512).
        let origin = format!("ifnull(?{origin}, '')");
        format!("(?{address}, ?1, ?{since}, ?{until}, ?{until}, ?{facts}, {origin}, ?{port})")
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    let columns = "address, backend, since, until, ends, facts, origin, port";
    format!(
        "INSERT OR IGNORE INTO ban ({columns}) VALUES {}",
        rows.join(", ")
    )
}

/// Executes the [`insertion`] of these rows; answers the number of those that had none.
fn insert<'a>(
    statement: &mut CachedStatement,
    backend: &str,
    rows: impl IntoIterator<Item = &'a NewBan>,
) -> rusqlite::Result<usize> {
    statement.raw_bind_parameter(1, backend)?;
    let mut last = 1;
    let mut bind = |value: &dyn ToSql| {
        last += 1;
        statement.raw_bind_parameter(last, value)
    };
    for new in rows {
        let ban = &new.ban;
        bind(&ban.target.address.to_string())?;
        bind(&ban.since.0)?;
        bind(&ban.until.map(|t| t.0))?;
        bind(&Some(&new.facts).filter(|f| !f.is_empty()))?;
        bind(&Some(&new.origin).filter(|o| !o.is_empty()))?;
        bind(&ban.target.port)?;
    }
    statement.raw_execute()
}

/// Whether a table has any row.
fn has_any(db: &Connection, table: &str) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!("SELECT 1 FROM {table} LIMIT 1"))?
        .exists([])
}
