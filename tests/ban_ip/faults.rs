//! Faults by backend: a state of another user, a foreign table of our name, a restore by unban-at.

use std::fs;

use crate::both::{ended, held, with_each};
use crate::common::{Shell, in_namespace, run};
use crate::trust::as_root;

/// A user with the right to change the firewall, or root without the right to read all files, and
/// another one's state.
#[test]
fn a_state_of_another_user_stops_no_firewall_that_does_alone() {
    as_root(
        "a_state_of_another_user_stops_no_firewall_that_does_alone",
        || {
            let user = "setpriv --reuid=1234 --regid=1234 --clear-groups \
                        --bounding-set=-all,+net_admin --inh-caps=+net_admin \
                        --ambient-caps=+net_admin";
            let root = "setpriv --bounding-set=-all,+net_admin,+net_raw";
            let exec =
                "exec --ban-command 'touch OPEN/{address}' --unban-command 'touch OPEN/{address}'";
            for (who, owner, backend, does_alone) in [
                (user, "0", "nft", true),
                (user, "0", exec, false),
                (root, "1234", "nft", true),
                (root, "1234", "ipset", true),
                (root, "1234", "iptables", false),
                (root, "1234", exec, false),
            ] {
                let name = backend.split(' ').next().unwrap();
                if name != "exec" && run(name, &["--version"]).is_none() {
                    continue;
                }
                let shell = Shell::new();
                let here = shell.directory.path().display().to_string();
                let open = tempfile::tempdir().unwrap();
                run("chmod", &["777", open.path().to_str().unwrap()]);
                let backend = backend.replace("OPEN", open.path().to_str().unwrap());
                let ban = format!("ban-ip --backend {backend}");
                ended(
                    &shell.run(&format!("{ban} 203.0.113.1")),
                    0,
                    &["203.0.113.1"],
                    name,
                );
                run("chown", &["-R", owner, &here]);
                let theirs = shell.run(&format!("{who} {ban} 203.0.113.7"));
                let made: &[&str] = if does_alone { &["203.0.113.7"] } else { &[] };
                ended(&theirs, 2, made, name);
                assert_eq!(theirs.err.lines().count(), 1, "{name}: {theirs:?}");
                assert!(!open.path().join("203.0.113.7").exists(), "{name}");
                if name != "exec" {
                    assert_eq!(held(name).contains("203.0.113.7"), does_alone, "{name}");
                }
                let lifted = shell.run(&format!("{who} unban-at now 203.0.113.7"));
                ended(&lifted, 2, made, name);
                // Who may read it goes on, and nothing is left behind.
                run("chown", &["-R", "0", &here]);
                let ours = shell.run(&format!("{ban} 203.0.113.8"));
                ended(&ours, 0, &["203.0.113.8"], name);
                assert_eq!(ours.err, "", "{name}");
                let list = shell.run(&format!("ban-ip --backend {backend} --list"));
                ended(&list, 0, &["203.0.113.1", "203.0.113.8"], name);
                assert!(!list.out.contains("only="), "{name}: {list:?}");
                shell.run("unban-at now 203.0.113.1 203.0.113.8");
            }
        },
    );
}

