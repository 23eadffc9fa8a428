//! A pattern of the user's, with `<IP>` for the address that it names.
//!
//! The regex engine gets no pattern of an address. Instead, an address in the line is replaced by a
//! mark, and `<IP>` matches the mark. So `<IP>` is exactly an address of the finder's, and no `.*`
//! before it can take away its beginning.

mod compile;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::ops::Range;

use memchr::memchr;
use pipeban::complain;
use pipeban_log::finder::{self, Found};
use pipeban_log::search::Search;
use regex_syntax::hir::Hir;

use self::compile::{GUESSED, MARK, MARKED, OTHER, collect_tags, compile, longest_literal};
use self::compile::{Wrong, mistaken_tag};
pub(crate) use self::compile::{is_mark, needs_tag};
use super::verdict::Verdict;

/// More addresses than this in a line are not tried one by one, so that time stays linear in the
/// line's length.
const MANY: usize = 16;

/// A pattern of the user's.
pub(crate) struct Pattern {
    /// As the user wrote it.
    text: String,
    /// Whether a verdict has `text` as its rule.
    named: bool,
    hir: Hir,
    search: Search,
    /// The same with [`GUESSED`], compiled when it is first needed.
    guess: OnceCell<Option<Search>>,
    /// The groups that are an `<IP>`; none if the pattern has none.
    tags: Vec<usize>,
    /// Whether no line matches without an `<IP>`.
    needs_tag: bool,
    literal: Option<Vec<u8>>,
    /// The names of groups that are asked for.
    wanted: Vec<String>,
    /// Buffers: the line's addresses, the line with marks in place of some, and the marks' places.
    found: Vec<Found>,
    marked: Vec<u8>,
    marks: Vec<usize>,
}

impl Pattern {
    /// Compiles a pattern.
    pub(crate) fn new(text: &str) -> Result<Self, Wrong> {
        let (search, hir) = compile(text, MARKED)?;
        let mut tags = Vec::new();
        collect_tags(&hir, &mut tags);
        Ok(Pattern {
            text: text.into(),
            named: false,
            search,
            guess: OnceCell::new(),
            needs_tag: needs_tag(&hir),
            literal: longest_literal(&hir),
            hir,
            tags,
            wanted: vec![],
            found: vec![],
            marked: vec![],
            marks: vec![],
        })
    }

    /// Makes the pattern the rule of its verdicts.
    pub(crate) fn name_rule(&mut self) {
        self.named = true;
    }

    fn rule(&self) -> Option<&str> {
        self.named.then_some(self.text.as_str())
    }

    /// The parsed pattern, with [`MARKED`] in place of `<IP>`.
    pub(crate) fn hir(&self) -> &Hir {
        &self.hir
    }

    fn find(&mut self, line: &[u8]) {
        self.found.clear();
        finder::find_all(line, |found| self.found.push(found));
    }

    /// Copies the line with marks for these of its addresses.
    fn mark(&mut self, line: &[u8], which: Range<usize>) {
        self.marked.clear();
        self.marks.clear();
        let mut copied = 0;
        for found in &self.found[which] {
            copy(&line[copied..found.range.start], &mut self.marked);
            self.marks.push(self.marked.len());
            self.marked.extend_from_slice(MARK);
            copied = found.range.end;
        }
        copy(&line[copied..], &mut self.marked);
    }

    /// The number of the mark that is `<IP>` in the first match.
    fn taken(&mut self) -> Option<usize> {
        if self.search.find(&self.marked) != Ok(true) {
            return None;
        }
        let mut groups = self.tags.iter().map(|tag| self.search.group(*tag));
        let (start, _) = groups.find_map(|group| group)?;
        self.marks.binary_search(&start).ok()
    }

    /// Whether the line matches with the `i`th address as `<IP>` and all others as text.
    fn fits(&mut self, line: &[u8], i: usize) -> bool {
        self.mark(line, i..i + 1);
        if self.needs_tag {
            self.search.is_match(&self.marked) == Ok(true)
        } else {
            self.taken().is_some()
        }
    }

    /// The address that is named if only its form matters. A remote party may write too many others
    /// into the line to try each, in a place where the pattern takes them for a name.
    fn guess(&mut self, line: &[u8]) -> Option<usize> {
        self.guess
            .get_or_init(|| compile(&self.text, GUESSED).ok().map(|(search, _)| search));
        let search = self.guess.get_mut()?.as_mut()?;
        if search.find(line) != Ok(true) {
            return None;
        }
        let mut groups = self.tags.iter().map(|tag| search.group(*tag));
        let (start, _) = groups.find_map(|group| group)?;
        let i = self.found.partition_point(|f| f.range.end <= start);
        (i < self.found.len() && self.found[i].range.start <= start).then_some(i)
    }

