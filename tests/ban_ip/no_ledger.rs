//! A ledger that can't be used: bans and lifts happen in the firewall all the same.

use std::process::{Child, Command};
use std::time::Duration;

use crate::both::held;
use crate::common::{Shell, in_namespace, left_out, run, unshared, wait_until};
use pipeban::time::Time;

/// Runs `body` with the state in a small file system of its own.
pub fn with_small_disk(test: &str, body: impl Fn(&Shell)) {
    unshared("-rnm", test, || {
        let shell = Shell::new();
        let directory = shell.directory.path().display().to_string();
        run(
            "mount",
            &["-t", "tmpfs", "-o", "size=512k", "none", &directory],
        );
        body(&shell);
    });
}

pub const FILL: &str = "cat /dev/zero >$(dirname $PIPEBAN_STATE)/big 2>/dev/null";

#[test]
fn bans_are_made_on_a_full_disk() {
    with_small_disk("bans_are_made_on_a_full_disk", |shell| {
        shell.run("ban-ip --for 1h 203.0.113.7");
        shell.run(FILL);
        let many: String = (0..5000).map(|i| format!("2001:db8::{i:x}\n")).collect();
        let full = shell.feed("ban-ip --for 1h", many.as_bytes());
        assert_eq!((full.out.lines().count(), full.status), (5000, Some(2)));
        assert_eq!(full.err.lines().count(), 1, "told once: {}", full.err);
        let now = held("nft");
        assert!(now.contains("2001:db8::1387") && now.contains("203.0.113.7"));
        // It can be lifted, too.
        let lifted = shell.feed("unban-at now", many.as_bytes());
        assert_eq!((lifted.out.lines().count(), lifted.status), (5000, Some(2)));
        assert!(!held("nft").contains("2001:db8::1387"));
    });
}

#[test]
fn a_running_pipeline_enters_its_bans_later() {
    with_small_disk("a_running_pipeline_enters_its_bans_later", |shell| {
        shell.run("ban-ip --for 1h 203.0.113.7");
        let script = format!(
            "{FILL}; : > $HOME/out; {{ seq -f 203.0.113.%g 20 250; while [ ! -e $HOME/go ]; do sleep 0.05; done
             seq -f 203.0.113.%g 251 252; }} | ban-ip --for 1h > $HOME/out & 
             while [ $(wc -l < $HOME/out) -lt 231 ]; do sleep 0.05; done
             rm $(dirname $PIPEBAN_STATE)/big; : > $HOME/go; wait"
        );
        let home = tempfile::tempdir().unwrap();
        let mut sh = shell.command("sh");
        sh.args(["-c", &script]).env("HOME", home.path());
        let outcome = crate::common::feed(&mut sh, b"");
        assert_eq!(outcome.err.lines().count(), 1, "{outcome:?}");
        let list = shell.run("ban-ip --list");
        assert_eq!(list.addresses().len(), 234);
        assert!(!list.out.contains("only="), "{list:?}");
    });
}

