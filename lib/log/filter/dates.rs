//! Where a line's time stamp stands: it is taken out of the line before a filter's patterns see it.
//!
//! The tokens and marks of `datepattern` are those of jail.conf(5). Only the place is found here; what time it is, is
//! not asked, so a stamp such as 31 February is one.

mod start;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::start::Start;
use super::port::{Engine, port};
use crate::search::Search;

/// True between two characters of which at least one is no part of a word.
const EDGE: &str = r"(?:\b{start-half}|\b{end-half})";

const EPOCH: &str = r"\d{10,11}\b(?:\.\d{3,6})?";
const LONG_EPOCH: &str = r"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?";
const TAI64N: &str = "@[0-9a-f]{24}";

/// `{^LN-BEG}`: at the line's beginning, but for two bytes that are no part of a word.
const AT_BEGINNING: &str = "{^LN-BEG}";

/// One form of a time stamp.
#[derive(Debug)]
struct Form {
    pattern: String,
    compiled: Option<Compiled>,
    place: Place,
    /// Where the last one was found began here; a form found further on is doubted.
    start: usize,
}

#[derive(Debug)]
enum Compiled {
    Start(Box<Start>),
    Search(Box<Search>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// At the beginning, up to two bytes in; the whole match is the stamp.
    Beginning,
    /// Where the pattern is bound to the line's beginning or end by itself; its first group is the stamp.
    Bound,
    Anywhere,
}

/// The forms that a filter's time stamps have.
#[derive(Debug)]
pub(super) struct Dates {
    forms: Vec<Form>,
    /// The form of the line before: it is tried first.
    last: usize,
    last_start: usize,
}

impl Dates {
    /// Takes the lines of `datepattern`; without any, all usual forms, those at the line's beginning first.
    pub(super) fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<Dates, String> {
        let mut forms = Vec::new();
        for pattern in patterns.map(str::trim).filter(|p| !p.is_empty()) {
            // Names in capitals are read in any case where no token stands beside them.
            let key = if pattern.contains('%') {
                pattern.to_string()
            } else {
                pattern.to_uppercase()
            };
            match key.as_str() {
                AT_BEGINNING => forms.extend(at_beginning()?),
                "{DEFAULT}" => forms.extend(usual()?),
                "{NONE}" => forms.push(form("{UNB}^")?),
                _ if key.contains("{DATE}") => {
                    for usual in shapes().iter().filter(|s| !is_name(s)) {
                        let usual = usual.strip_prefix(AT_BEGINNING).unwrap_or(usual);
                        forms.extend(written(&replace_name(pattern, "{DATE}", usual))?);
                    }
                }
                _ => forms.extend(written(pattern)?),
            }
        }
        if forms.is_empty() {
            forms = usual()?;
        }
        Ok(Dates {
            forms,
            last: usize::MAX,
            last_start: 1,
        })
    }

    /// The forms' patterns, in the order in which they are first tried.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().map(|f| f.pattern.as_str())
    }

    /// The bytes of `line` that are its time stamp.
    pub(super) fn find(&mut self, line: &[u8]) -> Result<Option<Range<usize>>, String> {
        let mut best: Option<(usize, Match)> = None;
        let tried = self.last;
        if let Some(form) = self.forms.get_mut(tried)
            && let Some(found) = form.find(line)?
        {
            if form.place != Place::Anywhere || found.start == self.last_start {
                return Ok(Some(found.stamp));
            }
            best = Some((tried, found));
        }
        for (number, form) in self.forms.iter_mut().enumerate() {
            if number == tried {
                continue;
            }
            let Some(found) = form.find(line)? else {
                continue;
            };
            let doubted = form.place == Place::Anywhere
                && (found.start > form.start || found.start > self.last_start);
            if !doubted || best.as_ref().is_none_or(|(_, b)| found.start < b.start) {
                best = Some((number, found));
            }
            if !doubted {
                break;
            }
        }
        Ok(best.map(|(number, found)| {
            self.last = number;
            self.last_start = found.start;
            self.forms[number].start = found.start;
            found.stamp
        }))
    }
}

struct Match {
    /// Where the whole match begins.
    start: usize,
    stamp: Range<usize>,
}

