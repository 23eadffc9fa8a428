//! Bans and lifts that were lost on the way, or made while somebody was away, are found again.

use nix::sys::signal::{Signal, kill};

use crate::common::wait_until;
use crate::fleet::{Fleet, with_fleet};

/// A ban of each address from 192.0.2.0 on, by this host, without a firewall.
fn ban_many(fleet: &Fleet, host: usize, count: usize) {
    let address = |i: usize| format!("198.18.{}.{}\n", i / 256, i % 256);
    let input: String = (0..count).map(address).collect();
    let banned = fleet.feed(host, "ban-ip --for 1h | wc -l", input.as_bytes());
    assert_eq!(banned.out.trim(), count.to_string(), "{banned:?}");
}

fn count(fleet: &Fleet, host: usize) -> usize {
    fleet.bans(host).len()
}

#[test]
fn a_newcomer_gets_all() {
    with_fleet("a_newcomer_gets_all", 3, |fleet| {
        fleet.share(0);
        ban_many(fleet, 0, 3_000);
        fleet.share(1);
        wait_until("all bans are there", || count(fleet, 1) == 3_000);
        // Also when the host of the bans has gone.
        fleet.stop(0);
        fleet.share(2);
        wait_until("all bans are there", || count(fleet, 2) == 3_000);
    });
}

/// The broker is killed, and has lost all that it had acknowledged.
#[test]
fn a_broker_that_forgets() {
    with_fleet("a_broker_that_forgets", 3, |fleet| {
        fleet.share(0);
        fleet.share(1);
        fleet.on(0, "ban-ip --for 1h 203.0.113.1 203.0.113.2");
        fleet.wait_for_bans(1, &["203.0.113.1", "203.0.113.2"]);
        fleet.kill_broker(true);
        // Meanwhile all hosts ban and lift for themselves.
        let alone = fleet.on(0, "ban-ip --for 1h 203.0.113.3; unban-at now 203.0.113.1");
        assert_eq!(alone.status, Some(0), "{alone:?}");
        fleet.on(1, "ban-ip --for 1h 203.0.113.4");
        fleet.start_broker();
        fleet.share(2);
        let all = ["203.0.113.2", "203.0.113.3", "203.0.113.4"];
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all));
    });
}

/// A broker that was stopped, and one that can't be reached.
#[test]
fn away_for_a_while() {
    with_fleet("away_for_a_while", 3, |fleet| {
        fleet.share_all();
        fleet.on(0, "ban-ip --for 1h 203.0.113.1 203.0.113.2");
        fleet.wait_for_bans(1, &["203.0.113.1", "203.0.113.2"]);
        // A partition, during which bans are made and lifted on both sides.
        fleet.shell.run("ip link set v1 down");
        fleet.on(0, "ban-ip --for 1h 203.0.113.3; unban-at now 203.0.113.1");
        fleet.on(1, "ban-ip --for 1h 203.0.113.4");
        fleet.wait_for_bans(2, &["203.0.113.2", "203.0.113.3"]);
        wait_until("the connection is lost", || {
            fleet.figures(1).contains(" connected=0 ")
        });
        fleet.shell.run("ip link set v1 up");
        let all = ["203.0.113.2", "203.0.113.3", "203.0.113.4"];
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all));
        // share-ban is not there.
        fleet.stop(1);
        fleet.on(0, "ban-ip --for 1h 203.0.113.5; unban-at now 203.0.113.3");
        fleet.on(1, "ban-ip --for 1h 203.0.113.6; unban-at now 203.0.113.4");
        fleet.share(1);
        let all = ["203.0.113.2", "203.0.113.5", "203.0.113.6"];
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all));
        // A lift while nobody is there, which the broker has never heard of.
        (0..3).for_each(|host| fleet.stop(host));
        fleet.on(0, "unban-at now 203.0.113.2");
        fleet.kill_broker(true);
        fleet.start_broker();
        fleet.share_all();
        (0..3).for_each(|host| fleet.wait_for_bans(host, &all[1..]));
    });
}