#[test]
fn bans_are_made_without_a_ledger() {
    in_namespace("bans_are_made_without_a_ledger", || {
        let checkpoint = "sqlite3 $PIPEBAN_STATE 'PRAGMA wal_checkpoint(TRUNCATE)' >&2";
        let no_directory = "rm -f $PIPEBAN_STATE*; mkdir $PIPEBAN_STATE";
        let no_database = "rm -f $PIPEBAN_STATE-*; echo 'notes of somebody' > $PIPEBAN_STATE";
        let damaged = "rm -f $PIPEBAN_STATE-*; dd if=/dev/urandom of=$PIPEBAN_STATE \
                       bs=4096 seek=1 count=6 conv=notrunc 2>/dev/null";
        let newer = "sqlite3 $PIPEBAN_STATE 'PRAGMA user_version = 1000'";
        let faults = [
            (no_directory, false),
            (no_database, true),
            (damaged, true),
            (newer, false),
        ];
        for (number, (fault, aside)) in faults.into_iter().enumerate() {
            let shell = Shell::new();
            shell.run("ban-ip --for 1h 203.0.113.1");
            assert_eq!(shell.run(checkpoint).status, Some(0));
            shell.run(fault);
            let address = format!("198.51.100.{number}");
            let ban = shell.run(&format!("ban-ip --for 1h {address}"));
            assert_eq!(ban.status, Some(2), "{fault}: {ban:?}");
            assert_eq!(ban.addresses(), [address.as_str()], "{fault}: {ban:?}");
            assert_eq!(ban.err.lines().count(), 1, "{fault}: {ban:?}");
            assert!(held("nft").contains(&address), "{fault}");
            assert_eq!(ban.err.contains(".damaged-"), aside, "{fault}: {ban:?}");
            if aside {
                // The new one begins with the bans of the kernel.
                let list = shell.run("ban-ip --list");
                assert!(list.addresses().contains(&"203.0.113.1"), "{list:?}");
                assert!(!list.out.contains("only="), "{list:?}");
            }
            let why = shell.run(&format!("ban-ip --why {address}"));
            assert_eq!(why.addresses(), [address.as_str()], "{fault}: {why:?}");
            let lift = shell.run(&format!("unban-at now {address}"));
            assert_eq!(lift.addresses(), [address.as_str()], "{fault}: {lift:?}");
            assert!(!held("nft").contains(&address), "{fault}");
        }
    });
}

#[test]
fn bans_of_an_ended_process_are_entered_later() {
    with_small_disk("bans_of_an_ended_process_are_entered_later", |shell| {
        for backend in ["nft", "ipset"] {
            if backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            let ban = format!("ban-ip --backend {backend} --for 1h");
            let next = format!("{ban} 198.51.100.1");
            let sync = format!("ban-ip --backend {backend} --sync");
            for (way, finds) in [(next, "198.51.100.1"), (sync.clone(), "")] {
                shell.run(&format!("{ban} 203.0.113.1 203.0.113.2"));
                shell.run(FILL);
                let many: String = (0..400).map(|i| format!("2001:db8::{i:x}\n")).collect();
                let full = shell.feed(&ban, format!("203.0.113.7\n{many}").as_bytes());
                assert_eq!((full.out.lines().count(), full.status), (401, Some(2)));
                let lift = shell.run("unban-at now 203.0.113.1");
                assert_eq!(
                    (lift.addresses(), lift.status),
                    (vec!["203.0.113.1"], Some(2))
                );
                shell.run("rm $(dirname $PIPEBAN_STATE)/big");
                let next = shell.run(&way);
                assert_eq!(
                    next.addresses().concat(),
                    finds,
                    "{way}: nobody is let go: {next:?}"
                );
                let list = shell.run(&format!("ban-ip --backend {backend} --list"));
                assert!(list.addresses().contains(&"203.0.113.7"), "{way}: {list:?}");
                // The firewall has kept that lift.
                assert!(
                    !list.addresses().contains(&"203.0.113.1"),
                    "{way}: {list:?}"
                );
                let kept = match backend {
                    "nft" => run("nft", &["list", "ruleset"]),
                    _ => run("ipset", &["save"]),
                };
                // The empty sets of ipset stay.
                let kept = kept
                    .unwrap()
                    .replace("4-lifts hash", "")
                    .replace("6-lifts hash", "");
                assert!(!kept.contains("lifts"), "{way}: entered once");
                assert!(!list.out.contains("only="), "{way}: {list:?}");
                // That was once. What comes from elsewhere is let go.
                match backend {
                    "nft" => run(
                        "nft",
                        &["add element inet pipeban ipv4_32 { 192.0.2.1 timeout 1h }"],
                    ),
                    _ => run("ipset", &["add", "pipeban4", "192.0.2.1"]),
                };
                assert_eq!(shell.run(&sync).addresses(), ["192.0.2.1"], "{way}");
                // A lift is a lift.
                shell.run("unban-at now 203.0.113.7");
                assert_eq!(shell.run(&sync).addresses().len(), 0, "{way}");
                let all = format!("ban-ip --backend {backend} --list | unban-at now");
                shell.run(&format!("{all}; rm $PIPEBAN_STATE*"));
            }
        }
    });
}

