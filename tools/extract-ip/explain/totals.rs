//! The last lines of `--explain`: the number of lines, and of those that each pattern matches.

use std::collections::BTreeMap;

use pipeban_log::line::{Line, Stamp};

use super::reason::Reason;
use super::say::say;

/// The lines so far.
#[derive(Default)]
pub(super) struct Totals {
    lines: u64,
    /// The number of lines that each pattern matches. A pattern of the user's may have none.
    matched: BTreeMap<String, u64>,
    excluded: u64,
    missed: u64,
    /// Of those that were missed, the lines without a time stamp and a program that are known.
    unknown: u64,
}

impl Totals {
    /// Nothing is counted yet; `patterns` are those of the user's.
    pub(super) fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        Totals {
            matched: patterns.map(|pattern| (pattern.into(), 0)).collect(),
            ..Totals::default()
        }
    }

    /// Counts a line.
    pub(super) fn add(&mut self, line: &Line, reason: &Reason) {
        self.lines += 1;
        match reason {
            Reason::EveryLine => {}
            Reason::Matched { pattern, .. } => {
                *self.matched.entry(pattern.clone()).or_default() += 1;
            }
            Reason::Excluded { .. } => self.excluded += 1,
            Reason::NoMatch => {
                self.missed += 1;
                let is_known = line.stamp != Stamp::None || line.program.is_some();
                self.unknown += u64::from(!is_known);
            }
        }
    }

    /// Prints them.
    pub(super) fn say(&self, out: &mut Vec<u8>) {
        let digits = self.lines.to_string().len();
        let number = |number: u64| format!("{number:digits$}");
        say(out, 0, "in all:");
        let lines = if self.lines == 1 { "line" } else { "lines" };
        say(out, 1, format_args!("{} {lines}", number(self.lines)));
        for (pattern, count) in &self.matched {
            say(
                out,
                1,
                format_args!("{} matched by {pattern}", number(*count)),
            );
        }
        if self.excluded > 0 {
            let excluded = number(self.excluded);
            say(out, 1, format_args!("{excluded} left out by --exclude"));
        }
        if self.missed > 0 || !self.matched.is_empty() {
            let missed = number(self.missed);
            say(out, 1, format_args!("{missed} matched by no pattern"));
        }
        if self.unknown > 0 {
            let unknown = number(self.unknown);
            let what = "of them of unknown form: no time stamp, no program";
            say(out, 1, format_args!("{unknown} {what}"));
        }
    }
}
