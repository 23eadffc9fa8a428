//! The state file of another version.

use rusqlite::Connection;

use crate::common::{Shell, field, in_namespace};

/// All rows of all tables, each as its values with the names of table and column.
fn rows(db: &Connection) -> Vec<Vec<String>> {
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
    let mut tables = db.prepare(tables).unwrap();
    let tables: Vec<String> = tables
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for table in tables {
        let mut query = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = query.column_count();
        let mut found = query.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let name = |i| row.as_ref().column_name(i).unwrap();
            let value = |i| format!("{}.{}={:?}", table, name(i), row.get_ref(i).unwrap());
            rows.push((0..columns).map(value).collect());
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
        assert_eq!(exists.err, "");
        let version = |db: &Connection| -> i64 {
            db.query_row("PRAGMA user_version", [], |row| row.get(0))
                .unwrap()
        };
        assert!(version(&db) > 0);
        let after = rows(&db);
        // Tables may have more columns, and a ban that is told again has a new number.
        let is_in = |row: &Vec<String>| {
            let mut kept = row.iter().filter(|value| !value.starts_with("ban.id="));
            let has_all = |other: &Vec<String>| kept.all(|value| other.contains(value));
            after.iter().any(has_all)
        };
        let lost: Vec<_> = before.iter().filter(|row| !is_in(row)).collect();
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
        "unban-at --due",
        "unban-at --list",
        "echo 192.0.2.9 | count-ip --threshold 5 --state",
    ] {
        let outcome = shell.run(script);
        assert_eq!(outcome.status, Some(2), "{script}: {outcome:?}");
        let words = "made by a newer pipeban (version 1000 of the state, this tool knows 2)";
        assert!(outcome.err.contains(words), "{script}: {}", outcome.err);
    }
    assert_eq!(std::fs::read(shell.path("state.db")).unwrap(), bytes);
    let db = Connection::open(shell.path("state.db")).unwrap();
    assert_eq!(rows(&db), before);
}

#[test]
fn a_file_of_an_older_version_is_also_only_read() {
    in_namespace("a_file_of_an_older_version_is_also_only_read", || {
        for version in [0, 1] {
            for script in [
                "ban-ip --list --backend none",
                "ban-ip --why 203.0.113.7",
                "ban-ip --dry-run --for 1h 192.0.2.1",
                "timeout 1 ban-ip --list --follow --backend none",
            ] {
                let (shell, db) = shell_of_version_0();
                db.pragma_update(None, "user_version", version).unwrap();
                let outcome = shell.run(script);
                assert_eq!(outcome.err, "", "{script}");
                assert!(!outcome.out.is_empty(), "{script}");
            }
        }
    });
}
