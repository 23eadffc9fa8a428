//! Rules about successes: they are asked for, and no stranger's text is one.

use std::collections::{BTreeMap, BTreeSet};

use super::daemons::{logs, read as read_log, tries as table};
use super::*;
use crate::line::LineReader;
use crate::presets::check::hostile::lures;
use pipeban::time::Zone;

const ACCEPTED: &str =
    "Mar 30 02:16:17 host sshd[1]: Accepted password for alice from 203.0.113.7 port 5 ssh2";
const FAILED: &str =
    "Mar 30 02:16:17 host sshd[1]: Failed password for alice from 203.0.113.7 port 5 ssh2";

/// The rules about successes of presets, by their full names.
fn successes_of(presets: &str) -> Vec<String> {
    let of = |name: &str| {
        let preset = FILES.iter().find(|(n, _)| *n == name);
        let preset = preset.map(|(_, text)| read::read(text));
        successes(name, &preset.expect("a preset"))
    };
    presets.split(',').flat_map(of).collect()
}

/// The attempts of a log: rule, address, whether it is a success.
fn attempts(presets: &[&str], log: &[u8]) -> Vec<(String, String, bool)> {
    let mut presets = Presets::new(presets.iter().copied()).expect("presets");
    let mut reader = LineReader::new(Zone::UTC, None);
    let mut all = Vec::new();
    for line in log.split(|b| *b == b'\n') {
        if let Some(hit) = presets.check(&reader.read(line), true) {
            let attempt = (hit.rule.to_string(), hit.address.to_string(), hit.success);
            all.extend((0..hit.count).map(|_| attempt.clone()));
        }
    }
    all
}

#[test]
fn a_success_is_asked_for() {
    let of = |names: &[&str], line: &str| {
        let found = attempts(names, line.as_bytes());
        found
            .into_iter()
            .map(|(rule, _, success)| (rule, success))
            .next()
    };
    let accepted = Some(("sshd/accepted".to_string(), true));
    assert_eq!(of(&["sshd"], ACCEPTED), None);
    assert_eq!(of(&["all"], ACCEPTED), None);
    assert_eq!(of(&["sshd/failed"], ACCEPTED), None);
    assert_eq!(of(&["sshd", "sshd/accepted"], ACCEPTED), accepted);
    assert_eq!(of(&["sshd/accepted", "all"], ACCEPTED), accepted);
    assert_eq!(of(&["sshd/accepted"], FAILED), None);
    let failed = Some(("sshd/failed".to_string(), false));
    assert_eq!(of(&["sshd", "sshd/accepted"], FAILED), failed);
    let repeated = "Mar 30 02:16:18 host last message repeated 2 times";
    let found = attempts(
        &["sshd/accepted"],
        format!("{ACCEPTED}\n{repeated}").as_bytes(),
    );
    assert!(
        found.len() == 3 && found.iter().all(|(.., success)| *success),
        "{found:?}"
    );
    let has_user = |names: &[&str], service: &str| {
        let names: Vec<_> = names
            .iter()
            .map(|rule| format!("{service}/{rule}"))
            .collect();
        let presets = Presets::new(names.iter().map(String::as_str));
        presets.expect("presets").has_group("user")
    };
    for service in list().iter().filter(|s| !s.successes.is_empty()) {
        // A success forgives failures of its user.
        assert!(
            has_user(&service.successes, service.name),
            "{}",
            service.name
        );
        assert!(has_user(&service.rules, service.name), "{}", service.name);
        // Where a client can write lines, it can write a success.
        let of_names = service.name == "pure-ftpd";
        assert!(service.forged.is_none() || of_names, "{}", service.name);
        let both = service
            .rules
            .iter()
            .filter(|rule| service.successes.contains(rule));
        assert_eq!(both.count(), 0, "{}", service.name);
    }
}

