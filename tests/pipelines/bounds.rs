//! Demands of an environment that a tool refuses.

use std::process::Command;

use crate::common::Shell;

#[test]
fn a_time_zone_is_a_file_of_its_kind() {
    let shell = Shell::new();
    let fifo = shell.path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    for zone in [
        "/dev/zero",
        ":/dev/zero",
        "../../../dev/zero",
        &fifo.display().to_string(),
    ] {
        let script = format!("ulimit -v 4000000; TZ={zone} timeout 60 ban-ip --dry-run --for 1h");
        let outcome = shell.feed(&script, b"203.0.113.7\n");
        assert_eq!(
            (outcome.addresses(), outcome.status),
            (vec!["203.0.113.7"], Some(0)),
            "{zone}"
        );
    }
}
