//! The finder against the slow one, on random text. `PIPEBAN_TEST_LINES` asks for more of it.

use super::slow::Slow;
use super::*;

/// What the text is made of: parts of addresses, and what stands beside them in logs.
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

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }

    fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        // Chunks begin anywhere in it.
        text.resize([0, 40, 50, 55, 70][self.below(5)] + self.below(8), b' ');
        for _ in 0..1 + self.below(6) {
            text.extend_from_slice(PARTS[self.below(PARTS.len())].as_bytes());
        }
        for _ in 0..self.below(4) {
            let place = self.below(text.len());
            match self.below(3) {
                0 => text[place] = BYTES[self.below(BYTES.len())],
                1 => text.insert(place, BYTES[self.below(BYTES.len())]),
                _ => _ = text.remove(place),
            }
            if text.is_empty() {
                text.push(b'1');
            }
        }
        text
    }
}

fn compare(slow: &Slow, text: &[u8]) {
    let mut expected = slow.find_all(text);
    expected.reverse();
    find_all(text, |found| {
        let slow = expected.pop();
        let fast = Some((found.range.clone(), found.address));
        assert_eq!(fast, slow, "fast, slow: {}", text.escape_ascii());
        let mut written = Vec::new();
        found.write(text, &mut written);
        assert_eq!(
            written,
            found.address.to_string().as_bytes(),
            "{}",
            text.escape_ascii()
        );
    });
    assert_eq!(expected, [], "slow alone: {}", text.escape_ascii());
    let mut all = Vec::new();
    find_all(text, |found| all.push(found));
    scan::scan_portable(text, |found| all.push(found));
    let (vectors, portable) = all.split_at(all.len() / 2);
    assert_eq!(vectors, portable, "{}", text.escape_ascii());
}

#[test]
fn slow_finder_agrees() {
    let lines = std::env::var("PIPEBAN_TEST_LINES")
        .ok()
        .and_then(|n| n.parse().ok());
    let seed = std::env::var("PIPEBAN_TEST_SEED")
        .ok()
        .and_then(|n| n.parse().ok());
    let mut random = Random(seed.unwrap_or(0x9e37_79b9_7f4a_7c15));
    let slow = Slow::new();
    for _ in 0..lines.unwrap_or(20_000) {
        compare(&slow, &random.text());
    }
}
