//! One pattern of a filter, compiled when it is first needed.

use std::cell::OnceCell;

use memchr::memmem::Finder;

use super::group::{GROUPS, Group, Groups};
use super::python::{Engine, translate};
use super::tags::{self, Host};
use crate::backtracker::{Backtracker, ByteSet, Cache};
use crate::search::Search;
use crate::sieve;

/// The steps back that a backtracking pattern may take on one line.
const MAX_STEPS: usize = 200_000;

/// Why a pattern gives no answer for a line.
#[derive(Debug, PartialEq)]
pub(super) enum Trouble {
    /// It would take more steps than it may.
    TooManySteps,
    /// It can't be compiled.
    Broken(String),
}

#[derive(Debug)]
pub(super) struct Pattern {
    source: String,
    linear: String,
    /// The exact pattern for `fancy_regex`, if `linear` matches more.
    fancy: Option<String>,
    /// The exact pattern for the backtracker, if that can run it and `linear` matches more.
    backtracking: Option<String>,
    /// Literals of which every match has one.
    pub(super) literals: Vec<Vec<u8>>,
    /// The bytes that a matching text may begin with.
    pub(super) first: ByteSet,
    /// A text that every match has behind its beginning.
    behind: Option<Finder<'static>>,
    compiled: OnceCell<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    linear: Search,
    backtracker: Option<(Backtracker, Cache)>,
    fancy: Option<Fancy>,
    /// The groups of a verdict, by number.
    groups: Vec<(usize, Group)>,
    /// All named groups, by number.
    names: Vec<(usize, String)>,
    /// Numbers of groups that replace another one where it is empty (`F-ALT_USER`).
    instead: Vec<(usize, Group)>,
    /// Numbers of the groups of `<SKIPLINES>`.
    skips: Vec<usize>,
}

/// A pattern of `fancy_regex`, and the places of its last match's groups.
#[derive(Debug)]
struct Fancy {
    regex: fancy_regex::Regex,
    spans: Vec<Option<(usize, usize)>>,
}

impl Pattern {
    /// Takes a pattern as the filter has it, with its tags; with `lines` it is for several lines
    /// at once.
    pub(super) fn new(source: &str, lines: bool, host: Host) -> Result<Pattern, String> {
        let text = tags::put_in(source, host);
        let linear = translate(&text, lines, Engine::Linear)?;
        let fancy = match linear.loose {
            true => Some(translate(&text, lines, Engine::Fancy)?.text),
            false => None,
        };
        let exact = translate(&text, lines, Engine::Backtracker).ok();
        let exact = exact.filter(|exact| linear.loose && !exact.loose);
        let hir = sieve::parsed(&linear.text)?;
        Ok(Pattern {
            backtracking: exact.map(|exact| exact.text),
            literals: sieve::required(&hir),
            first: ByteSet::first(&hir),
            behind: sieve::behind(&hir).map(|text| Finder::new(text).into_owned()),
            source: source.into(),
            linear: linear.text,
            fancy,
            compiled: OnceCell::new(),
        })
    }

    /// The pattern in Rust's syntax, with groups in place of tags; it may match more than the
    /// filter's.
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
        let backtracker = self.backtracking.as_deref().and_then(Backtracker::new);
        let backtracker = backtracker.map(|b| (b.with_budget(MAX_STEPS), Cache::default()));
        let fancy = self.fancy.as_ref().filter(|_| backtracker.is_none());
        let fancy = fancy.map(|text| {
            fancy_regex::RegexBuilder::new(text)
                .bytes_mode(fancy_regex::BytesMode::Ascii)
                .backtrack_limit(MAX_STEPS)
                .build()
                .map_err(|e| Trouble::Broken(e.to_string()))
        });
        let fancy = fancy.transpose()?.map(|regex| {
            let spans = Vec::new();
            Fancy { regex, spans }
        });
        let names: Vec<(usize, String)> = match (&backtracker, &fancy) {
            (Some((backtracker, _)), _) => backtracker.names().to_vec(),
            (None, Some(fancy)) => {
                let names = fancy.regex.capture_names().enumerate();
                names
                    .filter_map(|(number, name)| Some((number, name?.to_string())))
                    .collect()
            }
            (None, None) => linear.names().map_err(Trouble::Broken)?,
        };
        let mut compiled = Compiled {
            linear,
            backtracker,
            fancy,
            groups: Vec::new(),
            names: names.clone(),
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

    /// Whether the pattern has a group of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.linear.contains(&format!("(?P<{name}>"))
    }

    /// The bytes of a named group in the last match.
    pub(super) fn named(&self, name: &str) -> Option<(usize, usize)> {
        let names = &self.compiled.get()?.names;
        let (number, _) = names.iter().find(|(_, n)| n == name)?;
        self.span(*number)
    }

    /// Compiles the pattern now.
    pub(super) fn check(&mut self) -> Result<(), Trouble> {
        self.compiled().map(|_| ())
    }

    /// Searches `text`, with its last newline; [`span`](Self::span) then has the places of the
    /// groups.
    pub(super) fn search(&mut self, text: &[u8]) -> Result<bool, Trouble> {
        // A backtracker that fails at the pattern's end would first try every path to it.
        if let Some(behind) = &self.behind
            && behind.find(text).is_none()
        {
            return Ok(false);
        }
        self.compiled()?.search(text)
    }

    /// The bytes of a group in the last match; 0 is the whole match.
    pub(super) fn span(&self, number: usize) -> Option<(usize, usize)> {
        self.compiled.get()?.group(number)
    }

    /// The bytes of the group `content` in the last match.
    pub(super) fn content(&self) -> Option<(usize, usize)> {
        let groups = &self.compiled.get()?.groups;
        let (number, _) = groups.iter().find(|(_, g)| *g == Group::Content)?;
        self.span(*number).filter(|(start, end)| start < end)
    }

    /// The groups of the last match, which was in `text`.
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
        if let Some((backtracker, cache)) = &mut self.backtracker {
            let mut from = 0;
            if !backtracker.is_anchored() {
                // The loose pattern matches no later than the exact one.
                if !self.linear.find(text).map_err(Trouble::Broken)? {
                    return Ok(false);
                }
                from = self.linear.group(0).map_or(0, |(start, _)| start);
            }
            return match backtracker.search_from(text, from, cache) {
                Some(found) => Ok(found),
                // If even the loose pattern does not match, the exact one can't.
                None => match self.linear.find(text).map_err(Trouble::Broken)? {
                    true => Err(Trouble::TooManySteps),
                    false => Ok(false),
                },
            };
        }
        if !self.linear.find(text).map_err(Trouble::Broken)? {
            return Ok(false);
        }
        let Some(Fancy { regex, spans }) = &mut self.fancy else {
            return Ok(true);
        };
        let found = regex.captures(text).map_err(|_| Trouble::TooManySteps)?;
        let Some(found) = found else { return Ok(false) };
        spans.clear();
        spans.extend((0..found.len()).map(|i| found.get(i).map(|m| (m.start(), m.end()))));
        Ok(true)
    }

    /// The bytes of a group in the last match.
    fn group(&self, number: usize) -> Option<(usize, usize)> {
        match (&self.backtracker, &self.fancy) {
            (Some((_, cache)), _) => cache.group(number),
            (None, Some(fancy)) => fancy.spans.get(number).copied().flatten(),
            (None, None) => self.linear.group(number),
        }
    }
}