    /// The one of the addresses found that the pattern names.
    fn named(&mut self, line: &[u8]) -> Option<Found> {
        let count = self.found.len();
        if count == 1 {
            return self.fits(line, 0).then(|| self.found.swap_remove(0));
        }
        if count > 1 {
            // All are marked at once, so that the pattern's own preference decides, greedy or not.
            // But then it has not seen the text of the others.
            self.mark(line, 0..count);
            if let Some(i) = self.taken()
                && self.fits(line, i)
            {
                return Some(self.found.swap_remove(i));
            }
        }
        if count > MANY {
            let i = self.guess(line)?;
            return self.fits(line, i).then(|| self.found.swap_remove(i));
        }
        let fit: Vec<bool> = (0..count).map(|i| self.fits(line, i)).collect();
        let mut fit = fit.into_iter();
        self.found.retain(|_| fit.next() == Some(true));
        let i = if self.found.len() > 1 {
            self.mark(line, 0..self.found.len());
            self.taken().unwrap_or(0)
        } else {
            0
        };
        (i < self.found.len()).then(|| self.found.swap_remove(i))
    }

    /// The verdict about a line; `None` if the line does not match.
    pub(crate) fn judge(&mut self, line: &[u8]) -> Option<Verdict<'_>> {
        let mut named = None;
        if self.tags.is_empty() {
            if self.search.is_match(line) != Ok(true) {
                return None;
            }
        } else {
            self.find(line);
            named = Some(self.named(line)?);
        }
        let mut fields = Vec::new();
        if !self.wanted.is_empty() {
            fields = self.fields(line, named.as_ref());
        }
        Some(Verdict {
            success: false,
            found: named,
            rule: self.rule(),
            count: 1,
            fields,
            stamp: None,
            format: None,
        })
    }

    /// Whether the line matches.
    pub(crate) fn matches(&mut self, line: &[u8]) -> bool {
        self.judge(line).is_some()
    }

    /// A text that every line that matches has, if one is known.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        self.literal.as_deref()
    }

    /// Whether every verdict has an address.
    pub(crate) fn names_address(&self) -> bool {
        !self.tags.is_empty()
    }

    /// The pattern as the user wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the line that match.
    pub(crate) fn span(&mut self, line: &[u8]) -> Option<Range<usize>> {
        let named = self.judge(line)?.found;
        self.groups(line, named.as_ref(), &[0]).pop()?
    }

    /// Asks for the texts of groups with these names.
    pub(crate) fn want(&mut self, names: &[String]) {
        self.wanted = names.to_vec();
    }

    /// Whether it has a group of this name.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        let names = self.search.names().unwrap_or_default();
        names.iter().any(|(_, n)| n == name)
    }

    /// The texts of the groups that were asked for.
    fn fields(&mut self, line: &[u8], named: Option<&Found>) -> Vec<(usize, Vec<u8>)> {
        let names = self.search.names().unwrap_or_default();
        let number = |name| {
            names
                .iter()
                .find(|(_, n)| n == name)
                .map(|(number, _)| *number)
        };
        let numbers = self
            .wanted
            .iter()
            .map(|name| number(name).unwrap_or(usize::MAX));
        let numbers: Vec<_> = numbers.collect();
        let ranges = self.groups(line, named, &numbers).into_iter().enumerate();
        ranges
            .filter_map(|(i, range)| Some((i, line[range?].to_vec())))
            .collect()
    }

    /// The bytes of the line that these groups have, where `named` is the address.
    fn groups(
        &mut self,
        line: &[u8],
        named: Option<&Found>,
        numbers: &[usize],
    ) -> Vec<Option<Range<usize>>> {
        let Some(found) = named else {
            let found = self.search.find(line) == Ok(true);
            let group = |n: &usize| self.search.group(*n).filter(|_| found);
            let range = |n| group(n).map(|(start, end)| start..end);
            return numbers.iter().map(range).collect();
        };
        self.found = vec![found.clone()];
        self.mark(line, 0..1);
        let found = self.search.find(&self.marked) == Ok(true);
        let (mark, length) = (self.marks[0], self.found[0].range.len());
        let back = |at| {
            if at > mark {
                at + length - MARK.len()
            } else {
                at
            }
        };
        let group = |n: &usize| self.search.group(*n).filter(|_| found);
        let range = |n| group(n).map(|(start, end)| back(start)..back(end));
        numbers.iter().map(range).collect()
    }
}

/// Tells of words in these patterns that look like `<IP>`, and are text.
pub(crate) fn tell_tags(flag: &str, texts: &[String]) {
    for tag in texts.iter().filter_map(|text| mistaken_tag(text)) {
        let what = "is text here: <IP>, so written, stands for an address";
        complain::note(flag, format_args!("{tag} {what}"));
    }
}

/// Appends `text`, without bytes that are part of a mark.
fn copy(text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(text);
    if memchr(MARK[1], text).is_some() {
        for byte in out[start..].iter_mut().filter(|b| **b == MARK[1]) {
            *byte = OTHER;
        }
    }
}
