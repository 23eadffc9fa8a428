//! fail2ban's filters, as Debian's package has them: the same verdicts and addresses as its own
//! `fail2ban-regex`.
//!
//! Without the package there is nothing to compare with, and the tests say so.

mod differences;
mod sample;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::left_out;
use pipeban::address::Address;
use pipeban_log::filter::{Filter, Verdict};

const FOLDER: &str = "/etc/fail2ban/filter.d";
/// Where the package keeps the log lines of its own tests.
const LOGS: &str = "/usr/lib/python3/dist-packages/fail2ban/tests/files/logs";
/// The program that the package's own are run by.
const PYTHON: &str = "/usr/bin/python3";
/// The seconds of computing that fail2ban-regex has for a file, a hundred times the usual: it
/// has patterns that backtrack without end.
const PATIENCE: &str = "10";
/// Lines generated for each pattern; with options half as many.
const SAMPLES: usize = 40;
/// Filters with a pattern that is too large for `--explain`, at most.
const MAX_UNTRIED: usize = 24;
/// The names of all filters installed; none where fail2ban is not.
fn filters() -> Vec<String> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let judge = Command::new("fail2ban-regex").arg("-V").output();
    if judge.is_err() {
        left_out("fail2ban is not installed");
        return Vec::new();
    }
    let mut names: Vec<String> = entries
        .filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".conf")?.to_string()))
        // Files that others include, and that are no filter.
        .filter(|name| !name.ends_with("common"))
        .collect();
    names.sort();
    names
}

