//! Bans and lifts arrive on the other hosts, and nothing else happens there.

use crate::common::{field, wait_until};
use crate::fleet::with_fleet;

#[test]
fn a_ban_and_its_lift() {
    with_fleet("a_ban_and_its_lift", 3, |fleet| {
        fleet.on(0, "ban-ip --for 1h 203.0.113.1");
        fleet.share_all();
        fleet.on(
            0,
            "ban-ip --for 2h 203.0.113.2; ban-ip --port 22,80 --for 1h 2001:db8::/64",
        );
        let all = ["203.0.113.1", "203.0.113.2", "2001:db8::/64"];
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all));
        let list = fleet.on(1, "ban-ip --list");
        assert!(
            field(&list, "origin").iter().all(|origin| *origin == "a"),
            "{list:?}"
        );
        assert!(list.out.contains("\tport=22,80"), "{list:?}");
        let same = |key: &str| {
            let lists = [0, 1].map(|host| fleet.on(host, "ban-ip --list"));
            assert_eq!(field(&lists[0], key), field(&lists[1], key), "{key}");
        };
        same("until");
        same("since");

        // A ban of its own stays when the other host lifts.
        fleet.on(1, "ban-ip --for 30m 203.0.113.1");
        fleet.on(0, "unban-at now 203.0.113.1");
        // unban-at lifts for all hosts, but only where it runs.
        fleet.wait_for_bans(0, &all[1..]);
        for (host, origin) in [(1, "-"), (2, "b")] {
            wait_until("only the other ban is left", || {
                let list = fleet.on(host, "ban-ip --list");
                list.addresses().len() == 3 && field(&list, "origin")[0] == origin
            });
        }
        fleet.on(1, "unban-at now 203.0.113.1");
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all[1..]));

        // A shorter and a longer one.
        fleet.on(
            0,
            "unban-at 20m 203.0.113.2; ban-ip --port 22,80 --for 3h 2001:db8::/64",
        );
        wait_until("the ends are the same", || {
            let lists = [0, 1, 2].map(|host| fleet.on(host, "ban-ip --list"));
            let ends: Vec<_> = lists.iter().map(|list| field(list, "until")).collect();
            ends[0] == ends[1] && ends[0] == ends[2]
        });
        // Banned again in the second of its lift.
        fleet.on(
            0,
            "unban-at now 203.0.113.2; ban-ip --for 1h 203.0.113.2; ban-ip 192.0.2.1",
        );
        let all = ["192.0.2.1", "203.0.113.2", "2001:db8::/64"];
        (1..3).for_each(|host| fleet.wait_for_bans(host, &all));
        // One without an end lasts no longer than allowed.
        let list = fleet.on(1, "ban-ip --list");
        assert!(
            field(&list, "until").iter().all(|until| *until != "never"),
            "{list:?}"
        );
        // All that a host said.
        fleet.on(1, "unban-at now --origin a");
        fleet.wait_for_bans(1, &[]);
        fleet.wait_for_bans(2, &all);
        assert!(!fleet.log(1).contains("refused"), "{}", fleet.log(1));
    });
}

#[test]
fn a_pardon_lifts_everywhere() {
    with_fleet("a_pardon_lifts_everywhere", 2, |fleet| {
        fleet.share_all();
        fleet.on(0, "ban-ip --for 1h 203.0.113.1 203.0.113.2");
        fleet.on(1, "ban-ip --for 2h 203.0.113.1");
        let all = ["203.0.113.1", "203.0.113.2"];
        (0..2).for_each(|host| fleet.wait_for_bans(host, &all));
        // Not by a host.
        fleet.publish("a", "pipeban/pardon/203.0.113.2", "203.0.113.2", "");
        // The lift's second is over, so that a later ban is a later one.
        let pardoned = fleet.publish("admin", "pipeban/pardon/203.0.113.1", "203.0.113.1", "");
        assert_eq!(pardoned.status, Some(0), "{pardoned:?}");
        (0..2).for_each(|host| fleet.wait_for_bans(host, &all[1..]));
        // A pardon that is kept says when it was given: else it would hold for later bans.
        fleet.publish("admin", "pipeban/pardon/203.0.113.2", "203.0.113.2", "-r");
        fleet.on(0, "ban-ip --for 1h 203.0.113.3");
        fleet.wait_for_bans(1, &["203.0.113.3"]);
        fleet.on(0, "sleep 1; ban-ip --for 1h 203.0.113.2");
        fleet.stop(1);
        fleet.share(1);
        (0..2).for_each(|host| fleet.wait_for_bans(host, &["203.0.113.2", "203.0.113.3"]));
        wait_until("the pardon that is kept is refused", || {
            fleet.figures(1).contains(" refused-pardon=1 ")
        });
    });
}

/// Standard input that ends: all is delivered, then the host has gone.
#[test]
fn a_list_once() {
    with_fleet("a_list_once", 2, |fleet| {
        fleet.share(1);
        let config = fleet.config(0).display().to_string();
        let script = format!("ban-ip --backend none --for 1h | share-ban --config {config}");
        let shared = fleet.feed(0, &script, b"203.0.113.1\n203.0.113.2\n");
        assert_eq!(
            (shared.status, shared.err.as_str()),
            (Some(0), ""),
            "{shared:?}"
        );
        fleet.wait_for_bans(1, &["203.0.113.1", "203.0.113.2"]);
        fleet.wait_for_hosts(1, 0);
        let bad = fleet.feed(0, &format!("share-ban --config {config}"), b"foo\n");
        assert_eq!(bad.status, Some(2), "{bad:?}");
        assert!(
            bad.err
                .contains("share-ban: standard input:1: not an address"),
            "{bad:?}"
        );
    });
}

/// share-ban writes no control character and nothing of the input but what it shares.
#[test]
fn foreign_text_is_not_shared() {
    with_fleet("foreign_text_is_not_shared", 2, |fleet| {
        let config = fleet.config(1).display().to_string();
        let input = b"203.0.113.1\tuntil=never\tcount=5\trule=a\x1bb\tline=x\tuser=y\torg=z\n";
        fleet.feed(
            0,
            &format!("share-ban --config {}", fleet.config(0).display()),
            input,
        );
        let script = format!("sleep 5 | timeout 5 share-ban --config {config}");
        let heard = fleet.on(1, &script).out;
        let line = heard.lines().next().unwrap_or_default();
        let keys: Vec<&str> = line
            .split('\t')
            .filter_map(|f| f.split('=').next())
            .collect();
        assert_eq!(
            keys,
            ["203.0.113.1", "count", "origin", "since", "until"],
            "{heard}"
        );
    });
}
