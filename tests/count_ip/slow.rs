//! Windows compared with a slow counter that keeps all events; live and replayed runs; the bound
//! on memory.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::process::{Command, Stdio};

use crate::{count_ip, late_message};

const THRESHOLD: usize = 4;
const WITHIN: u64 = 30;

/// An event: the last number of its address, and the second at which it was.
type Event = (u64, u64);

/// Events of some addresses, mostly in order, some late, some at the same time.
fn events(count: usize, addresses: u64, seed: u64) -> Vec<Event> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut now = 100;
    let mut event = |_| {
        now += random.u64(..4) / 3 * random.u64(..5);
        let late = [0, 0, random.u64(..WITHIN), random.u64(..3 * WITHIN)][random.usize(..4)];
        (random.u64(..addresses), now.saturating_sub(late))
    };
    (0..count).map(&mut event).collect()
}

fn records(events: &[Event]) -> String {
    let mut text = String::new();
    for (address, second) in events {
        let (day, hour, minute) = (second / 86_400, second / 3_600 % 24, second / 60 % 60);
        let (b, c, d) = (address >> 16, address >> 8 & 255, address & 255);
        writeln!(
            text,
            "10.{b}.{c}.{d}\tat=2026-01-{:02}T{hour:02}:{minute:02}:{:02}Z\tx={second}",
            day + 1,
            second % 60
        )
        .unwrap();
    }
    text
}

/// The expected output, from a counter that keeps all events for ever: address and time of each
/// deciding event, and the number of events that came too late.
fn slowly(events: &[Event]) -> (Vec<Event>, usize) {
    let mut kept: HashMap<u64, Vec<u64>> = HashMap::new();
    let (mut printed, mut late) = (Vec::new(), 0);
    for (address, at) in events {
        let times = kept.entry(*address).or_default();
        let newest = times.iter().chain([at]).max().unwrap();
        let from = newest.saturating_sub(WITHIN);
        if *at < from {
            late += 1;
            continue;
        }
        times.push(*at);
        if times.iter().filter(|time| **time >= from).count() == THRESHOLD {
            times.clear();
            printed.push((*address, *at));
        }
    }
    (printed, late)
}

fn printed(output: &str) -> Vec<Event> {
    let one = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let octets: Vec<u64> = fields[0].split('.').map(|n| n.parse().unwrap()).collect();
        let second = fields
            .iter()
            .find_map(|field| field.strip_prefix("x="))
            .unwrap();
        assert!(fields.contains(&"count=4"), "{line}");
        (
            octets[1] << 16 | octets[2] << 8 | octets[3],
            second.parse().unwrap(),
        )
    };
    output.lines().map(one).collect()
}

const WINDOW: [&str; 4] = ["--threshold", "4", "--within", "30"];

#[test]
fn windows_as_a_slow_counter_has_them() {
    let mut crossings = 0;
    for seed in 0..60 {
        let events = events(700, 1 + seed % 5, seed);
        let (output, error, _) = count_ip(&WINDOW, records(&events).as_bytes());
        let (expected, late) = slowly(&events);
        assert!(late > 0 && error.ends_with(&late_message(late)), "{error}");
        assert_eq!(printed(&output), expected, "seed {seed}");
        crossings += output.lines().count();
    }
    assert!(crossings > 2_000, "{crossings}");
}

/// A million records from a file, and in pieces through a pipe: the same output, and it is that of
/// the slow counter.
#[test]
fn live_as_replayed() {
    let events = events(1_000_000, 40, 7);
    let text = records(&events);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records");
    std::fs::write(&file, &text).unwrap();
    let (replayed, error, status) =
        count_ip(&[&WINDOW[..], &[file.to_str().unwrap()]].concat(), b"");
    let (expected, late) = slowly(&events);
    assert_eq!((error, status), (late_message(late), 2));
    let mut child = Command::new(env!("CARGO_BIN_EXE_count-ip"))
        .args(WINDOW)
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        let mut random = fastrand::Rng::with_seed(3);
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let piece = rest.len().min(1 + random.usize(..100_000));
            pipe.write_all(&rest[..piece]).unwrap();
            rest = &rest[piece..];
        }
    });
    let mut live = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut live)
        .unwrap();
    writer.join().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(live == replayed, "live and replayed output differ");
    assert!(
        printed(&replayed) == expected,
        "not what the slow counter says"
    );
    assert!(
        replayed.lines().count() > 10_000,
        "{}",
        replayed.lines().count()
    );
}

/// A flood of addresses with one event each evicts neither the count nor the total of an address
/// that attacks steadily.
#[test]
fn a_flood_hides_nobody() {
    let mut text = String::new();
    for i in 0..100_000 {
        writeln!(text, "2001:db8::{:x}:{:x}", i >> 16, i & 0xffff).unwrap();
        if i % 400 == 0 {
            text += "203.0.113.7\n198.51.100.1\tat=2026-03-30T00:00:00Z\n";
        }
    }
    let bound = ["--max-addresses", "1000"];
    let note = "count-ip: memory: 1000 addresses are held; from here on, those silent for longest \
                are let go\n";
    let (output, error, _) = count_ip(
        &[&bound[..], &["-n", "25", "-w", "1w"]].concat(),
        text.as_bytes(),
    );
    let of = |address: &str| {
        output
            .lines()
            .filter(|line| line.starts_with(address))
            .count()
    };
    assert_eq!(
        (
            of("203.0.113.7\t"),
            of("198.51.100.1\t"),
            output.lines().count()
        ),
        (10, 10, 20)
    );
    assert!(error.starts_with(note), "{error}");
    let (output, error, _) = count_ip(&[&bound[..], &["--top", "2"]].concat(), text.as_bytes());
    let time = "2026-03-30T00:00:00+00:00";
    let expected =
        format!("198.51.100.1\tcount=250\tfirst={time}\tlast={time}\n203.0.113.7\tcount=250\n");
    assert!(output.lines().eq(expected.lines()), "{output}");
    assert!(error.starts_with(note), "{error}");
}

/// Of three addresses, the one that was silent for longest is evicted.
#[test]
fn the_longest_silent_goes_first() {
    let events = "a b c a d a b";
    let text: String = events
        .split(' ')
        .map(|name| format!("2001:db8::{name}\n"))
        .collect();
    let (output, _, _) = count_ip(&["--max-addresses", "3", "-n", "2"], text.as_bytes());
    let addresses: Vec<_> = output
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    // "b" was evicted for "d", and came back as new.
    assert_eq!(addresses, ["2001:db8::a"]);
}
