//! The head of a line: who wrote it and when.
//!
//! It is read once, from the left, and ends behind the first program; nothing behind that is ever
//! taken for a head. What may stand before the program, in this order, any of it once:
//!
//! - priority: `<38>`, 1 to 3 digits; `<38>1 ` and `1 ` before an RFC 3339 stamp begin an RFC 5424
//!   head
//! - stamp: as [`StampReader`] reads it, in brackets or not, with up to two blanks or the mark of a
//!   Cisco clock (`*`, `.`) before it; `[ 1234.567890]` is since the start of the system, and no
//!   time. Without a stamp there is no head
//! - level: `<auth.info>` or `<4.6>` (FreeBSD), `auth.info`, `auth|security:info` (AIX), `In(38)`
//!   (ESXi), before or behind the host; `auth.info: ` also before the stamp (socklog)
//! - host: a word of letters, digits, `.`, `-`, `_`, `/`, `@`, or an IPv6 address. A second one
//!   only if it is the same or the first is an address (relays)
//! - device: UniFi's `name,7483c2773b4f,model-version`, with a colon, in brackets, or neither
//! - number: digits and a colon: a Cisco's count; also before the stamp
//! - stamp: a second one, of the host whose line a relay passed on
//! - program: up to a colon with a blank behind it, perhaps with `[pid]` before that; or
//!   `name[pid]` and a blank
//!
//! Behind a bare stamp that begins with a month, the first word may be metalog's `[program]`.
//!
//! No program is read behind a stamp in brackets, which is a service's own, and a level
//! (`WARNING:`) is none.

use memchr::memchr;

use super::names::{
    is_address, is_device, is_facility, is_host, is_level, is_name, tag, without_path,
};
use super::{plain_head, skip};
use crate::stamp::StampReader;
use pipeban::time::Time;

/// Where a line has its time stamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// It has none, or only its carrier tells the time.
    #[default]
    None,
    /// At its beginning, as heads have it.
    Beginning,
    /// Further on: Common Log Format, a key of JSON or of logfmt, behind a word.
    Inside,
}

/// A head, by where its parts stand in the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Head<'a> {
    pub time: Option<Time>,
    pub stamp: Stamp,
    pub host: Option<&'a [u8]>,
    pub program: Option<&'a [u8]>,
    pub pid: Option<&'a [u8]>,
    /// Where the text goes on behind the stamp.
    pub rest: usize,
    /// Where the words begin.
    pub words: usize,
}

/// A stamp at the beginning of a text, and what it is wrapped in.
pub(super) struct Begun {
    /// `None` for one that tells no time.
    pub time: Option<Time>,
    /// Where the stamp itself ends.
    pub end: usize,
    /// Where the text goes on.
    pub rest: usize,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bare,
    InBrackets,
    Rfc5424,
}

/// Reads the stamp that a text begins with, if it is of the minute of a line before.
#[inline]
pub(super) fn begin_recent(text: &[u8], stamps: &mut StampReader) -> Option<Begun> {
    let (time, end) = stamps.read_recent(text)?;
    Some(Begun {
        time: Some(time),
        end,
        rest: behind(text, end),
        kind: Kind::Bare,
    })
}

/// Reads the stamp that a text begins with.
pub(super) fn begin(text: &[u8], stamps: &mut StampReader) -> Option<Begun> {
    let first = *text.first()?;
    let wrapped = matches!(first, b'[' | b'<' | b'(' | b'"' | b' ' | b'*' | b'.');
    if !wrapped && let Some((time, end)) = stamps.read(text) {
        let rest = behind(text, end);
        let (time, kind) = (Some(time), Kind::Bare);
        return Some(Begun {
            time,
            end,
            rest,
            kind,
        });
    }
    if !wrapped && !first.is_ascii_digit() {
        return behind_level(text, stamps);
    }
    let at = match first {
        b'<' => skip::priority(text).unwrap_or(0),
        _ => 0,
    };
    if text[at..].starts_with(b"1 ") {
        return rfc5424(text, at + 2, stamps);
    }
    // A Cisco's count of lines.
    let at = skip::number(text, at)
        .filter(|at| text.get(*at) == Some(&b' '))
        .unwrap_or(at);
    let (at, close) = opened(text, at)?;
    if at == 0 {
        return None; // it was read above
    }
    let text_at = text.get(at..)?;
    if let Some((time, length)) = stamps.read(text_at) {
        return Some(closed(text, Some(time), at + length, close));
    }
    let length = skip::monotonic(text_at).filter(|_| close == Some(b']'))?;
    let mut begun = closed(text, None, at + length, close);
    // Only journalctl -o short-monotonic has a host and a program behind it.
    begun.kind = Kind::Bare;
    Some(begun)
}

