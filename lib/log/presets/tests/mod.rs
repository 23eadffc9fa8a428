//! Runs every example of every file, as it stands and with hostile text in it.

mod cases;
mod daemons;
mod fields;
mod heads;
mod successes;
mod tries;

use super::check::examples::{self, forged, missing, tries, verdict_after};
use super::check::hostile::plain;
use super::check::successes;
use super::faults::faults;
use super::files::FILES;
use super::read::{self, Example};
use super::*;

/// All examples with the names of their services.
fn examples() -> Vec<(&'static str, Example)> {
    let of = |(name, text): &(&'static str, &'static str)| {
        let name = *name;
        let examples = read::read(text).examples;
        examples.into_iter().map(move |e| (name, e))
    };
    FILES.iter().flat_map(of).collect()
}

fn verdict(presets: &mut Presets, example: &Example, line: &[u8]) -> Option<(String, String)> {
    let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
    let told = verdict_after(presets, &before, line)?;
    Some((told.rule, told.address))
}

/// All rules of a service about one kind of attempts: failures, or successes.
fn of_kind(name: &str, success: bool) -> Option<Presets> {
    let preset = FILES.iter().find(|(n, _)| *n == name);
    let preset = preset.map(|(_, text)| read::read(text)).expect("a preset");
    let successes = successes(name, &preset);
    let presets = match success {
        true if successes.is_empty() => return None,
        true => Presets::new(successes.iter().map(String::as_str)),
        false => Presets::new([name]),
    };
    Some(presets.expect("a preset"))
}

#[test]
fn examples_are_what_they_say() {
    let mut wrong = Vec::new();
    for (name, example) in examples() {
        let mut presets = of_kind(name, example.of_success).expect("rules");
        let found = verdict(&mut presets, &example, &plain(example.line));
        let expected = example
            .expected
            .map(|(rule, address)| (format!("{name}/{rule}"), address.to_string()));
        if found != expected {
            wrong.push(format!(
                "{name}: {found:?} not {expected:?}: {}",
                example.line
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With all presets at once another service's rule may say it, but nothing else is said.
#[test]
fn examples_with_all_presets() {
    let mut presets = Presets::new(["all"]).expect("presets");
    for (name, example) in examples() {
        let found = verdict(&mut presets, &example, &plain(example.line));
        let marked = list().iter().any(|s| s.name == name && s.forged.is_some());
        // Lines that go on with another count for named presets alone.
        let file = FILES
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, text)| read::read(text));
        let named = file.is_some_and(|file| file.rules.iter().all(|r| r.goes_on));
        let counts = !marked && !named && !example.of_success;
        if let Some((_, address)) = example.expected.filter(|_| counts) {
            let found = found.unwrap_or_else(|| panic!("{name}: nothing in {}", example.line));
            assert_eq!(found.1, address, "{}", example.line);
        }
    }
}

#[test]
fn hostile_text_never_chooses_the_address() {
    let mut all = Presets::new(["all"]).expect("presets");
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (name, example) in examples() {
        if example.expected.is_none() {
            continue;
        }
        let mut alone = of_kind(name, example.of_success).expect("rules");
        for (before, line) in tries(&example, &[]) {
            for presets in [&mut alone, &mut all] {
                tried += 1;
                let told = verdict_after(presets, &before, &line);
                if let Some(what) = told.and_then(|told| forged(&example, &told)) {
                    let line = [&before.concat(), &line[..]].concat();
                    let line = String::from_utf8_lossy(&line);
                    wrong.push(format!("{name}: {what} in {line}"));
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(tried > 10_000, "{tried}");
}

#[test]
fn files_have_no_fault() {
    for (name, text) in FILES {
        let preset = read::read(text);
        assert!(!preset.title.is_empty(), "{name}");
        assert_eq!(faults(&preset), [], "{name}");
        let mut faults_of_examples = Vec::new();
        missing(&preset, &mut faults_of_examples);
        assert_eq!(faults_of_examples, [], "{name}");
    }
}

#[test]
fn names() {
    assert!(Presets::new(["sshd", "dovecot"]).is_ok());
    for (wrong, meant) in [
        ("sshx", "sshd"),
        ("ssh", "sshd"),
        ("forgejo", "gitea"),
        ("mariadb", "mysqld"),
    ] {
        let error = Presets::new([wrong]).expect_err("no such preset");
        let text = format!(
            "no preset of that name: \"{wrong}\"; did you mean \"{meant}\"? \
             (--preset list; a file has a /)"
        );
        assert!(matches!(error, Fault::Error { what, .. } if what == text));
    }
    assert!(Presets::new(["sshd/failed", "dovecot"]).is_ok());
    assert!(Presets::new(["sshd/none"]).is_err());
    assert_eq!(list().len(), FILES.len());
    assert!(FILES.is_sorted());
}
