//! ban-ip as its users meet it, on a real kernel in a namespace.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use common::{Outcome, Shell, field, in_namespace, lengths, run};

#[test]
fn nobody_locks_himself_out() {
    in_namespace("nobody_locks_himself_out", || {
        let shell = Shell::new();
        let network = "ip link set lo up && ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up && \
                       ip addr add 192.0.2.10/24 dev v0 && ip -6 addr add 2001:db8:5::10/64 dev v0 nodad && \
                       ip route add default via 192.0.2.1 && ip -6 route add default via 2001:db8:5::1";
        if run("ip", &["-V"]).is_none() || run("sh", &["-c", network]).is_none() {
            return;
        }
        std::fs::write(
            shell.path("list"),
            "# ours\n198.51.100.0/28 ; office\n2001:db8:6::/48\n",
        )
        .unwrap();
        let list = shell.path("list").display().to_string();
        let ssh = "SSH_CONNECTION='203.0.113.50 50000 192.0.2.10 22'";
        // What sudo leaves of the environment.
        let sudo = "env -i PATH=$PATH PIPEBAN_STATE=$PIPEBAN_STATE";
        for (command, why) in [
            ("ban-ip 127.0.0.1".to_owned(), "a special-purpose address"),
            ("ban-ip 0.0.0.0".into(), "a special-purpose address"),
            ("ban-ip ::1".into(), "a special-purpose address"),
            (
                "ban-ip ::ffff:127.0.0.1".into(),
                "a special-purpose address",
            ),
            ("ban-ip 224.0.0.5".into(), "a special-purpose address"),
            ("ban-ip fe80::1".into(), "a special-purpose address"),
            ("ban-ip 169.254.1.0/24".into(), "a special-purpose address"),
            ("ban-ip 192.0.2.10".into(), "an address of this host"),
            ("ban-ip 192.0.2.8/30".into(), "an address of this host"),
            ("ban-ip 2001:db8:5::10".into(), "an address of this host"),
            ("ban-ip 2001:db8::/32".into(), "an address of this host"),
            ("ban-ip 192.0.2.1".into(), "a default gateway"),
            ("ban-ip 2001:db8:5::1".into(), "a default gateway"),
            (
                "ban-ip --never 198.51.100.7 198.51.100.7".into(),
                "on the list of --never",
            ),
            (
                format!("ban-ip --never {list} 198.51.100.7"),
                "on the list of --never",
            ),
            (
                format!("ban-ip --never {list} 198.51.100.0/24"),
                "on the list of --never",
            ),
            (
                format!("ban-ip --never {list} --even-me 2001:db8:6::1"),
                "on the list of --never",
            ),
            (
                format!("{ssh} ban-ip 203.0.113.50"),
                "the peer of this SSH session",
            ),
            (
                format!("echo 203.0.113.50 | {ssh} ban-ip"),
                "the peer of this SSH session",
            ),
            (
                format!("{ssh} ban-ip 203.0.113.0/24"),
                "the peer of this SSH session",
            ),
            // The second shell stands for sudo: it keeps the first one as its parent.
            (
                format!("{ssh} sh -c '{sudo} sh -c \"ban-ip 203.0.113.50; exit \\$?\"; exit $?'"),
                "the peer of this SSH session",
            ),
            ("ban-ip 10.0.0.0/15".into(), "wider than /16"),
            ("ban-ip 2002::/31".into(), "wider than /32"),
            (
                "ban-ip --max-prefix4 24 10.0.0.0/23".into(),
                "wider than /24",
            ),
        ] {
            let outcome = shell.run(&command);
            assert_eq!(
                (outcome.out.as_str(), outcome.status),
                ("", Some(2)),
                "{command}"
            );
            assert!(outcome.err.contains(why), "{command}: {}", outcome.err);
            assert_eq!(outcome.err.lines().count(), 1, "{command}: {}", outcome.err);
        }
        assert_eq!(
            shell.run("ban-ip --list").status,
            Some(1),
            "nothing was banned"
        );
        for command in [
            format!("{ssh} ban-ip --even-me 203.0.113.50"),
            "ban-ip --even-me 192.0.2.1".into(),
            "ban-ip --max-prefix4 15 10.0.0.0/15".into(),
            "ban-ip 192.0.2.12/30".into(),
        ] {
            let outcome = shell.run(&command);
            assert_eq!(
                (outcome.err.as_str(), outcome.status),
                ("", Some(0)),
                "{command}"
            );
        }
    });
}