/// A stranger who forges a success has his failures forgiven.
#[test]
fn no_text_is_a_success() {
    let named = list().into_iter().map(|s| s.name);
    let all: Vec<String> = named.clone().flat_map(successes_of).collect();
    // Without the rules about failures: those may be used in another run.
    let mut everything = Presets::new(all.iter().map(String::as_str)).expect("presets");
    // The words of all successes, whole.
    let of = |(_, text): &(&str, &'static str)| read::read(text).examples;
    let examples_of_all = FILES.iter().flat_map(of).filter(|e| e.of_success);
    let lines = examples_of_all.filter(|e| e.expected.is_some());
    let lines: Vec<_> = lines.map(|e| plain(e.line)).collect();
    let mut wrong = BTreeSet::new();
    let mut tried = 0;
    for (name, text) in FILES {
        let preset = read::read(text);
        let mut own = of_kind(name, true);
        let own_lures = lures(&preset);
        for example in &preset.examples {
            let own = own.as_mut().map(|own| (own, &own_lures));
            for (presets, lures) in own.into_iter().chain([(&mut everything, &lines)]) {
                for (before, line) in examples::tries(example, lures) {
                    tried += 1;
                    let told = verdict_after(presets, &before, &line);
                    if let Some(what) = told.and_then(|told| forged(example, &told)) {
                        let line = String::from_utf8_lossy(&line);
                        wrong.insert(format!("{name}: {what} in {line}"));
                    }
                }
            }
        }
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(tried > 100_000, "{tried}");
}

/// Logs and clients who were let in, of whom no line tells that; all of a log where none is named.
const NOT_TOLD: &[(&str, &str)] = &[
    // PAM's own log.
    ("dovecot-pam-2.3.19.1", ""),
    // The daemon wrote nothing.
    ("openssh-9.2p1", "10.9.0.45"),
    // A login without a mail tells no name.
    ("exim4-4.96", ""),
    ("exim4-reject-4.96", ""),
    ("postfix-3.7.11", ""),
];
/// Clients of kind `fail` who were let in behind their failures.
const AT_LAST: &[(&str, &str)] = &[
    ("dropbear-2022.83", "10.9.0.13"),
    ("openssh-9.2p1", "10.9.0.18"),
    ("pure-ftpd-1.0.50", "10.9.0.14"),
    ("vsftpd-3.0.3", "10.9.0.14"),
];

/// Of the logs of real daemons: who was let in is told, and nobody else.
#[test]
fn successes_of_real_daemons() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (log, presets) in logs() {
        let successes = successes_of(&presets);
        if successes.is_empty() {
            continue;
        }
        let text = read_log(&format!("{log}.log"));
        let failing: Vec<&str> = presets.split(',').collect();
        let names = failing.iter().copied();
        let names: Vec<&str> = names.chain(successes.iter().map(String::as_str)).collect();
        let found = attempts(&names, &text);
        let is_success = |(.., success): &&(String, String, bool)| *success;
        // A success is no line of a connection: each failure is the same with it and without it.
        let without = attempts(&failing, &text);
        let failures: Vec<_> = found.iter().filter(|a| !is_success(a)).cloned().collect();
        assert!(failures == without, "{log}: failures differ");
        let mut let_in = BTreeMap::new();
        for (rule, address, _) in found.iter().filter(is_success) {
            let_in.insert(address.clone(), rule.clone());
            seen.insert(rule.clone());
        }
        for (kind, _, address, words) in table(&log) {
            let found = let_in.remove(&address);
            let is_in = |table: &[(&str, &str)]| {
                let mut rows = table.iter().filter(|(name, _)| *name == log);
                rows.any(|(_, client)| client.is_empty() || *client == address)
            };
            let good = match kind.as_str() {
                "ok" => found.is_some() != is_in(NOT_TOLD),
                "fail" | "attack" => found.is_some() == is_in(AT_LAST),
                _ => true,
            };
            if !good {
                wrong.push(format!("{log}: {found:?} of {kind} {address} {words}"));
            }
        }
        wrong.extend(
            let_in
                .iter()
                .map(|(a, rule)| format!("{log}: {rule} of {a}, who is nobody")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen.len() >= 9, "{seen:?}");
}
