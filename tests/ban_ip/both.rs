//! A run ends well only if firewall and ledger both hold the bans: faults between the two, on each
//! backend.

use std::os::unix::net::UnixDatagram;

use crate::common::{Outcome, Shell, field, in_namespace, run, unshared};

/// The firewalls that can be asked, with commands that remove one address, or all.
const ASKED: [(&str, &str, &str); 3] = [
    (
        "nft",
        "nft delete element inet pipeban ipv4_32 '{ 203.0.113.7 }'",
        "nft flush ruleset",
    ),
    (
        "ipset",
        "ipset del pipeban4 203.0.113.7",
        "iptables -t raw -F; ip6tables -t raw -F; ipset flush",
    ),
    (
        "iptables",
        "iptables -t raw -D PIPEBAN -s 203.0.113.7 -j DROP",
        "iptables -t raw -F",
    ),
];

/// The addresses that a firewall holds by its own words.
fn held(backend: &str) -> String {
    let (program, arguments): (&str, &[&str]) = match backend {
        "nft" => ("nft", &["list", "ruleset"]),
        "ipset" => ("ipset", &["save"]),
        _ => ("iptables-save", &["-t", "raw"]),
    };
    run(program, arguments).unwrap()
}

/// Runs `body` with each backend in a namespace of its own.
fn with_each(test: &str, body: impl Fn(&str, &str, &str)) {
    in_namespace(test, || {
        for (backend, remove, flush) in ASKED {
            if run(backend, &["--version"]).is_some() {
                body(backend, remove, flush);
                run("sh", &["-c", flush]);
            }
        }
    });
}

fn ended(outcome: &Outcome, status: i32, addresses: &[&str], about: &str) {
    assert_eq!(outcome.addresses(), addresses, "{about}: {outcome:?}");
    assert_eq!(outcome.status, Some(status), "{about}: {outcome:?}");
}

#[test]
fn what_is_no_news_is_asked_of_both() {
    with_each(
        "what_is_no_news_is_asked_of_both",
        |backend, remove, flush| {
            let shell = Shell::new();
            let ban = format!("ban-ip --backend {backend} 203.0.113.7");
            ended(&shell.run(&ban), 0, &["203.0.113.7"], backend);
            ended(&shell.run(&ban), 1, &[], backend);
            for fault in [remove, flush] {
                run("sh", &["-ec", fault]);
                assert!(!held(backend).contains("203.0.113.7"), "{backend}: {fault}");
                // ipset is looked at once a second in a process; each of these is a new one.
                ended(&shell.run(&ban), 0, &["203.0.113.7"], fault);
                assert!(held(backend).contains("203.0.113.7"), "{backend}: {fault}");
                ended(&shell.run(&ban), 1, &[], fault);
            }
            shell.run("unban-at now 203.0.113.7");
        },
    );
}

#[test]
fn a_lift_finds_bans_that_the_ledger_does_not_know() {
    with_each(
        "a_lift_finds_bans_that_the_ledger_does_not_know",
        |backend, _, _| {
            let ban = format!("ban-ip --backend {backend} 203.0.113.7 2001:db8::1");
            let lift = "unban-at now 203.0.113.7";
            // The ledger is gone; another ledger; one that says that the ban has ended.
            for fault in [
                "rm $PIPEBAN_STATE*",
                "PIPEBAN_STATE=$PIPEBAN_STATE.other ban-ip --backend none 198.51.100.1",
                "sqlite3 $PIPEBAN_STATE 'UPDATE ban SET ends = since'",
            ] {
                let shell = Shell::new();
                shell.run(&ban);
                let other = fault.contains("other");
                assert_eq!(shell.run(fault).err, "", "{fault}");
                let state = if other {
                    "PIPEBAN_STATE=$PIPEBAN_STATE.other"
                } else {
                    ""
                };
                let why = shell.run(&format!("{state} ban-ip --why 203.0.113.7"));
                assert!(
                    why.out
                        .contains(&format!("backend={backend}\tonly=firewall\n")),
                    "{backend}: {fault}: {why:?}"
                );
                let lifted = shell.run(&format!("{state} {lift}"));
                ended(&lifted, 0, &["203.0.113.7"], &format!("{backend}: {fault}"));
                assert!(!held(backend).contains("203.0.113.7"), "{backend}: {fault}");
                let again = shell.run(&format!("{state} {lift}"));
                ended(&again, 1, &[], fault);
                assert_eq!(again.err, "unban-at: 203.0.113.7: not banned\n");
                let rest = shell.run(&format!("{state} unban-at now 2001:db8::1"));
                ended(&rest, 0, &["2001:db8::1"], fault);
            }
        },
    );
}

