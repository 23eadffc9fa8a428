//! Lines searched together (`maxlines`).

use super::group::Groups;
use super::pattern::Pattern;
use super::rules::{Answer, Filter};
use super::verdict::Verdict;

/// The bytes that are held of a line, at most.
const MAX_HELD: usize = 16 << 10;

impl Filter {
    /// Judges the last lines together (`maxlines`), without those that a failure has used up.
    pub(super) fn several_lines(&mut self, line: &[u8]) -> Answer<Verdict> {
        let mut text = Vec::new();
        self.cut(line, &mut text)?;
        if text.len() > MAX_HELD {
            text.truncate(MAX_HELD - 1);
            text.push(b'\n');
        }
        self.held.push(text);
        if self.held.len() > self.lines {
            self.held.remove(0);
        }
        let lines = self.held.clone();
        let text = self.held.concat();
        let mut content = Vec::new();
        let early = self.ignores_first();
        if early && self.ignored(&text)? {
            return Ok(Verdict::Nothing);
        }
        let mut before = Groups::default();
        if let Some(prefix) = &mut self.prefix {
            if !prefix.search(&text).map_err(|t| (0, t))? {
                return Ok(Verdict::Nothing);
            }
            before = prefix.groups(&text);
            if let Some((start, end)) = prefix.content() {
                content = [&text[start..end], b"\n"].concat();
                self.held = vec![content.clone()];
            }
        }
        let text = if content.is_empty() { &text } else { &content };
        for number in 0..self.failures.len() {
            let pattern = &mut self.failures[number];
            if !pattern.search(text).map_err(|t| (number + 1, t))? {
                continue;
            }
            let found = pattern.groups(text);
            let (matched, rest) = used_up(&lines, text, pattern);
            if !early && self.ignored(&matched.concat())? {
                self.held = rest;
                return Ok(Verdict::Nothing);
            }
            self.held = rest;
            before.replace_by(found);
            return Ok(self.verdict(before, number + 1));
        }
        Ok(Verdict::Nothing)
    }
}

/// The lines of a match; and the lines that stay: those around it, and those that `<SKIPLINES>`
/// passed over.
fn used_up(lines: &[Vec<u8>], text: &[u8], pattern: &Pattern) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (start, end) = pattern.span(0).unwrap_or((0, 0));
    let newlines = |upto: usize| memchr::memchr_iter(b'\n', &text[..upto]).count();
    let first = newlines(start.min(text.len())).min(lines.len());
    // The line that the match ends in is used up whole.
    let last = newlines(end.saturating_sub(1).min(text.len())) + 1;
    let last = last.clamp(first, lines.len());
    let skipped = pattern.skipped(text);
    let mut skipped: Vec<&[u8]> = skipped.split_inclusive(|b| *b == b'\n').collect();
    let (mut matched, mut rest) = (Vec::new(), lines[..first].to_vec());
    for line in &lines[first..last] {
        if skipped.first().is_some_and(|s| *s == line.as_slice()) {
            skipped.remove(0);
            rest.push(line.clone());
        } else {
            matched.push(line.clone());
        }
    }
    rest.extend_from_slice(&lines[last..]);
    (matched, rest)
}
