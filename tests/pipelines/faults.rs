//! Bad input and faults: one clear line each, the right exit status, and what was good goes on.

use crate::common::{Outcome, Shell, in_namespace, unshared};

fn outcome(out: &str, err: &str, status: i32) -> Outcome {
    Outcome {
        out: out.into(),
        err: err.into(),
        status: Some(status),
    }
}

#[test]
fn lines_that_are_no_records() {
    let shell = Shell::new();
    let input =
        b"# a list\n\n203.0.113.7\r\nfoo\x1b[31m bar\n2001:db8::1 ; SBL\n\xff\xfe\n\0\n203.0.113.8";
    let found = shell.feed("ban-ip --dry-run | cut -f 1", input);
    assert_eq!(found.out, "203.0.113.7\n2001:db8::1\n203.0.113.8\n");
    let lines: Vec<_> = found.err.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    // The terminal of who reads it is not to obey what stands there.
    assert_eq!(
        lines[0],
        r#"ban-ip: standard input:4: not an address: "foo\u{1b}[31m""#
    );
    assert!(lines[1].starts_with("ban-ip: standard input:6: not an address: "));
    assert_eq!(
        lines[2],
        r#"ban-ip: standard input:7: not an address: "\u{0}""#
    );
}

#[test]
fn the_first_ten_in_full_then_a_total() {
    let shell = Shell::new();
    let found = shell.run("seq 25 | ban-ip --dry-run");
    let lines: Vec<_> = found.err.lines().collect();
    assert_eq!(lines.len(), 11, "{lines:?}");
    assert_eq!(
        lines[9],
        r#"ban-ip: standard input:10: not an address: "10""#
    );
    assert_eq!(lines[10], "ban-ip: input: 25 bad lines in all");
    assert_eq!(found.status, Some(2));
}

#[test]
fn lines_end_as_they_like() {
    let shell = Shell::new();
    for (input, expected) in [
        (
            &b"from 203.0.113.7\nfrom 203.0.113.8"[..],
            "203.0.113.7\n203.0.113.8\n",
        ),
        (
            b"from 203.0.113.7\r\nfrom 203.0.113.8\r\n",
            "203.0.113.7\n203.0.113.8\n",
        ),
        (b"\0\xff 203.0.113.7 \xc3\x28\0\n", "203.0.113.7\n"),
        (b"\n\n203.0.113.7\n\n", "203.0.113.7\n"),
    ] {
        assert_eq!(shell.feed("extract-ip", input), outcome(expected, "", 0));
        let by_pattern = shell.feed("extract-ip --regex '(^|from |\\s)<IP>'", input);
        assert_eq!(by_pattern, outcome(expected, "", 0));
    }
    assert_eq!(shell.feed("extract-ip", b""), outcome("", "", 1));
    assert_eq!(shell.feed("extract-ip", b"nobody\n"), outcome("", "", 1));
}

#[test]
fn an_endless_line_is_cut_once_and_its_tail_is_no_line() {
    let shell = Shell::new();
    // 100 MB without a newline; what stands behind the first MiB must not be read as a line of its
    // own.
    let long = "printf 'from 203.0.113.1 '; head -c 100000000 /dev/zero | tr '\\0' x; echo ' from 203.0.113.2'";
    for options in ["", "--regex 'from <IP>'", "--field 2"] {
        let script = format!("{{ {long}; echo from 203.0.113.3; }} | extract-ip {options}");
        let found = shell.run(&script);
        assert_eq!(found.out, "203.0.113.1\n203.0.113.3\n", "{options}");
        assert_eq!(found.err.lines().count(), 1, "{}", found.err);
        assert!(
            found.err.contains("a line longer than 1 MiB was cut"),
            "{}",
            found.err
        );
        assert_eq!(found.status, Some(2));
    }
}

#[test]
fn a_line_of_just_one_mib_is_whole() {
    let shell = Shell::new();
    let mut line = vec![b'x'; (1 << 20) - " 203.0.113.7".len()];
    line.extend_from_slice(b" 203.0.113.7");
    let whole = [&line[..], b"\n203.0.113.8\n"].concat();
    assert_eq!(
        shell.feed("extract-ip", &whole),
        outcome("203.0.113.7\n203.0.113.8\n", "", 0)
    );
    line.insert(0, b'x');
    line.push(b'\n');
    let cut = shell.feed("extract-ip", &line);
    // The cut goes through the last number: what is left of it, "203.0.113.", is no address.
    assert_eq!((cut.out.as_str(), cut.status), ("", Some(2)));
}

#[test]
fn a_missing_file_does_not_stop_the_others() {
    let shell = Shell::new();
    let found = shell.run("echo 203.0.113.7 | extract-ip /dev/null/at/all - /");
    let err = "extract-ip: /dev/null/at/all: Not a directory\nextract-ip: /: Is a directory\n";
    assert_eq!(found, outcome("203.0.113.7\n", err, 2));
}

