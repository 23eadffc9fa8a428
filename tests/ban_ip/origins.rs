//! Bans that other hosts ask for, beside this host's own.

use pipeban::time::Time;

use crate::both::{ended, held};
use crate::common::{Shell, field, in_namespace, lengths, run};

/// The minutes that the kernel still holds an address.
fn minutes(address: &str) -> Option<u64> {
    let backend = pipeban_ban::firewall::Backend::Nft;
    let held = backend.open().ok().unwrap().list().unwrap().unwrap();
    let found = held.iter().find(|(a, _)| a.to_string() == address);
    found.map(|(_, left)| left.map_or(u64::MAX, |left| left.as_secs().div_ceil(60)))
}

/// The moment this number of minutes from now, as records print it.
fn time(minutes: i64) -> String {
    Time::from_secs(Time::now().secs() + 60 * minutes).to_string()
}

/// A record of a ban that began some minutes ago and ends in some.
fn record(address: &str, ago: i64, ahead: i64, more: &str) -> String {
    format!(
        "{address}\tsince={}\tuntil={}{more}\n",
        time(-ago),
        time(ahead)
    )
}

/// A record of a lift some minutes ago.
fn lift(address: &str, ago: i64, more: &str) -> String {
    format!("{address}\tlifted={}{more}\n", time(-ago))
}

#[test]
fn one_ban_of_each_host_and_the_longest_holds() {
    in_namespace("one_ban_of_each_host_and_the_longest_holds", || {
        let shell = Shell::new();
        shell.run("ban-ip --for 1h 203.0.113.7");
        let longer = record("203.0.113.7", 5, 120, "\torigin=liar\trule=sshd");
        let longer = shell.feed("ban-ip --origin web1", longer.as_bytes());
        ended(&longer, 0, &["203.0.113.7"], "longer");
        assert_eq!(field(&longer, "origin"), ["web1"]);
        assert_eq!(minutes("203.0.113.7"), Some(120));
        // A shorter one is no news, and is kept.
        let shorter = record("203.0.113.7", 5, 30, "");
        ended(
            &shell.feed("ban-ip --origin web2", shorter.as_bytes()),
            1,
            &[],
            "shorter",
        );
        assert_eq!(minutes("203.0.113.7"), Some(120));
        let list = shell.run("ban-ip --list");
        ended(&list, 0, &["203.0.113.7"], "list");
        assert_eq!(field(&list, "origin"), ["web1"]);
        assert!(!list.out.contains("only=") && !list.out.contains("firewall-until="));
        let why = shell.run("ban-ip --why 203.0.113.7");
        assert_eq!(field(&why, "origin"), ["web1", "web2", "-"], "{why:?}");
        assert_eq!(field(&why, "rule"), ["sshd", "-", "-"]);
        assert_eq!(lengths(&why), [125, 35, 60]);
        // One host's ban ends; the next longest holds.
        let lifted = shell.feed(
            "ban-ip --origin web1",
            lift("203.0.113.7", 0, "").as_bytes(),
        );
        ended(&lifted, 0, &["203.0.113.7"], "lifted");
        assert_eq!(minutes("203.0.113.7"), Some(60), "our own");
        let list = shell.run("ban-ip --list");
        assert_eq!(
            (field(&list, "origin"), lengths(&list)),
            (vec!["-"], vec![60])
        );
        // Lifted twice is lifted once; nobody lifts what is not his.
        for origin in ["web1", "web3"] {
            let again = lift("203.0.113.7", 0, "");
            let again = shell.feed(&format!("ban-ip --origin {origin}"), again.as_bytes());
            ended(&again, 1, &[], origin);
        }
        assert_eq!(minutes("203.0.113.7"), Some(60));
        run("nft", &["flush", "ruleset"]);
        ended(&shell.run("ban-ip --sync"), 0, &["203.0.113.7"], "sync");
        assert_eq!(minutes("203.0.113.7"), Some(60));
        // By hand all of them end.
        ended(
            &shell.run("unban-at now 203.0.113.7"),
            0,
            &["203.0.113.7"],
            "by hand",
        );
        assert_eq!(minutes("203.0.113.7"), None);
        ended(&shell.run("ban-ip --list"), 1, &[], "list");
    });
}