impl Form {
    fn find(&mut self, line: &[u8]) -> Result<Option<Match>, String> {
        let compiled = match &mut self.compiled {
            Some(compiled) => compiled,
            none => none.insert(match self.place {
                Place::Beginning => Compiled::Start(Box::new(Start::new(&self.pattern)?)),
                _ => Compiled::Search(Box::new(Search::new(&self.pattern))),
            }),
        };
        let search = match compiled {
            Compiled::Search(search) => search,
            Compiled::Start(start) => {
                let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80;
                let most = line.iter().take(2).take_while(|b| !word(b)).count();
                let mut places = (0..=most).rev();
                return Ok(places.find_map(|skip| {
                    let stamp = skip..skip + start.end(&line[skip..])?;
                    Some(Match { start: 0, stamp })
                }));
            }
        };
        if !search.find(line)? {
            return Ok(None);
        }
        let Some((whole, _)) = search.group(0) else {
            return Ok(None);
        };
        let (start, end) = search.group(1).unwrap_or((whole, whole));
        Ok(Some(Match {
            start: whole,
            stamp: start..end,
        }))
    }
}

/// The forms in which logs write the time, in `datepattern`'s own tokens.
fn shapes() -> Vec<String> {
    let mut shapes = Vec::new();
    let fraction = r"(?:\.%f)?";
    let clock = format!("%k:%M:%S{fraction}");
    let weekday = "(?:%a )?";
    for s in ["-", "/", r"\."] {
        shapes.push(format!(
            r"%ExY{s}%m{s}%d(?:T| {{1,2}})%H:%M:%S(?:[.,]%f)?(?:\s*%z)?"
        ));
    }
    shapes.push(format!("{weekday}%b %d {clock}(?: %ExY)?"));
    shapes.push(format!("{weekday}%b %d %ExY {clock}"));
    for s in ["-", "/"] {
        shapes.push(format!("%d{s}%m{s}(?:%ExY|%Exy) %k:%M:%S"));
    }
    for s in ["-", "/"] {
        shapes.push(format!("%d{s}%b{s}%ExY[ :]?%H:%M:%S{fraction}(?: %z)?"));
    }
    shapes.push("%m/%d/%ExY:%H:%M:%S".into());
    shapes.push(format!("%m-%d-%ExY {clock}"));
    shapes.push("EPOCH".into());
    shapes.push(format!("{AT_BEGINNING}%H:%M:%S"));
    shapes.push("^<%m/%d/%Exy@%H:%M:%S>".into());
    shapes.push("%Exy%Exm%Exd {1,2}%H:%M:%S".into());
    shapes.push("%b %d, %ExY %I:%M:%S %p".into());
    shapes.push("^%b-%d-%Exy %k:%M:%S".into());
    shapes.push(r"%ExY%Exm%Exd(?:T| {1,2})%ExH%ExM%ExS(?:[.,]%f)?(?:\s*%z)?".into());
    for zone in ["%Z", "%z"] {
        shapes.push(format!("(?:{zone} )?{weekday}%b %d {clock}(?: %ExY)?"));
    }
    shapes.push("TAI64N".into());
    shapes
}

fn is_name(shape: &str) -> bool {
    ["EPOCH", "TAI64N"].contains(&shape)
}

fn at_beginning() -> Result<Vec<Form>, String> {
    let (bound, free): (Vec<_>, Vec<_>) = shapes()
        .into_iter()
        .partition(|s| s.starts_with(['^', '{']));
    let free = free.into_iter().map(|s| format!("{AT_BEGINNING}{s}"));
    free.chain(bound).map(|s| form(&s)).collect()
}

fn usual() -> Result<Vec<Form>, String> {
    let free = shapes().into_iter().filter(|s| !s.starts_with(['^', '{']));
    let free: Result<Vec<_>, _> = free.map(|s| form(&s)).collect();
    Ok(at_beginning()?.into_iter().chain(free?).collect())
}

