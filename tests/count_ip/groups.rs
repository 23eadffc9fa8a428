//! `--distinct`, `--by` and `--forgive`: rows, and a slow counter that keeps all events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{count_ip, late_message};

/// An event: second, address, user, path, and whether it is a success.
#[derive(Clone, Debug)]
struct Event {
    at: u64,
    address: u8,
    user: Option<u8>,
    path: u8,
    success: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Address,
    User,
    Path,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    threshold: usize,
    within: Option<u64>,
    by: Option<Key>,
    distinct: Option<Key>,
    forgive: bool,
}

/// The name of a user: a short one, one that is kept as a hash, or one with bytes to be escaped.
fn user(number: u8) -> String {
    match number % 3 {
        0 => format!("user{number}"),
        1 => format!("a-user-with-a-long-name-{number}"),
        _ => format!("odd\\t\\\\{number}"),
    }
}

fn records(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        let (minute, second) = (event.at / 60, event.at % 60);
        let (hour, minute) = (minute / 60, minute % 60);
        let time = format!("2026-01-01T{hour:02}:{minute:02}:{second:02}Z");
        write!(
            text,
            "10.0.0.{}\tat={time}\tpath=/{}",
            event.address, event.path
        )
        .unwrap();
        if let Some(number) = event.user {
            write!(text, "\tuser={}", user(number)).unwrap();
        }
        text += if event.success {
            "\tsuccess=yes\trule=sshd/accepted\n"
        } else {
            "\trule=sshd\n"
        };
    }
    text
}

fn value(event: &Event, key: Key) -> Option<u8> {
    match key {
        Key::Address => Some(event.address),
        Key::User => event.user,
        Key::Path => Some(event.path),
    }
}

/// A group of the slow counter.
#[derive(Default)]
struct Group {
    newest: Option<u64>,
    kept: Vec<Event>,
    /// Since the threshold was reached: the distinct values of then, the addresses printed with
    /// the times of their last events.
    active: Option<(usize, BTreeMap<u8, u64>)>,
    newest_failure: u64,
    /// Times of successes by user and address.
    logins: Vec<(u8, u8, u64)>,
    forgave: BTreeMap<(u8, u8), u64>,
}

/// A printed record: address, count, distinct, first, last.
type Printed = (u8, usize, usize, u64, u64);

fn slowly(events: &[Event], rule: &Rule) -> (Vec<Printed>, usize) {
    let mut groups: BTreeMap<u8, Group> = BTreeMap::new();
    let (mut printed, mut late) = (Vec::new(), 0);
    let start = |time: u64| rule.within.map_or(0, |within| time.saturating_sub(within));
    for event in events {
        let Some(name) = value(event, rule.by.unwrap_or(Key::Address)) else {
            continue;
        };
        if event.success && !rule.forgive {
            continue;
        }
        let distinct = rule.distinct.map(|key| value(event, key));
        if distinct == Some(None) && !event.success {
            continue;
        }
        let group = groups.entry(name).or_default();
        let newest = group.newest.unwrap_or(0).max(event.at);
        let from = start(newest);
        if event.at < from {
            late += 1;
            continue;
        }
        group.newest = Some(newest);
        // A try is the events of one user at one address with one value, or one event.
        let is_same = |a: &Event, b: &Event| {
            let values = rule.distinct.map(|key| value(a, key) == value(b, key));
            let user = !rule.forgive || a.user == b.user;
            values.unwrap_or(true) && a.address == b.address && user
        };
        let joined = rule.distinct.is_some() || rule.within.is_none();
        if event.success {
            let Some(user) = event.user else { continue };
            let again = group.forgave.get(&(user, event.address));
            let may = again.is_none_or(|at| rule.within.is_some() && *at < start(event.at));
            let kept = std::mem::take(&mut group.kept);
            let before = kept.len();
            let last = |e: &Event| {
                let same = kept.iter().filter(|other| joined && is_same(e, other));
                same.map(|other| other.at).max().unwrap_or(e.at)
            };
            let stays = |e: &&Event| {
                let mine = e.user == Some(user) && e.address == event.address;
                // Events that have left the window are not there to be forgiven.
                !(may && mine && last(e) <= event.at)
            };
            group.kept = kept.iter().filter(stays).cloned().collect();
            if group.kept.len() < before {
                group.forgave.insert((user, event.address), event.at);
            }
            group.logins.push((user, event.address, event.at));
            continue;
        }
        if group.newest_failure < from {
            group.active = None;
        }
        group.newest_failure = group.newest_failure.max(event.at);
        let has_logged_in = |logins: &[(u8, u8, u64)], e: &Event| {
            let mut same = logins
                .iter()
                .filter(|l| Some(l.0) == e.user && l.1 == e.address);
            same.any(|login| login.2 >= from)
        };
        if let Some((distinct, seen)) = &mut group.active {
            if has_logged_in(&group.logins, event) {
                continue;
            }
            let last = seen.entry(event.address).or_insert(0);
            let is_new = *last == 0 || *last < from;
            *last = event.at.max(*last);
            if is_new {
                *last = event.at;
                printed.push((event.address, 1, *distinct, event.at, event.at));
            }
            continue;
        }
        group.kept.push(event.clone());
        let kept = group.kept.clone();
        // The new event does not revive a try that has left the window.
        group.kept.retain(|e| {
            let older = kept[..kept.len() - 1]
                .iter()
                .filter(|o| joined && is_same(e, o));
            let last = older.map(|other| other.at).max();
            e.at >= from || last.is_some_and(|last| last >= from)
        });
        let kept = &group.kept;
        let mut values: Vec<_> = kept
            .iter()
            .map(|e| rule.distinct.map(|k| value(e, k)))
            .collect();
        values.sort_unstable();
        values.dedup();
        let measure = if rule.distinct.is_some() {
            values.len()
        } else {
            kept.len()
        };
        if measure < rule.threshold {
            continue;
        }
        let distinct = if rule.distinct.is_some() { measure } else { 0 };
        let kept = std::mem::take(&mut group.kept);
        let times = |events: &[&Event]| {
            let first = events.iter().map(|e| e.at).min().unwrap();
            (first, events.iter().map(|e| e.at).max().unwrap())
        };
        if rule.by.is_none() {
            let (first, last) = times(&kept.iter().collect::<Vec<_>>());
            printed.push((event.address, kept.len(), distinct, first, last));
            if rule.distinct.is_none() && !rule.forgive {
                // A plain count keeps nothing of an address that it has printed.
                group.newest = None;
            }
            continue;
        }
        let mut reports = Vec::new();
        for address in 0..=u8::MAX {
            let of: Vec<_> = kept
                .iter()
                .filter(|e| e.address == address && !has_logged_in(&group.logins, e))
                .collect();
            if !of.is_empty() {
                let (first, last) = times(&of);
                reports.push((address, of.len(), distinct, first, last));
            }
        }
        reports.sort_by_key(|report| report.3);
        let seen = reports.iter().map(|report| (report.0, report.4)).collect();
        group.active = Some((distinct, seen));
        printed.extend(reports);
    }
    (printed, late)
}

