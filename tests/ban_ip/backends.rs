//! nf_tables against the real kernel.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::{in_namespace, run, unshared, wait_until};
use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban_ban::firewall::{Backend, Firewall};
use pipeban_ban::target::Target;

pub const HOUR: Option<Duration> = Some(Duration::from_secs(3_600));
pub const MIXED: [&str; 9] = [
    "198.51.100.0/24",
    "198.51.100.7",
    "198.51.100.8/31",
    "198.51.100.8",
    "203.0.113.7",
    "2001:db8::/32",
    "2001:db8::/64",
    "2001:db8::1",
    "2001:db8::ffff:c633:6407",
];

pub fn address(text: &str) -> Target {
    Address::parse(text.as_bytes()).unwrap().into()
}

/// A firewall by the name of its backend, as it is.
pub fn connect(name: &str) -> Box<dyn Firewall> {
    Backend::parse(name).unwrap().open().ok().unwrap()
}

fn open() -> Box<dyn Firewall> {
    open_backend("nft")
}

pub fn open_backend(name: &str) -> Box<dyn Firewall> {
    let mut firewall = connect(name);
    assert!(firewall.ensure().unwrap(), "a new kernel has lost all bans");
    assert!(firewall.restored().unwrap());
    assert!(!firewall.ensure().unwrap());
    firewall
}

pub fn banned(firewall: &mut dyn Firewall) -> BTreeMap<String, Option<Duration>> {
    let bans = firewall.list().unwrap().unwrap();
    bans.iter().map(|(a, t)| (a.to_string(), *t)).collect()
}

pub fn names(firewall: &mut dyn Firewall) -> Vec<String> {
    banned(firewall).into_keys().collect()
}

/// Whether the time left is `expected`, give or take the minute that a slow machine may need.
pub fn about(left: Option<Duration>, expected: u64) -> bool {
    left.is_some_and(|l| l.as_secs() <= expected && l.as_secs() + 60 >= expected)
}

#[test]
fn hosts_and_networks_that_overlap() {
    in_namespace("hosts_and_networks_that_overlap", || {
        let mut firewall = open();
        let bans: Vec<_> = MIXED.iter().map(|a| (address(a), HOUR)).collect();
        firewall.ban(&bans).unwrap();
        let mut expected = MIXED.map(String::from);
        expected.sort();
        assert_eq!(names(&mut *firewall), expected);
        assert!(banned(&mut *firewall).values().all(|t| about(*t, 3_600)));

        firewall.lift(&[address("198.51.100.8")]).unwrap();
        let left: Vec<_> = expected.iter().filter(|a| *a != "198.51.100.8").collect();
        assert_eq!(names(&mut *firewall).iter().collect::<Vec<_>>(), left);
    });
}

#[test]
fn a_ban_takes_the_new_time() {
    in_namespace("a_ban_takes_the_new_time", || {
        let mut firewall = open();
        let one = address("203.0.113.7");
        let mut set = |seconds: Option<u64>| {
            let time = seconds.map(Duration::from_secs);
            firewall
                .ban(&[(address("203.0.113.8"), HOUR), (one, time)])
                .unwrap();
            banned(&mut *firewall)["203.0.113.7"]
        };
        assert!(about(set(Some(3_600)), 3_600));
        assert!(about(set(Some(7_200)), 7_200), "lengthened");
        assert!(about(set(Some(600)), 600), "shortened");
        assert_eq!(set(None), None, "for ever");
        assert_eq!(set(None), None);
        assert!(about(set(Some(600)), 600), "no longer for ever");
        let century = 36_500 * 86_400;
        assert!(about(set(Some(u64::MAX)), century), "no wrap");

        firewall
            .ban(&[(one, Some(Duration::from_secs(600)))])
            .unwrap();
        std::thread::sleep(Duration::from_millis(1_100));
        firewall
            .ban(&[(one, Some(Duration::from_secs(600)))])
            .unwrap();
        let left = banned(&mut *firewall)["203.0.113.7"].unwrap();
        assert!(
            left > Duration::from_millis(599_000),
            "the same time begins anew: {left:?}"
        );
    });
}

#[test]
fn of_several_times_for_one_address_the_last_stays() {
    in_namespace("of_several_times_for_one_address_the_last_stays", || {
        let mut firewall = open();
        for _ in 0..2 {
            let time = |s| (address("203.0.113.7"), Some(Duration::from_secs(s)));
            firewall.ban(&[time(60), time(9_000), time(1_800)]).unwrap();
            let all = banned(&mut *firewall);
            assert_eq!(all.len(), 1);
            assert!(about(all["203.0.113.7"], 1_800));
        }
    });
}

#[test]
fn lifting_what_is_not_banned_is_no_error() {
    in_namespace("lifting_what_is_not_banned_is_no_error", || {
        let mut firewall = open();
        firewall.lift(&[address("203.0.113.9")]).unwrap();
        firewall
            .ban(&[
                (address("203.0.113.7"), None),
                (address("203.0.113.8"), HOUR),
            ])
            .unwrap();
        let lifted = ["203.0.113.9", "203.0.113.7", "203.0.113.7", "2001:db8::1"];
        firewall.lift(&lifted.map(address)).unwrap();
        assert_eq!(names(&mut *firewall), ["203.0.113.8"]);
    });
}

