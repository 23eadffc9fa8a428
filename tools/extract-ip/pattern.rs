//! A pattern of the user's, with `<IP>` for the address that it names.
//!
//! An address in the line is not described to the regex engine but shown to it: it is replaced by a mark that stands for
//! `<IP>`. So `<IP>` is what the finder takes for an address, whole, and no `.*` before it can bite off its beginning.

use std::cell::OnceCell;
use std::ops::Range;

use memchr::memchr;
use pipeban_log::finder::{self, Found};
use pipeban_log::search::Search;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

use crate::choose::{Matcher, Verdict};
use crate::hostile::{self, Attempt};

/// Stands for an address. The byte in its middle is in no other place: elsewhere [`OTHER`] replaces it. The digits
/// are for `\b`, which is at an address's ends.
const MARK: &[u8; 3] = b"0\xff0";
const OTHER: u8 = 0xfe;

const TAGS: [&str; 3] = ["<IP>", "<HOST>", "<ADDR>"];

/// More addresses than this in a line are not tried one by one: the time must stay linear in the line's length.
const MANY: usize = 16;

/// What `<IP>` is to the search: the mark, or for [`Pattern::guess`] all that an address may be written as.
const MARKED: &str = r"((?-u:0\xff0))";
const GUESSED: &str = r"((?-u:[0-9A-Fa-f:.]+(?:/[0-9]+)?))";

pub struct Pattern {
    /// As the user wrote it.
    text: String,
    /// Whether a match tells `text` as its rule.
    named: bool,
    hir: Hir,
    search: Search,
    /// The same with [`GUESSED`], made when it is first needed.
    guess: OnceCell<Option<Search>>,
    /// The groups that are an `<IP>`; none if the pattern has none.
    tags: Vec<usize>,
    /// Whether no line matches without an `<IP>`.
    needs_tag: bool,
    literal: Option<Vec<u8>>,
    /// The line's addresses, and the line with marks in place of some, where these stand.
    found: Vec<Found>,
    marked: Vec<u8>,
    marks: Vec<usize>,
}