/// Reads the stamp behind `auth.info: `, as socklog writes it.
fn behind_level(text: &[u8], stamps: &mut StampReader) -> Option<Begun> {
    if !text[0].is_ascii_lowercase() {
        return None;
    }
    let colon = memchr(b':', &text[..text.len().min(20)])?;
    let at = colon + 2;
    if text.get(colon + 1) != Some(&b' ') || !is_facility(&text[..colon]) {
        return None;
    }
    let (time, length) = stamps.read(&text[at..])?;
    let end = at + length;
    Some(Begun {
        time: Some(time),
        end,
        rest: behind(text, end),
        kind: Kind::Bare,
    })
}

/// The length of a stamp at the beginning of words, and of what it is wrapped in; 0 where none
/// stands.
pub(super) fn own_stamp(text: &[u8], at: usize) -> usize {
    let words = &text[at..];
    // Most words begin with a letter, and are soon seen not to be a month or a day of the week.
    match words.first() {
        Some(b'0'..=b'9' | b'[' | b'(' | b'<' | b'@' | b'*' | b'.') => {}
        Some(b'A'..=b'Z') if words.get(3) == Some(&b' ') => {}
        _ => return 0,
    }
    let Some((open, close)) = opened(words, 0) else {
        return 0;
    };
    let length = StampReader::length(&words[open..]);
    let length = length.or_else(|| skip::monotonic(&words[open..]).filter(|_| close == Some(b']')));
    length.map_or(0, |length| closed(words, None, open + length, close).rest)
}

/// Where the stamp begins behind an opening bracket, blanks or a mark, and the bracket that closes
/// it.
fn opened(text: &[u8], mut at: usize) -> Option<(usize, Option<u8>)> {
    for _ in 0..2 {
        if matches!(text.get(at), Some(b' ' | b'*' | b'.')) {
            at += 1;
        }
    }
    let close = match *text.get(at)? {
        b'[' => b']',
        b'(' => b')',
        b'<' => b'>',
        b'"' => b'"',
        _ => return Some((at, None)),
    };
    at += 1;
    if close == b']' && text.get(at) == Some(&b' ') {
        at += text[at..]
            .iter()
            .take(8)
            .take_while(|b| **b == b' ')
            .count();
    }
    Some((at, Some(close)))
}

fn closed(text: &[u8], time: Option<Time>, end: usize, close: Option<u8>) -> Begun {
    let kind = if close.is_some() {
        Kind::InBrackets
    } else {
        Kind::Bare
    };
    let bracket = close.is_some_and(|close| text.get(end) == Some(&close));
    let rest = behind(text, end + usize::from(bracket));
    Begun {
        time,
        end,
        rest,
        kind,
    }
}

/// Skips one mark and blanks behind a stamp.
fn behind(text: &[u8], mut at: usize) -> usize {
    match text.get(at) {
        Some(b' ') => at += 1,
        Some(b';' | b'|') => at += 1,
        Some(b':' | b',') if matches!(text.get(at + 1), None | Some(b' ' | b'\t')) => at += 1,
        _ => {}
    }
    at = skip::blanks(text, at);
    if text[at..].starts_with(b"| ") {
        at = skip::blanks(text, at + 1);
    }
    at
}

fn rfc5424(text: &[u8], at: usize, stamps: &mut StampReader) -> Option<Begun> {
    let (time, end) = match text.get(at..)? {
        [b'-', b' ', ..] => (None, at + 1),
        stamp => {
            let (time, length) = stamps.read(stamp)?;
            (Some(time), at + length)
        }
    };
    let kind = Kind::Rfc5424;
    (text.get(end) == Some(&b' ')).then_some(Begun {
        time,
        end,
        rest: end + 1,
        kind,
    })
}

/// Reads who wrote a line, from its stamp on.
#[inline]
pub(super) fn read<'a>(text: &'a [u8], begun: &Begun, without_programs: bool) -> Head<'a> {
    let mut head = Head {
        time: begun.time,
        stamp: Stamp::Beginning,
        rest: begun.rest,
        words: begun.rest,
        ..Head::default()
    };
    if without_programs {
        return head;
    }
    match begun.kind {
        Kind::Bare => match plain_head::read(&text[begun.rest..]) {
            Some(plain) => {
                head.host = Some(plain.host);
                head.program = Some(plain.program);
                head.pid = plain.pid;
                head.words = text.len() - plain.words.len();
            }
            None => head.who(text),
        },
        Kind::InBrackets => {}
        Kind::Rfc5424 => head.who_5424(text),
    }
    head.words += own_stamp(text, head.words);
    head
}

