//! The flags in a tool's --help.

use std::process::Command;

pub const TOOLS: [(&str, &str); 9] = [
    ("follow-log", env!("CARGO_BIN_EXE_follow-log")),
    ("extract-ip", env!("CARGO_BIN_EXE_extract-ip")),
    ("count-ip", env!("CARGO_BIN_EXE_count-ip")),
    ("ban-ip", env!("CARGO_BIN_EXE_ban-ip")),
    ("unban-at", env!("CARGO_BIN_EXE_unban-at")),
    ("mail-ban", env!("CARGO_BIN_EXE_mail-ban")),
    ("merge-ip", env!("CARGO_BIN_EXE_merge-ip")),
    ("name-ip", env!("CARGO_BIN_EXE_name-ip")),
    ("share-ban", env!("CARGO_BIN_EXE_share-ban")),
];

/// The names of all flags in `--help`, with their hyphens: `-f`, `--field`.
pub fn flags(program: &str) -> Vec<String> {
    let output = Command::new(program).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    let options = help.split_once("\nOptions:\n").unwrap().1;
    let is_flag = |line: &&str| {
        line.starts_with("  ") && !line.starts_with("        ") && line.trim().starts_with('-')
    };
    let lines = options.lines().filter(is_flag).map(str::trim);
    let names = lines.map(|line| line.split_once(" <").map_or(line, |(names, _)| names));
    let flags: Vec<_> = names
        .flat_map(|names| names.split(", ").map(str::to_owned))
        .collect();
    assert!(flags.len() > 3, "{program}: {help}");
    flags
}
