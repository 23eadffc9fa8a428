//! Users and paths in the logs of real daemons.

use std::collections::BTreeMap;

use super::daemons::{logs, read};
use crate::line::LineReader;
use crate::presets::Presets;
use pipeban::time::Zone;

/// How often each user and each path is told of by presets in a log.
fn fields(presets: &str, log: &[u8]) -> [BTreeMap<String, u32>; 2] {
    let mut presets = Presets::new(presets.split(',')).expect("presets");
    presets.want(&["user", "path"].map(String::from));
    let mut reader = LineReader::new(Zone::UTC, None);
    let mut all = [BTreeMap::new(), BTreeMap::new()];
    for line in log.split(|b| *b == b'\n') {
        if let Some(hit) = presets.check(&reader.read(line), true) {
            for (number, text) in hit.fields {
                let text = text.escape_ascii().to_string();
                *all[number].entry(text).or_default() += 1;
            }
        }
    }
    all
}

/// Log, users and paths that it must tell of, each with the least number of failures.
const TOLD: &[(&str, &str, &str)] = &[
    (
        "apache2-2",
        "alice:80 nobody:4",
        "/secret/page.html:5 /digest/page.html:20",
    ),
    (
        "apache2-error",
        "alice:80 nobody:4",
        "/secret/page.html:100",
    ),
    ("apache2-lookups", "alice:10", "/secret/page.html:5"),
    ("apache2-vhosts", "alice:5", "/secret/page.html:5"),
    ("courier", "alice:20 nobody-here:4 root:4", ""),
    ("cyrus", "alice:10 nobody-here:1", ""),
    ("dovecot-2", "alice:90 nobody-here:10 root:2", ""),
    ("dovecot-pam", "alice:80 locked:2", ""),
    ("dropbear", "alice:9 locked:1 noshell:1 root:2", ""),
    ("exim4", "alice:70 nobody-here:6", ""),
    ("haproxy", "", "/secret:100 /private:2"),
    ("lighttpd-1", "", "/private/page.html:2"),
    (
        "lighttpd-error",
        "alice:60 nobody-here:2",
        "/secret/page.html:80",
    ),
    ("mariadb", "alice:16 nobody-here:1", ""),
    (
        "nginx-1",
        "alice:80 nobody-here:5",
        "/secret/:100 /private/x:5",
    ),
    (
        "nginx-error",
        "alice:80 nobody-here:5",
        "/secret/:90 /private/x:5",
    ),
    ("openssh", "alice:28 nobody-here:15 locked:2", ""),
    ("postfix", "alice:90 nobody-here:4", ""),
    ("postgresql", "alice:33 nobody-here:3 nologin:1", ""),
    ("proftpd-1", "alice:40 nobody-here:2", ""),
    ("proftpd-pam", "alice:40 locked:1", ""),
    ("pure-ftpd", "alice:40 root:1", ""),
    ("samba", "alice:12 nobody-here:2 root:2", ""),
    ("sendmail", "alice:10", ""),
    ("squid", "alice:50 nobody-here:2", "http://example.net/:30"),
    ("vsftpd-3", "alice:40 root:1", ""),
    ("vsftpd-pam", "alice:40 root:1", ""),
    ("vsftpd-syslog", "alice:2", ""),
];
/// Logs whose failures have neither.
const NEITHER: &[&str] = &["bind9", "openvpn", "slapd"];

#[test]
fn users_and_paths_of_real_daemons() {
    let mut wrong = Vec::new();
    for (log, presets) in logs() {
        let found = fields(&presets, &read(&format!("{log}.log")));
        let row = TOLD.iter().find(|(name, ..)| log.starts_with(name));
        let Some((_, users, paths)) = row else {
            let none = found.iter().all(BTreeMap::is_empty);
            assert!(
                none && NEITHER.iter().any(|name| log.starts_with(name)),
                "{log}"
            );
            continue;
        };
        for (expected, found) in [users, paths].into_iter().zip(&found) {
            for (text, least) in expected
                .split_terminator(' ')
                .map(|e| e.rsplit_once(':').expect("a row"))
            {
                let count = found.get(text).copied().unwrap_or(0);
                if count < least.parse().expect("a number") {
                    wrong.push(format!("{log} {presets}: {text} {count} not {least}"));
                }
            }
            assert!(
                !found.contains_key("-") && !found.contains_key("\\\"\\\""),
                "{log}: no name"
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