/// mosquitto's queues as they are by default: a newcomer is sent some 1,000 messages, and the rest
/// is dropped without a word.
#[test]
fn short_queues() {
    with_fleet("short_queues", 2, |fleet| {
        fleet.kill_broker(true);
        fleet.configure_broker(|text| {
            let kept = text.lines().filter(|line| !line.starts_with("max_"));
            kept.map(|line| format!("{line}\n")).collect()
        });
        fleet.start_broker();
        fleet.share(0);
        ban_many(fleet, 0, 5_000);
        fleet.wait_for_hosts(0, 0);
        let config = fleet.config(1).display().to_string();
        let found = fleet.on(1, &format!("share-ban --config {config} --verify"));
        assert_eq!(
            (found.status, found.err.as_str()),
            (Some(1), ""),
            "{found:?}"
        );
        assert!(
            found.out.contains(" of 3000 messages come back"),
            "{found:?}"
        );
        fleet.share(1);
        wait_until("all bans are there", || count(fleet, 1) == 5_000);
    });
}

#[test]
fn a_good_broker_is_verified() {
    with_fleet("a_good_broker_is_verified", 2, |fleet| {
        fleet.share_all();
        let verify = format!("share-ban --config {} --verify", fleet.config(0).display());
        let found = fleet.on(0, &verify);
        let expected = (Some(0), "", "");
        assert_eq!(
            (found.status, found.out.as_str(), found.err.as_str()),
            expected
        );
        // It has cleared what it wrote, and nobody took it for a ban.
        let again = fleet.on(0, &verify);
        assert_eq!(again.status, Some(0), "{again:?}");
        assert_eq!(fleet.bans(1), [""; 0]);
        // A certificate that may do all.
        fleet.configure(0, "from b\n");
        let config = std::fs::read_to_string(fleet.config(0)).unwrap();
        crate::fleet::write_private(&fleet.config(0), &config.replace("/a.", "/admin."));
        let found = fleet.on(0, &verify);
        assert_eq!(found.status, Some(1), "{found:?}");
        assert!(
            found.out.contains("this host may write as another one"),
            "{found:?}"
        );
        assert!(
            found.out.contains("this host may lift for all hosts"),
            "{found:?}"
        );
    });
}

/// A broker that hangs holds up nobody but the news.
#[test]
fn a_broker_that_hangs() {
    with_fleet("a_broker_that_hangs", 2, |fleet| {
        fleet.share_all();
        fleet.stop_broker(Signal::SIGSTOP);
        let banned = fleet.on(0, "ban-ip --for 1h 203.0.113.1; ban-ip --list");
        assert_eq!(banned.status, Some(0), "{banned:?}");
        wait_until("it is found out", || {
            fleet.log(0).contains("the broker does not answer")
        });
        fleet.stop_broker(Signal::SIGCONT);
        fleet.wait_for_bans(1, &["203.0.113.1"]);
    });
}

/// Broker, share-ban and both ban-ip of three hosts are killed at random moments, while bans are
/// made and lifted.
#[test]
fn random_kills() {
    with_fleet("random_kills", 3, |fleet| {
        fleet.share_all();
        let mut random = fastrand::Rng::with_seed(60);
        for round in 0..60 {
            let host = random.usize(..3);
            let address = |n: u8| format!("203.0.{}.{n}", 100 + host);
            let (new, old) = (address(random.u8(..)), address(random.u8(..)));
            let script = format!("ban-ip --for 1h {new}; unban-at now {old}");
            fleet.on(host, &script);
            let victim = random.usize(..3);
            match ["share-ban", "ban-ip", "broker"][round % 3] {
                "broker" => {
                    fleet.kill_broker(random.bool());
                    fleet.on(host, &format!("ban-ip --for 1h {}", address(random.u8(..))));
                    fleet.start_broker();
                }
                program => {
                    if let Some(pid) = fleet.process(victim, program) {
                        let _ = kill(pid, Signal::SIGKILL);
                    }
                    std::thread::sleep(std::time::Duration::from_millis(random.u64(..100)));
                }
            }
            (0..3).for_each(|host| fleet.share_again(host));
        }
        wait_until("three equal lists", || {
            (0..3).for_each(|host| fleet.share_again(host));
            let lists = [0, 1, 2].map(|host| fleet.on(host, "ban-ip --list | cut -f1").out);
            !lists[0].is_empty() && lists[0] == lists[1] && lists[0] == lists[2]
        });
        (0..3).for_each(|host| assert!(!fleet.bans(host).is_empty()));
        // They stay equal.
        fleet.on(0, "ban-ip --for 1h 192.0.2.1");
        let mut all = fleet.bans(0);
        all.sort();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        (1..3).for_each(|host| fleet.wait_for_bans(host, &all));
    });
}