#[test]
fn all_that_is_listed_can_be_lifted() {
    with_each("all_that_is_listed_can_be_lifted", |backend, _, _| {
        let shell = Shell::new();
        let ban = format!("ban-ip --backend {backend} --for 1h");
        shell.run(&format!(
            "{ban} 203.0.113.0/24 203.0.113.7 2001:db8::1; rm $PIPEBAN_STATE*"
        ));
        let list = format!("ban-ip --backend {backend} --list");
        assert_eq!(shell.run(&list).addresses().len(), 3);
        shell.run(&format!("{list} | unban-at now"));
        ended(&shell.run(&list), 1, &[], backend);
    });
}

#[test]
fn a_new_ledger_takes_over_the_bans_of_the_kernel() {
    in_namespace("a_new_ledger_takes_over_the_bans_of_the_kernel", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 203.0.113.7 2001:db8::/64");
        let before = shell.run("ban-ip --list");
        shell.run("rm $PIPEBAN_STATE*");
        ended(&shell.run("ban-ip --sync"), 0, &[], "nothing is lifted");
        let after = shell.run("ban-ip --list");
        assert_eq!(after.addresses(), before.addresses());
        assert!(!after.out.contains("only="), "{after:?}");
        // A ledger that names no ban lets go of others, and says so.
        shell.run("unban-at now 203.0.113.7 2001:db8::/64");
        run(
            "nft",
            &["add element inet pipeban ipv4_32 { 198.51.100.1 }"],
        );
        let plan = shell.run("ban-ip --sync --dry-run");
        ended(&plan, 0, &["198.51.100.1"], "plan");
        assert!(held("nft").contains("198.51.100.1"));
        let sync = shell.run("ban-ip --sync");
        ended(&sync, 0, &["198.51.100.1"], "sync");
        assert_ne!(field(&sync, "lifted"), ["-"]);
        assert!(!held("nft").contains("198.51.100.1"));
    });
}

#[test]
fn a_saved_ruleset_is_not_taken_to_be_complete() {
    in_namespace("a_saved_ruleset_is_not_taken_to_be_complete", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 203.0.113.7 203.0.113.8");
        let saved = shell.path("saved").display().to_string();
        run("sh", &["-ec", &format!("nft list ruleset > {saved}")]);
        shell.run("ban-ip --for 1h 203.0.113.9; unban-at now 203.0.113.8");
        run(
            "sh",
            &["-ec", &format!("nft flush ruleset; nft -f {saved}")],
        );
        shell.run("ban-ip --for 1h 198.51.100.1");
        let list = shell.run("ban-ip --list");
        let banned = ["198.51.100.1", "203.0.113.7", "203.0.113.9"];
        assert_eq!(list.addresses(), banned);
        assert!(!list.out.contains("only="), "{list:?}");
    });
}

/// Runs `body` with the state in a small file system of its own.
fn with_small_disk(test: &str, body: impl Fn(&Shell)) {
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

const FILL: &str = "cat /dev/zero >$(dirname $PIPEBAN_STATE)/big 2>/dev/null";

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
            "{FILL}; {{ seq -f 203.0.113.%g 20 250; while [ ! -e $HOME/go ]; do sleep 0.05; done
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
        for (number, (fault, aside)) in [
            ("chmod 0 $(dirname $PIPEBAN_STATE); exec setpriv --bounding-set -all --inh-caps -all", false),
            ("rm -f $PIPEBAN_STATE*; mkdir $PIPEBAN_STATE", false),
            ("printf 'garbage that is no database at all' > $PIPEBAN_STATE; rm -f $PIPEBAN_STATE-*", true),
            ("dd if=/dev/urandom of=$PIPEBAN_STATE bs=4096 seek=1 count=6 conv=notrunc 2>/dev/null; rm -f $PIPEBAN_STATE-*", true),
            ("sqlite3 $PIPEBAN_STATE 'PRAGMA user_version = 1000'", false),
        ]
        .into_iter()
        .enumerate()
        .skip(1)
        {
            let shell = Shell::new();
            shell.run("ban-ip --for 1h 203.0.113.1");
            assert_eq!(shell.run("sqlite3 $PIPEBAN_STATE 'PRAGMA wal_checkpoint(TRUNCATE)'").status, Some(0));
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
            let lift = shell.run(&format!("unban-at now {address}"));
            assert_eq!(lift.addresses(), [address.as_str()], "{fault}: {lift:?}");
            assert!(!held("nft").contains(&address), "{fault}");
        }
    });
}

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
        "ban-ip --backend exec --ban-command '{path} add {{address}}' --unban-command '{path} del {{address}}'"
    );
    (shell, ban)
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
        let rows = "INSERT INTO ban VALUES (900, '203.0.113.9', 'ebpf', 1, NULL, NULL, NULL);
                    INSERT INTO ban VALUES (901, 'nonsense', 'nft', 1, NULL, NULL, NULL)";
        run("sqlite3", &[&state, rows]);
        let sync = shell.run("ban-ip --sync");
        assert_eq!(sync.status, Some(2), "{sync:?}");
        assert!(sync.addresses().contains(&"203.0.113.7"), "{sync:?}");
        assert!(held("nft").contains("203.0.113.7"));
        assert!(held("ipset").contains("203.0.113.8"));
        assert!(sync.err.contains("no such program"), "{sync:?}");
        assert!(
            sync.err.contains("ebpf") && sync.err.contains("nonsense"),
            "{sync:?}"
        );
        let next = shell.run("ban-ip --for 1h 203.0.113.10");
        ended(&next, 0, &["203.0.113.10"], "nobody waits for that row");
    });
}