#[test]
fn a_ledger_that_may_not_be_written() {
    with_small_disk("a_ledger_that_may_not_be_written", |shell| {
        let directory = shell.directory.path().display().to_string();
        // Of the place alone: the whole file system would be mounted with its options, among them
        // ids that the namespace may not know.
        let mount = |how: &str| run("mount", &["-o", &format!("remount,bind,{how}"), &directory]);
        shell.run("ban-ip --for 1h 203.0.113.1");
        mount("ro");
        let exec = "exec --ban-command 'true {address}' --unban-command 'true {address}'";
        for (backend, does_alone) in [
            ("nft", true),
            ("ipset", true),
            ("iptables", false),
            (exec, false),
        ] {
            let name = backend.split(' ').next().unwrap();
            if !["nft", "exec"].contains(&name) && run(name, &["--version"]).is_none() {
                continue;
            }
            let ban = shell.run(&format!("ban-ip --backend {backend} --for 1h 203.0.113.7"));
            let banned = if does_alone {
                vec!["203.0.113.7"]
            } else {
                vec![]
            };
            assert_eq!(
                (ban.addresses(), ban.status),
                (banned, Some(2)),
                "{name}: {ban:?}"
            );
            assert_eq!(ban.err.lines().count(), 1, "{name}: {ban:?}");
            if does_alone {
                assert!(held(name).contains("203.0.113.7"), "{name}");
                let lift = shell.run("unban-at now 203.0.113.7");
                assert_eq!(
                    (lift.addresses(), lift.status),
                    (vec!["203.0.113.7"], Some(2))
                );
                assert!(!held(name).contains("203.0.113.7"), "{name}: {lift:?}");
            }
        }
        mount("rw");
        let again = shell.run("ban-ip --for 1h 203.0.113.7");
        assert_eq!((again.err.as_str(), again.status), ("", Some(0)));
    });
}

#[test]
fn a_lift_without_the_ledger_stays_one() {
    with_small_disk("a_lift_without_the_ledger_stays_one", |shell| {
        let directory = shell.directory.path().display().to_string();
        let mount = |how: &str| run("mount", &["-o", &format!("remount,bind,{how}"), &directory]);
        for backend in ["nft", "ipset", "iptables"] {
            if backend != "nft" && run(backend, &["--version"]).is_none() {
                continue;
            }
            // A process that waits would have the state open.
            let length = if backend == "iptables" {
                ""
            } else {
                "--for 1h"
            };
            let ban = format!("ban-ip --backend {backend} {length}");
            shell.run(&format!(
                "{ban} 203.0.113.1 203.0.113.3 203.0.113.0/24 2001:db8::/64;
                 {ban} --port 22,80 203.0.113.2"
            ));
            mount("ro");
            let lifted = shell.run(
                "unban-at now 203.0.113.1 203.0.113.3 2001:db8::/64
                 unban-at now --port 22 203.0.113.2",
            );
            assert_eq!(lifted.out.lines().count(), 4, "{backend}: {lifted:?}");
            assert!(!lifted.err.contains("lifted here only"), "{lifted:?}");
            // One that was banned again since then is banned.
            shell.run(&format!("{ban} 203.0.113.3"));
            mount("rw");
            let dry_run = shell.run(&format!("ban-ip --backend {backend} --sync --dry-run"));
            assert_eq!(dry_run.out, "", "{backend}");
            shell.run(&format!("{ban} 198.51.100.1"));
            let list = shell.run(&format!("ban-ip --backend {backend} --list"));
            let mut expected = vec!["198.51.100.1", "203.0.113.0/24", "203.0.113.2"];
            // iptables ends no ban by itself, and bans nobody without the ledger.
            if backend != "iptables" {
                expected.push("203.0.113.3");
            }
            assert_eq!(list.addresses(), expected, "{backend}: {list:?}");
            assert!(list.out.contains("\tport=80\t"), "{backend}: {list:?}");
            assert!(!list.out.contains("only="), "{backend}: {list:?}");
            let sync = shell.run(&format!("ban-ip --backend {backend} --sync"));
            assert_eq!(sync.out, "", "{backend}");
            let kept = held(backend);
            let kept = kept.replace("4-lifts hash", "").replace("6-lifts hash", "");
            assert!(!kept.contains("lift"), "{backend}: entered once");
            let all = format!("ban-ip --backend {backend} --list | unban-at now");
            shell.run(&format!("{all}; rm $PIPEBAN_STATE*"));
        }
    });
}

