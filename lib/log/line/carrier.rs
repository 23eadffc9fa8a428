//! The carrier of a line: how it came here, and in what it was wrapped.
//!
//! Carriers are taken off from the outside inwards, each of these once:
//!
//! - BOM, NULs, colours: skipped where a carrier or a head may begin
//! - `file<TAB>`, `file:`: `follow-log --prefix` and `grep -H`: a path that begins with `/` or `.`,
//!   or a word before a stamp or another carrier. The first line of an input that has one, or has a
//!   stamp without one, decides for all of it
//! - compose: `app-1  | `, `app.1.id@node    | `: a name of letters, digits, `.`, `_`, `-` and `@`,
//!   padded by blanks;
//!   `[pod/name/container] ` of
//!   `kubectl logs --prefix`
//! - docker json-file: a whole object of JSON with `log` first, and `time`
//! - CRI: an RFC 3339 stamp, `stdout` or `stderr`, `F` or `P`
//! - journal: a whole object of JSON with `MESSAGE` and `__REALTIME_TIMESTAMP` or `__CURSOR`
//! - logfmt: nothing but `key=value` pairs, one of them the time, the last of them `msg`, and `msg`
//!   only once; its text has no head
//! - octet count: RFC 6587's number before `<38>`
//!
//! An object in which a key that is read here stands twice is no carrier.

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

use super::json::{Members, Value};
use super::pairs::Pairs;
use super::{place, skip};
use crate::json::unescape;
use crate::stamp::StampReader;
use pipeban::time::Time;

/// The place of a line's text: in the line as it was read, or in what was unescaped from it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Text {
    Verbatim(Range<usize>),
    Unescaped,
}

/// The facts that a carrier has about its text.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub time: Option<Time>,
    /// Which of a container's two streams, and whether the text is a piece whose rest follows.
    pub piece: Option<(usize, bool)>,
    /// A journal entry's, by where they stand in the line.
    pub entry: Option<Entry>,
}

/// The writer of a journal entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub host: Option<Range<usize>>,
    pub program: Option<Range<usize>>,
    pub pid: Option<Range<usize>>,
}

/// A longer name is not looked for, in bytes.
const LONGEST: usize = 4096;

/// The name of the file before a line, and where the line goes on.
///
/// A name has no blank. Where a TAB ends the first word, all before it is the name; else it ends at
/// the first colon.
pub(super) fn file(text: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let near = &text[at..text.len().min(at + LONGEST)];
    let blank = near.iter().position(|b| *b <= b' ');
    let word = blank.unwrap_or(near.len());
    let end = match near.get(word) {
        Some(b'\t') => word,
        _ => memchr(b':', &near[..word])?,
    };
    // Of lines without a blank only objects are known.
    let objects = [&b"{\""[..], b"{}"];
    if blank.is_none()
        && !objects
            .iter()
            .any(|o| without_number(near, end + 1).starts_with(o))
    {
        return None;
    }
    let goes_on = at + end + 1;
    let spaced = end < word && matches!(text.get(goes_on), Some(b' ' | b'\t' | b':' | b'/'));
    let name = &near[..end];
    let number = name.iter().all(u8::is_ascii_digit);
    let odd = |b: &u8| b"\"{}[]()<>=|,;".contains(b);
    let is_name = !name.is_empty() && !number && (is_path(name) || !name.iter().any(odd));
    (is_name && !spaced && text.len() > goes_on).then_some((at..at + end, goes_on))
}

/// A text from here on, without the number that `grep -n` writes.
fn without_number(text: &[u8], at: usize) -> &[u8] {
    let at = skip::number(text, at).unwrap_or(at);
    text.get(at..).unwrap_or_default()
}

/// Whether a file's name before a line is sure to be one, whatever follows.
pub(super) fn is_path(name: &[u8]) -> bool {
    name.starts_with(b"/") || name.starts_with(b"./") || name.starts_with(b"../")
}

/// Where a line goes on behind `app-1  | `, or `[pod/name/container] ` of `kubectl logs --prefix`.
pub(super) fn compose(text: &[u8], at: usize) -> Option<usize> {
    if text[at..].starts_with(b"[pod/") {
        let near = &text[at..text.len().min(at + 600)];
        let end = memchr(b']', near).filter(|end| near.get(end + 1) == Some(&b' '))?;
        return Some(at + end + 2);
    }
    let word = memchr(b' ', &text[at..text.len().min(at + 128)])?;
    let mut bar = at + word;
    while let Some(b' ') = text.get(bar) {
        bar += 1;
    }
    // Few lines have one here; only then it pays to look closer.
    if !matches!(text.get(bar), Some(b'|' | 0x1b)) || bar == at + word || word == 0 {
        return None;
    }
    let bar = skip::junk(text, bar);
    let name = |b: &u8| b.is_ascii_alphanumeric() || b"._-@".contains(b);
    if !text[at..at + word].iter().all(name) || text.get(bar) != Some(&b'|') {
        return None;
    }
    let end = skip::junk(text, bar + 1);
    (text.get(end) == Some(&b' ')).then(|| skip::junk(text, end + 1))
}

