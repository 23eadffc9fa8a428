//! A run ends well only if firewall and ledger both hold the bans: faults between the two, on each
//! backend.

use crate::common::{Outcome, Shell, field, in_namespace, run, wait_until};

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
pub fn held(backend: &str) -> String {
    let (program, arguments): (&str, &[&str]) = match backend {
        "nft" => ("nft", &["list", "ruleset"]),
        "ipset" => ("ipset", &["save"]),
        _ => ("iptables-save", &["-t", "raw"]),
    };
    run(program, arguments).unwrap()
}

/// Runs `body` with each backend in a namespace of its own.
pub fn with_each(test: &str, body: impl Fn(&str, &str, &str)) {
    in_namespace(test, || {
        for (backend, remove, flush) in ASKED {
            if run(backend, &["--version"]).is_some() {
                body(backend, remove, flush);
                run("sh", &["-c", flush]);
            }
        }
    });
}

/// Checks the exit status and the addresses printed.
pub fn ended(outcome: &Outcome, status: i32, addresses: &[&str], about: &str) {
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
                        .contains(&format!("backend={backend}\tonly=firewall")),
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

/// Bans for single ports too, and beside a ban that the ledger knows; only those asked for.
#[test]
fn a_lift_finds_bans_for_ports_that_the_ledger_does_not_know() {
    with_each(
        "a_lift_finds_bans_for_ports_that_the_ledger_does_not_know",
        |backend, _, _| {
            let shell = Shell::new();
            let ban = format!("ban-ip --backend {backend} --for 1h");
            let lost = format!("PIPEBAN_STATE=$PIPEBAN_STATE.lost {ban}");
            let list = format!("ban-ip --backend {backend} --list");
            let two = "203.0.113.7 2001:db8::1";
            shell.run(&format!("{ban} 203.0.113.9"));
            shell.run(&format!("{lost} --port 22,25 {two}; {ban} 2001:db8::1"));
            let one = shell.run("unban-at now --port 25 203.0.113.7");
            ended(&one, 0, &["203.0.113.7"], backend);
            assert_eq!(field(&one, "port"), ["25"], "{backend}: {one:?}");
            let all = shell.run(&format!("unban-at now {two}"));
            ended(&all, 0, &["2001:db8::1", "203.0.113.7"], backend);
            ended(&shell.run(&list), 0, &["203.0.113.9"], backend);
            ended(&shell.run(&format!("unban-at now {two}")), 1, &[], backend);
            // A later end finds them too.
            shell.run(&format!("{lost} --port 53 203.0.113.8"));
            let later = shell.run("unban-at now+2hours 203.0.113.8");
            ended(&later, 0, &["203.0.113.8"], backend);
            assert_eq!(field(&later, "port"), ["53"], "{backend}: {later:?}");
            shell.run("unban-at now 203.0.113.8 203.0.113.9");
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
    with_each(
        "a_new_ledger_takes_over_the_bans_of_the_kernel",
        |backend, _, _| {
            let shell = Shell::new();
            let run_it = |what: &str| shell.run(&format!("ban-ip --backend {backend} {what}"));
            run_it("--for 1h 203.0.113.7 2001:db8::/64");
            let before = run_it("--list");
            shell.run("rm $PIPEBAN_STATE*");
            ended(&run_it("--sync"), 0, &[], "nothing is lifted");
            let after = run_it("--list");
            assert_eq!(after.addresses(), before.addresses());
            assert!(!after.out.contains("only="), "{after:?}");
            // A ledger that names no ban lets go of others, and says so.
            shell.run("unban-at now 203.0.113.7 2001:db8::/64");
            let add = match backend {
                "nft" => "nft add element inet pipeban ipv4_32 '{ 198.51.100.1 }'",
                "ipset" => "ipset add pipeban4 198.51.100.1",
                _ => "iptables -t raw -A PIPEBAN -s 198.51.100.1 -j DROP",
            };
            run("sh", &["-ec", add]);
            let plan = run_it("--sync --dry-run");
            ended(&plan, 0, &["198.51.100.1"], "plan");
            assert!(held(backend).contains("198.51.100.1"));
            let sync = run_it("--sync");
            ended(&sync, 0, &["198.51.100.1"], "sync");
            assert_ne!(field(&sync, "lifted"), ["-"]);
            assert!(!held(backend).contains("198.51.100.1"));
        },
    );
}

#[test]
fn commands_cannot_be_asked_and_a_sync_tells_them_again() {
    in_namespace(
        "commands_cannot_be_asked_and_a_sync_tells_them_again",
        || {
            let shell = Shell::new();
            let told = shell.path("told").display().to_string();
            let sync = format!(
                "ban-ip --backend exec --ban-command '/bin/mkdir {told}-{{address}}' \
             --unban-command '/bin/rmdir {told}-{{address}}'"
            );
            let ban = format!("{sync} 203.0.113.7");
            let folder = shell.path("told-203.0.113.7");
            ended(&shell.run(&ban), 0, &["203.0.113.7"], "it is made");
            std::fs::remove_dir(&folder).unwrap();
            ended(&shell.run(&ban), 1, &[], "nobody can tell that it is gone");
            ended(
                &shell.run(&format!("{sync} --sync")),
                0,
                &["203.0.113.7"],
                "sync",
            );
            assert!(folder.exists());
            ended(
                &shell.run("unban-at now 203.0.113.7"),
                0,
                &["203.0.113.7"],
                "lift",
            );
            assert!(!folder.exists());
        },
    );
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

#[test]
fn a_wrong_clock_makes_no_ban_longer_and_forgets_none() {
    // iptables has no times of its own: the ledger's are the only ones.
    let test = "a_wrong_clock_makes_no_ban_longer_and_forgets_none";
    with_each(test, |backend, _, flush| {
        if backend == "iptables" {
            return;
        }
        let shell = Shell::new();
        // To set the clock is to set all times of the ledger the other way.
        let set_clock = |days: i64| {
            let state = shell.path("state.db").display().to_string();
            let shift = format!("{} * 86400000000", -days);
            let rows = format!(
                "UPDATE ban SET since = since + {shift}, until = until + {shift},
                 ends = ends + {shift}"
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
        let ban = format!("ban-ip --backend {backend}");
        // Made while the clock was 400 days ahead; the clock is set right.
        shell.run(&format!("{ban} --for 1h 203.0.113.7"));
        set_clock(-400);
        run("sh", &["-c", flush]);
        shell.run(&format!("{ban} --sync"));
        assert_eq!(minutes(backend), 60, "an hour is an hour");
        // Nine hours ahead, and the kernel has let go.
        run("sh", &["-c", flush]);
        let again = shell.run(&format!("{ban} --for 1h 203.0.113.7"));
        ended(&again, 0, &["203.0.113.7"], "it is banned again");
        assert_eq!(minutes(backend), 60);
        // A clock that is ahead lets the firewall go, and keeps the ledger.
        shell.run(&format!(
            "unban-at now 203.0.113.7; {ban} --for 1h 203.0.113.7"
        ));
        set_clock(400);
        shell.run(&format!("{ban} --sync"));
        assert_eq!(minutes(backend), 0);
        set_clock(-400);
        ended(
            &shell.run(&format!("{ban} --sync")),
            0,
            &["203.0.113.7"],
            "the clock is right again",
        );
        assert_eq!(minutes(backend), 60);
    });
}

#[test]
fn a_lift_stays_a_lift_when_the_clock_is_set_back() {
    let test = "a_lift_stays_a_lift_when_the_clock_is_set_back";
    with_each(test, |backend, _, flush| {
        let shell = Shell::new();
        let ban = format!("ban-ip --backend {backend}");
        shell.run(&format!(
            "{ban} --for 10h 203.0.113.7 203.0.113.8 198.51.100.1
             unban-at now 203.0.113.7 203.0.113.8"
        ));
        // To set the clock back is to set all times of the ledger ahead: nine hours.
        let state = shell.path("state.db").display().to_string();
        let rows = "UPDATE ban SET since = since + 32400000000, until = until + 32400000000,
                        ends = ends + 32400000000;
                    UPDATE lifted SET at = at + 32400000000";
        run("sqlite3", &[&state, rows]);
        let sync = shell.run(&format!("{ban} --sync"));
        assert!(!sync.out.contains("203.0.113."), "{backend}: {sync:?}");
        run("sh", &["-c", flush]);
        shell.run(&format!("{ban} --for 1h 198.51.100.2"));
        assert!(!held(backend).contains("203.0.113."), "{backend}");
        let list = shell.run(&format!("{ban} --list"));
        assert_eq!(list.addresses(), ["198.51.100.1", "198.51.100.2"]);
        let why = shell.run("ban-ip --why 203.0.113.7");
        assert!(why.out.contains("lifted="), "{backend}: {why:?}");
        let again = shell.run("unban-at now 203.0.113.7");
        ended(&again, 1, &[], backend);
        // A new event bans again.
        let new = shell.run(&format!("{ban} --for 1h 203.0.113.8"));
        ended(&new, 0, &["203.0.113.8"], backend);
        assert!(held(backend).contains("203.0.113.8"), "{backend}");
        shell.run(&format!("{ban} --list | unban-at now"));
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

/// The number of messages that a command sends to the kernel.
fn messages(shell: &Shell, command: &str) -> Option<usize> {
    let seen = shell.path("seen").display().to_string();
    run("strace", &["-V"])?;
    shell.run(&format!("strace -qq -e trace=sendto -o {seen} {command}"));
    Some(std::fs::read_to_string(&seen).unwrap().lines().count())
}

#[test]
fn many_are_not_asked_for_one_by_one() {
    in_namespace("many_are_not_asked_for_one_by_one", || {
        let shell = Shell::new();
        let list: String = (0..3_000)
            .map(|n| format!("10.0.{}.{}\n2001:db8::{n:x}\n", n / 250, n % 250))
            .collect();
        std::fs::write(shell.path("list"), list).unwrap();
        let ban = format!("ban-ip - --for 1h <{}", shell.path("list").display());
        shell.run(&ban);
        // Nobody has changed the firewall since.
        let known = ban.replace("1h", "30m");
        let Some(sent) = messages(&shell, &known) else {
            return;
        };
        assert!((1..40).contains(&sent), "known: {sent}");
        let longer = messages(&shell, &ban.replace("1h", "2h")).unwrap();
        assert!((1..40).contains(&longer), "longer: {longer}");
        assert!((1..40).contains(&messages(&shell, &known).unwrap()));
        // Somebody has: each is asked for, and what is missing is put back.
        run("nft", &["delete element inet pipeban ipv4_32 { 10.0.7.7 }"]);
        ended(&shell.run(&known), 0, &["10.0.7.7"], "deleted");
        ended(&shell.run(&known), 1, &[], "put back");
    });
}

#[test]
fn a_ban_that_the_kernel_ended_is_made_again() {
    in_namespace("a_ban_that_the_kernel_ended_is_made_again", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1s 203.0.113.7");
        // It was made while the clock was nine hours ahead. Nobody changes the firewall.
        let state = shell.path("state.db").display().to_string();
        let ahead = "9 * 3600000000";
        let rows = format!(
            "UPDATE ban SET since = since + {ahead}, until = until + {ahead}, ends = ends + {ahead};
             UPDATE state SET clock = clock + {ahead}"
        );
        run("sqlite3", &[&state, &rows]);
        wait_until("the kernel ends it", || {
            !held("nft").contains("203.0.113.7")
        });
        let again = shell.run("ban-ip --for 1s 203.0.113.7");
        ended(&again, 0, &["203.0.113.7"], "it is banned again");
    });
}
