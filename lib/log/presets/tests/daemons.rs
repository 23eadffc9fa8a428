//! The logs of tests/daemons, written by real daemons for clients that failed and attacked: every
//! failure is found with its own address, as often as the table of tries says, and nobody else is.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::line::LineReader;
use crate::presets::{Presets, list};
use pipeban::address::Address;
use pipeban::time::Zone;

/// A row of a table: kind, number of failures, address, words.
type Try = (String, Option<u32>, String, String);

pub(super) fn read(name: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("tests/daemons/logs").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn tries(log: &str) -> Vec<Try> {
    let text = String::from_utf8(read(&format!("{log}.tries"))).expect("a table in UTF-8");
    let rows = text.lines().filter(|l| !l.starts_with('#'));
    let row = |line: &str| {
        let mut columns = line.splitn(4, '\t').map(str::to_string);
        let mut next = || columns.next().unwrap_or_default();
        let (kind, count, address, words) = (next(), next(), next(), next());
        let address = Address::parse(address.as_bytes()).expect("an address");
        (kind, count.parse().ok(), address.to_string(), words)
    };
    rows.map(row).collect()
}

/// The events that presets find in a log, by address.
pub(super) fn found(presets: &str, log: &[u8]) -> BTreeMap<String, u32> {
    let mut presets = Presets::new(presets.split(',')).expect("presets");
    let mut reader = LineReader::new(Zone::UTC, None);
    let mut found = BTreeMap::new();
    for line in log
        .strip_suffix(b"\n")
        .unwrap_or(log)
        .split(|b| *b == b'\n')
    {
        if let Some(hit) = presets.check(&reader.read(line), true) {
            *found.entry(hit.address.to_string()).or_default() += hit.count;
        }
    }
    found
}

/// The presets for a log.
pub(super) const LOGS: &[(&str, &str)] = &[
    ("apache2-2.4.71", "apache"),
    ("apache2-error-2.4.71", "apache"),
    ("apache2-lookups-2.4.71", "apache"),
    ("apache2-lookups-error-2.4.71", "apache"),
    ("apache2-vhosts-2.4.71", "apache"),
    ("bind9-9.18.49", "named"),
    ("courier-5.0.13", "courier"),
    ("cyrus-imapd-3.6.1", "cyrus-imap"),
    ("dovecot-2.3.19.1", "dovecot"),
    ("dovecot-pam-2.3.19.1", "pam-generic"),
    ("dovecot-pam-2.3.19.1", "dovecot"),
    ("dropbear-2022.83", "dropbear"),
    ("exim4-4.96", "exim"),
    ("exim4-reject-4.96", "exim"),
    ("haproxy-2.6.12", "haproxy"),
    ("lighttpd-1.4.69", "lighttpd"),
    ("lighttpd-error-1.4.69", "lighttpd"),
    ("mariadb-10.11.19", "mysqld"),
    ("nginx-1.22.1", "nginx"),
    ("nginx-error-1.22.1", "nginx-error"),
    ("openssh-9.2p1", "sshd"),
    ("openssh-9.2p1", "sshd,sshd-preauth"),
    ("openvpn-2.6.14", "openvpn"),
    ("postfix-3.7.11", "postfix"),
    ("postgresql-15.20", "postgresql-user"),
    ("postgresql-host-15.20", "postgresql-user"),
    ("postgresql-plain-15.20", "postgresql"),
    ("proftpd-1.3.8", "proftpd-systemlog"),
    ("proftpd-pam-1.3.8", "pam-generic"),
    ("pure-ftpd-1.0.50", "pure-ftpd"),
    ("samba-4.17.12", "samba"),
    ("sendmail-8.17.1.9", "sendmail"),
    ("slapd-2.5.13", "slapd"),
    ("squid-5.7", "squid"),
    ("vsftpd-3.0.3", "vsftpd"),
    ("vsftpd-pam-3.0.3", "pam-generic"),
    ("vsftpd-syslog-3.0.3", "vsftpd"),
];

/// The exceptions: log, kind, the beginning of the try's words, reason.
const KNOWN: &[(&str, &str, &str, &str)] = &[
    // An address that is no client's, from a preset without a mark.
    (
        "apache2-lookups-2",
        "strange",
        "198.51.100.66",
        "HostnameLookups On: the title's condition",
    ),
    // An address that is no client's, from a marked preset.
    (
        "mariadb",
        "marked",
        "198.51.100.66",
        "a name is written with its newlines",
    ),
    (
        "nginx-error",
        "marked",
        "198.51.100.66",
        "a path is written with its newlines",
    ),
    (
        "postgresql-15",
        "marked",
        "198.51.100.66",
        "%u is written with its newlines",
    ),
    (
        "proftpd-1",
        "marked",
        "198.51.100.66",
        "USER is written with its newlines",
    ),
    (
        "pure-ftpd",
        "marked",
        "198.51.100.66",
        "a name stands where the address should",
    ),
    // Failures that are counted otherwise.
    (
        "dovecot-2",
        "fail",
        "three wrong",
        "the table counts lines; the line says three attempts",
    ),
    (
        "dovecot-2",
        "fail",
        "five wrong",
        "the table counts lines; the line says five attempts",
    ),
    (
        "dovecot-2",
        "fail",
        "password without TLS, port 110",
        "USER and PASS count as attempts",
    ),
    (
        "dovecot-2",
        "attack",
        "user without TLS",
        "USER and PASS count as attempts by POP3",
    ),
    (
        "postfix",
        "fail",
        "too many logins",
        "logins beyond the rate count, too (auth=0/N)",
    ),
    // Accepted logins.
    (
        "dovecot-pam",
        "ok",
        "right password",
        "PAM refused, before another passdb accepted",
    ),
    // Attacks that hide themselves, and name nobody else.
    (
        "apache2-lookups-2",
        "attack",
        "",
        "HostnameLookups On: a name stands for the address",
    ),
    (
        "dropbear",
        "attack",
        "user ",
        "names that the client itself refuses: no login was tried",
    ),
    (
        "exim4",
        "attack",
        "",
        "a text with \") [\", which would tell another address",
    ),
    (
        "mariadb",
        "attack",
        "",
        "the line of a name with a newline breaks",
    ),
    (
        "nginx-error",
        "attack",
        "",
        "the line of a name with a newline breaks",
    ),
    (
        "postgresql-15",
        "attack",
        "",
        "the prefix of a name with a blank or a newline breaks",
    ),
    (
        "postgresql-host",
        "attack",
        "",
        "the prefix of a name with a newline breaks",
    ),
    (
        "postgresql-plain",
        "attack",
        "",
        "the line of a name with a newline breaks",
    ),
    (
        "proftpd-1",
        "attack",
        "",
        "the line of a name with a newline breaks",
    ),
    (
        "pure-ftpd",
        "attack",
        "PTR",
        "a name stands where the address should",
    ),
    (
        "samba",
        "attack",
        "user ",
        "a name with brackets could tell another address",
    ),
    ("squid", "attack", "PTR", "no login was tried"),
];

fn known(log: &str, kind: &str, words: &str) -> bool {
    let is = |(l, k, w, _): &&(&str, &str, &str, &str)| {
        log.starts_with(l) && *k == kind && words.starts_with(w)
    };
    KNOWN.iter().any(|row| is(&row))
}

#[test]
fn every_failure_is_found_once_and_nobody_else() {
    let marked: Vec<_> = list().into_iter().filter(|s| s.forged.is_some()).collect();
    let mut wrong = Vec::new();
    for &(log, presets) in LOGS {
        let (text, tries) = (read(&format!("{log}.log")), tries(log));
        let is_marked = presets
            .split(',')
            .any(|p| marked.iter().any(|s| s.name == p));
        let own = found(presets, &text);
        let (mut right, mut all) = (BTreeMap::new(), BTreeMap::new());
        for (kind, count, address, words) in &tries {
            let n = own.get(address).copied().unwrap_or_default();
            let good = match (kind.as_str(), count) {
                ("ok", _) => n == 0,
                ("fail" | "attack", Some(count)) => n == *count,
                _ => continue,
            };
            *all.entry(kind).or_insert(0) += 1;
            *right.entry(kind).or_insert(0) += u32::from(good);
            if !good && !known(log, kind, words) {
                wrong.push(format!(
                    "{log}: {kind} {n} not {count:?}: {address} {words}"
                ));
            }
        }
        println!("{log} {presets}: {right:?} of {all:?}");
        for (presets, is_marked) in [(presets, is_marked), ("all", false)] {
            for address in found(presets, &text).keys() {
                let strange = !tries.iter().any(|(_, _, a, _)| a == address);
                if strange && !known(log, if is_marked { "marked" } else { "strange" }, address) {
                    wrong.push(format!("{log}: {presets} finds {address}"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
}
