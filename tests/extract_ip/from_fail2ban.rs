//! The pipelines of examples/from-fail2ban.md.

use std::fs;

use crate::common::{Shell, run};
use crate::presets::OWN;

/// Every block of shell commands in the page runs and finds the attacker; only places and the
/// firewall are others.
#[test]
fn the_page_for_those_who_come_from_fail2ban() {
    let page = include_str!("../../examples/from-fail2ban.md");
    let shell = Shell::new();
    // A ban counts from the attack, so this was a moment ago.
    let stamp = shell.run("LC_ALL=C date '+%b %e %H:%M:%S'").out;
    let stamp = stamp.trim_end();
    let attack = |i: u32| {
        format!("{stamp} host sshd[{i}]: Failed password for root from 203.0.113.7 port 5 ssh2\n")
    };
    let log: String = (0..6).map(attack).collect();
    for name in ["auth.log", "mail.log"] {
        fs::write(shell.path(name), &log).unwrap();
    }
    let many = format!("{stamp} host own: login from 203.0.113.7 failed\n").repeat(6);
    fs::write(shell.path("mine.log"), many).unwrap();
    fs::write(shell.path("mine.conf"), OWN).unwrap();
    let directory = format!("{}/", shell.directory.path().display());
    make_database(&shell);
    let mut ran = 0;
    let blocks = page.split("```sh\n").skip(1);
    for block in blocks.filter_map(|b| b.split("```").next()) {
        let needs_fail2ban = block.contains("--filter sshd");
        if needs_fail2ban && run("fail2ban-regex", &["--version"]).is_none()
            || block.contains("sqlite3") && run("sqlite3", &["--version"]).is_none()
        {
            continue;
        }
        let script = block
            .replace("/var/log/", &directory)
            .replace("/var/lib/fail2ban/", &directory)
            .replace("/etc/fail2ban/filter.d/", &directory)
            .replace("'mine[", &format!("'{directory}mine.conf["))
            .replace(
                "follow-log --from resume --replay 10m",
                "follow-log --once --from start",
            )
            .replace("follow-log /", "follow-log --once --from start /")
            .replace("ban-ip", "ban-ip --backend none");
        let outcome = shell.run(&script);
        assert_eq!(outcome.status, Some(0), "{script}{}", outcome.err);
        assert!(outcome.out.contains("203.0.113.7"), "{script}{outcome:?}");
        fs::remove_file(shell.path("state.db")).ok();
        ran += 1;
    }
    assert!(ran >= 3, "{ran}");
}

/// Makes the part of fail2ban's database that the page reads: one ban that lasts and one that is
/// over.
fn make_database(shell: &Shell) {
    let database = rusqlite::Connection::open(shell.path("fail2ban.sqlite3")).unwrap();
    let table = "CREATE TABLE bips(ip TEXT, jail TEXT, timeofban INTEGER, bantime INTEGER);
        INSERT INTO bips VALUES ('203.0.113.7', 'sshd', strftime('%s', 'now') - 60, 3600),
            ('203.0.113.8', 'sshd', strftime('%s', 'now') - 7200, 3600)";
    database.execute_batch(table).unwrap();
}
