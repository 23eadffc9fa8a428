//! fail2ban's filters, as Debian's package has them: the same verdicts and addresses as its own `fail2ban-regex`.
//!
//! Without the package there is nothing to compare with, and the tests say so.

mod differences;
mod sample;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pipeban::address::Address;
use pipeban::filter::{Filter, Verdict};

const FOLDER: &str = "/etc/fail2ban/filter.d";
/// Where the package keeps the log lines of its own tests.
const LOGS: &str = "/usr/lib/python3/dist-packages/fail2ban/tests/files/logs";
/// So many seconds fail2ban-regex has for a file; it has patterns that backtrack without end.
const PATIENCE: &str = "60";
/// Lines generated for each pattern; with options half as many.
const SAMPLES: usize = 40;
/// Files that others include, and that are no filter.
const PARTS: [&str; 5] = [
    "common",
    "apache-common",
    "botsearch-common",
    "exim-common",
    "selinux-common",
];

/// The names of all filters installed; none where fail2ban is not.
fn filters() -> Vec<String> {
    let entries = fs::read_dir(FOLDER).into_iter().flatten().flatten();
    let judge = Command::new("fail2ban-regex").arg("-V").output();
    if judge.is_err() {
        println!("left out: fail2ban is not installed");
        return Vec::new();
    }
    let mut names: Vec<String> = entries
        .filter_map(|e| Some(e.file_name().to_str()?.strip_suffix(".conf")?.to_string()))
        .filter(|name| !PARTS.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

/// What fail2ban-regex finds in a file: addresses and names, in order; `None`, printed, where it takes too long to say.
fn theirs(argument: &str, file: &Path) -> Option<Vec<String>> {
    let output = Command::new("timeout")
        .args([PATIENCE, "fail2ban-regex", "--raw", "--out", "ip"])
        .arg(file)
        .arg(argument)
        .output()
        .expect("timeout(1) runs");
    if output.status.code() == Some(124) {
        println!("left out: {argument}: fail2ban-regex takes more than {PATIENCE} seconds");
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{argument}: {said}");
    Some(text.lines().map(|l| canonical(l.as_bytes())).collect())
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

/// Compares over `text`; each difference is told, and whether all were known.
fn compare(argument: &str, text: &[u8], folder: &Path) -> Vec<String> {
    let file: PathBuf = folder.join("log");
    fs::write(&file, text).expect("a file");
    if !text.ends_with(b"\n") {
        // It waits for the end of a last line, and so never reads one without.
        fs::OpenOptions::new()
            .append(true)
            .open(&file)
            .and_then(|mut f| std::io::Write::write_all(&mut f, b"\n"))
            .expect("a file");
    }
    let Some(theirs) = theirs(argument, &file) else {
        return Vec::new();
    };
    let ours = ours(argument, text);
    let found = difference(&theirs, &ours);
    let unknown = found
        .iter()
        .filter(|text| !differences::is_known(argument, text));
    let line = |difference: &str| {
        let address = difference.rsplit(' ').next().unwrap_or(difference);
        let mut lines = text.split(|b| *b == b'\n').map(String::from_utf8_lossy);
        lines.find(|l| l.contains(address)).unwrap_or_default()
    };
    let mut told: Vec<String> = unknown
        .map(|text| format!("{argument}: {text}: {}", line(text)))
        .collect();
    if found.is_empty() && theirs != ours {
        told.push(format!("{argument}: another order"));
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
    let folder = tempfile::tempdir().expect("a directory");
    let mut told = Vec::new();
    let mut compared = 0;
    for name in filters() {
        let Ok(log) = fs::read(Path::new(LOGS).join(&name)) else {
            println!("left out: {name}: no log of its own");
            continue;
        };
        for options in options(&String::from_utf8_lossy(&log)) {
            told.extend(compare(&format!("{name}{options}"), &log, folder.path()));
            compared += 1;
        }
    }
    println!("{compared} filters and modes compared");
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn on_generated_lines() {
    let folder = tempfile::tempdir().expect("a directory");
    let mut told = Vec::new();
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
            let lines = sample::lines(&filter, count);
            told.extend(compare(&argument, &lines, folder.path()));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}