#[test]
fn the_kernel_ends_a_ban() {
    in_namespace("the_kernel_ends_a_ban", || {
        let mut firewall = open();
        let short = |a| (address(a), Some(Duration::from_millis(300)));
        firewall
            .ban(&[short("203.0.113.0/24"), short("2001:db8::1")])
            .unwrap();
        firewall.ban(&[(address("203.0.113.7"), HOUR)]).unwrap();
        firewall
            .ban(&[(address("203.0.113.8"), Some(Duration::ZERO))])
            .unwrap();
        wait_until("the short ones end", || {
            names(&mut *firewall) == ["203.0.113.7"]
        });
    });
}

#[test]
fn many_in_one_call() {
    in_namespace("many_in_one_call", || {
        let mut firewall = open();
        let bans: Vec<_> = (0..10_000u32)
            .flat_map(|n| {
                let [_, _, a, b] = n.to_be_bytes();
                let v4 = std::net::IpAddr::from([198, 18, a, b]);
                let v6 = std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, n as u16]);
                [
                    (Address::from(v4).into(), HOUR),
                    (Address::from(v6).into(), None),
                ]
            })
            .collect();
        for _ in 0..2 {
            firewall.ban(&bans).unwrap();
            assert_eq!(banned(&mut *firewall).len(), 20_000);
        }
        let addresses: Vec<_> = bans.iter().map(|b| b.0).collect();
        firewall.lift(&addresses).unwrap();
        assert_eq!(names(&mut *firewall).len(), 0);
    });
}

#[test]
fn what_others_take_away_is_put_back() {
    in_namespace("what_others_take_away_is_put_back", || {
        let mut firewall = open();
        let one = (address("203.0.113.7"), HOUR);
        let rules = || run("nft", &["list", "chain", "inet", "pipeban", "prerouting"]);
        firewall.ban(&[one]).unwrap();
        let Some(before) = rules() else { return };
        assert_eq!(before.matches("@ipv4_32").count(), 1, "{before}");

        run("nft", &["flush", "chain", "inet", "pipeban", "prerouting"]);
        assert!(!firewall.ensure().unwrap(), "no ban is lost with the rules");
        assert_eq!(rules().unwrap(), before);

        run(
            "nft",
            &["add", "table", "inet", "pipeban", "{ flags dormant; }"],
        );
        assert!(!firewall.ensure().unwrap());
        assert!(
            !run("nft", &["list", "table", "inet", "pipeban"])
                .unwrap()
                .contains("dormant")
        );
        assert_eq!(rules().unwrap(), before);

        run("nft", &["delete", "chain", "inet", "pipeban", "prerouting"]);
        assert!(!firewall.ensure().unwrap());
        assert_eq!(rules().unwrap(), before);

        run("nft", &["flush", "ruleset"]);
        assert!(firewall.ensure().unwrap(), "all is lost");
        drop(firewall);
        let mut firewall = connect("nft");
        assert!(firewall.ensure().unwrap(), "and nobody has restored it yet");
        firewall.ban(&[one]).unwrap();
        assert!(firewall.restored().unwrap());
        assert_eq!(rules().unwrap(), before);

        // Between the look and the ban: the ban holds, and the next look knows that others are
        // lost.
        run("nft", &["flush", "ruleset"]);
        firewall.ban(&[one]).unwrap();
        assert_eq!(rules().unwrap(), before);
        assert!(firewall.ensure().unwrap());
    });
}

#[test]
fn the_rest_of_the_ruleset_is_left_alone() {
    in_namespace("the_rest_of_the_ruleset_is_left_alone", || {
        let other = "add table ip other; add chain ip other c { type filter hook input priority 0; }; \
                     add rule ip other c ip saddr 203.0.113.7 accept; add set ip other s { type ipv4_addr; }";
        let Some(_) = run("nft", &[other]) else {
            return;
        };
        let before = run("nft", &["list", "ruleset"]).unwrap();
        let mut firewall = open();
        firewall.ban(&[(address("203.0.113.7"), HOUR)]).unwrap();
        firewall.lift(&[address("203.0.113.7")]).unwrap();
        run("nft", &["delete", "table", "inet", "pipeban"]);
        assert_eq!(run("nft", &["list", "ruleset"]).unwrap(), before);
    });
}

#[test]
fn no_rule_stands_twice_however_many_ban_at_once() {
    in_namespace("no_rule_stands_twice_however_many_ban_at_once", || {
        drop(open());
        std::thread::scope(|scope| {
            for thread in 0..8u8 {
                scope.spawn(move || {
                    let mut firewall = connect("nft");
                    for n in 0..25 {
                        let network = format!("203.0.113.{thread}/{}", 8 + n);
                        firewall.ban(&[(address(&network), HOUR)]).unwrap();
                        let host = format!("198.51.100.{}", thread * 25 + n);
                        firewall.ban(&[(address(&host), HOUR)]).unwrap();
                    }
                });
            }
        });
        let mut firewall = connect("nft");
        let hosts = names(&mut *firewall);
        assert_eq!(
            hosts
                .iter()
                .filter(|a| a.starts_with("198.51.100."))
                .count(),
            200
        );
        if let Some(rules) = run("nft", &["list", "chain", "inet", "pipeban", "prerouting"]) {
            assert_eq!(rules.matches("goto").count(), 25, "{rules}");
        }
    });
}

#[test]
fn without_privilege_it_says_so() {
    // A new user namespace has no say in the network namespace that it came from.
    unshared("-U", "without_privilege_it_says_so", || {
        let Some(Fault::Error { what, .. }) = Backend::Nft.open().err() else {
            panic!("it opens");
        };
        assert_eq!(what, "not permitted: needs root or CAP_NET_ADMIN");
    });
}