/// Where a message goes on behind its octet count.
pub(super) fn octets(text: &[u8], at: usize) -> Option<usize> {
    let digits = text[at..]
        .iter()
        .take(8)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let end = at + digits;
    ((1..8).contains(&digits) && text[end..].starts_with(b" <")).then_some(end + 1)
}

/// The stream and the piece of a CRI line whose stamp ends at `end`, and where its text begins.
pub(super) fn cri(text: &[u8], end: usize) -> Option<(usize, (usize, bool))> {
    let rest = text.get(end..)?;
    let stream = usize::from(rest.starts_with(b" stderr "));
    if stream == 0 && !rest.starts_with(b" stdout ") {
        return None;
    }
    match rest[8..] {
        [tag @ (b'F' | b'P'), b' ', ..] => Some((end + 10, (stream, tag == b'P'))),
        [tag @ (b'F' | b'P')] => Some((end + 9, (stream, tag == b'P'))),
        _ => None,
    }
}

/// Takes a line out of an object of JSON, if the object is a carrier; an escaped one is put into
/// `out`.
pub(super) fn object(
    line: &[u8],
    at: usize,
    stamps: &mut StampReader,
    out: &mut Vec<u8>,
) -> Option<(Text, Said)> {
    match line[at..] {
        [b'{', b'"', b'l', b'o', b'g', b'"', ..] => docker(line, at, stamps, out),
        [b'{', b'"', b'_' | b'A'..=b'Z', ..] => journal(line, at, stamps, out),
        [b'{', b' ', ..] => docker(line, at, stamps, out),
        _ => None,
    }
}

/// Whether a line is an object, or the beginning of one, that [`object`] takes for no carrier by
/// its first key.
#[inline]
pub(super) fn is_bare_object(line: &[u8]) -> bool {
    match line {
        [b'{', b' ', ..] | [b'{', b'"', b'l' | b'_' | b'A'..=b'Z', ..] => false,
        [b'{', b'"', ..] => true,
        _ => false,
    }
}

fn docker(
    line: &[u8],
    at: usize,
    stamps: &mut StampReader,
    out: &mut Vec<u8>,
) -> Option<(Text, Said)> {
    let (log, stream, time) = match docker_of_its_own(line, at) {
        Some((log, stream, time)) => (log, stream, Value::Text(time, false)),
        None => docker_members(line, at)?,
    };
    let time = place::of_value(line, &time, stamps)?;
    let raw = &line[log.clone()];
    let ended = raw.strip_suffix(b"\\n");
    let plain = ended.unwrap_or(raw);
    let cut = ended.is_none();
    let text = if memchr(b'\\', plain).is_none() {
        Text::Verbatim(log.start..log.start + plain.len())
    } else {
        unescape(raw, out);
        // A terminal's lines end with both.
        let length = out.len() - usize::from(out.ends_with(b"\n"));
        out.truncate(length);
        let length = out.len() - usize::from(out.ends_with(b"\r"));
        out.truncate(length);
        Text::Unescaped
    };
    let said = Said {
        time: Some(time),
        piece: Some((stream, cut)),
        entry: None,
    };
    Some((text, said))
}

