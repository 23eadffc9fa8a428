//! The finder against the slow one, on random text. `PIPEBAN_TEST_LINES` asks for more of it.

use fastrand::Rng;

use std::ops::Range;

use super::slow::Slow;
use super::*;
use pipeban::address::Address;
use pipeban::masks::{Common, Portable};

/// The parts of the texts: pieces of addresses, and their neighbours in logs.
const PARTS: &[&str] = &[
    "192.0.2.1",
    "198.51.100.255",
    "0.0.0.0",
    "1.2.3.4",
    "256.1.1.1",
    "01.2.3.4",
    "10.0.0.0/8",
    "192.0.2.0/24",
    "2001:db8::1",
    "2001:DB8:0:0:1:0:0:1",
    "fe80::1%eth0",
    "::1",
    "::",
    "::ffff:192.0.2.1",
    "2001:db8::/32",
    "1:2:3:4:5:6:7:8",
    "64:ff9b::192.0.2.1",
    "1:2:3:4:5:6:1.2.3.4",
    "abc::def",
    "0:0:0:0:0:ffff:c000:201",
    "2001:db8:1:2:3:4:5:6",
    "2a01:4f8:c17:b0f::2",
    "2001:db8:85a3:8d3:1319:8a2e:370:7348",
    "2001:11:22:33:44:55:66:7",
    "00:11:22:33:44:55",
    "02:16:17",
    "aa:bb:cc:dd:ee:ff:",
    "00:11:22:33:44:55:66:77",
    "Chrome/",
    "rv:",
    "host/",
    "smtpd:",
    "eth0",
    "UTC:",
    "std::",
    "x",
    "v",
    "_",
    "\\n",
    "\x1b[1;31m",
    "[m",
    "é",
    ":58430",
    ".50550",
    ".22",
    ":443",
    "/24",
    "/5060",
    "/128",
    "#53",
    "%20",
    "..",
    ".",
    ":",
    "::",
    ":::",
    "-",
    "/",
    " ",
    "[",
    "]",
    "(",
    ")",
    "<",
    "\"",
    "'",
    "=",
    ",",
    "\n",
    "\r\n",
    "+",
    "~",
    "rc1",
    "example.net",
    "0",
    "1",
    "25",
    "ff",
    "a",
];

const BYTES: &[u8] = b"0123456789abcdefABCDEFgmnrtvxz.:/-_%+~[]();=\"' \n\\\x1b\xff";

/// Pieces of addresses and of lines, mutated here and there.
fn text(random: &mut Rng) -> Vec<u8> {
    let mut text = Vec::new();
    // Chunks begin anywhere in it.
    text.resize(
        [0, 40, 50, 55, 70][random.usize(..5)] + random.usize(..8),
        b' ',
    );
    for _ in 0..1 + random.u8(..6) {
        text.extend_from_slice(PARTS[random.usize(..PARTS.len())].as_bytes());
    }
    for _ in 0..random.u8(..4) {
        let place = random.usize(..text.len());
        match random.u8(..3) {
            0 => text[place] = BYTES[random.usize(..BYTES.len())],
            1 => text.insert(place, BYTES[random.usize(..BYTES.len())]),
            _ => _ = text.remove(place),
        }
        if text.is_empty() {
            text.push(b'1');
        }
    }
    text
}

/// Compares what all finders see in a text with what the slow one does.
fn compare(expected: &[(Range<usize>, Address)], text: &[u8]) {
    let mut all = Vec::new();
    find_all(text, |found| {
        let mut written = Vec::new();
        found.write(text, &mut written);
        let canonical = found.address.to_string();
        assert_eq!(written, canonical.as_bytes(), "{}", text.escape_ascii());
        all.push(found);
    });
    let fast = all.iter().map(|f| (f.range.clone(), f.address));
    let same = fast.eq(expected.iter().cloned());
    assert!(same, "{all:?}, slow: {expected:?}: {}", text.escape_ascii());
    let [mut common, mut portable] = [const { Vec::new() }; 2];
    scan::scan_by::<Common>(text, |found| common.push(found));
    scan::scan_by::<Portable>(text, |found| portable.push(found));
    assert_eq!(all, common, "{}", text.escape_ascii());
    assert_eq!(all, portable, "{}", text.escape_ascii());
}

#[test]
fn slow_finder_agrees() {
    let lines = std::env::var("PIPEBAN_TEST_LINES")
        .ok()
        .and_then(|n| n.parse().ok());
    let seed = std::env::var("PIPEBAN_TEST_SEED")
        .ok()
        .and_then(|n| n.parse().ok());
    let mut random = Rng::with_seed(seed.unwrap_or(1));
    let slow = Slow::new();
    // All lines once more, many together: a long text is searched in larger steps.
    let (mut block, mut in_block) = (Vec::new(), Vec::new());
    let mut size = 0;
    for _ in 0..lines.unwrap_or(20_000) {
        let text = text(&mut random);
        let expected = slow.find_all(&text);
        compare(&expected, &text);
        let moved = |(range, address): (Range<usize>, _)| {
            (range.start + block.len()..range.end + block.len(), address)
        };
        in_block.extend(expected.into_iter().map(moved));
        block.extend_from_slice(&text);
        block.push(b'\n');
        if random.usize(..100) == 0 {
            block.resize(block.len() + random.usize(..70_000), b'\n');
        }
        if block.len() > size {
            compare(&in_block, &block);
            block.clear();
            in_block.clear();
            let most = [2_000, 10_000, 200_000][random.usize(..3)];
            size = random.usize(..most);
        }
    }
}

/// As many places to look at as a text can have.
#[test]
fn nothing_but_dots_and_colons() {
    let slow = Slow::new();
    for part in [".", ":", "1.", "1:", "::1 ", "1.1.1.1 ", "1.1.1.1\n::\n"] {
        let text = part.repeat(2500 / part.len());
        compare(&slow.find_all(text.as_bytes()), text.as_bytes());
    }
}
