//! Bans for single ports.

use crate::both::{ended, held, with_each};
use crate::common::{Shell, field, in_namespace, lengths, run};

#[test]
fn the_longest_ban_of_each_port_holds() {
    with_each("the_longest_ban_of_each_port_holds", |backend, _, flush| {
        let shell = Shell::new();
        let run = |script: &str| {
            let script = script.replace("ban-ip", &format!("ban-ip --backend {backend}"));
            shell.run(&script)
        };
        let one = ["203.0.113.7"];
        let banned = run("ban-ip --port ssh,2222 --port 22 --for 1h 203.0.113.7");
        ended(&banned, 0, &one, "one record");
        assert!(banned.out.contains("\tport=22,2222\tsince="), "{banned:?}");
        // Another host's records hold for their ports too.
        let record = b"2001:db8::8\tport=25\tuntil=2099-01-01T00:00:00Z\n203.0.113.9\tport=x\n";
        let theirs = shell.feed(&format!("ban-ip --backend {backend}"), record);
        ended(&theirs, 2, &["2001:db8::8"], "theirs");
        let said = "no port or service: \"x\"";
        assert!(theirs.err.contains(said), "{theirs:?}");
        let list = run("ban-ip --list");
        assert_eq!(field(&list, "port"), ["22,2222", "25"]);
        let ours = "\tport=22,2222\tsince=";
        assert!(list.out.contains(ours), "{list:?}");
        assert!(!list.out.contains("only="), "{list:?}");
        // Shorter is no news; longer is, for that port; a ban of all is another one.
        ended(
            &run("ban-ip --port 22 --for 30m 203.0.113.7"),
            1,
            &[],
            "shorter",
        );
        ended(
            &run("ban-ip --port 22,2222 --for 2h 203.0.113.7"),
            0,
            &one,
            "longer",
        );
        ended(&run("ban-ip --for 10m 203.0.113.7"), 0, &one, "all");
        let list = run("ban-ip --list");
        assert_eq!(field(&list, "port"), ["-", "22,2222", "25"]);
        assert_eq!(lengths(&list)[..2], [10, 120]);
        // Each is restored, and each that the ledger does not know is let go.
        let flush = format!("{flush}; ip6tables -t raw -F 2>/dev/null; true");
        crate::common::run("sh", &["-c", &flush]);
        assert_eq!(run("ban-ip --sync").out.lines().count(), 4);
        let list = run("ban-ip --list");
        assert_eq!(field(&list, "port"), ["-", "22,2222", "25"]);
        assert!(!list.out.contains("only="), "{list:?}");
        run("PIPEBAN_STATE=$PIPEBAN_STATE.other ban-ip --port 80 198.51.100.1");
        let sync = run("ban-ip --sync");
        ended(&sync, 0, &["198.51.100.1"], "let go");
        assert_eq!(field(&sync, "port"), ["80"]);
        ended(&run("ban-ip --verify"), 0, &[], "verify");
        let why = run("ban-ip --verify 203.0.113.7 2001:db8::8");
        assert_eq!(why.out.lines().count(), 2, "{why:?}");
        // Of one port, then of all.
        let lifted = run("unban-at now --port 22 203.0.113.7");
        ended(&lifted, 0, &one, "one");
        assert_eq!(field(&lifted, "port"), ["22"]);
        assert_eq!(field(&run("ban-ip --list"), "port"), ["-", "2222", "25"]);
        ended(&run("unban-at now --port 22 203.0.113.7"), 1, &[], "again");
        ended(&run("unban-at now 203.0.113.7"), 0, &one, "all");
        assert_eq!(field(&run("ban-ip --list"), "port"), ["25"]);
        run("unban-at now 2001:db8::8");
        ended(&run("ban-ip --list"), 1, &[], "none is left");
    });
}

/// A ban for a port is two entries, or rules, of ipset and iptables: of one that lacks a half the
/// next run makes a whole one.
#[test]
fn half_a_ban_is_mended() {
    with_each("half_a_ban_is_mended", |backend, _, _| {
        let remove = match backend {
            "ipset" => "ipset del pipeban4-ports 203.0.113.7,udp:22",
            "iptables" => {
                "iptables -t raw -D PIPEBAN -s 203.0.113.7 -p udp -m udp --dport 22 -j DROP"
            }
            _ => return,
        };
        let shell = Shell::new();
        let ban = format!("ban-ip --backend {backend} --port 22 203.0.113.7");
        shell.run(&ban);
        run("sh", &["-ec", remove]);
        let verify = shell.run(&format!("ban-ip --backend {backend} --verify"));
        assert_eq!(verify.status, Some(1), "{backend}: {verify:?}");
        ended(&shell.run(&ban), 0, &["203.0.113.7"], backend);
        ended(&shell.run(&ban), 1, &[], backend);
        assert_eq!(
            held(backend).matches("udp").count(),
            1 + usize::from(backend != "ipset")
        );
        // Half a ban of nobody's can be lifted.
        run("sh", &["-ec", remove]);
        shell.run("rm $PIPEBAN_STATE*; ban-ip --backend none 198.51.100.1");
        let lifted = shell.run("unban-at now 203.0.113.7");
        ended(&lifted, 0, &["203.0.113.7"], backend);
        assert!(!held(backend).contains("203.0.113.7"), "{backend}");
    });
}

#[test]
fn a_rule_that_is_missing_is_put_back() {
    in_namespace("a_rule_that_is_missing_is_put_back", || {
        let shell = Shell::new();
        shell.run("ban-ip --port 22 203.0.113.7");
        let rules = || run("nft", &["list", "chain", "inet", "pipeban", "prerouting"]).unwrap();
        assert_eq!(rules().matches("@ipv4_32_ports").count(), 2, "tcp and udp");
        run("nft", &["flush", "chain", "inet", "pipeban", "prerouting"]);
        assert_eq!(shell.run("ban-ip --verify").status, Some(1));
        shell.run("ban-ip --port 25 203.0.113.7");
        assert_eq!(rules().matches("@ipv4_32_ports").count(), 2, "tcp and udp");
        assert_eq!(shell.run("ban-ip --verify").status, Some(0));
    });
}

#[test]
fn commands_without_ports_refuse_them() {
    in_namespace("commands_without_ports_refuse_them", || {
        let shell = Shell::new();
        let log = shell.path("log").display().to_string();
        let program = shell.path("fw").display().to_string();
        let script = format!("#!/bin/sh\necho $* >>{log}\n");
        std::fs::write(&program, script).unwrap();
        run("chmod", &["755", &program]);
        let exec = |port: &str| {
            format!(
                "ban-ip --backend exec --ban-command '{program} add {{address}}{port}' \
                 --unban-command '{program} del {{address}}{port}'"
            )
        };
        let ban = " --port 22,25 203.0.113.7";
        for refuses in [exec("") + ban, exec(" {port}") + " 203.0.113.7"] {
            let refused = shell.run(&refuses);
            ended(&refused, 2, &[], &refuses);
            assert!(refused.err.contains("{port}"), "{refused:?}");
            let unknown = shell.run("unban-at now 203.0.113.7");
            ended(&unknown, 1, &[], "no run tries it again");
        }
        let banned = shell.run(&(exec(" {port}") + ban));
        ended(&banned, 0, &["203.0.113.7"], "exec");
        shell.run("unban-at now 203.0.113.7");
        let log = std::fs::read_to_string(shell.path("log")).unwrap();
        let lines = [
            "add 203.0.113.7 22",
            "add 203.0.113.7 25",
            "del 203.0.113.7 22",
        ];
        assert!(lines.iter().all(|line| log.contains(line)), "{log}");
    });
}