/// The finds of fail2ban-regex by each filter in the lines beside it: addresses, names, in order;
/// `None` where it takes too long to say.
fn theirs(cases: &[(String, Vec<u8>)]) -> Vec<Option<Vec<String>>> {
    if cases.is_empty() {
        return Vec::new();
    }
    let folder = tempfile::tempdir().expect("a directory");
    let mut judge = Command::new(PYTHON)
        .args(["-c", include_str!("judge.py"), PATIENCE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the package's interpreter runs");
    let mut jobs = String::new();
    for (number, (argument, text)) in cases.iter().enumerate() {
        let file = folder.path().join(number.to_string());
        // It waits for the end of a last line, and so never reads one without.
        let end = if text.ends_with(b"\n") { "" } else { "\n" };
        fs::write(&file, [text, end.as_bytes()].concat()).expect("a file");
        jobs.push_str(&format!("{}\t{argument}\n", file.display()));
    }
    let mut input = judge.stdin.take().expect("a pipe");
    // It answers with less than a pipe holds.
    input.write_all(jobs.as_bytes()).expect("the judge listens");
    drop(input);
    let output = judge.wait_with_output().expect("the judge ends");
    let ends = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(ends.lines().count(), cases.len(), "the judge ended early");
    let found = |(number, end): (usize, &str)| {
        let argument = &cases[number].0;
        if end == "late" {
            if !differences::never_ends(argument) {
                left_out(&format!(
                    "fail2ban-regex needs over {PATIENCE} s for {argument}"
                ));
            }
            return None;
        }
        assert_eq!(end, "0", "{argument}: fail2ban-regex fails");
        let file = folder.path().join(format!("{number}.found"));
        let text = fs::read(file).expect("the judge's answer");
        let text = String::from_utf8_lossy(&text);
        Some(text.lines().map(|l| canonical(l.as_bytes())).collect())
    };
    ends.lines().enumerate().map(found).collect()
}

fn ours(argument: &str, text: &[u8]) -> Vec<String> {
    let mut filter = Filter::load(argument).expect("the filter loads");
    let mut found = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        match filter.check(line).expect("its patterns compile") {
            Verdict::Nothing => {}
            Verdict::Address { address, .. } => found.push(address.to_string()),
            Verdict::Name { text, .. } => found.push(canonical(&text)),
            Verdict::TooManySteps { pattern } => found.push(format!("too many steps: {pattern}")),
        }
    }
    found
}

fn canonical(text: &[u8]) -> String {
    match Address::parse(text) {
        Some(address) => address.to_string(),
        None => String::from_utf8_lossy(text).into_owned(),
    }
}

/// The options that a log file of the package names for its lines, beside none.
fn options(log: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in log.lines() {
        let Some(list) = line.strip_prefix("# filterOptions:") else {
            continue;
        };
        let list: serde_json::Value = serde_json::from_str(list).expect("a list of options");
        let sets = match list {
            serde_json::Value::Array(sets) => sets,
            set => vec![set],
        };
        for set in sets {
            let set: BTreeMap<String, String> =
                serde_json::from_value(set).expect("options and their values");
            let texts = set
                .iter()
                .filter(|(name, _)| !name.starts_with("test."))
                .map(|(name, value)| format!("{name}=\"{value}\""));
            let text = texts.collect::<Vec<_>>().join(",");
            let text = if text.is_empty() {
                text
            } else {
                format!("[{text}]")
            };
            if !all.contains(&text) {
                all.push(text);
            }
        }
    }
    all
}

/// Lines that differ, as `-theirs` and `+ours`.
fn difference(theirs: &[String], ours: &[String]) -> Vec<String> {
    let mut count: BTreeMap<&str, i64> = BTreeMap::new();
    for text in theirs {
        *count.entry(text).or_default() -= 1;
    }
    for text in ours {
        *count.entry(text).or_default() += 1;
    }
    let differs = count.into_iter().filter(|(_, n)| *n != 0);
    differs.map(|(text, n)| format!("{n:+} {text}")).collect()
}

/// Compares over each filter's lines; tells each difference that is not known.
fn compare(cases: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut told = Vec::new();
    for ((argument, text), theirs) in cases.iter().zip(theirs(cases)) {
        let Some(theirs) = theirs else { continue };
        let ours = ours(argument, text);
        let found = difference(&theirs, &ours);
        if found.is_empty() && theirs != ours {
            told.push(format!("{argument}: another order"));
        }
        for text_of in found.iter().filter(|t| !differences::is_known(argument, t)) {
            let address = text_of.rsplit(' ').next().unwrap_or(text_of);
            let mut lines = text.split(|b| *b == b'\n').map(String::from_utf8_lossy);
            let line = lines.find(|l| l.contains(address)).unwrap_or_default();
            told.push(format!("{argument}: {text_of}: {line}"));
        }
    }
    told
}

#[test]
fn all_load() {
    for name in filters() {
        let mut filter = Filter::load(&name).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        filter
            .check_patterns()
            .unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn on_the_lines_of_its_own_tests() {
    let mut cases = Vec::new();
    for name in filters() {
        let Ok(log) = fs::read(Path::new(LOGS).join(&name)) else {
            left_out(&format!("fail2ban has no log for its filter {name}"));
            continue;
        };
        for options in options(&String::from_utf8_lossy(&log)) {
            cases.push((format!("{name}{options}"), log.clone()));
        }
    }
    println!("{} filters and modes compared", cases.len());
    let told = compare(&cases);
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn on_generated_lines() {
    let mut cases = Vec::new();
    for name in filters() {
        let log = fs::read(Path::new(LOGS).join(&name)).unwrap_or_default();
        for options in options(&String::from_utf8_lossy(&log)) {
            let argument = format!("{name}{options}");
            let filter = Filter::load(&argument).expect("the filter loads");
            let count = if options.is_empty() {
                SAMPLES
            } else {
                SAMPLES / 2
            };
            cases.push((argument, sample::lines(&filter, count)));
        }
    }
    let told = compare(&cases);
    assert!(told.is_empty(), "{}", told.join("\n"));
}

/// The warnings of `--explain` are right: fail2ban, too, takes the victim's address in each line
/// that is shown.
#[test]
fn hostile_lines_are_what_they_say() {
    let mut cases = Vec::new();
    let mut untried = Vec::new();
    for name in filters() {
        let explain = Command::new(env!("CARGO_BIN_EXE_extract-ip"))
            .args(["--explain", "--filter", &name, "/dev/null"])
            .output()
            .expect("extract-ip runs");
        let told = String::from_utf8_lossy(&explain.stdout).into_owned();
        // A pattern for no failure only names the party of one that another line tells of.
        let patterns = told.split("pattern: ").skip(1);
        for part in patterns.filter(|p| !p.contains("<F-NOFAIL>")) {
            for line in part.lines().filter_map(|l| l.strip_prefix("        ")) {
                let line = line.replace(">>", "").replace("<<", "");
                cases.push((name.clone(), line.into_bytes()));
            }
        }
        let lines = told.lines().filter(|l| l.contains("was not tried"));
        if lines.count() > 0 && !Filter::load(&name).expect("it loads").joins_lines() {
            untried.push(name);
        }
    }
    for ((name, line), found) in cases.iter().zip(theirs(&cases)) {
        let line = String::from_utf8_lossy(line);
        let Some(found) = found else { continue };
        assert_eq!(found, ["192.0.2.1"], "{name}: {line}");
    }
    // Patterns with many optional parts.
    assert!(untried.len() <= MAX_UNTRIED, "{untried:?}");
    assert!(filters().is_empty() || !cases.is_empty());
}
