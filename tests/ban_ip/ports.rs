//! Bans for single ports.

use crate::both::ended;
use crate::common::{Shell, field, in_namespace, lengths, run};

#[test]
fn the_longest_ban_of_each_port_holds() {
    in_namespace("the_longest_ban_of_each_port_holds", || {
        let shell = Shell::new();
        let banned = shell.run("ban-ip --port ssh,2222 --port 22 --for 1h 203.0.113.7");
        ended(&banned, 0, &["203.0.113.7"], "one record");
        assert_eq!(field(&banned, "port"), ["22,2222"]);
        // Another host's records hold for their ports too.
        let record = b"203.0.113.8\tport=25\tuntil=2099-01-01T00:00:00Z\n203.0.113.9\tport=x\n";
        let theirs = shell.feed("ban-ip", record);
        ended(&theirs, 2, &["203.0.113.8"], "theirs");
        assert!(
            theirs.err.contains("no port or service: \"x\""),
            "{theirs:?}"
        );
        let list = shell.run("ban-ip --list");
        assert_eq!(field(&list, "port"), ["22,2222", "25"]);
        assert!(!list.out.contains("only="), "{list:?}");
        // Shorter is no news; longer is, for that port; a ban of all is another one.
        ended(
            &shell.run("ban-ip --port 22 --for 30m 203.0.113.7"),
            1,
            &[],
            "shorter",
        );
        let longer = shell.run("ban-ip --port 22,2222 --for 2h 203.0.113.7");
        ended(&longer, 0, &["203.0.113.7"], "longer");
        ended(
            &shell.run("ban-ip --for 10m 203.0.113.7"),
            0,
            &["203.0.113.7"],
            "all",
        );
        let list = shell.run("ban-ip --list");
        assert_eq!(field(&list, "port"), ["-", "22,2222", "25"]);
        assert_eq!(lengths(&list)[..2], [10, 120]);
        // Each is restored.
        run("nft", &["flush", "ruleset"]);
        assert_eq!(shell.run("ban-ip --sync").out.lines().count(), 4);
        assert_eq!(
            field(&shell.run("ban-ip --list"), "port"),
            ["-", "22,2222", "25"]
        );
        ended(&shell.run("ban-ip --verify"), 0, &[], "verify");
        // Of one port, then of all.
        let one = shell.run("unban-at now --port 22 203.0.113.7");
        ended(&one, 0, &["203.0.113.7"], "one");
        assert_eq!(field(&one, "port"), ["22"]);
        assert_eq!(
            field(&shell.run("ban-ip --list"), "port"),
            ["-", "2222", "25"]
        );
        ended(
            &shell.run("unban-at now --port 22 203.0.113.7"),
            1,
            &[],
            "again",
        );
        ended(
            &shell.run("unban-at now 203.0.113.7"),
            0,
            &["203.0.113.7"],
            "all",
        );
        assert_eq!(field(&shell.run("ban-ip --list"), "port"), ["25"]);
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
fn a_backend_without_ports_refuses_them() {
    in_namespace("a_backend_without_ports_refuses_them", || {
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
            // It would be tried again by the next run.
            shell.run("rm $PIPEBAN_STATE*");
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
        shell.run("rm $PIPEBAN_STATE*");
        for backend in ["ipset", "iptables"] {
            if run(backend, &["--version"]).is_some() {
                let shell = Shell::new();
                let refused = shell.run(&format!("ban-ip --backend {backend}{ban}"));
                ended(&refused, 2, &[], backend);
                assert!(refused.err.contains("203.0.113.7 port 22"), "{refused:?}");
            }
        }
    });
}
