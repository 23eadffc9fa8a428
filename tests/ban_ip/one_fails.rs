//! A firewall, a ban or a row that fails keeps none of the others waiting.

use std::os::unix::net::UnixDatagram;

use crate::both::{ended, held};
use crate::common::{Shell, in_namespace, left_out, run, unshared};
use crate::meanwhile::stopped_at;
use crate::no_ledger::signal;

/// A shell with a command for `--backend exec` that fails for one address.
fn failing_shell() -> (Shell, String) {
    let shell = Shell::new();
    let script = "#!/bin/sh\n[ ! -e \"$(dirname $0)/no-$1-$2\" ] || { echo no >&2; exit 1; }\n\
                  if [ $1 = add ]; then : > \"$(dirname $0)/held-$2\"; \
                  else rm -f \"$(dirname $0)/held-$2\"; fi\n";
    let path = shell.path("fw");
    std::fs::write(&path, script).unwrap();
    run("chmod", &["+x", path.to_str().unwrap()]);
    let path = path.display();
    let ban = format!(
        "ban-ip --backend exec --ban-command '{path} add {{address}}' \
         --unban-command '{path} del {{address}}'"
    );
    (shell, ban)
}

/// Ends the process that waits for bans of this shell's, which can't be lifted.
fn end_waiter(shell: &Shell) {
    let state = shell.path("state.db").display().to_string();
    shell.run(&format!("pkill -f -- '--wait.*{state}'"));
}

#[test]
fn a_lift_that_fails_is_not_forgotten() {
    in_namespace("a_lift_that_fails_is_not_forgotten", || {
        let (shell, ban) = failing_shell();
        shell.run(&format!("{ban} 203.0.113.1 203.0.113.2"));
        std::fs::write(shell.path("no-del-203.0.113.1"), "").unwrap();
        let lift = shell.run("unban-at now 203.0.113.1 203.0.113.2");
        ended(&lift, 2, &["203.0.113.2"], "the failed one is not printed");
        assert!(shell.path("held-203.0.113.1").exists());
        let again = shell.run("unban-at now 203.0.113.1");
        ended(&again, 2, &[], "it is tried again");
        std::fs::remove_file(shell.path("no-del-203.0.113.1")).unwrap();
        run(
            "sqlite3",
            &[
                shell.path("state.db").to_str().unwrap(),
                "UPDATE later SET due = 0",
            ],
        );
        crate::common::wait_until("it is lifted", || {
            shell.run("unban-at --due");
            !shell.path("held-203.0.113.1").exists()
        });
        end_waiter(&shell);
    });
}

/// Another process is first to tell the lift, and in vain: the one that was asked for it knows.
#[test]
fn a_lift_that_fails_elsewhere_is_reported() {
    in_namespace("a_lift_that_fails_elsewhere_is_reported", || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        let lift = "unban-at now 203.0.113.1";
        let banned = || {
            let (shell, ban) = failing_shell();
            shell.run(&format!("{ban} 203.0.113.1"));
            std::fs::write(shell.path("no-del-203.0.113.1"), "").unwrap();
            shell
        };
        // The number of its last lock in the ledger before it waits for the lock of this firewall:
        // then the lift is entered, and not told.
        let shell = banned();
        shell.run(&format!(
            "strace -qq -o $PIPEBAN_STATE.calls -e trace=fcntl -P $PIPEBAN_STATE-shm \
                 -P $PIPEBAN_STATE-lock {lift}"
        ));
        end_waiter(&shell);
        let calls = std::fs::read_to_string(shell.path("state.db.calls")).unwrap_or_default();
        let before = calls
            .lines()
            .take_while(|line| !line.contains("l_start=3,"));
        let number = before.filter(|line| line.contains("F_SETLK,")).count();
        if number == 0 {
            return left_out("strace can't trace here");
        }
        let shell = banned();
        let ledger = shell.path("state.db-shm").display().to_string();
        let words = ["-P", &ledger, "-e"];
        let mut process = stopped_at(&shell, &words, "fcntl", number, lift).unwrap();
        let other = shell.run("unban-at --due");
        assert_eq!(
            (other.out.as_str(), other.status),
            ("", Some(2)),
            "{other:?}"
        );
        signal("-CONT", &mut process);
        assert_eq!(process.wait().unwrap().code(), Some(2));
        assert!(shell.path("held-203.0.113.1").exists());
        end_waiter(&shell);
    });
}

#[test]
fn a_dead_firewall_keeps_no_other_waiting() {
    in_namespace("a_dead_firewall_keeps_no_other_waiting", || {
        let (shell, ban) = failing_shell();
        shell.run(&format!("{ban} 192.0.2.1; {ban} --for 1s 192.0.2.2"));
        shell.run("ban-ip --backend nft --for 1h 203.0.113.7");
        shell.run("ban-ip --backend ipset --for 1h 203.0.113.8");
        run("nft", &["flush", "ruleset"]);
        run("sh", &["-c", "ipset flush"]);
        std::fs::remove_file(shell.path("fw")).unwrap();
        // A row of another version, and a row that nobody can read.
        let state = shell.path("state.db").display().to_string();
        let rows = "INSERT INTO ban (id, address, backend, since) VALUES
                        (900, '203.0.113.9', 'ebpf', 1), (901, 'nonsense', 'nft', 1)";
        run("sqlite3", &[&state, rows]);
        let sync = shell.run("ban-ip --sync");
        assert_eq!(sync.status, Some(2), "{sync:?}");
        assert!(sync.addresses().contains(&"203.0.113.7"), "{sync:?}");
        assert!(held("nft").contains("203.0.113.7"));
        assert!(held("ipset").contains("203.0.113.8"));
        assert!(sync.err.contains("no such program"), "{sync:?}");
        assert!(sync.err.contains("ebpf"), "{sync:?}");
        let times = sync.err.matches("nonsense").count();
        assert_eq!(times, 1, "the row is told once: {sync:?}");
        let next = shell.run("ban-ip --for 1h 203.0.113.10");
        ended(&next, 0, &["203.0.113.10"], "nobody waits for that row");
        end_waiter(&shell);
    });
}