#[test]
fn a_reader_that_goes_away() {
    let shell = Shell::new();
    let found = shell.run("yes 'from 203.0.113.7' | extract-ip | head -n 1");
    assert_eq!(found, outcome("203.0.113.7\n", "", 0));
}

#[test]
fn ban_ip_finishes_what_it_has_begun() {
    in_namespace("ban_ip_finishes_what_it_has_begun", || {
        let shell = Shell::new();
        let addresses: String = (0..250).map(|i| format!("203.0.113.{i}\n")).collect();
        let found = shell.feed("{ ban-ip; echo $? >&2; } | true", addresses.as_bytes());
        assert_eq!(found.err, "0\n");
        assert_eq!(shell.run("ban-ip --list").out.lines().count(), 250);
    });
}

#[test]
fn a_full_disk() {
    let shell = Shell::new();
    let found = shell.run("echo 203.0.113.7 | extract-ip >/dev/full");
    assert_eq!(
        found,
        outcome(
            "",
            "extract-ip: standard output: No space left on device\n",
            2
        )
    );
}

#[test]
fn a_full_disk_under_the_ledger() {
    // Mounts a file system of 2 MiB, so it needs a mount namespace too.
    unshared("-rnm", "a_full_disk_under_the_ledger", || {
        let shell = Shell::new();
        let prepare = shell.run(&format!(
            "mount -t tmpfs -o size=2m none {}",
            shell.directory.path().display()
        ));
        assert_eq!(prepare, outcome("", "", 0));
        assert_eq!(shell.run("ban-ip 203.0.113.7").status, Some(0));
        shell.run("cat /dev/zero >$(dirname $PIPEBAN_STATE)/big");
        let many: String = (0..5000).map(|i| format!("2001:db8::{i:x}\n")).collect();
        let full = shell.feed("ban-ip", many.as_bytes());
        assert_eq!(
            (full.out.lines().count(), full.status),
            (5000, Some(2)),
            "the kernel ends them: {}",
            full.err
        );
        assert!(
            full.err.ends_with("full\n") && full.err.lines().count() == 1,
            "{}",
            full.err
        );
        shell.run("rm $(dirname $PIPEBAN_STATE)/big");
        assert_eq!(shell.run("ban-ip 203.0.113.8").status, Some(0));
        // The ledger takes over the bans that were made without it.
        let list = shell.run("ban-ip --list");
        assert_eq!(list.out.lines().count(), 5002);
        assert!(!list.out.contains("only="), "{}", list.out);
    });
}

#[test]
fn a_state_file_that_is_none() {
    let shell = Shell::new();
    let path = shell.path("notes");
    std::fs::write(
        &path,
        "not a database, and long enough that nobody can take it for one\n".repeat(20),
    )
    .unwrap();
    let found = shell.run(&format!(
        "ban-ip --backend none --state-file {} 203.0.113.7",
        path.display()
    ));
    assert_eq!((found.addresses().len(), found.status), (1, Some(2)));
    let err = format!(
        "ban-ip: {0}: it is damaged, and now {0}.damaged-",
        path.display()
    );
    assert!(found.err.starts_with(&err), "{}", found.err);
    assert_eq!(found.err.lines().count(), 1, "{}", found.err);

    let found = shell.run("ban-ip --backend none --state-file /dev/null/state.db 203.0.113.7");
    assert_eq!(
        (found.status, found.err.lines().count()),
        (Some(2), 1),
        "{found:?}"
    );
}

#[test]
fn the_state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let shell = Shell::new();
    shell.run("PIPEBAN_STATE= XDG_STATE_HOME= HOME=$(dirname $PIPEBAN_STATE) ban-ip --backend none --state-file $PIPEBAN_STATE 203.0.113.7");
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let mode = std::fs::metadata(shell.path(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn no_privilege_over_the_firewall() {
    // A network namespace that belongs to somebody else: the host's, seen from a user namespace.
    unshared("-r", "no_privilege_over_the_firewall", || {
        let shell = Shell::new();
        let found = shell.run("ban-ip 203.0.113.7");
        assert_eq!(
            found,
            outcome(
                "",
                "ban-ip: nft: not permitted: needs root or CAP_NET_ADMIN\n",
                2
            )
        );
        assert_eq!(
            shell.run("ban-ip --list --backend none").out,
            "",
            "nothing was entered"
        );
    });
}

#[test]
fn usage_errors_name_the_flag() {
    let shell = Shell::new();
    for (script, named) in [
        ("ban-ip --wat", "--wat"),
        ("ban-ip --for 1x 203.0.113.7", "--for"),
        ("ban-ip --backend wat 203.0.113.7", "wat"),
        ("extract-ip --field 0", "--field"),
        ("extract-ip --regex '('", "--regex"),
        ("unban-at", "TIME"),
        ("unban-at whenever", "whenever"),
    ] {
        let found = shell.run(script);
        assert_eq!(
            (found.out.as_str(), found.status),
            ("", Some(2)),
            "{script}"
        );
        assert_eq!(found.err.lines().count(), 1, "{script}: {}", found.err);
        assert!(found.err.contains(named), "{script}: {}", found.err);
    }
}
