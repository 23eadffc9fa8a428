//! Decides whether a line counts, and which address is meant: by a pattern of the user's, by
//! presets, or by a filter of fail2ban's.

mod pattern;
mod ready;
mod verdict;

use pipeban::complain::Fault;
use pipeban_log::filter::{self, Filter};
use pipeban_log::line::Line;
use pipeban_log::presets::{self, Presets};

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

/// The facts about earlier lines by which a matcher judges the next one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known {
    Nothing,
    OfPresets(presets::Known),
    OfFilter(filter::Known),
}

/// The facts about lines that a matcher has judged.
pub(crate) enum Behind {
    Nothing,
    OfPresets(Box<presets::Behind>),
    OfFilter(filter::Known),
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
        match self {
            Matcher::Pattern(_) => {}
            Matcher::Presets(presets) => presets.begin_file(),
            Matcher::Filter(filter, _) => filter.begin_file(),
        }
    }

    /// Whether lines are judged together with earlier ones in a way that only one thread can.
    pub(crate) fn remembers(&self) -> bool {
        match self {
            Matcher::Pattern(_) | Matcher::Presets(_) => false,
            Matcher::Filter(filter, _) => filter.remembers(),
        }
    }

    /// The facts about earlier lines by which the next one is judged.
    pub(crate) fn known(&self) -> Known {
        match self {
            Matcher::Pattern(_) => Known::Nothing,
            Matcher::Presets(presets) => Known::OfPresets(presets.known()),
            Matcher::Filter(filter, _) => Known::OfFilter(filter.known()),
        }
    }

    /// Begins in the middle of an input, of which this is known.
    pub(crate) fn begin_amid(&mut self, known: &Known) {
        match (self, known) {
            (Matcher::Presets(presets), Known::OfPresets(known)) => presets.begin_amid(known),
            (Matcher::Filter(filter, _), Known::OfFilter(known)) => filter.learn(known),
            _ => {}
        }
    }

    /// Whether a judgement since then depends on more than was known.
    pub(crate) fn depends(&self) -> bool {
        matches!(self, Matcher::Presets(presets) if presets.depends())
    }

    /// The facts about the lines judged so far.
    pub(crate) fn behind(&mut self) -> Behind {
        match self {
            Matcher::Pattern(_) => Behind::Nothing,
            Matcher::Presets(presets) => Behind::OfPresets(Box::new(presets.behind())),
            Matcher::Filter(filter, _) => Behind::OfFilter(filter.known()),
        }
    }

    /// Goes on behind lines that the same matcher has judged elsewhere.
    pub(crate) fn go_on_behind(&mut self, behind: Behind) {
        match (self, behind) {
            (Matcher::Presets(presets), Behind::OfPresets(behind)) => presets.go_on_behind(*behind),
            (Matcher::Filter(filter, _), Behind::OfFilter(known)) => filter.learn(&known),
            _ => {}
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