/// The layouts of tables of our name that are not ours: nothing in them is changed, and all other
/// firewalls go on.
#[test]
fn a_foreign_table_of_our_name_is_left_alone() {
    in_namespace("a_foreign_table_of_our_name_is_left_alone", || {
        if run("nft", &["--version"]).is_none() {
            return;
        }
        for layout in [
            "add set inet pipeban ipv4_32 { type ipv4_addr; flags interval; \
             elements = { 198.51.100.0-198.51.100.9 }; }",
            "add set inet pipeban ipv4_32 { type ipv4_addr; flags interval, timeout; counter; }",
            "add set inet pipeban ipv4_32 { type ipv4_addr; elements = { 198.51.100.1 }; }",
            "add set inet pipeban ipv4_24 { type inet_service; flags timeout; counter; }",
            "add map inet pipeban ipv4_32 { type ipv4_addr : verdict; flags timeout; }",
            "add chain inet pipeban prerouting { type filter hook input priority 0; }",
            "add chain inet pipeban prerouting",
        ] {
            let shell = Shell::new();
            run("nft", &[&format!("add table inet pipeban; {layout}")]);
            let before = held("nft");
            let exec = "ban-ip --backend exec --ban-command 'true {address}' \
                        --unban-command 'true {address}'";
            shell.run(&format!("{exec} 203.0.113.5"));
            let ban = shell.run("ban-ip --for 1h 203.0.113.7");
            ended(&ban, 2, &[], layout);
            let said = "ban-ip: nft: a set or chain in the table inet pipeban is of another kind";
            assert!(ban.err.starts_with(said), "{ban:?}");
            assert_eq!(ban.err.lines().count(), 1, "{ban:?}");
            let verify = shell.run("ban-ip --verify");
            assert_eq!(verify.status, Some(1), "{layout}: {verify:?}");
            assert!(verify.out.contains(" is of another kind than ours\n"));
            let sync = shell.run("ban-ip --sync");
            ended(&sync, 2, &["203.0.113.5"], layout);
            let lift = shell.run("unban-at now 203.0.113.5");
            assert_eq!(lift.addresses(), ["203.0.113.5"], "{layout}: {lift:?}");
            assert_eq!(held("nft"), before, "{layout}");
            // Without it all is made up for.
            run("nft", &["delete table inet pipeban"]);
            assert_eq!(shell.run("ban-ip --sync").status, Some(0));
            assert!(held("nft").contains("203.0.113.7"), "{layout}");
            assert_eq!(shell.run("ban-ip --verify").status, Some(0));
            run("nft", &["flush ruleset"]);
        }
    });
}

/// unban-at puts all back where a firewall has lost its bans, but for those that protect.
#[test]
fn a_lift_puts_no_protected_address_back() {
    with_each(
        "a_lift_puts_no_protected_address_back",
        |backend, _, flush| {
            let shell = Shell::new();
            let list = shell.path("never").display().to_string();
            fs::write(&list, "203.0.113.2\n").unwrap();
            let all = "203.0.113.1 203.0.113.2 203.0.113.3 203.0.113.4 203.0.113.7 198.51.100.1";
            shell.run(&format!("ban-ip --backend {backend} --for 1h {all}"));
            run("sh", &["-c", flush]);
            let network = "ip link set lo up; ip addr add 203.0.113.1/32 dev lo
            ip route add default via 203.0.113.3 dev lo onlink";
            let has_ip = run("ip", &["-V"]).is_some();
            if has_ip {
                run("sh", &["-ec", network]);
            }
            let never = format!("PIPEBAN_NEVER={list} SSH_CONNECTION='203.0.113.4 1 2 3'");
            // What protects can't be read: nothing is put back, and nothing is forgotten.
            let missing = shell.run(&format!(
                "PIPEBAN_NEVER={list}.gone/x unban-at now 203.0.113.7"
            ));
            assert_eq!(
                (missing.out.as_str(), missing.status),
                ("", Some(2)),
                "{missing:?}"
            );
            assert!(!held(backend).contains("203.0.113."), "{backend}");
            let lift = shell.run(&format!("{never} unban-at now 203.0.113.7"));
            assert_eq!(lift.addresses(), ["203.0.113.7"], "{backend}: {lift:?}");
            let mut protected = vec![
                ("203.0.113.2", "on the list of --never"),
                ("203.0.113.4", "the peer of this SSH session"),
            ];
            if has_ip {
                protected.push(("203.0.113.1", "an address of this host"));
                protected.push(("203.0.113.3", "a default gateway"));
            }
            for (address, why) in protected {
                let said = format!("unban-at: {address}: not put back: {address} is {why}\n");
                assert!(lift.err.contains(&said), "{backend}: {why}: {lift:?}");
                assert!(!held(backend).contains(address), "{backend}: {why}");
            }
            assert!(held(backend).contains("198.51.100.1"), "{backend}");
            let list = shell.run(&format!("ban-ip --backend {backend} --list"));
            assert!(!list.out.contains("only="), "{backend}: {list:?}");
            run("sh", &["-c", "ip addr flush dev lo 2>/dev/null; true"]);
            shell.run(&format!("ban-ip --backend {backend} --list | unban-at now"));
        },
    );
}
