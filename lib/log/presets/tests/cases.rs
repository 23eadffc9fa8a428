//! Lines of real services, and logs that real daemons wrote for a hostile client: `data/`.

use super::daemons::found;
use crate::presets::list;

/// Preset, address or `-`, line.
const LINES: &str = include_str!("data/lines.tsv");
/// The same, of lines that the format strings in the services' sources make.
const MADE: &str = include_str!("data/made.tsv");

/// A client made each of these name somebody who never connected.
const FORGED: [(&str, &[u8]); 6] = [
    (
        "apache-access.log",
        include_bytes!("data/forged/apache-access.log"),
    ),
    (
        "apache-error.log",
        include_bytes!("data/forged/apache-error.log"),
    ),
    ("mariadb.log", include_bytes!("data/forged/mariadb.log")),
    (
        "nginx-error.log",
        include_bytes!("data/forged/nginx-error.log"),
    ),
    ("postgres.log", include_bytes!("data/forged/postgres.log")),
    (
        "pureftpd-syslog",
        include_bytes!("data/forged/pureftpd-syslog"),
    ),
];
const VICTIM: &str = "198.51.100.66";

#[test]
fn lines_of_real_services() {
    let mut wrong = Vec::new();
    for row in LINES.lines().chain(MADE.lines()) {
        let mut columns = row.splitn(3, '\t');
        let mut next = || columns.next().unwrap_or_default();
        let (preset, address, line) = (next(), next(), next());
        let found = found(preset, line.as_bytes());
        let found: Vec<_> = found.keys().map(String::as_str).collect();
        let expected = Some(address).filter(|a| *a != "-");
        if found != expected.into_iter().collect::<Vec<_>>() {
            wrong.push(format!("{found:?} in {row}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
}

#[test]
fn a_forged_line_bans_nobody() {
    let marked: Vec<_> = list().into_iter().filter(|s| s.forged.is_some()).collect();
    let safe: Vec<_> = list().into_iter().filter(|s| s.forged.is_none()).collect();
    let names = safe.iter().map(|s| s.name).chain(["all"]);
    for name in names {
        for (log, text) in FORGED {
            // The title's condition: its first field can't be told from a client's own.
            if log != "apache-access.log" {
                let found = found(name, text);
                assert!(!found.contains_key(VICTIM), "{name} in {log}");
            }
        }
    }
    // The tests can fail: who names a marked preset believes its log.
    let believed = |name: &str, log: usize| found(name, FORGED[log].1).contains_key(VICTIM);
    assert!(believed("mysqld", 2) && believed("nginx-error", 3) && believed("pure-ftpd", 5));
    assert!(marked.len() >= 10, "{}", marked.len());
}

#[test]
fn an_exception_hides_no_attack() {
    assert_eq!(found("apache", FORGED[1].1).get("127.0.0.5"), Some(&3));
}