impl Pattern {
    /// Compiles it; the error is a sentence.
    pub fn new(text: &str) -> Result<Self, String> {
        let (search, hir) = compile(text, MARKED).map_err(|e| format!("{text}: {e}"))?;
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
            found: vec![],
            marked: vec![],
            marks: vec![],
        })
    }

    /// From now on a match tells which pattern it was.
    pub fn name_rule(&mut self) {
        self.named = true;
    }

    fn rule(&self) -> Option<&str> {
        self.named.then_some(self.text.as_str())
    }

    pub fn hir(&self) -> &Hir {
        &self.hir
    }

    /// Whether it takes `one` for the address of a line in which it could also take `other`.
    pub fn takes(&mut self, line: &[u8], one: &[u8], other: &[u8]) -> bool {
        let is = |found: &Found, text: &[u8]| line[found.range.clone()] == *text;
        let named = self.judge(line).and_then(|verdict| verdict.found);
        if !named.is_some_and(|found| is(&found, one)) {
            return false;
        }
        self.find(line);
        let others = (0..self.found.len()).filter(|i| is(&self.found[*i], other));
        others
            .collect::<Vec<_>>()
            .into_iter()
            .any(|i| self.fits(line, i))
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

    /// Which of the marks the first match takes for `<IP>`.
    fn taken(&mut self) -> Option<usize> {
        if self.search.find(&self.marked) != Ok(true) {
            return None;
        }
        let mut groups = self.tags.iter().map(|tag| self.search.group(*tag));
        let (start, _) = groups.find_map(|group| group)?;
        self.marks.binary_search(&start).ok()
    }

    /// Whether the line matches with the `i`th address for `<IP>`, and all others as they are.
    fn fits(&mut self, line: &[u8], i: usize) -> bool {
        self.mark(line, i..i + 1);
        if self.needs_tag {
            self.search.is_match(&self.marked) == Ok(true)
        } else {
            self.taken().is_some()
        }
    }

    /// The address that is named if nothing but its form matters. A remote party may write so many others into the line
    /// that not each can be tried, in a place where the pattern takes them for a name.
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

    /// The address among those found that is named.
    fn named(&mut self, line: &[u8]) -> Option<Found> {
        let count = self.found.len();
        if count > 1 {
            // All marked at once, so that the pattern's own preference decides between them, greedy or not. But then
            // it has not seen what is behind the other marks.
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
}

impl Matcher for Pattern {
    fn judge(&mut self, line: &[u8]) -> Option<Verdict<'_>> {
        if self.tags.is_empty() {
            let matches = self.search.is_match(line) == Ok(true);
            return matches.then(|| Verdict {
                found: None,
                rule: self.rule(),
            });
        }
        self.find(line);
        let found = self.named(line)?;
        Some(Verdict {
            found: Some(found),
            rule: self.rule(),
        })
    }

    fn literals(&self) -> Option<Vec<&[u8]>> {
        Some(vec![self.literal.as_deref()?])
    }

    fn names_address(&self) -> bool {
        !self.tags.is_empty()
    }

    fn span(&mut self, line: &[u8]) -> Option<(String, Range<usize>)> {
        let named = self.judge(line)?.found;
        let text = self.text.clone();
        let Some(found) = named else {
            self.search.find(line).ok()?;
            let (start, end) = self.search.group(0)?;
            return Some((text, start..end));
        };
        self.found = vec![found];
        self.mark(line, 0..1);
        self.search.find(&self.marked).ok()?;
        let (start, end) = self.search.group(0)?;
        let longer = self.found[0].range.len() - MARK.len();
        let back = |at| if at > self.marks[0] { at + longer } else { at };
        Some((text, back(start)..back(end)))
    }

    fn hostile(&mut self) -> Vec<(String, Attempt)> {
        if self.tags.is_empty() {
            return vec![];
        }
        vec![(self.text.clone(), hostile::hostile(self))]
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

/// Compiles a pattern with this group in place of `<IP>`.
///
/// Logs are bytes, so `.` is any byte; only where the pattern has classes of other letters is the text taken for UTF-8.
fn compile(text: &str, group: &str) -> Result<(Search, Hir), String> {
    let pattern = &TAGS
        .iter()
        .fold(text.to_string(), |text, tag| text.replace(tag, group));
    let parse = |unicode| {
        let mut parser = ParserBuilder::new().utf8(false).unicode(unicode).build();
        let hir = parser.parse(pattern).map_err(|e| match e {
            regex_syntax::Error::Parse(e) => e.kind().to_string(),
            regex_syntax::Error::Translate(e) => e.kind().to_string(),
            e => e.to_string(),
        });
        Ok::<_, String>((unicode, hir?))
    };
    let (unicode, hir) = parse(false).or_else(|_| parse(true))?;
    // In a walk, groups of such names have a meaning of their own.
    let search = if unicode || pattern.contains("<_") {
        Search::unwalked(pattern, unicode)
    } else {
        Search::new(pattern)
    };
    search.compile()?;
    Ok((search, hir))
}

pub fn is_mark(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Literal(literal) if *literal.0 == *MARK)
}

fn collect_tags(hir: &Hir, tags: &mut Vec<usize>) {
    match hir.kind() {
        HirKind::Capture(group) if is_mark(&group.sub) => tags.push(group.index as usize),
        HirKind::Capture(group) => collect_tags(&group.sub, tags),
        HirKind::Repetition(repetition) => collect_tags(&repetition.sub, tags),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|p| collect_tags(p, tags))
        }
        _ => {}
    }
}

pub fn needs_tag(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => is_mark(&group.sub) || needs_tag(&group.sub),
        HirKind::Repetition(repetition) => repetition.min > 0 && needs_tag(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().any(needs_tag),
        HirKind::Alternation(parts) => parts.iter().all(needs_tag),
        _ => false,
    }
}

