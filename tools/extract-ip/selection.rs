//! Chooses the lines that count, and the addresses of a line.

use std::sync::Arc;

use memchr::memmem::Finder;
use pipeban::complain::Fault;
use pipeban_log::finder::{self, Found};
use pipeban_log::line::Line;
use pipeban_log::presets::Presets;
use pipeban_log::sieve::AnyOf;

use crate::address_filter::Keep;
use crate::arguments::Arguments;
use crate::fields::Fields;
use crate::lines::{Literals, field};
use crate::matcher::{Matcher, Pattern, Verdict};
use crate::object::Objects;
use crate::one_of_each_line;

/// Decides which lines count.
pub(crate) struct Judge {
    /// The first that matches a line decides. Without any, every line counts.
    pub(crate) matchers: Vec<Matcher>,
    pub(crate) exclude: Vec<Pattern>,
}

/// The decision about a line.
pub(crate) enum Judgement<'a> {
    /// No matcher matches.
    NoMatch,
    /// The exclusion of this number matches.
    Excluded(usize),
    /// The line counts, by the verdict of the matcher of this number.
    Counts(Option<(usize, Verdict<'a>)>),
}

impl Judge {
    /// Begins another input.
    pub(crate) fn begin_file(&mut self) {
        self.matchers.iter_mut().for_each(Matcher::begin_file);
    }

    /// Whether all lines count.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.matchers.is_empty() && self.exclude.is_empty()
    }

    /// The presets, if there are any.
    pub(crate) fn presets(&self) -> Option<&Presets> {
        self.matchers.iter().find_map(|matcher| match matcher {
            Matcher::Presets(presets) => Some(&**presets),
            _ => None,
        })
    }

    /// The presets, to be told about lines.
    pub(crate) fn presets_mut(&mut self) -> Option<&mut Presets> {
        let mut all = self.matchers.iter_mut();
        all.find_map(|matcher| match matcher {
            Matcher::Presets(presets) => Some(&mut **presets),
            _ => None,
        })
    }

    /// Whether the line that was judged last waits until those before are known.
    pub(crate) fn waits(&self) -> bool {
        self.presets()
            .is_some_and(|presets| presets.pending().is_some())
    }

    /// Whether an exclusion matches.
    pub(crate) fn excludes(&mut self, text: &[u8]) -> bool {
        self.exclude.iter_mut().any(|pattern| pattern.matches(text))
    }

    /// Judges a line. Lines come in their order; `follows` says whether this one is right behind
    /// the last one.
    pub(crate) fn judge(&mut self, line: &Line, follows: bool) -> Judgement<'_> {
        // Most have one, and no exclusion.
        if self.matchers.len() == 1 && self.exclude.is_empty() {
            return match self.matchers[0].judge(line, follows) {
                Some(verdict) => Judgement::Counts(Some((0, verdict))),
                None => Judgement::NoMatch,
            };
        }
        let needs_match = !self.matchers.is_empty();
        let mut verdict = None;
        for (i, matcher) in self.matchers.iter_mut().enumerate() {
            if verdict.is_some() {
                matcher.pass();
            } else {
                verdict = matcher.judge(line, follows).map(|verdict| (i, verdict));
            }
        }
        if verdict.is_none() && needs_match {
            return Judgement::NoMatch;
        }
        if let Some(i) = self.exclude.iter_mut().position(|e| e.matches(line.text)) {
            return Judgement::Excluded(i);
        }
        Judgement::Counts(verdict)
    }
}

/// The addresses of a line that are chosen.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pick {
    All,
    First,
    Last,
}

/// Chooses among the addresses of a line that counts.
pub(crate) struct Picker {
    pub(crate) field: Option<usize>,
    pub(crate) pick: Pick,
    pub(crate) keep: Arc<Keep>,
}

/// An address to print.
pub(crate) struct Choice<'a> {
    /// The text that it was found in: the line or a part of it.
    pub(crate) text: &'a [u8],
    /// Where that text begins in the line.
    pub(crate) offset: usize,
    pub(crate) found: &'a Found,
}

impl Picker {
    /// Calls `give` for each address of a line that is to be printed: of those at its key, of the
    /// one that a pattern names, or of all.
    pub(crate) fn pick_of(
        &self,
        line: &[u8],
        at_key: Option<&[Found]>,
        named: Option<&Found>,
        give: impl FnMut(Choice),
    ) {
        match at_key {
            Some(all) => self.pick_from_key(line, all, give),
            None => self.pick(line, named, give),
        }
    }

    /// Calls `give` for each address of a line that is to be printed.
    pub(crate) fn pick(&self, line: &[u8], named: Option<&Found>, mut give: impl FnMut(Choice)) {
        if let Some(found) = named {
            if self.keep.keeps(&found.address) {
                let (text, offset) = (line, 0);
                give(Choice {
                    text,
                    offset,
                    found,
                });
            }
            return;
        }
        let range = self.field.map_or(0..line.len(), |n| field(line, n));
        let (text, offset) = (&line[range.clone()], range.start);
        let mut one = None;
        finder::find_all(text, |found| match self.pick {
            _ if !self.keep.keeps(&found.address) => {}
            Pick::All => give(Choice {
                text,
                offset,
                found: &found,
            }),
            Pick::First => _ = one.get_or_insert(found),
            Pick::Last => one = Some(found),
        });
        if let Some(found) = &one {
            give(Choice {
                text,
                offset,
                found,
            });
        }
    }

