//! Bans that are entered together, in one transaction.

use rusqlite::{Connection, params};

use super::forget::{day, forget_reminder, forget_some};
use super::insertion::{BEGINS, Kept, ONE, ROWS, SOME, SOME_LONGER, insert, insert_longer, kept};
use super::new_ban::{Entered, NewBan, REPLACE, is_known_event, judge, keep_past, lifted_since};
use super::recent::Recent;
use super::rows::{IN_FORCE, Tables, in_force, last_id, longest, renumber};
use super::unprinted::{Left, Unprinted};
use crate::target::Target;
use pipeban::time::Time;

/// The result of the last ban that was entered: most likely also that of the next one.
#[derive(Clone, Copy, PartialEq)]
enum Last {
    /// No ban of its target was in force.
    New,
    /// One was, and is longer now.
    Longer,
    /// One was, and it is no news.
    Known,
}

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
    let name = unprinted.as_ref().map(Unprinted::name).unwrap_or_default();
    let tables = Tables::look(db, backend, name, day(now))?;
    let left = match unprinted {
        Some(unprinted) if tables.has_unprinted => unprinted.left(db)?,
        _ => Left::default(),
    };
    let has_day = tables.has_day;
    let done = Batch::new(db, backend, wanted, tables, left, now).enter()?;
    let numbers = done.changed.numbers();
    if !numbers.is_empty() {
        forget_some(db, numbers.clone(), has_day, now)?;
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
    find: Kept<'a>,
    replace: Kept<'a>,
    /// Enters one ban, and [`ROWS`] of them; the last one makes others longer, too.
    one: Kept<'a>,
    some: Kept<'a>,
    longer: Kept<'a>,
    begins: Kept<'a>,
    last: Last,
    done: Done,
}

impl<'a> Batch<'a> {
    fn new(
        db: &'a Connection,
        backend: &'a str,
        wanted: &'a [NewBan],
        tables: Tables,
        left: Left,
        now: Time,
    ) -> Self {
        let is_others = |new: &NewBan| !new.origin.is_empty();
        let shared = tables.is_shared || wanted.iter().any(is_others);
        let told = (!shared && !tables.has_later).then_some((tables.told, tables.complete));
        Batch {
            db,
            backend,
            wanted,
            now,
            left,
            shared,
            lifted: tables.has_lifted,
            reminds: tables.has_later,
            find: None,
            replace: None,
            one: None,
            some: None,
            longer: None,
            begins: None,
            last: Last::New,
            done: Done {
                entered: vec![Entered::Nothing; wanted.len()],
                changed: Recent::after(backend, tables.highest, told),
            },
        }
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
                Some(rows) if self.are_plain(rows)? => self.enter_rows(rows)?,
                _ => self.enter_one(*place).map(|()| 1)?,
            };
            rest = &rest[entered..];
        }
        Ok(self.done)
    }

    /// Whether these are most likely entered without a look at other rows: their targets had no
    /// ban, or one in force that they make longer.
    fn are_plain(&self, rows: &[Wanted; ROWS]) -> rusqlite::Result<bool> {
        let looks = match self.last {
            Last::New => false,
            Last::Longer => self.reminds || !self.left.is_empty(),
            Last::Known => true,
        };
        if looks || self.shared || !rows.is_sorted_by(|a, b| a.0 != b.0) {
            return Ok(false);
        }
        for (_, place) in rows {
            let new = &self.wanted[*place];
            let tells_time = new.event.is_some() || new.said.is_some();
            if new.ban.has_ended(self.now)
                || self.last == Last::Longer && tells_time
                || self.lifted && lifted_since(self.db, new, self.now)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Enters plain ones; answers their number.
    fn enter_rows(&mut self, rows: &[Wanted; ROWS]) -> rusqlite::Result<usize> {
        let before = self.done.changed.last();
        let news = rows.iter().map(|(_, place)| &self.wanted[*place]);
        let inserts = self.last != Last::Longer;
        let (number, begins) = match self.last {
            Last::Longer => {
                let statement = kept(&mut self.longer, self.db, &SOME_LONGER)?;
                let number = insert_longer(statement, self.backend, news, self.now)?;
                let begins = kept(&mut self.begins, self.db, BEGINS)?;
                let begins = begins.query_map([before], |row| row.get(0).map(Time))?;
                (number, begins.collect::<rusqlite::Result<Vec<Time>>>()?)
            }
            _ => {
                let statement = kept(&mut self.some, self.db, &SOME)?;
                (insert(statement, self.backend, news)?, vec![])
            }
        };
        let (mut begins, mut others) = (begins.into_iter(), Vec::new());
        self.last = Last::New;
        for (target, place) in rows {
            let new = &self.wanted[*place];
            let is_entered = number == ROWS || {
                let key = (target.address.to_string(), target.port);
                last_id(self.db, self.backend, (&key.0, key.1), &new.origin)? > before
            };
            if !is_entered {
                others.push(*place);
                continue;
            }
            let mut ban = new.ban;
            if let Some(since) = begins.next().filter(|since| *since != ban.since) {
                (ban.since, self.last) = (since, Last::Longer);
            }
            self.done.entered[*place] = Entered::New(ban);
            self.done.changed.push(ban, inserts);
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
        let mut find_old = || {
            let find = kept(find, db, IN_FORCE)?;
            in_force(find, backend, key, &new.origin, now)
        };
        let mut old = match self.last {
            Last::New => None,
            Last::Longer | Last::Known => find_old()?,
        };
        if old.is_none() && insert(kept(&mut self.one, db, &ONE)?, backend, [new])? > 0 {
            self.last = Last::New;
            self.done.changed.push(new.ban, true);
            return Ok(Entered::New(new.ban));
        }
        if old.is_none() {
            old = find_old()?;
        }
        let id = self.done.changed.last() + 1;
        let (old_id, mut done) = judge(db, backend, key, new, old, now)?;
        self.last = match (done, old) {
            (_, None) => Last::New,
            (Entered::New(_), Some(_)) => Last::Longer,
            (_, Some(_)) => Last::Known,
        };
        if let Entered::New(ban) = done {
            match old {
                Some(_) if self.reminds => forget_reminder(db, old_id)?,
                Some(_) => {}
                None => keep_past(db, old_id)?,
            }
            let (since, until) = (ban.since.0, ban.until.map(|t| t.0));
            let facts = Some(&new.facts).filter(|f| !f.is_empty());
            let row = params![old_id, id, since, until, facts, old.is_some()];
            kept(&mut self.replace, db, REPLACE)?.execute(row)?;
        }
        if let (Entered::Known(_), Some((old_id, ban))) = (done, old)
            && self.left.contains(old_id)
        {
            renumber(db, old_id, id)?;
            done = Entered::New(ban);
        }
        if let Entered::New(ban) = done {
            self.done.changed.push(ban, false);
        }
        Ok(done)
    }
}
