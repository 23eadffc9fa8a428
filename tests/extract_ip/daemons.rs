//! The table of what the presets find in the logs of real daemons: tests/daemons/README.md has it
//! as the command makes it.

use std::process::Command;

const README: &str = include_str!("../daemons/README.md");
/// Logs in which a condition that the preset's title names does not hold.
const CONDITIONS: [&str; 2] = ["apache2-lookups", "dovecot-pam"];

#[test]
fn the_table_is_true() {
    let made = Command::new("sh")
        .args(["tests/daemons/run.sh", "--table"])
        .arg(env!("CARGO_BIN_EXE_extract-ip"))
        .output()
        .expect("sh runs");
    let made = String::from_utf8(made.stdout).expect("UTF-8");
    let kept = README.lines().filter(|l| l.starts_with("| "));
    let kept: Vec<&str> = kept.skip_while(|l| !l.starts_with("| log |")).collect();
    assert_eq!(made.lines().collect::<Vec<_>>(), kept, "\n{made}");
    let list = Command::new(env!("CARGO_BIN_EXE_extract-ip"))
        .args(["--preset", "list"])
        .output()
        .expect("extract-ip runs");
    let list = String::from_utf8(list.stdout).expect("UTF-8");
    let is_marked = |preset: &str| {
        let mut lines = list
            .lines()
            .skip_while(|l| l.split(' ').next() != Some(preset));
        let title = lines.next().is_some();
        title
            && lines
                .next()
                .is_some_and(|l| l.trim_start().starts_with("can be forged"))
    };
    assert!(is_marked("mysqld") && !is_marked("sshd"), "{list}");
    for row in &kept[2..] {
        let column: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [log, _, preset, tries, found, _, _, let_in, wrong, by_all] = column[..] else {
            panic!("{row}");
        };
        assert_eq!(tries, found, "a failure is not found once per try: {row}");
        if !CONDITIONS.contains(&log) {
            assert_eq!(let_in, "0", "{row}");
            assert_eq!(by_all, "0", "{row}");
            assert!(wrong == "0" || preset.split(',').any(is_marked), "{row}");
        }
    }
}
