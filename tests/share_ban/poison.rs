//! A host that was taken over: each lie is refused or bounded, and counted by its reason.

use pipeban::time::Time;

use crate::common::{field, wait_until};
use crate::fleet::{BROKER, with_fleet};

/// The moment this number of seconds from now.
fn time(seconds: i64) -> String {
    Time::from_secs(Time::now().secs() + seconds).to_string()
}

#[test]
fn lies() {
    with_fleet("lies", 3, |fleet| {
        // c is hostile: it has its certificate, and mosquitto_pub.
        fleet.share(0);
        fleet.share(1);
        fleet.wait_for_hosts(0, 1);
        let good = "203.0.113.66\tuntil=never";
        let far = "203.0.113.67\tuntil=9999-12-31T23:59:59Z";
        let long = format!("203.0.113.66\tuntil=never\tx={}", "a".repeat(600));
        let rows = [
            (
                "203.0.113.66",
                "203.0.113.66\tuntil=never\n203.0.113.68\tuntil=never",
                "newline",
            ),
            ("203.0.113.66", "203.0.113.66\tuntil=never\r", "newline"),
            (
                "203.0.113.66",
                "203.0.113.66\tuntil=never\trule=\u{1b}[2J",
                "control",
            ),
            (
                "203.0.113.66",
                "203.0.113.66\tuntil=never\torigin=a",
                "origin",
            ),
            ("203.0.113.66", "203.0.113.68\tuntil=never", "address"),
            ("203.0.113.66@22", good, "address"),
            ("203.0.113.66", "203.0.113.66", "form"),
            ("203.0.113.66", &long, "form"),
            (
                "203.0.113.66",
                "203.0.113.66\tuntil=2001-01-01T00:00:00Z",
                "over",
            ),
            ("x", good, "topic"),
            ("203.0.113.66/x/y", good, "topic"),
            ("0.0.0.0/1", "0.0.0.0/1\tuntil=never", "prefix"),
            ("::/0", "::/0\tuntil=never", "prefix"),
            (BROKER, &format!("{BROKER}\tuntil=never"), "exempt"),
            ("10.9.0.0/24", "10.9.0.0/24\tuntil=never", "exempt"),
            // Another host's, in its hello.
            ("10.9.0.1", "10.9.0.1\tuntil=never", "exempt"),
        ];
        let mut expected: Vec<(String, u32)> = vec![];
        for (target, payload, reason) in rows {
            let topic = format!("pipeban/ban/c/{target}");
            let sent = fleet.publish("c", &topic, payload, "");
            assert_eq!(sent.status, Some(0), "{sent:?}");
            match expected.iter_mut().find(|(known, _)| known == reason) {
                Some((_, count)) => *count += 1,
                None => expected.push((reason.into(), 1)),
            }
        }
        // Under another one's name: the broker refuses.
        fleet.publish("c", "pipeban/ban/a/203.0.113.66", good, "-r");
        fleet.publish("c", "pipeban/host/a", "state=gone", "-r");
        fleet.publish("c", "pipeban/pardon/203.0.113.66", "203.0.113.66", "-r");
        // A hello with a network, and with the clock ten minutes off.
        let hello = "version=1\tbans=0\tdigest=0\taddress=192.0.2.0/24\taddress=192.0.2.1";
        let hello = format!("state=here\tat={}\t{hello}", time(-600));
        fleet.publish("c", "pipeban/host/c", &hello, "-r");
        expected.push(("clock".into(), 1));
        // A host that is not listened to.
        fleet.publish("admin", "pipeban/ban/nobody/203.0.113.66", good, "");
        // This one is a ban, and no longer than allowed.
        fleet.publish("c", "pipeban/ban/c/203.0.113.67", far, "");
        fleet.wait_for_bans(1, &["203.0.113.67"]);
        let until = fleet.on(1, "ban-ip --list");
        let until = Time::parse(field(&until, "until")[0].as_bytes()).unwrap();
        assert!(until.secs() <= Time::now().secs() + 86_400, "{until}");
        let figures = fleet.figures(1);
        for (reason, count) in &expected {
            let figure = format!(" refused-{reason}={count} ");
            assert!(figures.contains(&figure), "no{figure}in {figures}");
        }
        // The hello protects one address, whoever bans it.
        fleet.on(0, "ban-ip --for 1h 192.0.2.1 192.0.2.2");
        fleet.wait_for_bans(1, &["192.0.2.2", "203.0.113.67"]);
        // All that it did is undone at once.
        fleet.on(1, "unban-at now --origin c");
        fleet.wait_for_bans(1, &["192.0.2.2"]);
        let log = fleet.log(1);
        assert!(
            !log.contains('\u{1b}') && !log.contains("203.0.113.68\t"),
            "{log}"
        );
    });
}

#[test]
fn more_than_the_limit() {
    with_fleet("more_than_the_limit", 2, |fleet| {
        fleet.share(1);
        fleet.wait_for_hosts(1, 0);
        let bans: String = (0..30_000)
            .map(|i| format!("198.18.{}.{}\n", i / 256, i % 256))
            .collect();
        fleet.feed(
            0,
            "ban-ip --backend none --for 1h >/dev/null",
            bans.as_bytes(),
        );
        fleet.share(0);
        let held = || fleet.on(1, "ban-ip --list --origin a | wc -l").out;
        wait_until("the limit is reached", || {
            held().trim() == "10000" && fleet.figures(1).contains(" refused-limit=2")
        });
        // A lift makes room, and is not forgotten.
        let first = fleet
            .on(1, "ban-ip --list --origin a | head -n 1 | cut -f1")
            .out;
        fleet.on(0, &format!("unban-at now {first}"));
        wait_until("it is lifted", || {
            let list = fleet.on(1, "ban-ip --list --origin a | cut -f1").out;
            !list.lines().any(|line| line == first.trim())
        });
        assert!(held().trim().parse::<usize>().unwrap() <= 10_000);
    });
}

/// A host that changes its bans without end.
#[test]
fn faster_than_the_rate() {
    with_fleet("faster_than_the_rate", 2, |fleet| {
        fleet.configure(1, "from a\nlimit 20\nrate 1\n");
        fleet.share_all();
        for round in 0..30 {
            fleet.on(
                0,
                "ban-ip --backend none --for 1h 203.0.113.1; unban-at now 203.0.113.1",
            );
            if fleet.figures(1).contains(" refused-rate=") {
                break;
            }
            assert!(round < 29, "{}", fleet.figures(1));
        }
        // A change that was refused for now is asked for later.
        fleet.on(0, "ban-ip --for 1h 203.0.113.2");
        fleet.wait_for_bans(1, &["203.0.113.2"]);
    });
}

/// A broker ends the connection of a client whose name another one gives.
#[test]
fn anothers_client_name() {
    with_fleet("anothers_client_name", 2, |fleet| {
        fleet.share_all();
        for name in ["share-ban-b", "b"] {
            let more = format!("-i {name}");
            let sent = fleet.publish("a", "pipeban/host/a", "state=gone", &more);
            assert_eq!(sent.status, Some(0), "{sent:?}");
            fleet.wait_for_hosts(1, 0);
            let hello = "state=here\tversion=1\tbans=0\tdigest=0";
            let hello = format!("{hello}\tat={}", time(0));
            fleet.publish("a", "pipeban/host/a", &hello, "");
            fleet.wait_for_hosts(1, 1);
        }
        let log = fleet.log(1);
        assert!(
            !log.contains("another client") && !log.contains("connected\n"),
            "{log}"
        );
        assert!(!fleet.figures(1).contains(" failures="), "{log}");
    });
}
