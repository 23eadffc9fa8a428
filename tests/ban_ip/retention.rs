//! The ledger over the years, with times that the test chooses.

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::common::{Shell, field, in_namespace};
use pipeban::address::Address;
use pipeban::time::Time;
use pipeban_ban::enforce::enforce;
use pipeban_ban::firewall::{Backend, Entry, Firewall};
use pipeban_ban::ledger::{Ban, Ledger, NewBan};
use rusqlite::Connection;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn address(n: u32) -> Address {
    Address::from(std::net::IpAddr::from(Ipv4Addr::from_bits(0xc612_0000 + n)))
}

/// A ledger of its own, in a directory that goes away.
fn new_ledger() -> (tempfile::TempDir, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(Some(&directory.path().join("state.db"))).unwrap();
    (directory, ledger)
}

/// Bans these addresses together, for an hour or for ever.
fn ban(ledger: &mut Ledger, numbers: std::ops::Range<u32>, now: Time, ends: bool) {
    let until = ends.then(|| now + HOUR);
    let new_ban = |n| NewBan {
        ban: Ban {
            address: address(n),
            since: now,
            until,
        },
        facts: vec![],
        event: None,
    };
    let bans: Vec<_> = numbers.map(new_ban).collect();
    ledger.ban("none", &bans, now).unwrap();
}

#[test]
fn what_ended_long_ago_is_forgotten_and_nothing_else() {
    let (_directory, mut ledger) = new_ledger();
    let start = Time::from_secs(1_900_000_000);
    ban(&mut ledger, 0..500, start, false);
    ban(&mut ledger, 500..3_000, start, true);
    // Each day of the next month the same ones come again: what they did before is history.
    for day in 1..30 {
        ban(&mut ledger, 500..1_000, start + DAY * day, true);
    }
    let later = start + DAY * 60;
    assert_eq!(ledger.earlier(&address(700), later).unwrap(), 30);
    assert_eq!(ledger.history(&address(700)).unwrap().len(), 30);

    // Half a year later others come, and with them the time to forget.
    let much_later = start + DAY * 180;
    for n in 0..20 {
        ban(
            &mut ledger,
            10_000 + n * 1_000..11_000 + n * 1_000,
            much_later,
            true,
        );
    }
    let remembered = |n: u32| ledger.history(&address(n)).unwrap().len();
    let old: usize = (500..3_000).map(remembered).sum();
    assert!(old < 1_000, "of the 17,000 old ones are left: {old}");
    assert_eq!(
        (0..500).map(remembered).sum::<usize>(),
        500,
        "these are in force"
    );
    assert_eq!((10_000..30_000).map(remembered).sum::<usize>(), 20_000);
    assert_eq!(ledger.current(much_later).unwrap().len(), 20_500);
}

#[test]
fn a_ban_is_looked_up_at_its_time() {
    let (_directory, mut ledger) = new_ledger();
    let start = Time::from_secs(1_900_000_000);
    ban(&mut ledger, 0..1, start, true);
    let found = |at: Time| {
        ledger
            .find("none", &address(0), Some(at))
            .unwrap()
            .is_some()
    };
    assert!(!found(start - HOUR), "not yet");
    assert!(found(start) && found(start + HOUR / 2));
    assert!(!found(start + HOUR), "no longer");
    assert!(
        ledger
            .find("nft", &address(0), Some(start))
            .unwrap()
            .is_none()
    );
}

/// A firewall that takes some addresses, and then hangs.
#[derive(Default)]
struct Hanging {
    takes: usize,
    taken: BTreeSet<Address>,
    calls: usize,
}