#[test]
fn the_waiter_complains_to_the_system_log() {
    unshared("-rnm", "the_waiter_complains_to_the_system_log", || {
        let (shell, ban) = failing_shell();
        let log = shell.path("log");
        let socket = UnixDatagram::bind(&log).unwrap();
        // A /dev of the namespace's own: never a bind of the host's, which could be deleted through.
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
        shell.run("kill $(pgrep -f -- '--due --wait') 2>/dev/null");
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
            "ban-ip --backend exec --ban-command '{} {{address}}' --unban-command 'true {{address}}'",
            slow.display()
        );
        let mut child = shell
            .command("sh")
            .args(["-c", &format!("exec {ban} 192.0.2.1 192.0.2.2")])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        crate::common::wait_until("its command runs", || {
            shell.run(&format!("pgrep -f 'slow 192.0.2.1'")).status == Some(0)
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
fn a_wrong_clock_makes_no_ban_longer_and_forgets_none() {
    in_namespace("a_wrong_clock_makes_no_ban_longer_and_forgets_none", || {
        let shell = Shell::new();
        // To set the clock is to set all times of the ledger the other way.
        let set_clock = |days: i64| {
            let state = shell.path("state.db").display().to_string();
            let shift = format!("{} * 86400000000", -days);
            let rows = format!(
                "UPDATE ban SET since = since + {shift}, until = until + {shift}, ends = ends + {shift}"
            );
            run("sqlite3", &[&state, &rows]);
        };
        let minutes = |backend: &str| -> u64 {
            let mut firewall = pipeban_ban::firewall::Backend::parse(backend)
                .unwrap()
                .open()
                .ok()
                .unwrap();
            let held = firewall.list().unwrap().unwrap();
            let left = held.iter().find(|(a, _)| a.to_string() == "203.0.113.7");
            left.map_or(0, |(_, left)| left.unwrap().as_secs().div_ceil(60))
        };
        // Made while the clock was 400 days ahead; the clock is set right.
        shell.run("ban-ip --for 1h 203.0.113.7");
        set_clock(-400);
        run("nft", &["flush", "ruleset"]);
        shell.run("ban-ip --sync");
        assert_eq!(minutes("nft"), 60, "an hour is an hour");
        // Nine hours ahead, and the kernel has let go.
        run("nft", &["flush", "ruleset"]);
        let again = shell.run("ban-ip --for 1h 203.0.113.7");
        ended(&again, 0, &["203.0.113.7"], "it is banned again");
        assert_eq!(minutes("nft"), 60);
        // A clock that is ahead lets the firewall go, and keeps the ledger.
        shell.run("unban-at now 203.0.113.7; ban-ip --for 1h 203.0.113.7");
        set_clock(400);
        shell.run("ban-ip --sync");
        assert_eq!(minutes("nft"), 0);
        set_clock(-400);
        ended(
            &shell.run("ban-ip --sync"),
            0,
            &["203.0.113.7"],
            "the clock is right again",
        );
        assert_eq!(minutes("nft"), 60);
    });
}

#[test]
fn networks_and_their_addresses_know_of_each_other() {
    with_each(
        "networks_and_their_addresses_know_of_each_other",
        |backend, _, _| {
            let shell = Shell::new();
            let addresses = "198.51.100.0/24 198.51.100.7 198.51.100.8 198.51.101.1";
            shell.run(&format!("ban-ip --backend {backend} --for 1h {addresses}"));
            let inside = shell.run("unban-at now 198.51.100.9");
            ended(&inside, 1, &[], backend);
            assert!(inside.err.contains("inside 198.51.100.0/24"), "{inside:?}");
            let both = shell.run("unban-at now 198.51.100.7");
            ended(&both, 0, &["198.51.100.7"], backend);
            assert!(both.err.contains("inside 198.51.100.0/24"), "{both:?}");
            let why = shell.run("ban-ip --why 198.51.100.0/24");
            let known = ["198.51.100.0/24", "198.51.100.7", "198.51.100.8"];
            assert_eq!(why.addresses(), known, "{backend}: {why:?}");
            let lifted = shell.run("unban-at now --inside 198.51.100.0/24");
            ended(&lifted, 0, &["198.51.100.0/24", "198.51.100.8"], backend);
            let list = shell.run(&format!("ban-ip --backend {backend} --list"));
            assert_eq!(list.addresses(), ["198.51.101.1"]);
            shell.run("unban-at now 198.51.101.1");
        },
    );
}