/// The forms of one line of `datepattern`: one for each character that `(?P<_sep>[-/.])` may be.
fn written(pattern: &str) -> Result<Vec<Form>, String> {
    let separator = pattern.find("(?P<").and_then(|at| {
        let (name, rest) = pattern[at + 4..].split_once(">[")?;
        let (class, _) = rest.split_once("])")?;
        Some((
            format!("(?P<{name}>[{class}])"),
            format!("(?P={name})"),
            class,
        ))
    });
    let Some((group, reference, class)) = separator else {
        return Ok(vec![form(pattern)?]);
    };
    let one = |c: char| {
        let c = format!(r"\{c}");
        form(&pattern.replace(&group, &c).replace(&reference, &c))
    };
    class.chars().map(one).collect()
}

/// One pattern of `datepattern`, without a separator that repeats.
fn form(pattern: &str) -> Result<Form, String> {
    let mut text = pattern;
    let unbound = text.strip_prefix("{UNB}");
    text = unbound.unwrap_or(text);
    let beginning = text.strip_prefix(AT_BEGINNING);
    text = beginning.unwrap_or(text);
    let made = |pattern: String, place: Place| Form {
        pattern,
        compiled: None,
        place,
        start: usize::MAX,
    };
    match text.to_uppercase().as_str() {
        "EPOCH" | "^EPOCH" if beginning.is_some() || text.starts_with('^') => {
            return Ok(made(format!("^(?:{EPOCH}){EDGE}"), Place::Beginning));
        }
        "LEPOCH" | "^LEPOCH" if beginning.is_some() || text.starts_with('^') => {
            return Ok(made(format!("^(?:{LONG_EPOCH}){EDGE}"), Place::Beginning));
        }
        name @ ("EPOCH" | "LEPOCH") => {
            let epoch = if name == "EPOCH" { EPOCH } else { LONG_EPOCH };
            // At the beginning, in brackets there, or in the kernel's audit record.
            let pattern = format!(r"(?:^\[?|\baudit\()({epoch}){EDGE}");
            return Ok(made(pattern, Place::Anywhere));
        }
        "TAI64N" if beginning.is_some() => {
            return Ok(made(format!("^(?:{TAI64N}){EDGE}"), Place::Beginning));
        }
        "TAI64N" => return Ok(made(format!("({TAI64N}){EDGE}"), Place::Anywhere)),
        _ => {}
    }
    let epoch = ["{EPOCH}", "{LEPOCH}"]
        .iter()
        .any(|name| text.to_uppercase().contains(name));
    let grouped = has_group(text);
    let letters = has_letters(text);
    let mut python = tokens(text, grouped && !epoch)?;
    for (name, epoch) in [("{EPOCH}", EPOCH), ("{LEPOCH}", LONG_EPOCH)] {
        python = replace_name(&python, name, &format!("(?:{epoch})"));
    }
    let begins = python.starts_with("**") || python.trim_start_matches('(').starts_with('^');
    let starts_line = python.starts_with('^')
        || ["(^", "(?:^"]
            .iter()
            .any(|p| python.starts_with(p) && !python[p.len()..].starts_with('|'));
    let ends = ["$", "$)", r"\b", r"\s", "**"]
        .iter()
        .any(|end| python.ends_with(end))
        && !python.ends_with(r"\$");
    let ends_line = python.ends_with('$') && !python.ends_with(r"\$");
    let python = python.trim_start_matches("**").trim_end_matches("**");
    let (core, line_end) = match python.strip_suffix('$') {
        Some(core) if ends_line => (core, "$"),
        _ => (python, ""),
    };
    let (line_start, core) = match core.strip_prefix('^') {
        Some(core) => ("^", core),
        None => ("", core),
    };
    let ported = |text: &str| {
        port(text, false, Engine::Linear)
            .map(|p| p.text)
            .map_err(|e| format!("datepattern: {e}: {pattern}"))
    };
    let case = if letters { "(?i)" } else { "" };
    let end = if ends || unbound.is_some() { "" } else { EDGE };
    let line_end = ported(line_end)?;
    let group = if grouped && !epoch {
        ported(core)?
    } else {
        format!("({})", ported(core)?)
    };
    Ok(if beginning.is_some() && !begins && !grouped {
        made(
            format!("{case}^(?:{group}){line_end}{end}"),
            Place::Beginning,
        )
    } else if beginning.is_some() && !begins {
        made(
            format!(r"{case}^\W{{0,2}}{group}{line_end}{end}"),
            Place::Bound,
        )
    } else {
        let start = match (begins || unbound.is_some(), line_start) {
            (_, "^") => "^",
            (true, _) => "",
            (false, _) => EDGE,
        };
        let bound = starts_line || ends_line;
        let place = if bound { Place::Bound } else { Place::Anywhere };
        made(format!("{case}{start}{group}{line_end}{end}"), place)
    })
}