impl Firewall for Hanging {
    fn ensure(&mut self) -> io::Result<bool> {
        Ok(false)
    }
    fn restored(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.calls += 1;
        for (address, _) in entries {
            if self.taken.len() == self.takes {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.taken.insert(*address);
        }
        Ok(())
    }
    fn lift(&mut self, _: &[Address]) -> io::Result<()> {
        Ok(())
    }
    fn list(&mut self) -> io::Result<Option<Vec<Entry>>> {
        Ok(None)
    }
    fn verify(&mut self) -> io::Result<Vec<String>> {
        Ok(vec![])
    }
    fn expires(&self, _: Duration) -> bool {
        true
    }
}

#[test]
fn a_firewall_that_hangs_is_waited_for_once() {
    let (_directory, mut ledger) = new_ledger();
    let mut firewall = Hanging::default();
    ban(&mut ledger, 0..3, Time::now(), false);
    let told = enforce(&mut ledger, &Backend::None, &mut firewall);
    assert!(told.is_err());
    assert_eq!(firewall.calls, 1, "one time-out for all three");
    // The next run tells them all the same.
    firewall.takes = 3;
    assert!(enforce(&mut ledger, &Backend::None, &mut firewall).is_ok());
    assert_eq!(firewall.taken.len(), 3);
}

/// All rows of all tables.
fn rows(db: &Connection) -> Vec<String> {
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut tables = db.prepare(tables).unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut rows = Vec::new();
    for table in tables {
        let mut query = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = query.column_count();
        let mut found = query.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values = (0..columns).map(|i| format!("{:?}", row.get_ref(i).unwrap()));
            rows.push(format!("{table}: {}", values.collect::<Vec<_>>().join(" ")));
        }
    }
    rows
}

/// A shell whose state file was made by the first version.
fn shell_of_version_0() -> (Shell, Connection) {
    let shell = Shell::new();
    let db = Connection::open(shell.path("state.db")).unwrap();
    db.execute_batch(include_str!("data/state-0.sql")).unwrap();
    (shell, db)
}

#[test]
fn a_file_of_version_0_is_taken_over() {
    in_namespace("a_file_of_version_0_is_taken_over", || {
        let (shell, db) = shell_of_version_0();
        let before = rows(&db);
        // Each tool that keeps something in the file opens it.
        let exists =
            shell.run("follow-log --once --from resume LICENSE-MIT >/dev/null; ban-ip 203.0.113.7");
        assert_eq!((exists.err.as_str(), exists.out.as_str()), ("", ""));
        let version = |db: &Connection| -> i64 {
            db.query_row("PRAGMA user_version", [], |row| row.get(0))
                .unwrap()
        };
        assert!(version(&db) > 0);
        let after = rows(&db);
        let lost: Vec<_> = before.iter().filter(|row| !after.contains(row)).collect();
        assert!(lost.is_empty(), "{lost:?}");

        let count = shell.feed("count-ip --threshold 5 --state", &b"192.0.2.9\n".repeat(3));
        assert_eq!(count.addresses(), ["192.0.2.9"], "two were counted before");
        shell.run("ban-ip --sync --backend nft");
        let list = shell.run("ban-ip --list");
        let banned = [
            "198.51.100.1",
            "198.51.100.2",
            "2001:db8::/64",
            "203.0.113.7",
            "203.0.113.8",
        ];
        assert_eq!(list.addresses(), banned);
        assert!(!list.out.contains("only="), "{}", list.out);
        let why = shell.run("ban-ip --why 203.0.113.7");
        assert_eq!(field(&why, "line"), ["Failed a"]);
        assert_eq!(shell.run("ban-ip --why 203.0.113.8").addresses().len(), 2);
    });
}

#[test]
fn a_newer_file_stays_as_it_is() {
    let (shell, db) = shell_of_version_0();
    db.pragma_update(None, "user_version", 1_000).unwrap();
    let before = rows(&db);
    drop(db);
    let bytes = std::fs::read(shell.path("state.db")).unwrap();
    for script in [
        "ban-ip --backend none 203.0.113.9",
        "ban-ip --why 203.0.113.7",
        "unban-at now 203.0.113.7",
        "unban-at --due",
        "unban-at --list",
        "echo 192.0.2.9 | count-ip --threshold 5 --state",
    ] {
        let outcome = shell.run(script);
        assert_eq!(outcome.status, Some(2), "{script}: {outcome:?}");
        assert_eq!(outcome.err.lines().count(), 1, "{script}: {}", outcome.err);
        let words = "made by a newer pipeban (version 1000 of the state, this tool knows 1)";
        assert!(outcome.err.contains(words), "{script}: {}", outcome.err);
    }
    assert_eq!(std::fs::read(shell.path("state.db")).unwrap(), bytes);
    let db = Connection::open(shell.path("state.db")).unwrap();
    assert_eq!(rows(&db), before);
}
