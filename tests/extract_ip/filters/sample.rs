//! Lines made from a filter's own patterns: some that match, and some that almost do.

use fastrand::Rng;
use pipeban_log::filter::Filter;
use regex::bytes::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Time stamps as logs have them. No names of days or zones: fail2ban-regex ends with a KeyError on
/// a zone that it does not know, and takes a weekday for one. No impossible times either: it leaves
/// those in the line, its server does not.
const STAMPS: [&str; 18] = [
    "2026-03-30 02:16:17",
    "30/Mar/2026:02:16:17 +0000",
    "Mar 30 02:16:17",
    "2026-03-30T02:16:17.123456+02:00",
    "Mar  3 02:16:17",
    "1774804577",
    "2026/03/30 02:16:17",
    "t=2026-03-30T02:16:17+0000",
    "L 30/03/2026 - 02:16:17",
    "2026:03:30-02:16:17",
    "Mar-30-26 02:16:17",
    "03/30/2026 02:16:17",
    "@4000000065f8d2a10a0b0c0d",
    "<co ts=\"2026-03-30T02:16:17+00:00\" ",
    "Mar 30, 2026 2:16:17 PM",
    "02:16:17.123",
    "[30/03/2026 02:16:17]",
    "<W>2026-03-30 02:16:17.123",
];

/// Those that the filter looks for at the beginning of a line; all usual ones where it looks
/// everywhere.
fn stamps(filter: &Filter) -> Vec<&'static str> {
    let forms: Vec<Regex> = filter
        .stamps()
        .map(|p| Regex::new(&format!("(?-u){p}")).expect("a form that the filter looks for"))
        .collect();
    let mut stamps = STAMPS.to_vec();
    stamps.retain(|s| {
        let found = forms.iter().filter_map(|f| f.find(s.as_bytes()));
        found.map(|m| m.start()).min() == Some(0)
    });
    if stamps.is_empty() {
        // They stand further on: see `stamped`.
        stamps = STAMPS[..4].to_vec();
    }
    stamps
}

struct Maker {
    random: Rng,
    /// Every address is used once, so that it tells the line.
    addresses: u32,
}

/// Lines for the filter: `count` for each pattern, half of them changed somewhere.
pub fn lines(filter: &Filter, count: usize) -> Vec<u8> {
    let seed = filter.name().bytes().fold(0x9e37_79b9_7f4a_7c15, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut maker = Maker {
        random: Rng::with_seed(seed),
        addresses: 0,
    };
    let prefix = filter.prefix().map(parse);
    let stamps = stamps(filter);
    let mut out = Vec::new();
    for pattern in filter.patterns().map(parse) {
        for number in 0..count {
            let mut text = Vec::new();
            maker.make(&pattern, &[], &mut text);
            if let Some(prefix) = &prefix {
                let content = text;
                text = Vec::new();
                maker.make(prefix, &content, &mut text);
            }
            let mut line = maker.stamped(&stamps, &text);
            if number % 2 == 1 {
                maker.change(&mut line);
            }
            line.retain(|b| *b != b'\n' && *b != b'\r');
            // fail2ban takes a line that begins so for a comment.
            if !line.starts_with(b"#") {
                out.extend(line);
                out.push(b'\n');
            }
        }
    }
    out
}

fn parse(pattern: &str) -> Hir {
    ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .build()
        .parse(pattern)
        .expect("a pattern that the filter runs")
}

impl Maker {
    /// Appends a text that the pattern matches; the group `content` holds `content`.
    fn make(&mut self, hir: &Hir, content: &[u8], out: &mut Vec<u8>) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => out.extend_from_slice(&literal.0),
            HirKind::Class(class) => out.push(self.byte(class)),
            HirKind::Repetition(repeat) => {
                let most = repeat.max.unwrap_or(u32::MAX).min(repeat.min + 4);
                let times = repeat.min + self.random.u32(..=most - repeat.min);
                for _ in 0..times {
                    self.make(&repeat.sub, content, out);
                }
            }
            HirKind::Capture(capture) => match capture.name.as_deref() {
                Some("ip4") => out.extend(self.ip4().bytes()),
                Some("ip6") => {
                    self.addresses += 1;
                    out.extend(format!("2001:db8::{:x}", self.addresses).bytes());
                }
                Some("dns") => {
                    self.addresses += 1;
                    out.extend(format!("host{}.example.net", self.addresses).bytes());
                }
                Some("content") => out.extend_from_slice(content),
                _ => self.make(&capture.sub, content, out),
            },
            HirKind::Concat(parts) => {
                for part in parts {
                    self.make(part, content, out);
                }
            }
            HirKind::Alternation(parts) => {
                let part = self.random.usize(..parts.len());
                self.make(&parts[part], content, out);
            }
        }
    }

    fn ip4(&mut self) -> String {
        self.addresses += 1;
        let [a, b] = (self.addresses as u16).to_be_bytes();
        format!("198.18.{a}.{b}")
    }

    /// A byte of the class, a letter or a digit where it has one.
    fn byte(&mut self, class: &Class) -> u8 {
        let all: Vec<u8> = match class {
            Class::Bytes(class) => class.iter().flat_map(|r| r.start()..=r.end()).collect(),
            // Of ASCII alone, this is what the parser makes of it.
            Class::Unicode(class) => class
                .iter()
                .flat_map(|r| r.start()..=r.end())
                .filter_map(|c| u8::try_from(u32::from(c)).ok())
                .collect(),
        };
        let good: Vec<u8> = all
            .iter()
            .copied()
            .filter(u8::is_ascii_alphanumeric)
            .collect();
        let printable: Vec<u8> = all
            .iter()
            .copied()
            .filter(|b| (32..127).contains(b))
            .collect();
        let from = [good, printable, all];
        let from = from.iter().find(|list| !list.is_empty());
        from.map_or(b'?', |list| list[self.random.usize(..list.len())])
    }

    /// Puts a time stamp where the filter takes it out.
    fn stamped(&mut self, stamps: &[&str], text: &[u8]) -> Vec<u8> {
        for (open, close, stamps) in [
            ("[", "]", &STAMPS[..4]),
            ("audit(", ":", &["1774804577.123"]),
            (" -- - ", " ", &STAMPS[..1]),
        ] {
            let empty = [open, close].concat();
            if let Some(at) = memchr::memmem::find(text, empty.as_bytes()) {
                let stamp = stamps[self.random.usize(..stamps.len())];
                let at = at + open.len();
                return [&text[..at], stamp.as_bytes(), &text[at..]].concat();
            }
        }
        let mut line = stamps[self.random.usize(..stamps.len())]
            .as_bytes()
            .to_vec();
        if self.random.usize(..4) > 0 && !text.starts_with(b" ") {
            line.push(b' ');
        }
        line.extend_from_slice(text);
        line
    }

    /// Changes the line in one place.
    fn change(&mut self, line: &mut Vec<u8>) {
        let at = self.random.usize(..line.len());
        match self.random.usize(..6) {
            0 => _ = line.drain(at..(at + 1).min(line.len())),
            1 => line.insert(at, b"x1 :]\"-"[self.random.usize(..7)]),
            2 => line.truncate(at),
            3 => line.extend_from_slice(b" x"),
            4 => {
                let words = format!(" from {} ", self.ip4());
                line.splice(at..at, words.bytes());
            }
            _ => {
                let end = (at + 5).min(line.len());
                line[at..end].reverse();
            }
        }
    }
}
