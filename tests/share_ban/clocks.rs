//! Hosts whose clocks are ten minutes wrong, in both directions. All that others see of a clock are
//! the times in messages; mosquitto_pub writes them here, for programs that are linked statically
//! can't be given another clock.

use pipeban::time::Time;

use crate::common::{field, wait_until};
use crate::fleet::{Fleet, with_fleet};

const TEN_MINUTES: i64 = 600;
const HOUR: i64 = 3_600;

/// The clock of a host: the seconds by which it is ahead, and a moment this number of seconds from
/// now.
fn time(ahead: i64, seconds: i64) -> String {
    Time::from_secs(Time::now().secs() + ahead + seconds).to_string()
}

/// Says that a host bans an address from `begin` to `end`, in seconds from now by its clock.
fn ban(fleet: &Fleet, (host, ahead): (&str, i64), address: &str, begin: i64, end: i64) {
    let (since, until) = (time(ahead, begin), time(ahead, end));
    let payload = format!("{address}\tsince={since}\tuntil={until}");
    let expiry = format!("-r -D PUBLISH message-expiry-interval {end}");
    let topic = format!("pipeban/ban/{host}/{address}");
    let sent = fleet.publish(host, &topic, &payload, &expiry);
    assert_eq!(sent.status, Some(0), "{sent:?}");
}

#[test]
fn ten_minutes_off() {
    with_fleet("ten_minutes_off", 3, |fleet| {
        fleet.share(1);
        fleet.wait_for_hosts(1, 0);
        let hosts = [
            ("a", TEN_MINUTES, "203.0.113.1"),
            ("c", -TEN_MINUTES, "203.0.113.3"),
        ];
        let all = hosts.map(|(.., address)| address);
        for (host, ahead, address) in hosts {
            let at = time(ahead, 0);
            let hello = format!("state=here\tversion=1\tat={at}\tbans=1\tdigest=0");
            fleet.publish(host, &format!("pipeban/host/{host}"), &hello, "");
            ban(fleet, (host, ahead), address, 0, HOUR);
        }
        fleet.wait_for_bans(1, &all);
        // No ban lasts longer than its host has said, whatever the clocks say.
        for (host, expected) in [("a", HOUR), ("c", HOUR - TEN_MINUTES)] {
            let list = fleet.on(1, &format!("ban-ip --list --origin {host}"));
            let until = Time::parse(field(&list, "until")[0].as_bytes()).unwrap();
            let left = until.secs() - Time::now().secs();
            assert!(
                (expected - 300..=expected).contains(&left),
                "{left}: {list:?}"
            );
        }
        // A ban that is over by its own end is none.
        ban(fleet, ("c", -TEN_MINUTES), "203.0.113.4", 0, 300);
        wait_until("both clocks and the ban are refused", || {
            let figures = fleet.figures(1);
            figures.contains(" refused-over=1 ") && figures.contains(" refused-clock=2 ")
        });
        // A host's lifts and later bans go by its own clock.
        for (host, ahead, address) in hosts {
            let lift = format!("{address}\tlifted={}", time(ahead, 1));
            fleet.publish(host, &format!("pipeban/ban/{host}/{address}"), &lift, "-r");
        }
        fleet.wait_for_bans(1, &[]);
        for (host, ahead, address) in hosts {
            ban(fleet, (host, ahead), address, 2, HOUR);
        }
        fleet.wait_for_bans(1, &all);
        // So does the list that an earlier run has left.
        fleet.stop(1);
        fleet.share(1);
        wait_until("both are heard again", || {
            fleet.figures(1).contains(" held=2 ")
        });
        fleet.wait_for_bans(1, &all);
        // A pardon goes by the clock of the host that is to lift.
        for address in all {
            fleet.publish("admin", &format!("pipeban/pardon/{address}"), address, "");
        }
        fleet.wait_for_bans(1, &[]);
    });
}
