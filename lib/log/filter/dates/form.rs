//! One form of a time stamp, compiled from a line of `datepattern`.

use std::ops::Range;

use super::anchored::Anchored;
use super::tokens::tokens;
use crate::filter::python::{Engine, translate};
use crate::search::Search;
use crate::stamp::StampFormat;

/// Holds between two characters of which at least one is no part of a word.
const EDGE: &str = r"(?:\b{start-half}|\b{end-half})";

const EPOCH: &str = r"\d{10,11}\b(?:\.\d{3,6})?";
const LONG_EPOCH: &str = r"\d{10,11}(?:\d{3}(?:\.\d{1,6}|\d{3})?)?";
const TAI64N: &str = "@[0-9a-f]{24}";

/// At the line's beginning, behind at most two bytes that are no part of a word.
pub(super) const AT_BEGINNING: &str = "{^LN-BEG}";

/// One form of a time stamp.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) pattern: String,
    /// The way to read it, where the filter's author wrote it down without patterns.
    pub(super) format: Option<StampFormat>,
    compiled: Option<Compiled>,
    pub(super) place: Place,
    /// Where the last match began; one that begins further on is doubted.
    pub(super) start: usize,
}

#[derive(Debug)]
enum Compiled {
    Anchored(Box<Anchored>),
    Search(Box<Search>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// At the line's beginning, at most two bytes in; the whole match is the stamp.
    Beginning,
    /// Where the pattern itself is bound to the line's beginning or end; its first group is the
    /// stamp.
    Bound,
    /// Anywhere; the first group is the stamp.
    Anywhere,
}

pub(super) struct Match {
    /// Where the whole match begins.
    pub(super) start: usize,
    pub(super) stamp: Range<usize>,
}

impl Form {
    pub(super) fn find(&mut self, line: &[u8]) -> Result<Option<Match>, String> {
        let compiled = match &mut self.compiled {
            Some(compiled) => compiled,
            none => none.insert(match self.place {
                Place::Beginning => Compiled::Anchored(Box::new(Anchored::new(&self.pattern)?)),
                _ => Compiled::Search(Box::new(Search::new(&self.pattern))),
            }),
        };
        let search = match compiled {
            Compiled::Search(search) => search,
            Compiled::Anchored(anchored) => {
                let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b >= 0x80;
                let most = line.iter().take(2).take_while(|b| !word(b)).count();
                let mut places = (0..=most).rev();
                return Ok(places.find_map(|skip| {
                    let stamp = skip..skip + anchored.end(&line[skip..])?;
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

/// The forms of one line of `datepattern`: one for each character of a `(?P<_sep>[-/.])`.
pub(super) fn forms_of(pattern: &str) -> Result<Vec<Form>, String> {
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

/// The form of a pattern without such a separator.
pub(super) fn form(pattern: &str) -> Result<Form, String> {
    let mut text = pattern;
    let unbound = text.strip_prefix("{UNB}");
    text = unbound.unwrap_or(text);
    let beginning = text.strip_prefix(AT_BEGINNING);
    text = beginning.unwrap_or(text);
    let made = |pattern: String, place: Place| Form {
        pattern,
        format: None,
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
    let translated = |text: &str| {
        translate(text, false, Engine::Linear)
            .map(|p| p.text)
            .map_err(|e| format!("datepattern: {e}: {pattern}"))
    };
    let case = if letters { "(?i)" } else { "" };
    let end = if ends || unbound.is_some() { "" } else { EDGE };
    let line_end = translated(line_end)?;
    let group = if grouped && !epoch {
        translated(core)?
    } else {
        format!("({})", translated(core)?)
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

/// The form of a line of `datepattern` that has tokens and plain characters only, but for marks of
/// its beginning and end.
pub(super) fn format_of(pattern: &str) -> Option<StampFormat> {
    let mut text = pattern.strip_prefix("{UNB}").unwrap_or(pattern);
    for mark in [AT_BEGINNING, "**", "^"] {
        text = text.strip_prefix(mark).unwrap_or(text);
    }
    for mark in ["$", "**"] {
        text = text.strip_suffix(mark).unwrap_or(text);
    }
    let (mut plain, mut escaped) = (String::new(), false);
    for c in text.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            // A class of characters.
            c if escaped && c.is_alphanumeric() => return None,
            c if !escaped && r".^$*+?()[]{}|".contains(c) => return None,
            c => {
                plain.push(c);
                escaped = false;
            }
        }
    }
    StampFormat::parse(&plain.replace("%Ex", "%")).ok()
}

/// Whether the pattern marks the stamp by a group of its own.
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

/// Whether the pattern has names of days or months, whose case does not count.
fn has_letters(text: &str) -> bool {
    text.replace("%%", "")
        .split('%')
        .skip(1)
        .any(|t| t.starts_with(['a', 'A', 'b', 'B', 'p', 'c']))
}

/// Replaces a name in braces, in upper or lower case.
pub(super) fn replace_name(text: &str, name: &str, by: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.to_ascii_uppercase().find(name) {
        out.push_str(&rest[..at]);
        out.push_str(by);
        rest = &rest[at + name.len()..];
    }
    out + rest
}