#[test]
fn what_was_lifted_by_hand_stays_lifted() {
    in_namespace("what_was_lifted_by_hand_stays_lifted", || {
        let shell = Shell::new();
        let said = record("203.0.113.7", 5, 60, "");
        shell.feed("ban-ip --origin web1", said.as_bytes());
        shell.run("unban-at now 203.0.113.7");
        for script in ["ban-ip --origin web1", "ban-ip --origin web2", "ban-ip"] {
            ended(&shell.feed(script, said.as_bytes()), 1, &[], script);
        }
        let event = record("203.0.113.7", 5, 60, "").replace("since=", "at=");
        ended(
            &shell.feed("ban-ip --for 1h", event.as_bytes()),
            1,
            &[],
            "at=",
        );
        assert_eq!(minutes("203.0.113.7"), None);
        // A ban that began after that is news.
        let later = record("203.0.113.7", -1, 60, "");
        ended(
            &shell.feed("ban-ip --origin web2", later.as_bytes()),
            0,
            &["203.0.113.7"],
            "later",
        );
        // A host that has lifted its own ban does not ban by an older record.
        let said = record("203.0.113.8", 5, 60, "");
        shell.feed("ban-ip --origin web1", said.as_bytes());
        shell.feed(
            "ban-ip --origin web1",
            lift("203.0.113.8", 1, "").as_bytes(),
        );
        ended(
            &shell.feed("ban-ip --origin web1", said.as_bytes()),
            1,
            &[],
            "older",
        );
        ended(
            &shell.feed("ban-ip --origin web2", said.as_bytes()),
            0,
            &["203.0.113.8"],
            "web2",
        );
        // And a lift that is older than the ban lifts nothing.
        let late = lift("203.0.113.8", 20, "");
        ended(
            &shell.feed("ban-ip --origin web2", late.as_bytes()),
            1,
            &[],
            "late",
        );
    });
}

#[test]
fn whose_records_they_are() {
    in_namespace("whose_records_they_are", || {
        let shell = Shell::new();
        // As it is said: it bans, and lifts nothing.
        let said = record("203.0.113.7", 0, 60, "\torigin=web1");
        ended(
            &shell.feed("ban-ip", said.as_bytes()),
            0,
            &["203.0.113.7"],
            "as said",
        );
        assert_eq!(field(&shell.run("ban-ip --list"), "origin"), ["web1"]);
        let lifted = lift("203.0.113.7", 0, "\torigin=web1");
        let refused = shell.feed("ban-ip", lifted.as_bytes());
        ended(&refused, 2, &[], "refused");
        assert!(
            refused.err.contains("not lifted: 203.0.113.7"),
            "{refused:?}"
        );
        assert_eq!(minutes("203.0.113.7"), Some(60));
        // A client's text there keeps no ban from being made.
        let odd = record("203.0.113.9", 0, 60, "\torigin=a b");
        ended(
            &shell.feed("ban-ip", odd.as_bytes()),
            0,
            &["203.0.113.9"],
            "odd",
        );
        // Believed.
        let both = record("203.0.113.8", 0, 60, "\torigin=web2") + &lifted;
        let both = shell.feed("ban-ip --origin '*'", both.as_bytes());
        ended(&both, 0, &["203.0.113.7", "203.0.113.8"], "believed");
        assert_eq!(minutes("203.0.113.7"), None);
        let nobody = lift("203.0.113.9", 0, "");
        ended(
            &shell.feed("ban-ip --origin '*'", nobody.as_bytes()),
            2,
            &[],
            "nobody's",
        );
        // For all, also this host's own.
        shell.run("ban-ip 203.0.113.8");
        let all = lift("203.0.113.8", 0, "\torigin=*");
        ended(
            &shell.feed("ban-ip --origin web2", all.as_bytes()),
            0,
            &["203.0.113.8"],
            "web2's",
        );
        assert_eq!(minutes("203.0.113.8"), Some(u64::MAX));
        let all = shell.feed("ban-ip --origin '*'", all.as_bytes());
        ended(&all, 0, &["203.0.113.8"], "all");
        assert_eq!(minutes("203.0.113.8"), None);
        for wrong in [
            "--origin 'a b' 192.0.2.1",
            "--origin . 192.0.2.1",
            "--list --origin '*'",
        ] {
            assert_eq!(
                shell.run(&format!("ban-ip {wrong}")).status,
                Some(2),
                "{wrong}"
            );
        }
    });
}

