//! The manual's pages say what the tools do: the same flags, and mdoc(7) that mandoc(1) has nothing
//! to say against.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::left_out;

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
    assert_eq!(ours.len(), crate::help::TOOLS.len() + 2);
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