fn printed(output: &str) -> Vec<Printed> {
    let one = |line: &str| {
        let field = |key: &str| {
            let mut fields = line.split('\t');
            fields
                .find_map(|f| f.strip_prefix(key))
                .unwrap_or("0")
                .to_string()
        };
        let second = |key: &str| -> u64 {
            let time = field(key);
            let number = |place: usize| time[place..place + 2].parse::<u64>().unwrap();
            number(11) * 3600 + number(14) * 60 + number(17)
        };
        let address = line
            .split('\t')
            .next()
            .unwrap()
            .strip_prefix("10.0.0.")
            .unwrap();
        let number = |key| field(key).parse().unwrap();
        let (count, distinct) = (number("count="), number("distinct="));
        let address = address.parse().unwrap();
        (address, count, distinct, second("first="), second("last="))
    };
    output.lines().map(one).collect()
}

fn arguments(rule: &Rule) -> Vec<String> {
    let name = |key: Key| format!("{key:?}").to_lowercase();
    let mut arguments = vec!["-n".to_string(), rule.threshold.to_string()];
    arguments.extend(
        rule.within
            .iter()
            .flat_map(|w| ["-w".into(), w.to_string()]),
    );
    arguments.extend(rule.by.iter().flat_map(|key| ["--by".into(), name(*key)]));
    arguments.extend(
        rule.distinct
            .iter()
            .flat_map(|key| ["--distinct".into(), name(*key)]),
    );
    if rule.forgive {
        arguments.extend(["--forgive".into(), "rule=sshd/accepted".into()]);
    }
    arguments
}

/// Live, replayed, and in several processes that share a state file.
#[test]
fn as_a_slow_counter_has_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_string();
    let mut all = [0; 3];
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let any =
            |random: &mut fastrand::Rng, keys: &[Option<Key>]| keys[random.usize(..keys.len())];
        let by = any(&mut random, &[None, Some(Key::User), Some(Key::Path)]);
        let rule = Rule {
            threshold: random.usize(1..6),
            within: [None, Some(5), Some(20)][random.usize(..3)],
            by,
            distinct: any(
                &mut random,
                &[None, Some(Key::Address), Some(Key::User), Some(Key::Path)],
            ),
            forgive: random.bool(),
        };
        // The state file drops what has been silent for two windows: events that are out of order
        // by more than one may find less there.
        let orderly = random.bool();
        let most_behind = rule.within.filter(|_| orderly).unwrap_or(30);
        let mut now = 100;
        let event = |_| {
            now += random.u64(..3) / 2 * random.u64(..6);
            let behind = [0, 0, random.u64(..5), random.u64(..most_behind)][random.usize(..4)];
            Event {
                at: now - behind,
                address: random.u8(..6),
                user: (random.u8(..8) > 0).then(|| random.u8(..5)),
                path: random.u8(..3),
                success: random.u8(..5) == 0,
            }
        };
        let events: Vec<_> = (0..200).map(event).collect();
        let text = records(&events);
        let (expected, late) = slowly(&events, &rule);
        let arguments = arguments(&rule);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        std::fs::write(path("records"), &text).unwrap();
        let file = path("records");
        let (replayed, error, _) = count_ip(&[&arguments[..], &[&file]].concat(), b"");
        assert_eq!(printed(&replayed), expected, "seed {seed} {rule:?}");
        assert_eq!(
            error.contains(&late_message(late)),
            late > 0,
            "{seed} {late} {error}"
        );
        let (live, _, _) = count_ip(&arguments, text.as_bytes());
        assert_eq!(live, replayed, "seed {seed}");
        let state = path(&format!("state{seed}"));
        let mut kept = String::new();
        for part in events.chunks(67) {
            let arguments = [&arguments[..], &["--state-file", &state]].concat();
            kept += &count_ip(&arguments, records(part).as_bytes()).0;
        }
        assert!(!orderly || kept == replayed, "seed {seed} {rule:?}");
        all[0] += expected.len();
        all[1] += late;
        all[2] += usize::from(rule.forgive);
    }
    assert!(all[0] > 2_000 && all[1] > 400 && all[2] > 40, "{all:?}");
}