impl<'a> Head<'a> {
    fn who(&mut self, text: &'a [u8]) {
        let mut at = self.rest;
        let mut host: Option<&[u8]> = None;
        let (mut relayed, mut stamped) = (false, false);
        // A head has no more words than these.
        for _ in 0..6 {
            let end = word_end(text, at);
            let word = &text[at..end];
            // socklog writes the level with a colon.
            if word.strip_suffix(b":").is_some_and(is_facility) {
                at = skip::blanks(text, end);
                continue;
            }
            if let Some((name, pid, length)) = tag(word) {
                if pid.is_none() && name.iter().all(u8::is_ascii_digit) {
                    at = skip::blanks(text, end);
                    continue;
                }
                if is_level(name) {
                    return;
                }
                self.host = host;
                self.program = Some(name);
                self.pid = pid;
                self.words = skip::blanks(text, at + length);
                self.words += solaris_id(&text[self.words..]);
                return;
            }
            if word.is_empty() {
                return;
            }
            if at == self.rest
                && let Some(name) = by_metalog(text, word)
            {
                self.program = Some(name);
                self.words = skip::blanks(text, end);
                return;
            }
            let again = own_stamp(text, at);
            if again > 0 && !stamped {
                (at, stamped) = (at + again, true);
                continue;
            }
            match host {
                _ if is_facility(word) || is_device(word) || word == b":" || word == b"-" => {}
                None if is_host(word) => host = Some(word),
                Some(first) if word == first => {}
                Some(first) if is_address(first) && is_host(word) && !relayed => relayed = true,
                Some(_) => {
                    // The only message of syslogd itself that tells of a host's line.
                    let repeated = text[at..].starts_with(b"last message repeated ");
                    self.host = host.filter(|_| repeated);
                    return;
                }
                None => return,
            }
            at = skip::blanks(text, end);
        }
    }

    /// RFC 5424: host, program, pid, kind of message, structured data; `-` stands for none.
    fn who_5424(&mut self, text: &'a [u8]) {
        let mut at = self.rest;
        let mut next = || {
            let end = memchr(b' ', &text[at..]).map_or(text.len(), |length| at + length);
            let word = &text[at..end];
            at = (end + 1).min(text.len());
            (!word.is_empty() && word != b"-").then_some(word)
        };
        self.host = next();
        self.program = next().map(without_path);
        self.pid = next();
        next();
        at = structured(text, at);
        // The message may begin with a mark of its encoding.
        let mark = text[at..].starts_with(b"\xef\xbb\xbf");
        self.words = skip::blanks(text, at + if mark { 3 } else { 0 });
    }
}

/// The program of metalog's `Mar 30 02:16:17 [sshd] `, which has no host.
fn by_metalog<'a>(text: &[u8], word: &'a [u8]) -> Option<&'a [u8]> {
    let name = word.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let is_month = text.first()?.is_ascii_uppercase() && text.get(3) == Some(&b' ');
    let is_undated = is_month && matches!(text.get(4), Some(b' ' | b'0'..=b'9'));
    // `[1234.567890]` is the kernel's clock.
    let is_program = name.first()?.is_ascii_alphabetic() && is_name(name) && !is_level(name);
    (is_undated && is_program).then_some(name)
}

/// Where a text goes on behind structured data. What is not in its form is left to the words.
fn structured(text: &[u8], start: usize) -> usize {
    let mut at = start;
    if text[at..].starts_with(b"-") {
        return (at + 2).min(text.len());
    }
    while text.get(at) == Some(&b'[') {
        let mut quoted = false;
        loop {
            let Some(length) = text
                .get(at..)
                .and_then(|t| t.iter().position(|b| b"\\\"]".contains(b)))
            else {
                return start;
            };
            at += length + 1;
            match text[at - 1] {
                b'\\' => at += 1,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                _ => break,
            }
        }
    }
    skip::blanks(text, at)
}

fn word_end(text: &[u8], at: usize) -> usize {
    let length = text[at..].iter().position(|b| *b == b' ' || *b == b'\t');
    length.map_or(text.len(), |length| at + length)
}

/// The length of Solaris's `[ID 800047 auth.info] `.
fn solaris_id(words: &[u8]) -> usize {
    let Some(inside) = words.strip_prefix(b"[ID ") else {
        return 0;
    };
    let digits = inside
        .iter()
        .take(10)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let Some(level) = inside.get(digits..).and_then(|t| t.strip_prefix(b" ")) else {
        return 0;
    };
    match memchr(b']', &level[..level.len().min(32)]) {
        Some(end) if digits > 0 && is_facility(&level[..end]) => {
            skip::blanks(words, 4 + digits + 1 + end + 1)
        }
        _ => 0,
    }
}