/// The longest text that is part of every match.
fn longest_literal(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) if !is_mark(hir) => Some(literal.0.to_vec()),
        HirKind::Capture(group) => longest_literal(&group.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_literal(&repetition.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(longest_literal)
            .max_by_key(Vec::len),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_that_the_pattern_names() {
        let four = "1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4";
        let many = "from 9.9.9.9 ".repeat(20) + "rhost=8.8.8.8";
        let name = format!("user={}x ip=", "9.9.9.9@".repeat(20));
        let hidden = [&name, "8.8.8.8", " ok ", &name].concat();
        let hidden6 = [&name, "[2001:db8::8%eth0]"].concat();
        let hidden24 = [&name, "192.0.2.0/24"].concat();
        for (pattern, line, expected) in [
            (
                "rhost=<IP>",
                "ruser=x 192.0.2.1 rhost=203.0.113.9",
                "203.0.113.9",
            ),
            ("rhost=<HOST>", "rhost=::ffff:203.0.113.9", "203.0.113.9"),
            ("<ADDR>", four, "1.1.1.1"),
            (".*<IP>", four, "4.4.4.4"),
            (".*?<IP>", four, "1.1.1.1"),
            ("^.{8}<IP>", four, "2.2.2.2"),
            ("^[^3]*<IP>", four, "3.3.3.3"),
            (r"^(.*) <IP> [0-9.]+$", four, "3.3.3.3"),
            (r"\b<IP>\b$", four, "4.4.4.4"),
            (
                r"(?:a|b <IP>|c <IP>)",
                "c 192.0.2.1 b 192.0.2.2",
                "192.0.2.1",
            ),
            (r"^x(?: <IP>)?", "x 192.0.2.1", "192.0.2.1"),
            (r"^x(?: <IP>)?", "x: 192.0.2.1", "-"),
            ("from <IP>$", "from 1.2.3.4.5", "-"),
            (".*<IP>", "from 192.0.2.1.5", "-"),
            ("from <IP>", "from 192.0.2.1x", "-"),
            ("from <IP>", "from [192.0.2.1]", "-"),
            ("from <IP>", "from 192.0.2.0/24", "192.0.2.0/24"),
            ("from <IP>", "from fe80::1%eth0", "fe80::1"),
            ("<IP>.*<IP>", four, "-"),
            ("rhost=<IP>", &many, "8.8.8.8"),
            ("^(?i:FROM) <IP>", &many, "9.9.9.9"),
            (r"user=[\w.@]+ ip=<IP>", &hidden, "8.8.8.8"),
            (
                r"^user=[\w.@]+ ip=\[<HOST>%eth0\]$",
                &hidden6,
                "2001:db8::8",
            ),
            (r"^user=[\w.@]+ ip=<IP>$", &hidden24, "192.0.2.0/24"),
            (r"^user=[\w.@]+ ip=[\w.]+ ok <IP>", &hidden, "-"),
        ] {
            let mut compiled = Pattern::new(pattern).expect("a row of this test");
            let verdict = compiled.judge(line.as_bytes());
            let named = verdict.map_or("-".into(), |v| {
                v.found.map_or("?".into(), |f| f.address.to_string())
            });
            assert_eq!(named, expected, "{pattern} on {line}");
        }
    }

    #[test]
    fn a_mark_in_the_log_is_none() {
        let mut pattern = Pattern::new("from <IP>").expect("a pattern");
        assert!(pattern.judge(b"from 0\xff0 x 192.0.2.1").is_none());
        let found = pattern
            .judge(b"0\xff0 from 192.0.2.1")
            .and_then(|v| v.found);
        assert_eq!(found.map(|f| f.range), Some(9..18));
    }

    #[test]
    fn bytes_and_letters() {
        for (pattern, line, expected) in [
            ("^user .* end$", &b"user \xff\xc3 end"[..], true),
            ("für", "für".as_bytes(), true),
            ("[äö]x", "öx".as_bytes(), true),
            (r"\d", "٣".as_bytes(), false),
        ] {
            let mut compiled = Pattern::new(pattern).expect("a row of this test");
            assert_eq!(compiled.judge(line).is_some(), expected, "{pattern}");
        }
        assert!(Pattern::new("(").is_err_and(|e| e == "(: unclosed group"));
    }

    #[test]
    fn literals() {
        for (pattern, expected) in [
            (
                "dovecot-auth.*authentication failure",
                "authentication failure",
            ),
            ("(?:abc)+<IP> (de|f)", "abc"),
            ("a|b", "-"),
            ("(?i)abc", "-"),
            ("x*", "-"),
        ] {
            let compiled = Pattern::new(pattern).expect("a row of this test");
            let literal = compiled
                .literal
                .map_or("-".into(), |l| String::from_utf8_lossy(&l).into_owned());
            assert_eq!(literal, expected, "{pattern}");
        }
    }
}
