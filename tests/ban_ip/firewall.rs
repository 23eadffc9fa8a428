//! The ledger beside the kernel: `--list`, `--sync` and `--verify`.

use crate::common::{Outcome, Shell, in_namespace, run};

#[test]
fn sync_makes_the_firewall_hold_what_the_ledger_says() {
    in_namespace(
        "firewall::sync_makes_the_firewall_hold_what_the_ledger_says",
        || {
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
                let planned = shell.run(&format!("{sync} --dry-run"));
                // The end in the firewall is known to the second, and may differ by one.
                let without_ends = |outcome: &Outcome| {
                    let lines = outcome.out.lines();
                    let cut = |line: &str| line.split("\tfirewall-until=").next().map(String::from);
                    lines.map(cut).collect::<Vec<_>>()
                };
                let now = without_ends(&shell.run(&list));
                assert_eq!(now, without_ends(&marked), "{backend}: nothing is touched");
                let synced = shell.run(&sync);
                assert_eq!(planned.addresses(), synced.addresses());
                assert_eq!(
                    synced.addresses(),
                    ["198.51.100.1", "203.0.113.0/24", "203.0.113.7"],
                    "{backend}"
                );
                let lifted: Vec<_> = synced
                    .out
                    .lines()
                    .filter(|l| l.contains("\tlifted="))
                    .collect();
                assert!(lifted.len() == 1 && lifted[0].starts_with("198.51.100.1\t"));
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
        },
    );
}

#[test]
fn what_would_let_a_banned_address_through() {
    in_namespace("firewall::what_would_let_a_banned_address_through", || {
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
        let early = "add table ip x; \
                     add chain ip x c { type filter hook prerouting priority -400; }; \
                     add rule ip x c ct state established accept; \
                     add rule inet pipeban prerouting accept; \
                     insert rule inet pipeban ipv4_32 limit rate 1/second counter; \
                     add rule inet pipeban ipv4_32 accept";
        assert_eq!(verify(early), well, "each base chain is asked");
        for (harm, words, mend) in [
            (
                "add table netdev n; add chain netdev n c { type filter hook ingress device lo \
                 priority 0; }; add rule netdev n c ip saddr 203.0.113.7 fwd to lo",
                "chain netdev n c forwards packets to another device before the bans",
                "delete table netdev n",
            ),
            (
                "flush chain inet pipeban prerouting; add rule inet pipeban prerouting \
                 ip saddr & 255.255.255.255 != @ipv4_32 drop",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "flush chain inet pipeban prerouting; add rule inet pipeban prerouting \
                 ip saddr & 255.255.255.255 @ipv4_32 tcp dport 22 drop",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "flush chain inet pipeban prerouting; add rule inet pipeban prerouting \
                 ip saddr & 255.255.255.255 != @ipv4_32 goto ipv4_32",
                "no rule drops what is in the set ipv4_32",
                "flush chain inet pipeban prerouting",
            ),
            (
                "flush chain inet pipeban ipv4_32",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "insert rule inet pipeban ipv4_32 tcp dport 22 accept",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "insert rule inet pipeban ipv4_32 return",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "flush chain inet pipeban ipv4_32; add rule inet pipeban ipv4_32 tcp dport 22 drop",
                "no rule drops what is in the set ipv4_32",
                "list tables",
            ),
            (
                "delete element inet pipeban ipv4_32 { 203.0.113.7 }",
                "203.0.113.7: only in the ledger",
                "list tables",
            ),
            (
                "add element inet pipeban ipv4_32 { 203.0.113.8 }",
                "203.0.113.8: only in the firewall",
                "list tables",
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
fn a_bridge_of_guests_is_seen() {
    in_namespace("a_bridge_of_guests_is_seen", || {
        let shell = Shell::new();
        let calls = "/proc/sys/net/bridge/bridge-nf-call-iptables";
        let bridge = format!(
            "[ ! -e {calls} ] || echo 0 >{calls}
             ip link add br0 type bridge; ip link add t0 type veth peer name t1
             ip link add t2 type veth peer name t3
             ip link set t0 master br0; ip link set t2 master br0"
        );
        if run("ip", &["-V"]).is_none() || run("sh", &["-ec", &bridge]).is_none() {
            return;
        }
        shell.run("ban-ip --for 1h 203.0.113.7");
        let verify = || shell.run("ban-ip --verify");
        assert_eq!((verify().out.as_str(), verify().status), ("", Some(0)));
        run(
            "sh",
            &[
                "-ec",
                "ip link add d0 type dummy 2>/dev/null ||
             ip link add d0 type vxlan id 5 dstport 4789; ip link set d0 master br0",
            ],
        );
        let found = verify();
        assert_eq!(found.status, Some(1));
        assert_eq!(
            found.out,
            "bridge br0 forwards packets of guests (t0) past the bans\n"
        );
    });
}

#[test]
fn many_bans_are_compared() {
    in_namespace("many_bans_are_compared", || {
        let shell = Shell::new();
        let many: String = (0..30_000)
            .map(|n| format!("198.18.{}.{}\n", n / 250, n % 250))
            .collect();
        // Meanwhile the kernel's table grows, and its lists may lack some.
        for part in many.as_bytes().chunks(many.len() / 3) {
            shell.feed("ban-ip --for 1d", part);
            let verify = shell.run("ban-ip --verify");
            assert_eq!((verify.out.as_str(), verify.status), ("", Some(0)));
            let sync = shell.run("ban-ip --sync");
            assert_eq!((sync.out.as_str(), sync.status), ("", Some(0)));
        }
        for n in 0..12 {
            let element = format!("{{ 198.18.7.{n} }}");
            run(
                "nft",
                &["delete", "element", "inet", "pipeban", "ipv4_32", &element],
            );
        }
        let verify = shell.run("ban-ip --verify");
        assert!(
            verify.out.ends_with("\n2 more are only in the ledger\n"),
            "{verify:?}"
        );
        assert_eq!((verify.out.lines().count(), verify.status), (11, Some(1)));
    });
}
