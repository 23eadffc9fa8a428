//! tests/all.sh installs every program that a test asks for.

use std::collections::BTreeSet;
use std::path::Path;

use crate::house::rust_files;

/// Programs of Debian's essential packages.
const ESSENTIAL: [&str; 11] = [
    "chmod", "grep", "gzip", "kill", "mkfifo", "mount", "rm", "setpriv", "setsid", "sh", "unshare",
];

#[test]
fn are_installed_by_all_sh() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = include_str!("../all.sh");
    let table = script
        .split_once("<<END\n")
        .unwrap()
        .1
        .split_once("\nEND")
        .unwrap()
        .0;
    let mut known: BTreeSet<&str> = table.lines().filter_map(|l| l.split(' ').next()).collect();
    known.extend(ESSENTIAL);
    let mut asked = 0;
    for file in rust_files(&top.join("tests")) {
        let text = std::fs::read_to_string(&file).unwrap();
        for start in ["run(\"", "Command::new(\"", "command(\""] {
            for rest in text.split(start).skip(1) {
                let (program, _) = rest.split_once('"').unwrap_or_default();
                // `run` of other helpers takes a whole command line, or flags.
                let is_name = |c: char| c.is_alphanumeric() || c == '-';
                if program.is_empty() || !program.chars().all(is_name) || program.starts_with('-') {
                    continue;
                }
                let at = file.display();
                assert!(
                    known.contains(program),
                    "{at}: {program} has no line in tests/all.sh"
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 50, "{asked}");
}