#[test]
fn all_bans_of_one_host_are_lifted() {
    in_namespace("all_bans_of_one_host_are_lifted", || {
        let shell = Shell::new();
        shell.run("ban-ip --origin web3 --for 1h 203.0.113.7 203.0.113.8 2001:db8::/64");
        shell.run("ban-ip --for 30m 203.0.113.8 203.0.113.9; ban-ip --origin web1 192.0.2.1");
        let own = shell.run("ban-ip --list --origin .");
        assert_eq!(own.addresses(), ["203.0.113.8", "203.0.113.9"]);
        let theirs = shell.run("ban-ip --list --origin web3");
        assert_eq!(
            theirs.addresses(),
            ["2001:db8::/64", "203.0.113.7", "203.0.113.8"]
        );
        let lifted = shell.run("unban-at now --origin web3");
        ended(&lifted, 0, &theirs.addresses(), "lifted");
        assert_eq!(field(&lifted, "origin"), ["web3"; 3]);
        assert!(
            lifted.err.contains("203.0.113.8: still banned"),
            "{lifted:?}"
        );
        let list = shell.run("ban-ip --list");
        assert_eq!(
            list.addresses(),
            ["192.0.2.1", "203.0.113.8", "203.0.113.9"]
        );
        assert!(!list.out.contains("only="), "{list:?}");
        assert_eq!(minutes("203.0.113.8"), Some(30));
        ended(&shell.run("unban-at now --origin web3"), 1, &[], "again");
        ended(
            &shell.run("unban-at now --origin web1 192.0.2.1"),
            0,
            &["192.0.2.1"],
            "one",
        );
    });
}

#[test]
fn the_longest_time_stands_alone() {
    in_namespace("the_longest_time_stands_alone", || {
        let shell = Shell::new();
        let input = record("203.0.113.7", 0, 600, "") + "203.0.113.8\tuntil=never\n203.0.113.9\n";
        let input = input + &record("203.0.113.10", 0, 30, "");
        let banned = shell.feed("ban-ip --max 1h", input.as_bytes());
        let lengths_of = lengths(&banned);
        assert_eq!(lengths_of[..3], [60, 60, 60], "{banned:?}");
        assert!([29, 30].contains(&lengths_of[3]), "its own end: {banned:?}");
        assert_eq!(
            lengths(&shell.run("ban-ip --for 1d --max 2h 203.0.113.11")),
            [120]
        );
        let escalated = "ban-ip --for 1s 203.0.113.12 >/dev/null; sleep 1.1
            ban-ip --for 1h --escalate 10 --max 3h 203.0.113.12";
        assert_eq!(lengths(&shell.run(escalated)), [180]);
    });
}

#[test]
fn commands_are_run_only_for_what_they_change() {
    in_namespace("commands_are_run_only_for_what_they_change", || {
        let shell = Shell::new();
        let log = shell.path("log").display().to_string();
        let program = shell.path("fw").display().to_string();
        let script = format!("#!/bin/sh\necho $* >>{log}\n");
        std::fs::write(&program, script).unwrap();
        run("chmod", &["755", &program]);
        let exec = format!(
            "ban-ip --backend exec --ban-command '{program} add {{address}}' \
             --unban-command '{program} del {{address}}'"
        );
        let log = || std::fs::read_to_string(shell.path("log")).unwrap_or_default();
        shell.run(&format!("{exec} --for 1h 203.0.113.7"));
        shell.run(&format!("{exec} --for 30m --origin web1 203.0.113.7"));
        assert_eq!(log(), "add 203.0.113.7\n");
        let lifted = lift("203.0.113.7", 0, "");
        let lifted = shell.feed(&format!("{exec} --origin web1"), lifted.as_bytes());
        ended(&lifted, 0, &["203.0.113.7"], "lifted");
        assert_eq!(log(), "add 203.0.113.7\n");
        shell.run(&format!("{exec} --for 2h --origin web2 203.0.113.7"));
        let twice = "add 203.0.113.7\nadd 203.0.113.7\n";
        assert_eq!(log(), twice, "it is longer");
        shell.run("unban-at now --origin . 203.0.113.7");
        assert_eq!(log(), twice, "web2's holds");
        shell.run("unban-at now 203.0.113.7");
        assert_eq!(log(), format!("{twice}del 203.0.113.7\n"));
        shell.run("rm $PIPEBAN_STATE*");
    });
}

#[test]
fn each_ban_ends_at_its_own_time_where_a_process_lifts_them() {
    in_namespace(
        "each_ban_ends_at_its_own_time_where_a_process_lifts_them",
        || {
            if run("iptables", &["--version"]).is_none() {
                return;
            }
            let shell = Shell::new();
            let ban = "ban-ip --backend iptables";
            shell.run(&format!("{ban} --origin web1 --for 2s 203.0.113.7"));
            shell.run(&format!("{ban} --for 4s 203.0.113.7; sleep 2.5"));
            assert!(held("iptables").contains("203.0.113.7"), "our own holds");
            crate::common::wait_until("it is lifted", || !held("iptables").contains("203.0.113.7"));
            let list = shell.run(&format!("{ban} --list"));
            ended(&list, 1, &[], "list");
        },
    );
}