    /// Calls `give` for each of the addresses at a key that is to be printed.
    pub(crate) fn pick_from_key(&self, text: &[u8], all: &[Found], mut give: impl FnMut(Choice)) {
        let kept = || all.iter().filter(|found| self.keep.keeps(&found.address));
        let give = |found| {
            give(Choice {
                text,
                offset: 0,
                found,
            })
        };
        match self.pick {
            Pick::All => kept().for_each(give),
            Pick::First => kept().next().into_iter().for_each(give),
            Pick::Last => kept().next_back().into_iter().for_each(give),
        }
    }

    /// Calls `give` for each address of a block that is to be printed, if every line counts.
    pub(crate) fn pick_from_block(&self, block: &[u8], mut give: impl FnMut(&Found)) {
        if self.pick == Pick::All {
            finder::find_all(block, |found| {
                if self.keep.keeps(&found.address) {
                    give(&found);
                }
            });
        } else {
            let first = self.pick == Pick::First;
            one_of_each_line::one_of_each_line(block, self.field, first, &self.keep, give);
        }
    }
}

/// Chooses the lines that count, and the addresses of a line.
pub(crate) struct Chooser {
    /// Where lines are JSON objects.
    pub(crate) objects: Option<Objects>,
    pub(crate) judge: Judge,
    pub(crate) picker: Picker,
    /// Finds lines that may count, also in carriers that escape text; `None` where any line may.
    pub(crate) literals: Option<Literals>,
    pub(crate) fields: Fields,
    /// Whether a judgement depends on the heads of earlier lines.
    pub(crate) needs_heads: bool,
}

impl Chooser {
    pub(crate) fn new(arguments: &Arguments, keep: Arc<Keep>) -> Result<Self, Fault> {
        let mut objects = Objects::new(arguments)?;
        let by_key = objects.as_ref().is_some_and(Objects::names_address);
        let mut matchers = Vec::new();
        for mut pattern in patterns("--regex", &arguments.regex)? {
            if arguments.regex.len() > 1 {
                pattern.name_rule();
            }
            matchers.push(Matcher::Pattern(Box::new(pattern)));
        }
        if !arguments.preset.is_empty() {
            matchers.push(Matcher::presets(&arguments.preset)?);
        }
        for filter in &arguments.filter {
            matchers.push(Matcher::filter(filter)?);
        }
        let named = !matchers.is_empty() && matchers.iter().all(Matcher::names_address);
        let what = "the patterns name the address already";
        if named && arguments.field.is_some() {
            return Err(Fault::new("--field", what));
        }
        if by_key && matchers.iter().any(Matcher::names_address) {
            return Err(Fault::new("--key", what));
        }
        if by_key && arguments.field.is_some() {
            return Err(Fault::new("--field", "the key names the address already"));
        }
        let pick = match (arguments.first, arguments.last || arguments.field.is_some()) {
            (true, _) => Pick::First,
            (false, true) => Pick::Last,
            (false, false) => Pick::All,
        };
        let literals = matchers.iter().map(Matcher::literals);
        let literals = literals.collect::<Option<Vec<_>>>();
        // A line that is no object is told.
        let literals = literals.filter(|_| objects.is_none());
        let literals = literals.and_then(|literals| search_for(&literals.concat()));
        if let ([Matcher::Filter(filter, _)], false) = (matchers.as_mut_slice(), arguments.explain)
        {
            filter.expect_sifted();
        }
        let is_presets = |matcher: &Matcher| matches!(matcher, Matcher::Presets(_));
        Ok(Chooser {
            fields: Fields::new(&arguments.with, &mut matchers, objects.as_mut())?,
            objects,
            literals,
            needs_heads: matchers.iter().any(is_presets),
            judge: Judge {
                matchers,
                exclude: patterns("--exclude", &arguments.exclude)?,
            },
            picker: Picker {
                field: arguments.field.map(|n| n.get()),
                pick,
                keep,
            },
        })
    }

    /// The presets, if there are any.
    pub(crate) fn presets(&self) -> Option<&Presets> {
        self.judge.presets()
    }

    /// Whether every line counts.
    pub(crate) fn takes_every_line(&self) -> bool {
        self.judge.is_empty() && self.objects.is_none()
    }
}

fn patterns(flag: &str, texts: &[String]) -> Result<Vec<Pattern>, Fault> {
    let compiled = texts.iter().map(|text| Pattern::new(text));
    compiled.collect::<Result<Vec<_>, _>>().map_err(|wrong| {
        wrong.show();
        Fault::new(flag, wrong)
    })
}

/// Bytes that a carrier may write otherwise: JSON escapes them, or some writers of it do.
const ESCAPED: &[u8] = b"\"\\/<>&'";
/// The beginning of a message of the journal as numbers: it has bytes that are no UTF-8.
const NUMBERS: &[u8] = b"\"MESSAGE\":[";

/// A search for lines that have one of these texts, even if a carrier has escaped it.
fn search_for(texts: &[&[u8]]) -> Option<Literals> {
    let plain = |b: &u8| b.is_ascii() && !b.is_ascii_control() && !ESCAPED.contains(b);
    let longest = |text: &&[u8]| {
        let pieces = text.split(|b| !plain(b));
        pieces.max_by_key(|piece| piece.len()).map(<[u8]>::to_vec)
    };
    if texts.is_empty() {
        return None;
    }
    let pieces = texts.iter().filter_map(longest).collect::<Vec<_>>();
    let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
    Some(Literals {
        any: AnyOf::new(&pieces)?,
        rare: Finder::new(NUMBERS),
    })
}