/// A ban that is made longer without the ledger is as long in the ledger later.
#[test]
fn a_longer_ban_of_an_ended_process_is_entered_later() {
    with_small_disk(
        "a_longer_ban_of_an_ended_process_is_entered_later",
        |shell| {
            for backend in ["nft", "ipset"] {
                if backend != "nft" && run(backend, &["--version"]).is_none() {
                    continue;
                }
                let ban = format!("ban-ip --backend {backend}");
                shell.run(&format!("{ban} --for 3h 203.0.113.7 203.0.113.8"));
                shell.run(FILL);
                let full = shell.run(&format!("{ban} --for 5h 203.0.113.7"));
                assert_eq!(full.status, Some(2), "{full:?}");
                shell.run("rm $(dirname $PIPEBAN_STATE)/big");
                for way in ["--for 1h 198.51.100.1", "--sync"] {
                    shell.run(&format!("{ban} {way}"));
                    let list = shell.run(&format!("{ban} --list"));
                    assert!(!list.out.contains("only="), "{list:?}");
                    assert!(!list.out.contains("firewall-until="), "{list:?}");
                    let until = |address: &str| {
                        let mut lines = list.out.lines();
                        let line = lines.find(|line| line.starts_with(address)).unwrap();
                        let until = line.split('\t').find_map(|f| f.strip_prefix("until="));
                        Time::parse(until.unwrap().as_bytes()).unwrap()
                    };
                    let more = until("203.0.113.7").since(until("203.0.113.8"));
                    assert!(more > Duration::from_secs(7_000), "{way}: {list:?}");
                }
                let all = format!("{ban} --list | unban-at now");
                shell.run(&format!("{all}; rm $PIPEBAN_STATE*"));
            }
        },
    );
}

/// A lift in the ledger that is in the future, since the clock was set back, hides no ban.
#[test]
fn a_ban_is_entered_although_a_lift_is_in_the_future() {
    with_small_disk(
        "a_ban_is_entered_although_a_lift_is_in_the_future",
        |shell| {
            let now = "date +%Y-%m-%dT%H:%M:%S%:z";
            for backend in ["nft", "ipset"] {
                if backend != "nft" && run(backend, &["--version"]).is_none() {
                    continue;
                }
                let ban = format!("ban-ip --backend {backend} --for 1h");
                shell.run(&format!(
                    "{ban} 203.0.113.7 203.0.113.8; unban-at now 203.0.113.7 203.0.113.8"
                ));
                // Nine hours.
                let set = "UPDATE lifted SET at = at + 32400000000; DELETE FROM ban";
                let set = shell.run(&format!("sqlite3 $PIPEBAN_STATE '{set}'"));
                assert_eq!((set.err.as_str(), set.status), ("", Some(0)));
                shell.run(FILL);
                let full = shell.run(&format!("{ban} 203.0.113.7"));
                assert_eq!(full.status, Some(2), "{full:?}");
                shell.run("rm $(dirname $PIPEBAN_STATE)/big");
                shell.run(&format!("{ban} 198.51.100.1"));
                let list = shell.run(&format!("ban-ip --backend {backend} --list"));
                assert!(!list.out.contains("only="), "{list:?}");
                assert!(list.addresses().contains(&"203.0.113.7"), "{list:?}");
                // The same for an event that is told now.
                let event = shell.run(&format!("printf '203.0.113.8\\tat=%s\\n' $({now}) | {ban}"));
                assert_eq!(event.addresses(), ["203.0.113.8"], "{event:?}");
                let all = format!("ban-ip --backend {backend} --list | unban-at now");
                shell.run(&format!("{all}; rm $PIPEBAN_STATE*"));
            }
        },
    );
}

