//! One pattern of a filter, compiled when it is first needed.

use std::cell::OnceCell;

use memchr::memmem::Finder;

use super::groups::{GROUPS, Group, Groups};
use super::port::{Engine, port};
use super::tags::{self, Host};
use crate::search::Search;
use crate::sieve;
use crate::walk::{Bytes, Walk, Walker};

/// A line on which a backtracking pattern takes more steps back than this is given up.
const MAX_STEPS: usize = 200_000;

/// Why a pattern gives no answer for a line.
#[derive(Debug, PartialEq)]
pub(super) enum Trouble {
    /// It would have to try more ways than it is allowed to.
    TooManySteps,
    /// It can't be compiled.
    Broken(String),
}

#[derive(Debug)]
pub(super) struct Pattern {
    source: String,
    linear: String,
    /// The pattern itself, where `linear` matches more.
    exact: Option<String>,
    /// The pattern itself once more, where it can be walked.
    walking: Option<String>,
    /// Literals of which every match has one.
    pub literals: Vec<Vec<u8>>,
    /// The bytes that a text may begin with that matches.
    pub first: Bytes,
    /// What such a text has further on.
    behind: Option<Finder<'static>>,
    compiled: OnceCell<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    linear: Search,
    walker: Option<(Walker, Walk)>,
    exact: Option<Exact>,
    /// Which number stands for which of our groups.
    groups: Vec<(usize, Group)>,
    /// Numbers of groups that stand in for another where that one is empty (`F-ALT_USER`).
    instead: Vec<(usize, Group)>,
    /// Numbers of the groups that `<SKIPLINES>` makes.
    skips: Vec<usize>,
}

/// A pattern by backtracking, and where the groups of its last match stand.
#[derive(Debug)]
struct Exact {
    regex: fancy_regex::Regex,
    spans: Vec<Option<(usize, usize)>>,
}

impl Pattern {
    /// Takes a pattern as the filter has it, with its tags; with `lines` it is one for several lines at once.
    pub(super) fn new(source: &str, lines: bool, host: Host) -> Result<Pattern, String> {
        let text = tags::put_in(source, host);
        let ported = port(&text, lines, Engine::Linear)?;
        let exact = match ported.loose {
            true => Some(port(&text, lines, Engine::Backtracking)?.text),
            false => None,
        };
        let walking = port(&text, lines, Engine::Walking).ok();
        let walking = walking.filter(|walking| ported.loose && !walking.loose);
        let hir = sieve::parsed(&ported.text)?;
        Ok(Pattern {
            walking: walking.map(|walking| walking.text),
            literals: sieve::required(&hir),
            first: Bytes::first(&hir),
            behind: sieve::behind(&hir).map(|text| Finder::new(text).into_owned()),
            source: source.into(),
            linear: ported.text,
            exact,
            compiled: OnceCell::new(),
        })
    }

    /// The pattern in Rust's syntax, with groups in place of tags; it may match more than the pattern itself.
    pub(super) fn text(&self) -> &str {
        &self.linear
    }

    /// The pattern as the filter has it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern has this group.
    pub(super) fn names(&self, group: Group) -> bool {
        let name = GROUPS[group as usize].0;
        self.linear.contains(&format!("(?P<{name}>"))
    }

    fn compile(&self) -> Result<Compiled, Trouble> {
        let linear = Search::new(&self.linear);
        let walker = self.walking.as_deref().and_then(Walker::new);
        let walker = walker.map(|walker| (walker.with_budget(MAX_STEPS), Walk::default()));
        let exact = self.exact.as_ref().filter(|_| walker.is_none());
        let exact = exact.map(|text| {
            fancy_regex::RegexBuilder::new(text)
                .bytes_mode(fancy_regex::BytesMode::Ascii)
                .backtrack_limit(MAX_STEPS)
                .build()
                .map_err(|e| Trouble::Broken(e.to_string()))
        });
        let exact = exact.transpose()?.map(|regex| {
            let spans = Vec::new();
            Exact { regex, spans }
        });
        let names: Vec<(usize, String)> = match (&walker, &exact) {
            (Some((walker, _)), _) => walker.names().to_vec(),
            (None, Some(exact)) => {
                let names = exact.regex.capture_names().enumerate();
                names
                    .filter_map(|(number, name)| Some((number, name?.to_string())))
                    .collect()
            }
            (None, None) => linear.names().map_err(Trouble::Broken)?,
        };
        let mut compiled = Compiled {
            linear,
            walker,
            exact,
            groups: Vec::new(),
            instead: Vec::new(),
            skips: Vec::new(),
        };
        let mut instead = Vec::new();
        for (number, name) in names {
            if let Some((_, group)) = GROUPS.iter().find(|(n, _)| *n == name) {
                compiled.groups.push((number, *group));
            } else if let Some(other) = name.strip_prefix("alt_") {
                let plain = other
                    .trim_end_matches(|c: char| c.is_ascii_digit())
                    .strip_suffix('_');
                let other = tags::renamed(plain.unwrap_or(other));
                if let Some((_, group)) = GROUPS.iter().find(|(n, _)| *n == other) {
                    instead.push((name, number, *group));
                }
            } else if name.starts_with("skiplines") {
                compiled.skips.push(number);
            }
        }
        instead.sort_by(|a, b| a.0.cmp(&b.0));
        compiled.instead = instead.into_iter().map(|(_, n, g)| (n, g)).collect();
        Ok(compiled)
    }

