//! Hostile text in the examples of a preset.

use pipeban::time::Zone;

use super::super::faults::MARKS;
use super::super::read::Preset;
use crate::line::LineReader;

/// The ends of a success's words that are tried, at most.
const MAX_ENDS: usize = 40;

/// The address that hostile text tries to tell; no example has it.
pub(crate) const VICTIM: &str = "198.51.100.66";
const VICTIM6: &str = "2001:db8:dead::66";

/// An example's line, with each text between marks replaced by `put`, which gets the number of the
/// place, its mark and its text.
pub(super) fn with(line: &str, put: &mut dyn FnMut(usize, char, &str) -> Vec<u8>) -> Vec<u8> {
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
        // The faults of a file have told of a mark that is not closed.
        let close = close.unwrap_or(open);
        let (inner, after) = rest.split_once(close).unwrap_or((rest, ""));
        out.extend(put(number, open, inner));
        number += 1;
        rest = after;
    }
    out.extend(rest.bytes());
    out
}

pub(crate) fn plain(line: &str) -> Vec<u8> {
    with(line, &mut |_, _, text| text.as_bytes().to_vec())
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

/// Texts that try to be a success: the lines of successes, their words, and the ends of these from
/// each part on, of their client and of the victim.
pub(in crate::presets) fn lures(preset: &Preset) -> Vec<Vec<u8>> {
    let mut lures = Vec::new();
    for example in preset.examples.iter().filter(|e| e.of_success) {
        let Some((_, address)) = example.expected else {
            continue;
        };
        let line = plain(example.line);
        let mut reader = LineReader::new(Zone::UTC, None);
        let read = reader.read(&line);
        let range = match read.program {
            Some(_) => read.words_range(),
            None => read.rest_range(),
        };
        let words = &line[range];
        lures.push(line.clone());
        let begins = |at: &usize| {
            let at = *at;
            let is_word = |byte: u8| byte.is_ascii_alphanumeric();
            at == 0 || is_word(words[at]) && !is_word(words[at - 1])
        };
        let ends = (0..words.len()).filter(begins).take(MAX_ENDS);
        lures.extend(ends.map(|at| words[at..].to_vec()));
        let own = String::from_utf8_lossy(&line).replace(address, VICTIM);
        lures.push(own.into_bytes());
        let own = String::from_utf8_lossy(words).replace(address, VICTIM);
        lures.push(own.into_bytes());
    }
    lures
}

/// The line with hostile text in each place alone, then in all places at once; `more` are texts
/// beside those that are tried of any line.
pub(crate) fn hostile(line: &str, address: &str, more: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut places = Vec::new();
    with(line, &mut |number, _, inner| {
        places.push(number);
        inner.as_bytes().to_vec()
    });
    let mut lines = Vec::new();
    let everywhere = (!places.is_empty()).then_some(None);
    for chosen in places.into_iter().map(Some).chain(everywhere) {
        let usual = payloads(line, address, chosen.unwrap_or(0));
        for payload in usual.iter().chain(more) {
            for way in 0..2 {
                lines.push(with(line, &mut |number, mark, inner| {
                    if chosen.is_some_and(|chosen| number != chosen) {
                        return inner.as_bytes().to_vec();
                    }
                    let ways = arrives(mark, payload);
                    ways[way.min(ways.len() - 1)].clone()
                }));
            }
        }
    }
    lines
}