#[test]
fn a_ban_grows_and_never_shrinks() {
    in_namespace("a_ban_grows_and_never_shrinks", || {
        let shell = Shell::new();
        let until = |time: &str| format!("printf '203.0.113.7\\tuntil={time}\\n' | ban-ip");
        for (command, printed) in [
            ("ban-ip --for 1h 203.0.113.7".to_owned(), 1),
            ("ban-ip --for 1h 203.0.113.7/32".into(), 0),
            ("ban-ip --for 10m 203.0.113.7".into(), 0),
            ("ban-ip --for 2h 203.0.113.7".into(), 1),
            (until("2001-01-01T00:00:00Z"), 0),
            (until("2099-01-01T00:00:00Z"), 1),
            (until("2098-01-01T00:00:00Z"), 0),
            (until("never"), 1),
            (until("2099-01-01T00:00:00Z"), 0),
            ("ban-ip 203.0.113.7".into(), 0),
            (
                "ban-ip --for 10m 203.0.113.8 203.0.113.8 203.0.113.8".into(),
                1,
            ),
            ("ban-ip 203.0.113.8".into(), 1),
        ] {
            let outcome = shell.run(&command);
            assert_eq!(outcome.out.lines().count(), printed, "{command}");
            assert_eq!(outcome.status, Some(i32::from(printed == 0)), "{command}");
        }
        let list = shell.run("ban-ip --list");
        assert_eq!(field(&list, "until"), ["never", "never"]);
        assert_eq!(field(&list, "only"), ["-", "-"]);
    });
}

#[test]
fn what_was_banned_for_is_no_news() {
    let shell = Shell::new();
    let ban = |at: &str, more: &str| {
        let record = format!("203.0.113.7{at}\tcount=5\n");
        let command = format!("ban-ip --backend none {more} && unban-at now 203.0.113.7");
        shell.feed(&command, record.as_bytes()).status
    };
    assert_eq!(ban("\tat=2026-03-30T02:16:17Z", "--for 1h"), Some(0));
    // A log that is read again, though the ban was lifted.
    assert_eq!(ban("\tat=2026-03-30T02:16:17Z", "--for 1h"), Some(1));
    assert_eq!(ban("\tat=2026-03-30T02:16:16Z", ""), Some(1));
    assert_eq!(ban("\tat=2026-03-30T02:16:18Z", "--for 1h"), Some(0));
    // Who bans by hand, or hands on another host's bans, means it.
    assert_eq!(ban("", "--for 1h"), Some(0));
    let theirs = "\tat=2026-03-30T02:16:17Z\tuntil=2126-03-30T03:16:17Z";
    assert_eq!(ban(theirs, ""), Some(0));
    // A clock that was wrong does not make an address safe.
    assert_eq!(ban("\tat=2126-03-30T02:16:18Z", "--for 1h"), Some(0));
    assert_eq!(ban("\tat=2026-03-30T02:16:19Z", "--for 1h"), Some(0));
}

#[test]
fn longer_each_time() {
    in_namespace("longer_each_time", || {
        let shell = Shell::new();
        let ban = "ban-ip --for 1h --escalate 3 --max 1d 203.0.113.7";
        for hours in [1, 3, 9, 24, 24] {
            assert_eq!(lengths(&shell.run(ban)), [hours * 60]);
            // A ban in force is no earlier one; a moment later it may become a moment longer.
            let again = lengths(&shell.run(ban));
            assert!(again.iter().all(|l| *l == hours * 60), "{again:?}");
            assert_eq!(shell.run("unban-at now 203.0.113.7").status, Some(0));
        }
        let other = shell.run("ban-ip --for 1h --escalate 3 203.0.113.8");
        assert_eq!(lengths(&other), [60]);
        for usage in [
            "ban-ip --escalate 2 203.0.113.7",
            "ban-ip --for 1h --max 2h 203.0.113.7",
            "ban-ip --for 1h --escalate 0.5 203.0.113.7",
            "ban-ip --for 1h --escalate nan 203.0.113.7",
        ] {
            assert_eq!(shell.run(usage).status, Some(2), "{usage}");
        }
    });
}