    fn compiled(&mut self) -> Result<&mut Compiled, Trouble> {
        if self.compiled.get().is_none() {
            let compiled = self.compile()?;
            let _ = self.compiled.set(compiled);
        }
        self.compiled
            .get_mut()
            .ok_or_else(|| Trouble::Broken("not compiled".into()))
    }

    /// Compiles the pattern now, to learn whether it can be.
    pub(super) fn check(&mut self) -> Result<(), Trouble> {
        self.compiled().map(|_| ())
    }

    /// Searches `text` (with its last newline); [`span`](Self::span) tells where the match and its groups stand.
    pub(super) fn search(&mut self, text: &[u8]) -> Result<bool, Trouble> {
        // A walk that has to fail at its end would try all ways to there.
        if let Some(behind) = &self.behind
            && behind.find(text).is_none()
        {
            return Ok(false);
        }
        self.compiled()?.search(text)
    }

    /// Where a group of the last match stands; 0 is the whole match.
    pub(super) fn span(&self, number: usize) -> Option<(usize, usize)> {
        self.compiled.get()?.group(number)
    }

    /// Where the group `content` of the last match stands.
    pub(super) fn content(&self) -> Option<(usize, usize)> {
        let groups = &self.compiled.get()?.groups;
        let (number, _) = groups.iter().find(|(_, g)| *g == Group::Content)?;
        self.span(*number).filter(|(start, end)| start < end)
    }

    /// The groups of the last match, in `text`, that a verdict is made of.
    pub(super) fn groups<'t>(&self, text: &'t [u8]) -> Groups<'t> {
        let mut groups = Groups::default();
        let Some(compiled) = self.compiled.get() else {
            return groups;
        };
        let held = |number: usize| compiled.group(number).map(|(s, e)| &text[s..e]);
        let wanted = compiled.groups.iter().filter(|(_, g)| *g != Group::Content);
        for (number, group) in wanted {
            groups.0[*group as usize] = held(*number);
        }
        for (number, group) in &compiled.instead {
            if let Some(text) = held(*number).filter(|t| !t.is_empty())
                && !groups.has(*group)
            {
                groups.set(*group, text);
            }
        }
        groups
    }

    /// The text that `<SKIPLINES>` passed over in the last match.
    pub(super) fn skipped(&self, text: &[u8]) -> Vec<u8> {
        let skips = self.compiled.get().into_iter().flat_map(|c| &c.skips);
        let skipped = skips.filter_map(|n| self.span(*n));
        skipped
            .flat_map(|(s, e)| text[s..e].iter().copied())
            .collect()
    }
}

impl Compiled {
    fn search(&mut self, text: &[u8]) -> Result<bool, Trouble> {
        if let Some((walker, walk)) = &mut self.walker {
            let mut from = 0;
            if !walker.is_anchored() {
                // What matches more matches no further on.
                if !self.linear.find(text).map_err(Trouble::Broken)? {
                    return Ok(false);
                }
                from = self.linear.group(0).map_or(0, |(start, _)| start);
            }
            return match walker.search_from(text, from, walk) {
                Some(found) => Ok(found),
                // Where even what matches more does not match, the rest of the steps need not be taken.
                None => match self.linear.find(text).map_err(Trouble::Broken)? {
                    true => Err(Trouble::TooManySteps),
                    false => Ok(false),
                },
            };
        }
        if !self.linear.find(text).map_err(Trouble::Broken)? {
            return Ok(false);
        }
        let Some(Exact { regex, spans }) = &mut self.exact else {
            return Ok(true);
        };
        let found = regex.captures(text).map_err(|_| Trouble::TooManySteps)?;
        let Some(found) = found else { return Ok(false) };
        spans.clear();
        spans.extend((0..found.len()).map(|i| found.get(i).map(|m| (m.start(), m.end()))));
        Ok(true)
    }

    /// Where a group of the last match stands.
    fn group(&self, number: usize) -> Option<(usize, usize)> {
        match (&self.walker, &self.exact) {
            (Some((_, walk)), _) => walk.group(number),
            (None, Some(exact)) => exact.spans.get(number).copied().flatten(),
            (None, None) => self.linear.group(number),
        }
    }
}
