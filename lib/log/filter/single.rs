//! One line by itself.

use super::groups::Groups;
use super::pattern::Pattern;
use super::{Answer, Filter, Verdict, ignored, said};
use pipeban::address::Address;

/// So many patterns, chosen by a text's first byte, are tried without a look at the literals.
const FEW: usize = 2;

impl Filter {
    pub(super) fn single(&mut self, line: &[u8]) -> Answer<Verdict> {
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

    /// One line, cut already; `room` is for what the prefix leaves of it.
    fn judge(&mut self, text: &[u8], room: &mut Vec<u8>) -> Answer<Verdict> {
        let early = self.ignores_first();
        if early && ignored(&mut self.ignores, text)? {
            return Ok(Verdict::Nothing);
        }
        let Some((mut before, content)) = behind(&mut self.prefix, text, room)? else {
            return Ok(Verdict::Nothing);
        };
        let begun = content.first().map(|b| &self.begun[usize::from(*b)]);
        let numbers = match begun.filter(|numbers| numbers.len() <= FEW) {
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
            if !early && ignored(&mut self.ignores, content)? {
                return Ok(Verdict::Nothing);
            }
            before.lay(found);
            return Ok(self.verdict(before, number + 1));
        }
        Ok(Verdict::Nothing)
    }

    /// The address that the pattern of this number takes of a line, whatever others do and whatever lines came before; `None`
    /// also where it can't be told.
    pub fn address_by(&mut self, pattern: usize, line: &[u8]) -> Option<Address> {
        let (mut text, mut room) = (Vec::new(), Vec::new());
        self.cut(line, &mut text).ok()?;
        let (mut groups, content) = behind(&mut self.prefix, &text, &mut room).ok()??;
        let failure = self.failures.get_mut(pattern.checked_sub(1)?)?;
        if !failure.search(content).ok()? {
            return None;
        }
        groups.lay(failure.groups(content));
        match said(&groups, pattern) {
            Verdict::Address { address, .. } => Some(address),
            _ => None,
        }
    }
}

/// What the prefix leaves of a text and the groups that it found; `None` where it does not match. `room` is for what it leaves.
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
