//! The ledger over the years, with times that the test chooses.

use std::net::Ipv4Addr;
use std::time::Duration;

use pipeban::address::Address;
use pipeban::time::Time;
use pipeban_ban::ledger::{Ban, Ledger, NewBan};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

pub fn address(n: u32) -> Address {
    Address::from(std::net::IpAddr::from(Ipv4Addr::from_bits(0xc612_0000 + n)))
}

/// A ledger of its own, in a directory that goes away.
pub fn new_ledger() -> (tempfile::TempDir, Ledger) {
    let directory = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(Some(&directory.path().join("state.db"))).unwrap();
    (directory, ledger)
}

/// Bans these addresses together, for an hour or for ever.
pub fn ban(ledger: &mut Ledger, numbers: std::ops::Range<u32>, now: Time, ends: bool) {
    let until = ends.then(|| now + HOUR);
    let new_ban = |n| NewBan {
        ban: Ban {
            address: address(n),
            since: now,
            until,
        },
        facts: vec![],
        event: None,
        said: None,
        origin: String::new(),
    };
    let bans: Vec<_> = numbers.map(new_ban).collect();
    ledger.ban("none", &bans, now).unwrap();
}

#[test]
fn what_ended_long_ago_is_forgotten_and_nothing_else() {
    let (_directory, mut ledger) = new_ledger();
    let start = Time::from_secs(1_900_000_000);
    ban(&mut ledger, 0..500, start, false);
    ban(&mut ledger, 500..3_000, start, true);
    // Each day of the next month the same ones come again: what they did before is history.
    for day in 1..30 {
        ban(&mut ledger, 500..1_000, start + DAY * day, true);
    }
    let later = start + DAY * 60;
    assert_eq!(ledger.earlier(&address(700), later).unwrap(), 30);
    assert_eq!(ledger.history(&address(700)).unwrap().len(), 30);

    // A clock that is ahead for some days removes nothing.
    let ahead = start + DAY * 400;
    for n in 0..20 {
        let numbers = 60_000 + n * 1_000..61_000 + n * 1_000;
        ban(&mut ledger, numbers, ahead + DAY * (n % 5), true);
    }
    assert_eq!(ledger.history(&address(700)).unwrap().len(), 30);

    for day in 70..160 {
        ban(&mut ledger, 50_000..50_001, start + DAY * day, true);
    }
    // Half a year later others come, and with them the time to forget.
    let much_later = start + DAY * 180;
    for n in 0..20 {
        ban(
            &mut ledger,
            10_000 + n * 1_000..11_000 + n * 1_000,
            much_later,
            true,
        );
    }
    let remembered = |n: u32| ledger.history(&address(n)).unwrap().len();
    let old: usize = (500..3_000).map(remembered).sum();
    assert!(old < 1_500, "of the 17,000 old ones are left: {old}");
    assert_eq!(
        (0..500).map(remembered).sum::<usize>(),
        500,
        "these are in force"
    );
    assert_eq!((10_000..30_000).map(remembered).sum::<usize>(), 20_000);
    let ahead = 20_000;
    assert_eq!(
        ledger.current(much_later, None).unwrap().len(),
        20_500 + ahead
    );
}

#[test]
fn a_ban_is_looked_up_at_its_time() {
    let (_directory, mut ledger) = new_ledger();
    let start = Time::from_secs(1_900_000_000);
    ban(&mut ledger, 0..1, start, true);
    let found = |at: Time| {
        ledger
            .find("none", &address(0), Some(at))
            .unwrap()
            .is_some()
    };
    assert!(!found(start - HOUR), "not yet");
    assert!(found(start) && found(start + HOUR / 2));
    assert!(!found(start + HOUR), "no longer");
    assert!(
        ledger
            .find("nft", &address(0), Some(start))
            .unwrap()
            .is_none()
    );
}