/// Sends a signal to the process that strace has started, unless it has ended.
pub fn signal(name: &str, strace: &mut Child) {
    let id = strace.id().to_string();
    wait_until("it gets the signal", || {
        let sent = Command::new("pkill").args([name, "-P", &id]).status();
        sent.is_ok_and(|sent| sent.success()) || strace.try_wait().unwrap().is_some()
    });
}

/// A process without a ledger is stopped after each of its messages to the kernel, and another one
/// restores bans meanwhile; then it is killed as soon as its ban is in the kernel.
#[test]
fn one_that_restores_meanwhile_hides_no_ban() {
    in_namespace("one_that_restores_meanwhile_hides_no_ban", || {
        if run("strace", &["-V"]).is_none() {
            return;
        }
        let (shell, alone) = (Shell::new(), Shell::new());
        std::fs::create_dir(alone.path("state.db")).unwrap();
        let log = alone.path("calls");
        let number_of_stops = || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.matches("stopped by SIGSTOP").count()
        };
        let mut killed = 0;
        for when in 1..100 {
            let address = format!("203.0.113.{when}");
            shell.run("ban-ip --for 1h 198.51.100.1");
            let mut process = alone
                .command("strace")
                .args(["-qq", "-o", &log.display().to_string(), "-e"])
                .arg(format!("inject=sendto:signal=STOP:when={when}+"))
                .args(["--", "ban-ip", "--for", "1h", &address])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let mut is_over = false;
            let mut wait_for_stop = |process: &mut Child, number| {
                wait_until("it stops or ends", || {
                    is_over = process.try_wait().unwrap().is_some();
                    is_over || number_of_stops() >= number
                });
                is_over
            };
            if wait_for_stop(&mut process, 1) {
                break;
            }
            shell.run(&format!("ban-ip --for 1h 198.51.100.{}", when + 1));
            for number in 2.. {
                if held("nft").contains(&address) {
                    killed += 1;
                    signal("-KILL", &mut process);
                    break;
                }
                signal("-CONT", &mut process);
                if wait_for_stop(&mut process, number) {
                    break;
                }
            }
            process.wait().unwrap();
            std::fs::remove_file(&log).unwrap();
            shell.run("ban-ip --for 1h 198.51.100.200");
            let list = shell.run("ban-ip --list");
            assert!(list.addresses().contains(&address.as_str()), "{list:?}");
            assert!(!list.out.contains("only="), "stop {when}: {list:?}");
            shell.run("nft flush ruleset");
        }
        if killed == 0 {
            left_out("strace can't trace here");
        }
    });
}

#[test]
fn a_lift_of_nobody_makes_no_table() {
    in_namespace("a_lift_of_nobody_makes_no_table", || {
        if run("nft", &["--version"]).is_none() {
            return;
        }
        let shell = Shell::new();
        let lifted = shell.run("ban-ip --backend none 203.0.113.1; unban-at now 203.0.113.1");
        assert_eq!(lifted.out.lines().count(), 2, "{lifted:?}");
        assert_eq!(shell.run("unban-at now 203.0.113.7").status, Some(1));
        assert_eq!(run("nft", &["list", "tables"]).as_deref(), Some(""));
    });
}