#[test]
fn the_ledger_tells_the_story() {
    in_namespace("the_ledger_tells_the_story", || {
        let shell = Shell::new();
        let record = "203.0.113.7\tcount=5\trule=sshd\tother=x\tline=Failed a\\tb\tline=Failed c\n";
        shell.feed("ban-ip --for 1h", record.as_bytes());
        shell.run(
            "ban-ip --for 1h 203.0.113.0/24; unban-at now 203.0.113.7; ban-ip --for 2h 203.0.113.7",
        );
        let why = shell.run("ban-ip --why 203.0.113.7");
        assert_eq!(
            why.addresses(),
            ["203.0.113.0/24", "203.0.113.7", "203.0.113.7"]
        );
        assert_eq!(field(&why, "count"), ["-", "5", "-"]);
        assert_eq!(field(&why, "rule"), ["-", "sshd", "-"]);
        assert_eq!(field(&why, "backend"), ["nft"; 3]);
        assert_eq!(lengths(&why), [60, 60, 120]);
        assert_eq!(
            field(&why, "lifted").iter().filter(|l| **l != "-").count(),
            1
        );
        assert!(
            why.out.contains("\tline=Failed a\\tb\tline=Failed c\t"),
            "{}",
            why.out
        );
        assert_eq!(
            shell.run("ban-ip --why 203.0.113.8").addresses(),
            ["203.0.113.0/24"]
        );
        assert_eq!(shell.run("ban-ip --why 198.51.100.1").status, Some(1));
        let json = shell.run("ban-ip --json --why 203.0.113.7");
        assert!(
            json.out.contains(r#""line":["Failed a\tb","Failed c"]"#),
            "{}",
            json.out
        );
    });
}

#[test]
fn evidence_does_not_fill_the_disk() {
    in_namespace("evidence_does_not_fill_the_disk", || {
        let shell = Shell::new();
        let line = [
            b"198.51.100.1\tline=".to_vec(),
            vec![b'x'; 500_000],
            b"\tline=y\n".to_vec(),
        ]
        .concat();
        let input: Vec<u8> = (1..=50u8)
            .flat_map(|n| [format!("203.0.113.{n}").into_bytes(), line[12..].to_vec()].concat())
            .collect();
        assert_eq!(shell.feed("ban-ip | wc -l", &input).out.trim(), "50");
        let size: u64 = ["state.db", "state.db-wal"]
            .iter()
            .map(|name| std::fs::metadata(shell.path(name)).map_or(0, |m| m.len()))
            .sum();
        assert!(size < 1 << 20, "{size}");
        let why = shell.run("ban-ip --why 203.0.113.9");
        assert!(why.out.contains("\tline=xxxx") && why.out.contains("\tline=y\t"));
    });
}

#[test]
fn a_dry_run_plays_history() {
    let shell = Shell::new();
    let at = |time: &str| format!("203.0.113.7\tat=2026-03-30T{time}:00+09:00\n");
    let input = [
        "00:00", "00:30", "01:00", "01:15", "02:30", "04:00", "09:00",
    ]
    .map(at)
    .concat();
    for (flags, expected) in [
        // Since and until, as time of day.
        (
            "--for 1h",
            vec![
                "00:00-01:00",
                "00:00-01:30",
                "00:00-02:00",
                "00:00-02:15",
                "02:30-03:30",
                "04:00-05:00",
                "09:00-10:00",
            ],
        ),
        (
            "--for 1h --escalate 2",
            vec![
                "00:00-01:00",
                "00:00-01:30",
                "00:00-02:00",
                "00:00-02:15",
                "02:30-04:30",
                "02:30-06:00",
                "09:00-13:00",
            ],
        ),
        ("", vec!["00:00-never"]),
    ] {
        let outcome = shell.feed(&format!("ban-ip -n {flags}"), input.as_bytes());
        let hour = |text: &str| text.get(11..16).unwrap_or(text).to_owned();
        let seen: Vec<String> = field(&outcome, "since")
            .iter()
            .zip(field(&outcome, "until"))
            .map(|(since, until)| format!("{}-{}", hour(since), hour(until)))
            .collect();
        assert_eq!(seen, expected, "{flags}");
    }
    assert!(!shell.path("state.db").exists(), "nothing is touched");
    let bad = shell.feed("ban-ip -n", b"203.0.113.7\tat=yesterday\n");
    assert_eq!(
        bad.err,
        "ban-ip: standard input:1: not a time: at=yesterday\n"
    );
}

#[test]
fn sync_makes_the_firewall_hold_what_the_ledger_says() {
    in_namespace("sync_makes_the_firewall_hold_what_the_ledger_says", || {
        for backend in ["nft", "ipset", "iptables"] {
            let program = if backend == "nft" { "nft" } else { "ipset" };
            if run(program, &["--version"]).is_none() {
                continue;
            }
            let shell = Shell::new();
            let list = format!("ban-ip --list --backend {backend}");
            let sync = format!("ban-ip --sync --backend {backend}");
            shell.run(&format!(
                "ban-ip --backend {backend} --for 1h 203.0.113.7 203.0.113.0/24 2001:db8::1"
            ));
            shell.run("unban-at now 2001:db8::1");
            let before = shell.run(&list);
            assert_eq!(before.addresses(), ["203.0.113.0/24", "203.0.113.7"]);
            assert_eq!(shell.run(&sync).out, "", "{backend}: all stands");
            // Strangers, a missing one, another time.
            let disturb = match backend {
                "nft" => {
                    "nft add element inet pipeban ipv4_32 '{ 198.51.100.1 }'; \
                          nft delete element inet pipeban ipv4_24 '{ 203.0.113.0 }'; \
                          nft delete element inet pipeban ipv4_32 '{ 203.0.113.7 }'; \
                          nft add element inet pipeban ipv4_32 '{ 203.0.113.7 timeout 5m }'"
                }
                "ipset" => {
                    "ipset add pipeban4 198.51.100.1; ipset del pipeban4 203.0.113.0/24; \
                            ipset add -exist pipeban4 203.0.113.7 timeout 300"
                }
                _ => {
                    "iptables -t raw -A PIPEBAN -s 198.51.100.1 -j DROP; iptables -t raw -D PIPEBAN -s 203.0.113.0/24 -j DROP; \
                      iptables -t raw -D PIPEBAN -s 203.0.113.7 -j DROP"
                }
            };
            run("sh", &["-ec", disturb]);
            let marked = shell.run(&list);
            assert_eq!(
                marked.addresses(),
                ["198.51.100.1", "203.0.113.0/24", "203.0.113.7"]
            );
            assert!(
                marked.out.contains("203.0.113.0/24\tsince=")
                    && marked.out.contains("\tonly=ledger")
            );
            assert!(
                marked
                    .out
                    .contains("198.51.100.1\tuntil=never\tonly=firewall"),
                "{}",
                marked.out
            );
            let time = backend != "iptables";
            assert_eq!(
                marked.out.contains("\tfirewall-until="),
                time,
                "{}",
                marked.out
            );
            assert_eq!(
                shell.run(&sync).addresses(),
                ["203.0.113.0/24", "203.0.113.7"],
                "{backend}"
            );
            assert_eq!(shell.run(&list), before, "{backend}");

            let flush = match backend {
                "nft" => "nft flush ruleset",
                _ => "iptables -t raw -F; ip6tables -t raw -F; ipset flush",
            };
            run("sh", &["-c", flush]);
            // The next ban notices, and puts all back.
            shell.run(&format!("ban-ip --backend {backend} --for 1h 198.51.100.2"));
            let after = shell.run(&list);
            assert_eq!(
                after.addresses(),
                ["198.51.100.2", "203.0.113.0/24", "203.0.113.7"]
            );
            assert!(!after.out.contains("only="), "{backend}: {}", after.out);
            run("sh", &["-c", flush]);
            assert_eq!(shell.run(&sync).out.lines().count(), 3, "{backend}");
            assert_eq!(shell.run(&list), after, "{backend}");
            shell.run("unban-at now 203.0.113.7 203.0.113.0/24 198.51.100.2");
        }
    });
}

#[test]
fn what_would_let_a_banned_address_through() {
    in_namespace("what_would_let_a_banned_address_through", || {
        let shell = Shell::new();
        if run("nft", &["--version"]).is_none() {
            return;
        }
        let verify = |script: &str| {
            if !script.is_empty() {
                run("nft", &[script]);
            }
            shell.run("ban-ip --verify")
        };
        assert_eq!(verify("").status, Some(1), "nothing stands yet");
        shell.run("ban-ip --for 1h 203.0.113.7");
        let well = Outcome {
            out: "".into(),
            err: "".into(),
            status: Some(0),
        };
        assert_eq!(verify(""), well);
        let harmless = "add table inet late; add chain inet late c { type filter hook input priority 0; }; \
                        add rule inet late c ct state established accept; add rule inet late c drop; \
                        add chain inet late other; add rule inet late other accept";
        assert_eq!(verify(harmless), well, "it comes later");
        for (harm, words, mend) in [
            (
                "add table ip x; add chain ip x c { type filter hook prerouting priority -400; }; \
                 add rule ip x c ct state established accept",
                "chain ip x c accepts packets of open connections before the bans",
                "delete table ip x",
            ),
            (
                "insert rule inet pipeban prerouting tcp dport 22 accept",
                "chain inet pipeban prerouting accepts packets before the bans",
                "flush chain inet pipeban prerouting",
            ),
            (
                "insert rule inet pipeban prerouting return",
                "chain inet pipeban prerouting leads packets away before the bans",
                "flush chain inet pipeban prerouting",
            ),
            (
                "flush chain inet pipeban prerouting",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "delete chain inet pipeban prerouting",
                "the table inet pipeban has no chain at the hook prerouting",
                "list tables",
            ),
            (
                "add table inet pipeban { flags dormant; }",
                "the table inet pipeban is missing or dormant",
                "list tables",
            ),
            (
                "flush ruleset",
                "the table inet pipeban is missing or dormant",
                "list tables",
            ),
        ] {
            let found = verify(harm);
            assert!(
                found.out.lines().any(|l| l == words),
                "{harm}: {}",
                found.out
            );
            assert_eq!(found.status, Some(1));
            run("nft", &[mend]);
            assert_eq!(shell.run("ban-ip --sync").status, Some(0));
            assert_eq!(verify(""), well, "after {harm}");
        }
    });
}

#[test]
fn one_that_is_refused_does_not_hold_up_the_others() {
    let shell = Shell::new();
    let refuse = shell.path("refuse");
    let script = "#!/bin/sh\n[ $1 != 203.0.113.2 ] || { echo no, not that >&2; exit 1; }\n";
    std::fs::write(&refuse, script).unwrap();
    run("chmod", &["+x", refuse.to_str().unwrap()]);
    let ban = format!(
        "ban-ip --backend exec --ban-command '{} {{address}}' --unban-command 'true {{address}}'",
        refuse.display()
    );
    let outcome = shell.run(&format!("{ban} 203.0.113.1 203.0.113.2 203.0.113.3"));
    assert_eq!(outcome.addresses(), ["203.0.113.1", "203.0.113.3"]);
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.err.starts_with("ban-ip: exec: 203.0.113.2: ")
            && outcome.err.ends_with("no, not that\n"),
        "{}",
        outcome.err
    );
    let outcome = shell.run(&format!("{ban} 203.0.113.4"));
    assert_eq!((outcome.err.as_str(), outcome.status), ("", Some(0)));
    assert_eq!(shell.run(&format!("{ban} 203.0.113.2")).status, Some(2));
}

#[test]
fn privileges_are_given_up_before_input_is_read() {
    in_namespace("privileges_are_given_up_before_input_is_read", || {
        let shell = Shell::new();
        for (tool, argument) in [("ban-ip", "--for=1h"), ("unban-at", "now+1hour")] {
            let mut child = shell
                .command(tool)
                .arg(argument)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut input = child.stdin.take().unwrap();
            input.write_all(b"203.0.113.7\n").unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap())
                .read_line(&mut line)
                .unwrap();
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
            let set = |name: &str| {
                let line = status.lines().find(|l| l.starts_with(name)).unwrap();
                u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
            };
            const NET_ADMIN: u64 = 1 << 12;
            assert_eq!(
                (set("CapEff"), set("CapPrm")),
                (NET_ADMIN, NET_ADMIN),
                "{tool}"
            );
            drop(input);
            assert!(child.wait().unwrap().success());
        }
    });
}