/// The log, the stream and the time of an object as docker itself writes it, if the log has nothing
/// to unescape but its end.
fn docker_of_its_own(line: &[u8], at: usize) -> Option<(Range<usize>, usize, Range<usize>)> {
    let rest = line[at..].strip_prefix(br#"{"log":""#)?;
    let start = line.len() - rest.len();
    let end = start + memchr2(b'"', b'\\', rest)?;
    let (log, rest) = match &line[end..] {
        [b'\\', b'n', b'"', rest @ ..] => (start..end + 2, rest),
        [b'"', rest @ ..] => (start..end, rest),
        _ => return None,
    };
    let rest = rest.strip_prefix(br#","stream":"std"#)?;
    let (stream, rest) = match rest.strip_prefix(b"out") {
        Some(rest) => (0, rest),
        None => (1, rest.strip_prefix(b"err")?),
    };
    let time = rest.strip_prefix(br#"","time":""#)?.strip_suffix(b"\"}")?;
    let end = line.len() - 2;
    let is_one = memchr2(b'"', b'\\', time).is_none();
    is_one.then_some((log, stream, end - time.len()..end))
}

/// The same of any object that has them.
fn docker_members(line: &[u8], at: usize) -> Option<(Range<usize>, usize, Value)> {
    let mut members = Members::new(line, at)?;
    let (key, Value::Text(log, _)) = members.next()? else {
        return None;
    };
    if line[key] != *b"log" {
        return None;
    }
    let (mut stream, mut time) = (None, None);
    for (key, value) in &mut members {
        match (&line[key], value) {
            (b"log", _) => return None,
            (b"stream", Value::Text(range, false)) if stream.is_none() => {
                stream = Some(usize::from(line[range] == *b"stderr"));
            }
            (b"time", value) if time.is_none() => time = Some(value),
            (b"stream" | b"time", _) => return None,
            _ => {}
        }
    }
    let time = time.filter(|_| members.is_whole())?;
    Some((log, stream.unwrap_or(0), time))
}

fn journal(
    line: &[u8],
    at: usize,
    stamps: &mut StampReader,
    out: &mut Vec<u8>,
) -> Option<(Text, Said)> {
    // Most objects that begin like an entry are none.
    memmem::find(&line[at..], b"\"MESSAGE\"")?;
    let mut members = Members::new(line, at)?;
    let mut found: [Option<Value>; 8] = [const { None }; 8];
    for (key, value) in &mut members {
        let number = match &line[key] {
            b"MESSAGE" => 0,
            b"__REALTIME_TIMESTAMP" => 1,
            b"__CURSOR" => 2,
            b"_HOSTNAME" => 3,
            b"SYSLOG_IDENTIFIER" => 4,
            b"_COMM" => 5,
            b"_PID" => 6,
            b"SYSLOG_PID" => 7,
            _ => continue,
        };
        if found[number].replace(value).is_some() {
            return None;
        }
    }
    let [
        message,
        time,
        cursor,
        host,
        identifier,
        command,
        pid,
        syslog_pid,
    ] = found;
    if !members.is_whole() || (time.is_none() && cursor.is_none()) {
        return None;
    }
    let text = match message? {
        Value::Text(range, false) => Text::Verbatim(range),
        Value::Text(range, true) => {
            unescape(&line[range], out);
            Text::Unescaped
        }
        Value::Other(range) => array(line, range, out)?,
    };
    let name = |value: Option<Value>| match value? {
        Value::Text(range, _) => Some(range).filter(|r| !r.is_empty()),
        // A field that an entry has several times.
        Value::Other(range) => {
            let inside = line[range.clone()].strip_prefix(b"[\"")?;
            let end = memchr(b'"', inside)?;
            Some(range.start + 2..range.start + 2 + end)
        }
    };
    let program = name(identifier).or_else(|| name(command));
    let pid = name(pid).or_else(|| name(syslog_pid));
    let entry = Some(Entry {
        host: name(host),
        program,
        pid,
    });
    let time = time.and_then(|value| place::of_value(line, &value, stamps));
    Some((
        text,
        Said {
            time,
            piece: None,
            entry,
        },
    ))
}

/// A message of bytes that are no UTF-8 is an array of numbers; one that an entry has several
/// times, one of strings.
fn array(line: &[u8], range: Range<usize>, out: &mut Vec<u8>) -> Option<Text> {
    let inside = line[range].strip_prefix(b"[")?.strip_suffix(b"]")?;
    if inside.trim_ascii_start().starts_with(b"\"") {
        // The first one, as an object's only member.
        let object = [b"{\"\":".as_slice(), inside.split_last()?.1, b"\"}"].concat();
        let (_, Value::Text(text, _)) = Members::new(&object, 0)?.next()? else {
            return None;
        };
        unescape(&object[text], out);
        return Some(Text::Unescaped);
    }
    for number in inside.split(|b| *b == b',') {
        let number = std::str::from_utf8(number.trim_ascii()).ok()?;
        out.push(number.parse().ok()?);
    }
    Some(Text::Unescaped)
}

/// Takes a line out of `msg`, the last of a line's pairs.
pub(super) fn logfmt(
    line: &[u8],
    at: usize,
    stamps: &mut StampReader,
    out: &mut Vec<u8>,
) -> Option<(Text, Said)> {
    let text = &line[at..];
    let mut pairs = Pairs::new(text);
    let (mut message, mut timed) = (None, false);
    for pair in &mut pairs {
        if message.is_some() {
            return None;
        }
        match &text[pair.key.clone()] {
            b"msg" => message = Some(pair),
            b"ts" | b"time" | b"t" | b"timestamp" => timed = true,
            _ => {}
        }
    }
    let message = message.filter(|_| timed && pairs.is_whole())?;
    let value = at + message.value.start..at + message.value.end;
    let time = place::find(text, stamps);
    let said = Said {
        time,
        ..Said::default()
    };
    if message.quoted && memchr(b'\\', &line[value.clone()]).is_some() {
        unescape(&line[value], out);
        return Some((Text::Unescaped, said));
    }
    Some((Text::Verbatim(value), said))
}
