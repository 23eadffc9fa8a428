//! The reason of a judgement.

use std::ops::Range;

use pipeban_log::finder::{self, Found};

use super::say::{readable, say};
use crate::matcher::{Matcher, Pattern};
use crate::selection::{Chooser, Pick, Picker};

/// The reason of a judgement.
pub(super) enum Reason {
    EveryLine,
    NoMatch,
    Matched {
        pattern: String,
        span: Range<usize>,
        /// Whether the pattern names the address.
        named: bool,
    },
    Excluded {
        pattern: String,
    },
}

impl Reason {
    /// The reason of this judgement: whether the line counts, and the number of the matcher or of
    /// the exclusion with its rule. The address of a filter gets its place in the line.
    pub(super) fn of(
        chooser: &mut Chooser,
        line: &[u8],
        counts: bool,
        matched: Option<(usize, Option<String>)>,
        found: Option<&mut Found>,
    ) -> Reason {
        let judge = &mut chooser.judge;
        let (number, rule) = match matched {
            None if counts => return Reason::EveryLine,
            None => return Reason::NoMatch,
            Some(matched) => matched,
        };
        if !counts {
            let pattern = judge.exclude.get(number).map_or("", Pattern::text).into();
            return Reason::Excluded { pattern };
        }
        let rule = rule.unwrap_or_default();
        let end = line.len()..line.len();
        let place = |found: Option<&Found>| found.map_or(end.clone(), |f| f.range.clone());
        match &mut judge.matchers[number] {
            Matcher::Pattern(pattern) => Reason::Matched {
                span: pattern.span(line).unwrap_or_default(),
                pattern: pattern.text().into(),
                named: pattern.names_address(),
            },
            Matcher::Presets(_) => Reason::Matched {
                pattern: format!("--preset {rule}"),
                span: place(found.as_deref()),
                named: true,
            },
            Matcher::Filter(..) => {
                let mut span = place(found.as_deref());
                if let Some(found) = found.filter(|f| f.range.is_empty()) {
                    finder::find_all(line, |other| {
                        if other.address == found.address && span.is_empty() {
                            span = other.range;
                        }
                    });
                    found.range = span.clone();
                }
                Reason::Matched {
                    pattern: format!("--filter {rule}"),
                    span,
                    named: true,
                }
            }
        }
    }

    /// Prints it.
    pub(super) fn say(&self, out: &mut Vec<u8>, line: &[u8]) {
        match self {
            Reason::EveryLine => {}
            Reason::NoMatch => say(out, 1, "matches no pattern"),
            Reason::Matched { pattern, span, .. } => {
                let (pattern, text) = (readable(pattern.as_bytes()), readable(&line[span.clone()]));
                let column = span.start + 1;
                let what = format_args!("matches {pattern} at column {column}: {text}");
                say(out, 1, what);
            }
            Reason::Excluded { pattern } => {
                let pattern = readable(pattern.as_bytes());
                say(out, 1, format_args!("is left out by --exclude {pattern}"));
            }
        }
    }

    /// Why an address is taken.
    pub(super) fn taken(&self, picker: &Picker) -> String {
        match (self, picker.field, picker.pick) {
            (Reason::Matched { named: true, .. }, ..) => {
                "it stands where the pattern has <IP>".into()
            }
            (_, Some(n), Pick::First) => format!("the first in field {n}"),
            (_, Some(n), _) => format!("the last in field {n}"),
            (_, None, Pick::First) => "the first of the line".into(),
            (_, None, Pick::Last) => "the last of the line".into(),
            (_, None, Pick::All) => "all of the line are taken".into(),
        }
    }

    /// Why an address is not taken.
    pub(super) fn left(&self, picker: &Picker) -> String {
        match self {
            Reason::NoMatch | Reason::Excluded { .. } => "the line does not count".into(),
            Reason::Matched { named: true, .. } => {
                "it does not stand where the pattern has <IP>".into()
            }
            _ => format!("it is not {}", self.taken(picker)),
        }
    }
}
