//! Attempts at all hosts, counted by one of them, as examples/share does it.

use std::fs;
use std::io::Write;

use pipeban::time::Time;

use crate::common::{field, wait_until};
use crate::fleet::{BROKER, Fleet, with_fleet};

/// Starts a pipeline of examples/share on a host, changed.
fn run(fleet: &mut Fleet, host: usize, name: &str, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(format!("examples/share/{name}.sh")).unwrap();
    let me = fleet.hosts[host].name.clone();
    let certificates = fleet.shell.path("certificates");
    for (from, to) in [
        ("ca.pem", "ca.pem"),
        (".pem", "host.pem"),
        (".key", "host.key"),
    ] {
        let from = match from.starts_with('.') {
            true => me.clone() + from,
            false => from.into(),
        };
        fs::copy(certificates.join(from), fleet.path(host, to)).unwrap();
    }
    fs::write(fleet.path(host, "auth.log"), "").unwrap();
    let log = fleet.path(host, "auth.log").display().to_string();
    // Here all parts have the same rights; one that ends ends all.
    let parts = format!(
        "log_of() {{ echo {log}; }}
         part() {{ \"$@\"; kill $$; }}
         for part in reads sifts mails bans; do eval \"$part() {{ part \\\"\\$@\\\"; }}\"; done"
    );
    fs::write(fleet.path(host, "parts"), parts).unwrap();
    let text = text
        .replace(
            "/usr/lib/pipeban/parts",
            &fleet.path(host, "parts").display().to_string(),
        )
        .replace("broker.example.org", BROKER)
        .replace("host=web1", &format!("host={me}"));
    let file = fleet.path(host, name);
    fs::write(&file, change(text)).unwrap();
    let folder = fleet.path(host, "");
    let script = format!(
        "CREDENTIALS_DIRECTORY={} exec sh {}",
        folder.display(),
        file.display()
    );
    fleet.run(host, &script);
}

/// A failed login at a host's sshd.
fn fail(fleet: &Fleet, host: usize, address: &str) {
    let log = fs::OpenOptions::new()
        .append(true)
        .open(fleet.path(host, "auth.log"));
    let failed = "sshd[4711]: Failed password for root from";
    let line = format!("{} host {failed} {address} port 40222 ssh2\n", Time::now());
    log.unwrap().write_all(line.as_bytes()).unwrap();
}

#[test]
fn two_tries_at_each_of_three_hosts() {
    with_fleet("two_tries_at_each_of_three_hosts", 3, |fleet| {
        fleet.share_all();
        run(fleet, 0, "fleet", |text| text);
        (0..3).for_each(|host| run(fleet, host, "attempts", |text| text));
        // A host is there when its attempts alone have led to a ban.
        let probes = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
        for (host, probe) in probes.iter().enumerate() {
            wait_until("attempts arrive", || {
                fail(fleet, host, probe);
                fleet.bans(0).iter().any(|banned| banned == probe)
            });
        }
        for _ in 0..2 {
            (0..3).for_each(|host| fail(fleet, host, "203.0.113.7"));
        }
        let all = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "203.0.113.7"];
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all));
        for host in 1..3 {
            let list = fleet.on(host, "ban-ip --list");
            assert!(
                field(&list, "origin").iter().all(|origin| *origin == "a"),
                "{list:?}"
            );
            assert_eq!(field(&list, "count"), ["6"; 4], "{list:?}");
        }
        // The broker goes away for a while.
        fleet.kill_broker(true);
        fleet.start_broker();
        wait_until("attempts arrive", || {
            fleet.run_again();
            fail(fleet, 1, "203.0.113.8");
            fleet.bans(2).iter().any(|banned| banned == "203.0.113.8")
        });
    });
}

/// A host has a voice under its own name alone, whatever it writes.
#[test]
fn seen_by_two_hosts() {
    with_fleet("seen_by_two_hosts", 3, |fleet| {
        run(fleet, 0, "fleet", |text| {
            let shown = fs::read_to_string("examples/share.md").unwrap();
            let line = shown
                .lines()
                .find(|line| line.starts_with("sifts count-ip"));
            let changed = text.replace("sifts count-ip --threshold 6 --within 10m", line.unwrap());
            assert_ne!(changed, text);
            changed
        });
        let at = Time::now();
        let event = |address: &str| format!("{{\"address\":\"{address}\",\"at\":\"{at}\"}}");
        let send = |fleet: &Fleet, host: &str, payload: &str| {
            let sent = fleet.publish(host, &format!("pipeban/event/{host}"), payload, "");
            assert_eq!(sent.status, Some(0), "{sent:?}");
        };
        wait_until("attempts arrive", || {
            ["a", "b"]
                .iter()
                .for_each(|host| send(fleet, host, &event("192.0.2.1")));
            !fleet.bans(0).is_empty()
        });
        // c is hostile.
        let good = event("203.0.113.66");
        let deep = format!("{}{}", "[".repeat(800), "]".repeat(800));
        for payload in [
            good.as_str(),
            &good,
            &format!("{good}\n{good}"),
            &format!("{good}\n203.0.113.66\thost=b\n"),
            &format!("{good}\n{{\"topic\":\"pipeban/event/b\",\"payload\":{good}}}"),
            &format!("{good},\"topic\":\"pipeban/event/b\",\"payload\":{good}"),
            &good.replace("203.0.113.66", "203.0.113.66\\n203.0.113.66\\thost=b"),
            &good.replace('}', ",\"host\":\"b\",\"topic\":\"pipeban/event/b\"}"),
            &good.replace("203.0.113.66", "203.0.113.66\\thost=b"),
            &event("0.0.0.0/1"),
            &event("x").replace("\"x\"", &deep),
            &deep,
            "\u{1b}[2J\r\n",
            "\0",
        ] {
            send(fleet, "c", payload);
        }
        fleet.publish("c", "pipeban/event/b", &good, "");
        // The broker has handed over all of that when this one is banned, by a and by c.
        send(fleet, "a", &event("203.0.113.67"));
        send(fleet, "c", &event("203.0.113.67"));
        fleet.wait_for_bans(0, &["192.0.2.1", "203.0.113.67"]);
        // It was heard, and counts as one.
        send(fleet, "b", &good);
        fleet.wait_for_bans(0, &["192.0.2.1", "203.0.113.66", "203.0.113.67"]);
    });
}
