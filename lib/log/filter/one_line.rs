//! A line judged by itself.

use super::group::Groups;
use super::pattern::Pattern;
use super::rules::{Answer, Filter};
use super::verdict::Verdict;
use pipeban::address::Address;

/// At most this many patterns, chosen by the text's first byte, are tried without a search for
/// their literals.
const FEW: usize = 2;

impl Filter {
    /// Judges a line by itself.
    pub(super) fn one_line(&mut self, line: &[u8]) -> Answer<Verdict> {
        let sifts = !self.sifted && self.sieve.literals().is_some();
        if sifts && self.sieve.find(line, 0).is_none() {
            return Ok(Verdict::Nothing);
        }
        let mut text = std::mem::take(&mut self.text);
        let mut content = std::mem::take(&mut self.content);
        let cut = self.cut(line, &mut text);
        let verdict = cut.and_then(|()| self.judge(&text, &mut content));
        (self.text, self.content) = (text, content);
        verdict
    }

    /// Judges a line without its stamp; `room` is a buffer for the part that the prefix leaves.
    fn judge(&mut self, text: &[u8], room: &mut Vec<u8>) -> Answer<Verdict> {
        let early = self.ignores_first();
        if early && self.ignored(text)? {
            return Ok(Verdict::Nothing);
        }
        let Some((mut before, content)) = behind(&mut self.prefix, text, room)? else {
            return Ok(Verdict::Nothing);
        };
        let may_match = content
            .first()
            .map(|b| &self.by_first_byte[usize::from(*b)]);
        let numbers = match may_match.filter(|numbers| numbers.len() <= FEW) {
            Some(numbers) => numbers,
            None => {
                self.sieve.candidates(content, &mut self.candidates);
                &self.candidates
            }
        };
        for &number in numbers {
            let number = usize::from(number);
            let pattern = &mut self.failures[number];
            if !pattern.search(content).map_err(|t| (number + 1, t))? {
                continue;
            }
            let found = pattern.groups(content);
            if !early && self.ignored(content)? {
                return Ok(Verdict::Nothing);
            }
            before.replace_by(found);
            return Ok(self.verdict(before, number + 1));
        }
        Ok(Verdict::Nothing)
    }

    /// The address that the pattern of this number finds in a line, whatever other patterns and
    /// earlier lines say; `None` also where it can't be decided.
    pub fn address_by(&mut self, pattern: usize, line: &[u8]) -> Option<Address> {
        let (mut text, mut room) = (Vec::new(), Vec::new());
        self.cut(line, &mut text).ok()?;
        let (mut groups, content) = behind(&mut self.prefix, &text, &mut room).ok()??;
        let failure = self.failures.get_mut(pattern.checked_sub(1)?)?;
        if !failure.search(content).ok()? {
            return None;
        }
        groups.replace_by(failure.groups(content));
        match Verdict::of(&groups, pattern) {
            Verdict::Address { address, .. } => Some(address),
            _ => None,
        }
    }
}

/// The groups of the prefix, and the part of the text that it leaves; `None` where it does not
/// match. `room` is a buffer for that part.
fn behind<'t>(
    prefix: &mut Option<Pattern>,
    text: &'t [u8],
    room: &'t mut Vec<u8>,
) -> Answer<Option<(Groups<'t>, &'t [u8])>> {
    let Some(prefix) = prefix else {
        return Ok(Some((Groups::default(), text)));
    };
    if !prefix.search(text).map_err(|t| (0, t))? {
        return Ok(None);
    }
    let content = match prefix.content() {
        None => text,
        Some((start, end)) if text[end..] == *b"\n" => &text[start..],
        Some((start, end)) => {
            room.clear();
            room.extend_from_slice(&text[start..end]);
            room.push(b'\n');
            room
        }
    };
    Ok(Some((prefix.groups(text), content)))
}