/// Whether the pattern has a group of its own to say what the stamp is.
fn has_group(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().any(|(i, b)| {
        let before = &bytes[..i];
        *b == b'('
            && !before.ends_with(b"(?")
            && !before.ends_with(b"\\")
            && bytes.get(i + 1) != Some(&b'?')
    })
}

/// Whether names of days or months stand in it: their case does not count then.
fn has_letters(text: &str) -> bool {
    text.replace("%%", "")
        .split('%')
        .skip(1)
        .any(|t| t.starts_with(['a', 'A', 'b', 'B', 'p', 'c']))
}

/// Replaces a name in braces, in any case of its letters.
fn replace_name(text: &str, name: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_uppercase().find(name) {
        out.push_str(&rest[..at]);
        out.push_str(by);
        rest = &rest[at + name.len()..];
    }
    out + rest
}

/// Puts patterns in place of `%` tokens; with `groups` as groups that count.
fn tokens(text: &str, groups: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let found = TOKENS.iter().find(|(name, _)| rest.starts_with(name));
        let Some((name, pattern)) = found else {
            return Err(format!("datepattern: an unknown token in \"{text}\""));
        };
        rest = &rest[name.len()..];
        match (*name, groups) {
            ("%", _) => out.push('%'),
            (_, true) => out.push_str(&format!("({pattern})")),
            (_, false) => out.push_str(&format!("(?:{pattern})")),
        }
    }
    Ok(out + rest)
}

/// strptime(3)'s tokens and fail2ban's own; the longer name of two that begin alike comes first.
const TOKENS: [(&str, &str); 35] = [
    ("ExY", r"(?:19|20)\d\d"),
    ("Exy", r"\d\d"),
    ("Exm", r"0[1-9]|1[0-2]"),
    ("Exd", r"0[1-9]|[12]\d|3[01]"),
    ("ExH", r"[01]\d|2[0-3]"),
    ("Exk", r" ?(?:[01]?\d|2[0-3])"),
    ("Exl", r" ?(?:1[0-2]|\d)"),
    ("ExM", r"[0-5]\d"),
    ("ExS", r"[0-5]\d|6[01]"),
    ("ExZ", r"[A-Z](?:[A-Z]{2,4})?"),
    (
        "Exz",
        r"(?:[A-Z](?:[A-Z]{2,4})?)?[+-][01]\d(?::?\d{2})?|[A-Z](?:[A-Z]{2,4})?",
    ),
    ("a", "mon|tue|wed|thu|fri|sat|sun"),
    (
        "A",
        "monday|tuesday|wednesday|thursday|friday|saturday|sunday",
    ),
    ("b", "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"),
    (
        "B",
        "january|february|march|april|may|june|july|august|september|october|november|december",
    ),
    ("d", r"[12]\d|3[01]|[0 ]?[1-9]"),
    ("m", r"1[0-2]|0?[1-9]"),
    ("Y", r"\d{4}"),
    ("y", r"\d\d"),
    ("H", r"2[0-3]|[01]?\d"),
    ("I", r"1[0-2]|0?[1-9]"),
    ("k", r" ?[0-2]?\d"),
    ("l", r" ?1?\d"),
    ("M", r"[0-5]?\d"),
    ("S", r"6[01]|[0-5]?\d"),
    ("f", r"\d{1,6}"),
    ("p", "am|pm"),
    ("z", r"Z|UTC|GMT|[+-][01]\d(?::?\d{2})?"),
    ("Z", r"Z|[A-Z]{3,5}"),
    (
        "j",
        r"36[0-6]|3[0-5]\d|[12]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9]",
    ),
    ("U", r"5[0-3]|[0-4]\d|\d"),
    ("W", r"5[0-3]|[0-4]\d|\d"),
    ("w", "[0-6]"),
    ("u", "[1-7]"),
    ("%", "%"),
];
