//! Runs every example of every file, as it stands and with hostile text in it.

mod cases;
mod daemons;
mod heads;
mod tries;

use super::files::FILES;
use super::read::{self, Example, Kind};
use super::rule::compile;
use super::*;
use crate::line::LineReader;
use crate::sieve;
use pipeban::time::Zone;

/// The address that hostile text tries to tell; no example has it.
const VICTIM: &str = "198.51.100.66";
const VICTIM6: &str = "2001:db8:dead::66";

/// The marks of texts that a remote party chooses: freely, with quotes escaped, as a host's name,
/// as the name of a user of HTTP's Basic authentication, which ends at a colon (RFC 7617, 2).
const MARKS: [(char, char); 4] = [('«', '»'), ('‹', '›'), ('⟨', '⟩'), ('⟪', '⟫')];

/// An example's line, with each text between marks replaced by `put`, which gets the number of the
/// place, its mark and its text.
fn with(line: &str, put: &mut dyn FnMut(usize, char, &str) -> Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line;
    let mut number = 0;
    while let Some((at, open)) = rest
        .char_indices()
        .find(|(_, c)| MARKS.iter().any(|(open, _)| open == c))
    {
        out.extend(rest[..at].bytes());
        rest = &rest[at + open.len_utf8()..];
        let close = MARKS.iter().find(|(o, _)| *o == open).map(|(_, c)| *c);
        let (inner, after) = rest
            .split_once(close.expect("a mark"))
            .unwrap_or_else(|| panic!("a mark that is not closed: {line}"));
        out.extend(put(number, open, inner));
        number += 1;
        rest = after;
    }
    out.extend(rest.bytes());
    out
}

fn plain(line: &str) -> Vec<u8> {
    with(line, &mut |_, _, text| text.as_bytes().to_vec())
}

/// All examples with the names of their services.
fn examples() -> Vec<(&'static str, Example)> {
    let of = |(name, text): &(&'static str, &'static str)| {
        let name = *name;
        let examples = read::read(text).examples;
        examples.into_iter().map(move |e| (name, e))
    };
    FILES.iter().flat_map(of).collect()
}

fn verdict(presets: &mut Presets, example: &Example, line: &[u8]) -> Option<(String, String)> {
    let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
    verdict_after(presets, &before, line)
}

fn verdict_after(
    presets: &mut Presets,
    before: &[Vec<u8>],
    line: &[u8],
) -> Option<(String, String)> {
    presets.begin_file();
    let mut reader = LineReader::new(Zone::UTC, None);
    for line in before {
        presets.check(&reader.read(line), true);
    }
    let hit = presets.check(&reader.read(line), true)?;
    Some((hit.rule.to_string(), hit.address.to_string()))
}

