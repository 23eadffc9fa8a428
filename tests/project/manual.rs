//! The manual's pages say what the tools do: the same flags, and mdoc(7) that mandoc(1) has nothing
//! to say against.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{left_out, run};

fn pages() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let pages = std::fs::read_dir(directory).unwrap();
    pages.map(|page| page.unwrap().path()).collect()
}

/// The flags that a page explains: those of its `.It Fl` lines, where `Fl f` is `-f` and `Fl Fl
/// field` is `--field`.
fn explained(page: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for line in page.lines().filter_map(|line| line.strip_prefix(".It ")) {
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            if word == "Fl" {
                flags.extend(match words.next() {
                    Some("Fl") => words.next().map(|name| format!("--{name}")),
                    name => name.map(|name| format!("-{name}")),
                });
            }
        }
    }
    flags
}

#[test]
fn pages_and_help_have_the_same_flags() {
    for (tool, program) in crate::help::TOOLS {
        let mut pages = pages().into_iter();
        let page = pages.find(|p| p.file_stem().unwrap() == tool).unwrap();
        let page = std::fs::read_to_string(page).unwrap();
        let in_help: BTreeSet<_> = crate::help::flags(program).into_iter().collect();
        assert_eq!(
            explained(&page),
            in_help,
            "left the page of {tool}, right its --help"
        );
    }
}

#[test]
fn mandoc_finds_no_fault() {
    for page in pages() {
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "style"])
            .arg(&page)
            .output();
        let Ok(lint) = lint else {
            return left_out("mandoc is not installed");
        };
        let text = String::from_utf8(lint.stdout).unwrap();
        // Which other manuals are installed here is not the page's fault.
        let is_fault = |line: &&str| {
            !line.contains("referenced manual not found") && !line.contains("mandoc.db")
        };
        let faults: Vec<_> = text.lines().filter(is_fault).collect();
        assert_eq!(faults, [""; 0]);
        assert!(
            lint.stderr.is_empty()
                || String::from_utf8_lossy(&lint.stderr)
                    .lines()
                    .all(|l| !is_fault(&l))
        );
    }
}

#[test]
fn pages_refer_to_pages_that_are_there() {
    let ours: BTreeSet<_> = pages()
        .iter()
        .map(|p| p.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(ours.len(), crate::help::TOOLS.len() + 5);
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let named = text
            .lines()
            .filter_map(|line| line.split_once("Xr ")?.1.split_once(' '));
        for (name, rest) in named {
            let tool = name.starts_with("pipeban")
                || crate::help::TOOLS.iter().any(|(tool, _)| *tool == name);
            let section = rest.split_whitespace().next().unwrap();
            assert!(
                !tool || ours.contains(&format!("{name}.{section}")),
                "{}: {name}({section})",
                page.display()
            );
        }
    }
}

/// The keys that a program writes into records: those in its source before the tests.
fn keys_written(source: &str) -> Vec<&str> {
    let code = source.split("\n#[cfg(test)]").next().unwrap();
    let is_key = |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    let mut keys = Vec::new();
    for call in ["push(", "set("] {
        let arguments = code.split(call).skip(1).map(str::trim_start);
        let first = arguments.filter_map(|text| text.strip_prefix('"')?.split_once("\","));
        keys.extend(first.map(|(key, _)| key).filter(is_key));
    }
    let literals = code.split("\"\\t").skip(1);
    let fields = literals.filter_map(|text| text.split_once('='));
    keys.extend(fields.map(|(key, _)| key).filter(is_key));
    keys
}

#[test]
fn the_page_of_the_record_has_every_key() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(top.join("man/pipeban-record.7")).unwrap();
    let text = page.split_once(".Ss Lists").unwrap().0;
    let named: BTreeSet<&str> = text.split([' ', '\n']).collect();
    let mut files = crate::house::rust_files(&top.join("tools"));
    files.extend(crate::house::rust_files(&top.join("lib")));
    let sources: Vec<_> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let mut keys: BTreeSet<&str> = sources.iter().flat_map(|s| keys_written(s)).collect();
    assert!(keys.len() > 20, "{keys:?}");
    // The head of a log line, and the groups of patterns that the tools know.
    keys.extend(["host", "program", "pid", "file", "user", "path", "success"]);
    // In totals by a field, which are no records.
    keys.remove("addresses");
    let missing: Vec<_> = keys.difference(&named).collect();
    assert!(missing.is_empty(), "not in pipeban-record(7): {missing:?}");
}

/// A page as a reader has it, in 80 columns, by mandoc or by groff (man-db's).
fn rendered(program: &str, page: &Path) -> Option<String> {
    let options = if program == "groff" {
        ["-mdoc", "-Tutf8", "-P-cbou"]
    } else {
        ["-Tutf8", "-Owidth=80", "-mdoc"]
    };
    let path = page.to_str().unwrap();
    let text = run(program, &[&options[..], &[path]].concat())?;
    // mandoc writes a bold letter as itself, a backspace, and itself.
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\u{8}' => _ = plain.pop(),
            c => plain.push(c),
        }
    }
    Some(plain)
}

/// The lines of the literal blocks in a page's source, as they are to be read.
fn literal_lines(source: &str) -> Vec<String> {
    let blocks = source.split(".Bd -literal").skip(1);
    let blocks = blocks.filter_map(|b| Some(b.split_once('\n')?.1.split_once("\n.Ed")?.0));
    let plain = |line: &str| {
        let line = line.replace("\\&", "").replace("\\(aq", "'");
        line.replace("\\(ha", "^")
            .replace("\\(ti", "~")
            .replace("\\(Fo", "«")
            .replace("\\(Fc", "»")
            .replace("\\e", "\\")
    };
    blocks.flat_map(str::lines).map(plain).collect()
}

#[test]
fn examples_can_be_pasted() {
    for page in pages() {
        let source = std::fs::read_to_string(&page).unwrap();
        assert!(
            !source.contains("\n.Dl "),
            "{}: one line may wrap",
            page.display()
        );
        let literal = literal_lines(&source);
        for program in ["mandoc", "groff"] {
            let Some(text) = rendered(program, &page) else {
                continue;
            };
            let lines: BTreeSet<&str> = text.lines().map(str::trim).collect();
            let wide = text.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{}, by {program}", page.display());
            for line in &literal {
                let found = line.is_empty() || lines.contains(line.trim());
                assert!(found, "{}, by {program}: {line}", page.display());
            }
        }
    }
}

#[test]
fn quotes_are_opened_and_closed() {
    for page in pages() {
        let Some(text) = rendered("mandoc", &page) else {
            return;
        };
        let mut open = false;
        for (number, line) in text.lines().enumerate() {
            for c in line
                .chars()
                .filter(|c| ['\u{2018}', '\u{2019}'].contains(c))
            {
                assert!(
                    open != (c == '\u{2018}'),
                    "{}:{number}: {line}",
                    page.display()
                );
                open = !open;
            }
        }
        assert!(!open, "{}", page.display());
    }
}