#[test]
fn the_waiter_complains_to_the_system_log() {
    unshared("-rnm", "the_waiter_complains_to_the_system_log", || {
        let (shell, ban) = failing_shell();
        let log = shell.path("log");
        let socket = UnixDatagram::bind(&log).unwrap();
        // A /dev of the namespace's own: never a bind of the host's directory, which the test could
        // delete from.
        let script = format!(
            "mount -t tmpfs none /mnt && for n in null zero urandom; do
                 : > /mnt/$n && mount --bind /dev/$n /mnt/$n || exit 1; done
             mount -t tmpfs none /dev && for n in null zero urandom; do
                 : > /dev/$n && mount --bind /mnt/$n /dev/$n || exit 1; done
             ln -s /proc/self/fd /dev/fd; ln -s {} /dev/log",
            log.display()
        );
        run("sh", &["-ec", &script]);
        std::fs::write(shell.path("no-del-203.0.113.1"), "").unwrap();
        shell.run(&format!("{ban} --for 1s 203.0.113.1"));
        let timeout = Some(std::time::Duration::from_secs(60));
        socket.set_read_timeout(timeout).unwrap();
        let mut message = [0; 1_000];
        let length = socket.recv(&mut message).unwrap();
        let message = String::from_utf8_lossy(&message[..length]);
        assert!(
            message.contains("unban-at[") && message.contains("exec: 203.0.113.1: "),
            "{message}"
        );
        end_waiter(&shell);
    });
}

#[test]
fn slow_commands_hold_up_nobody_else() {
    in_namespace("slow_commands_hold_up_nobody_else", || {
        let shell = Shell::new();
        let go = shell.path("go").display().to_string();
        let slow = shell.path("slow");
        let script = format!("#!/bin/sh\nwhile [ ! -e {go}-$1 ]; do sleep 0.02; done\n");
        std::fs::write(&slow, script).unwrap();
        run("chmod", &["+x", slow.to_str().unwrap()]);
        let ban = format!(
            "ban-ip --backend exec --ban-command '{} {{address}}' \
             --unban-command 'true {{address}}'",
            slow.display()
        );
        let mut child = shell
            .command("sh")
            .args(["-c", &format!("exec {ban} 192.0.2.1 192.0.2.2")])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        crate::common::wait_until("its command runs", || {
            shell.run("pgrep -f 'slow 192.0.2.1'").status == Some(0)
        });
        // All others go on while the first command runs.
        ended(
            &shell.run("ban-ip --for 1h 203.0.113.7"),
            0,
            &["203.0.113.7"],
            "nft",
        );
        ended(
            &shell.run("unban-at now 203.0.113.7"),
            0,
            &["203.0.113.7"],
            "nft",
        );
        let count = "printf '192.0.2.9\\n192.0.2.9\\n' | count-ip --threshold 2 --state";
        ended(&shell.run(count), 0, &["192.0.2.9"], "count-ip");
        // The first ban is printed before the second is made.
        std::fs::write(format!("{go}-192.0.2.1"), "").unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        assert!(line.starts_with("192.0.2.1\t"), "{line}");
        std::fs::write(format!("{go}-192.0.2.2"), "").unwrap();
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn foreign_parts_of_our_name_fail_alone() {
    in_namespace("foreign_parts_of_our_name_fail_alone", || {
        for (backend, foreign, remove) in [(
            "ipset",
            "ipset create pipeban4 hash:net family inet6",
            "iptables -t raw -F; ip6tables -t raw -F; ipset destroy",
        )] {
            if run(backend, &["--version"]).is_none() {
                continue;
            }
            let shell = Shell::new();
            run("sh", &["-ec", foreign]);
            let refused = shell.run(&format!("ban-ip --backend {backend} 203.0.113.7"));
            assert_eq!(
                (refused.out.as_str(), refused.status),
                ("", Some(2)),
                "{backend}"
            );
            assert!(
                refused.err.starts_with(&format!("ban-ip: {backend}: ")),
                "{refused:?}"
            );
            // The other firewall does its work, also in a run over all.
            let other = "nft";
            if run(other, &["--version"]).is_some() {
                let ban = format!("ban-ip --backend {other} 203.0.113.8");
                ended(&shell.run(&ban), 0, &["203.0.113.8"], other);
                run("nft", &["flush", "ruleset"]);
                let sync = shell.run("ban-ip --sync");
                assert!(
                    sync.addresses().contains(&"203.0.113.8"),
                    "{backend}: {sync:?}"
                );
            }
            run("sh", &["-ec", remove]);
            let ban = format!("ban-ip --backend {backend} 203.0.113.7");
            assert_eq!(shell.run(&ban).status, Some(0), "{backend}: it works again");
            run(
                "sh",
                &["-c", &format!("{remove}; nft flush ruleset; ipset flush")],
            );
        }
    });
}