#[test]
fn examples_are_what_they_say() {
    let mut wrong = Vec::new();
    for (name, example) in examples() {
        let mut presets = Presets::new([name]).expect("a preset");
        let found = verdict(&mut presets, &example, &plain(example.line));
        let expected = example
            .expected
            .map(|(rule, address)| (format!("{name}/{rule}"), address.to_string()));
        if found != expected {
            wrong.push(format!(
                "{name}: {found:?} not {expected:?}: {}",
                example.line
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// With all presets at once another service's rule may say it, but nothing else is said.
#[test]
fn examples_with_all_presets() {
    let mut presets = Presets::new(["all"]).expect("presets");
    for (name, example) in examples() {
        let found = verdict(&mut presets, &example, &plain(example.line));
        let marked = list().iter().any(|s| s.name == name && s.forged.is_some());
        // Lines that go on with another count for named presets alone.
        let file = FILES
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, text)| read::read(text));
        let named = file.is_some_and(|file| file.rules.iter().all(|r| r.goes_on));
        if let Some((_, address)) = example.expected.filter(|_| !marked && !named) {
            let found = found.unwrap_or_else(|| panic!("{name}: nothing in {}", example.line));
            assert_eq!(found.1, address, "{}", example.line);
        }
    }
}

/// Texts that an attacker may write: addresses, and parts of the messages that name them.
fn payloads(line: &str, address: &str, place: usize) -> Vec<Vec<u8>> {
    let text = plain(line);
    // The line on both sides of this place, with the victim where the address stands.
    let mut before = Vec::new();
    let mut at = 0;
    with(line, &mut |number, _, inner| {
        if number == place {
            at = 1;
        }
        if at == 0 {
            before.push(inner.len());
        }
        inner.as_bytes().to_vec()
    });
    let mut start = 0;
    let mut end = 0;
    let mut seen = Vec::new();
    let marked = with(line, &mut |number, _, inner| {
        seen.push(number);
        if number == place {
            [b"\x01", inner.as_bytes(), b"\x02"].concat()
        } else {
            inner.as_bytes().to_vec()
        }
    });
    for (i, b) in marked.iter().enumerate() {
        match b {
            1 => start = i,
            2 => end = i - 1,
            _ => {}
        }
    }
    let victim = |part: &[u8]| -> Vec<u8> {
        let text = String::from_utf8_lossy(part).into_owned();
        let mapped = format!("::ffff:{address}");
        text.replace(&mapped, VICTIM)
            .replace(address, VICTIM)
            .into_bytes()
    };
    let head = victim(&text[..start]);
    let tail = victim(&text[end..]);
    let whole = victim(&text);
    let v = VICTIM.as_bytes();
    let mut all: Vec<Vec<u8>> = [
        &b""[..],
        b" ",
        b"\"",
        b"'",
        b"\\",
        b"]",
        b")",
        b">",
        b"x\0y",
        b"\xff\xfe",
        b"\x1b[31m",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    all.extend([v.to_vec(), VICTIM6.into(), format!("[{VICTIM}]").into()]);
    for frame in [
        "from @",
        " from @ port 22 ssh2",
        "x from @ port 22 ssh2",
        "@:22",
        "[@]",
        "(@)",
        "x [@]: y",
        "client: @, server: _, request: \"",
        "x\", client: @, server: ",
        "rhost=@",
        "x rhost=@  user=y",
        "x>, method=PLAIN, rip=@, lip=192.0.2.1, TLS, session=<",
        "x'@'@' (using password: YES)",
        "x' failed for '@:5060' - Wrong password",
        "x, ip=[@]",
        "relay=[@]",
        "x, relay=y [@], reject=550 5.7.1 <",
        "\",\"remoteAddr\":\"@\",\"",
        "\",\"remote\":\"@:1\",\"",
        "x] FAIL LOGIN: Client \"@\"",
        "IP: @. ",
        "host=@ port=1",
        "x LOG:  connection received: host=@ port=1",
        "(x,@,<y>): Password mismatch",
        "x) [@]: 535 Incorrect authentication data (",
        "user=<x>, rip=@, lip=192.0.2.1",
        "x (@). Requested URL: '",
    ] {
        all.push(frame.replace('@', VICTIM).into_bytes());
    }
    for parts in [
        vec![&whole[..]],
        vec![&tail],
        vec![&head],
        vec![b"x", &tail, &head, b"y"],
        vec![b"x", &tail, b" ", &whole],
        vec![b"x", &tail, &tail],
        vec![&whole, b"\r", &whole],
        vec![b" ", &whole, b" "],
    ] {
        all.push(parts.concat());
    }
    all
}

/// Hostile text as it arrives in the log: as it is, escaped, or cut down to what a host's name may
/// be.
fn arrives(mark: char, text: &[u8]) -> Vec<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|b| *b != b'\n').collect();
    let escaped = |quote: &str| -> Vec<u8> {
        let byte = |b: &u8| match b {
            b'"' => quote.as_bytes().to_vec(),
            b'\\' => b"\\\\".to_vec(),
            b if *b < 32 => format!("\\x{b:02X}").into_bytes(),
            b => vec![*b],
        };
        text.iter().flat_map(byte).collect()
    };
    match mark {
        '«' => vec![text],
        '‹' => vec![escaped("\\\""), escaped("\\x22")],
        '⟪' => vec![
            text.split(|b| *b == b':')
                .next()
                .unwrap_or_default()
                .to_vec(),
        ],
        _ => {
            let good = |b: &u8| b.is_ascii_alphanumeric() || b".-".contains(b);
            let name: Vec<u8> = text.iter().copied().filter(good).collect();
            // A name that is an address is none (RFC 1123, 2.1), and services refuse it.
            vec![
                [b"h.", &name[..]].concat(),
                [&name[..], b".example.net"].concat(),
            ]
        }
    }
}

/// The line with hostile text in each place alone, then in all places at once.
fn hostile(line: &str, address: &str) -> Vec<Vec<u8>> {
    let mut places = Vec::new();
    with(line, &mut |number, _, inner| {
        places.push(number);
        inner.as_bytes().to_vec()
    });
    let mut lines = Vec::new();
    let everywhere = (!places.is_empty()).then_some(None);
    for chosen in places.into_iter().map(Some).chain(everywhere) {
        for payload in payloads(line, address, chosen.unwrap_or(0)) {
            for way in 0..2 {
                lines.push(with(line, &mut |number, mark, inner| {
                    if chosen.is_some_and(|chosen| number != chosen) {
                        return inner.as_bytes().to_vec();
                    }
                    let ways = arrives(mark, &payload);
                    ways[way.min(ways.len() - 1)].clone()
                }));
            }
        }
    }
    lines
}

#[test]
fn hostile_text_never_chooses_the_address() {
    let mut all = Presets::new(["all"]).expect("presets");
    let mut tried = 0;
    let mut wrong = Vec::new();
    for (name, example) in examples() {
        let Some((_, address)) = example.expected else {
            continue;
        };
        let mut alone = Presets::new([name]).expect("a preset");
        let mut judge = |before: &[Vec<u8>], line: &[u8]| {
            for presets in [&mut alone, &mut all] {
                tried += 1;
                let found = verdict_after(presets, before, line);
                if found.as_ref().is_some_and(|(_, found)| found != address) {
                    let line = [&before.concat(), line].concat();
                    let line = String::from_utf8_lossy(&line);
                    wrong.push(format!("{name}: {found:?} in {line}"));
                }
            }
        };
        let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
        for line in hostile(example.line, address) {
            judge(&before, &line);
        }
        for (number, line) in example.before.iter().enumerate() {
            let mut before = before.clone();
            for line in hostile(line, address) {
                before[number] = line;
                judge(&before, &plain(example.line));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(tried > 10_000, "{tried}");
}

/// Either nothing free stands before the address, or nothing free after it, up to the line's end.
#[test]
fn patterns_are_anchored() {
    for (name, text) in FILES {
        let preset = read::read(text);
        assert!(!preset.title.is_empty(), "{name}");
        assert!(!preset.rules.is_empty(), "{name}");
        for rule in preset.rules {
            let pattern = read::expand(&rule.pattern).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(pattern.starts_with('^'), "{name}: {pattern}");
            let known = rule.program.is_some() || rule.own_log;
            assert!(known, "{name}: no writer of {pattern}");
            assert!(
                compile(&pattern, rule.but.as_deref()).is_some(),
                "{name}: {pattern}"
            );
            let literals = sieve::required(&sieve::parsed(&pattern).expect("a pattern"));
            assert!(!literals.is_empty(), "{name}: no literal in {pattern}");
            let has_address = rule.pattern.contains("<IP");
            match rule.kind {
                Kind::Rule | Kind::Closes | Kind::Names => {
                    assert!(has_address, "{name}: {pattern}")
                }
                Kind::Later | Kind::Stops => assert!(!has_address, "{name}: {pattern}"),
                Kind::Ends => {}
            }
            let is_marked = !preset.forged.is_empty();
            assert!(is_marked || rule.kind != Kind::Stops, "{name}: {pattern}");
            // An exception that begins anywhere hides attacks: a client writes its text.
            let but = rule.but.as_deref().unwrap_or("^");
            assert!(but.starts_with('^'), "{name}: {but}");
        }
    }
}

#[test]
fn every_rule_has_an_example() {
    for (name, text) in FILES {
        let preset = read::read(text);
        for rule in preset.rules.iter().filter(|r| !r.name.is_empty()) {
            let mut shown = preset.examples.iter().filter_map(|e| e.expected);
            assert!(shown.any(|(r, _)| r == rule.name), "{name}: {}", rule.name);
        }
        assert!(
            preset.examples.iter().any(|e| e.expected.is_none()),
            "{name}"
        );
    }
}

#[test]
fn every_line_of_a_file_is_one_of_its_kinds() {
    let words = [
        "#", "title", "forged", "let", "program", "own-log", "goes-on", "rule", "but", "step",
        "closes", "names", "ends", "stops", "later", "+", ">", "-",
    ];
    for (name, text) in FILES {
        for line in text.lines().filter(|l| !l.is_empty()) {
            let word = line.split(' ').next().unwrap_or(line);
            assert!(words.contains(&word), "{name}: {line}");
        }
    }
}

#[test]
fn names() {
    assert!(Presets::new(["sshd", "dovecot"]).is_ok());
    let error = Presets::new(["sshx"]).expect_err("no such preset");
    assert_eq!(error, "no preset of that name: \"sshx\"");
    assert_eq!(list().len(), FILES.len());
    assert!(FILES.is_sorted());
}
