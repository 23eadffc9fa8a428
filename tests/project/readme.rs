//! README's table of dependencies and its links.

use std::fs;
use std::path::Path;

/// The crates that a manifest names in its sections of dependencies, but those of this workspace.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]") && !line.starts_with("[workspace.");
            // A crate may have a section of its own.
            let own = line.split_once("dependencies.").map(|(_, name)| name);
            names.extend(own.map(|name| name.trim_end_matches(']').to_string()));
        } else if let Some((name, _)) = line.split_once(['.', ' ']).filter(|_| inside)
            && !name.starts_with("pipeban-")
            && !name.starts_with('#')
        {
            names.push(name.to_string());
        }
    }
    names
}

#[test]
fn every_dependency_has_its_reason() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(top.join("README.md")).unwrap();
    let table = readme.split_once("\n| crate | why |\n").unwrap().1;
    let rows = table
        .lines()
        .map_while(|line| line.strip_prefix("| "))
        .filter(|row| !row.starts_with('-'));
    let mut told: Vec<_> = rows
        .flat_map(|row| row.split_once(" |").unwrap().0.split(", "))
        .collect();
    let manifests = [
        "",
        "lib/time/",
        "lib/terminal/",
        "lib/journal/",
        "lib/process/",
        "lib/state/",
        "lib/unpack/",
        "lib/common/",
        "lib/log/",
        "lib/ban/",
    ];
    let manifests = manifests.map(|m| fs::read_to_string(top.join(m).join("Cargo.toml")).unwrap());
    let used: Vec<_> = manifests.iter().flat_map(|m| dependencies(m)).collect();
    let mut used: Vec<_> = used.iter().map(String::as_str).collect();
    told.sort();
    used.sort();
    used.dedup();
    assert_eq!(told, used, "left README's table, right the manifests");
}

#[test]
fn the_number_of_presets() {
    let readme = include_str!("../../README.md");
    let list = crate::common::Shell::new()
        .run("extract-ip --preset list")
        .out;
    let number = list.lines().filter(|l| !l.starts_with(' ')).count();
    let told = format!("Patterns for {number} services are built in");
    assert!(readme.contains(&told), "not in README: {told}");
}

#[test]
fn links_lead_somewhere() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(top.join("README.md")).unwrap();
    let targets = readme
        .split("](")
        .skip(1)
        .map(|rest| rest.split_once(')').unwrap().0);
    let missing: Vec<_> = targets
        .filter(|t| !t.starts_with("http") && !top.join(t).exists())
        .collect();
    assert_eq!(missing, [""; 0]);
}
