//! Decides whether a line counts, and which address is meant: by a pattern of the user's, by
//! presets, or by a filter of fail2ban's.

mod pattern;
mod ready;
mod verdict;

use pipeban::complain::Fault;
use pipeban_log::filter::Filter;
use pipeban_log::line::Line;
use pipeban_log::presets::Presets;

pub(crate) use self::pattern::{Pattern, is_mark, tell_tags};
pub(crate) use self::ready::{list_presets, marked_presets, tell_marks};
pub(crate) use self::verdict::Verdict;

/// Decides whether a line counts, and which address is meant.
pub(crate) enum Matcher {
    Pattern(Box<Pattern>),
    Presets(Box<Presets>),
    /// With the names of the groups that are asked for.
    Filter(Box<Filter>, Vec<String>),
}

impl Matcher {
    /// The presets of these names, each of which may be a list with commas.
    pub(crate) fn presets(names: &[String]) -> Result<Matcher, Fault> {
        let names = names.iter().flat_map(|list| list.split(','));
        let presets = Presets::new(names.map(str::trim).filter(|name| !name.is_empty()));
        Ok(Matcher::Presets(Box::new(presets?)))
    }

    /// The filter of a file, with its options in brackets.
    pub(crate) fn filter(argument: &str) -> Result<Matcher, Fault> {
        let filter = Filter::load(argument)?;
        Ok(Matcher::Filter(Box::new(filter), Vec::new()))
    }

    /// The verdict about a line; `None` if the line does not match. Lines come in their order;
    /// `follows` says whether this one is right behind the last one.
    pub(crate) fn judge(&mut self, line: &Line, follows: bool) -> Option<Verdict<'_>> {
        match self {
            Matcher::Pattern(pattern) => pattern.judge(line.text),
            Matcher::Presets(presets) => ready::judge_by_presets(presets, line, follows),
            Matcher::Filter(filter, wanted) => ready::judge_by_filter(filter, wanted, line),
        }
    }

    /// Asks for the texts of groups with these names.
    pub(crate) fn want(&mut self, names: &[String]) {
        match self {
            Matcher::Pattern(pattern) => pattern.want(names),
            Matcher::Presets(presets) => presets.want(names),
            Matcher::Filter(_, wanted) => *wanted = names.to_vec(),
        }
    }

    /// Whether a pattern has a group of this name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        match self {
            Matcher::Pattern(pattern) => pattern.has_group(name),
            Matcher::Presets(presets) => presets.has_group(name),
            Matcher::Filter(filter, _) => filter.has_group(name),
        }
    }

    /// Passes over a line that another matcher took.
    pub(crate) fn pass(&mut self) {
        if let Matcher::Presets(presets) = self {
            presets.pass();
        }
    }

    /// Begins another input.
    pub(crate) fn begin_file(&mut self) {
        if let Matcher::Presets(presets) = self {
            presets.begin_file();
        }
    }

    /// Texts of which every line that matches has one, behind its carrier; `None` where none are
    /// known.
    pub(crate) fn literals(&self) -> Option<Vec<&[u8]>> {
        let literals = match self {
            Matcher::Pattern(pattern) => return Some(vec![pattern.literal()?]),
            Matcher::Presets(presets) => presets.literals()?,
            Matcher::Filter(filter, _) => filter.literals()?,
        };
        Some(literals.iter().map(Vec::as_slice).collect())
    }

    /// Whether every verdict has an address.
    pub(crate) fn names_address(&self) -> bool {
        match self {
            Matcher::Pattern(pattern) => pattern.names_address(),
            Matcher::Presets(_) | Matcher::Filter(..) => true,
        }
    }
}
