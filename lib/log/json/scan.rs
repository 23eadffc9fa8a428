//! A text of JSON, read from the left.

use pipeban::masks::{self, Common, Compare};

use super::value::{DEEPEST, Kind, Place, Value, Wrong};

/// A place in a text that is read from the left.
pub(super) struct Walk<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// The quotes and backslashes among the 64 bytes from `block` on.
    hits: u64,
    block: usize,
}

/// The quotes and backslashes.
#[inline(always)]
pub(super) fn hits<const N: usize>(chunk: &[u8; N]) -> u64 {
    Common::either(chunk, b'"', b'\\')
}

fn is_hit(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\')
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a [u8], at: usize) -> Self {
        Walk {
            text,
            at,
            hits: 0,
            block: at.wrapping_sub(64),
        }
    }

    #[inline]
    pub(super) fn blanks(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                next => return next.copied(),
            }
        }
    }

    /// A value in which nothing is asked for.
    #[inline]
    pub(super) fn value(&mut self, depth: u32) -> Result<Place, Wrong> {
        let next = self.blanks();
        let start = self.at;
        let kind = match next {
            Some(b'"') => {
                let kind = self.string()?;
                let (start, end) = (start + 1, self.at - 1);
                return Ok(Place { kind, start, end });
            }
            Some(b'{') => {
                self.nested(depth)?;
                Kind::Object
            }
            Some(b'[') => {
                self.nested(depth)?;
                Kind::Array
            }
            _ => {
                self.plain()?;
                Kind::Plain
            }
        };
        let end = self.at;
        Ok(Place { kind, start, end })
    }

    /// An object or an array, whose bracket stands here, with all that is inside.
    fn nested(&mut self, depth: u32) -> Result<(), Wrong> {
        if depth == DEEPEST {
            return Err(Wrong::TooDeep);
        }
        let is_object = self.text[self.at] == b'{';
        let close = if is_object { b'}' } else { b']' };
        self.at += 1;
        if self.blanks() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if is_object {
                if self.blanks() != Some(b'"') {
                    return Err(Wrong::NotOneObject);
                }
                self.string()?;
                if self.blanks() != Some(b':') {
                    return Err(Wrong::NotOneObject);
                }
                self.at += 1;
            }
            self.blanks();
            self.value(depth + 1)?;
            match self.blanks() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(Wrong::NotOneObject),
            }
        }
    }

    /// A string, whose first quote stands here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Kind, Wrong> {
        let mut kind = Kind::Text;
        self.at += 1;
        loop {
            match self.quote_or_backslash() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(kind);
                }
                Some(_) => {
                    kind = Kind::Escaped;
                    self.at += 2;
                }
                None => return Err(Wrong::NotOneObject),
            }
        }
    }

    /// Goes on to the next quote or backslash.
    #[inline]
    fn quote_or_backslash(&mut self) -> Option<u8> {
        loop {
            let offset = self.at.wrapping_sub(self.block);
            if offset < 64 {
                let hits = self.hits >> offset;
                if hits != 0 {
                    self.at += hits.trailing_zeros() as usize;
                    return self.text.get(self.at).copied();
                }
                self.at = self.block + 64;
            }
            self.block = self.at;
            let rest = self.text.get(self.at..)?;
            self.hits = match rest.first_chunk() {
                Some(chunk) => hits::<64>(chunk),
                None if rest.is_empty() => return None,
                None => {
                    let mut short = [0; 64];
                    short[..rest.len()].copy_from_slice(rest);
                    hits(&short)
                }
            };
        }
    }

    /// A number, `true`, `false` or `null`.
    #[inline]
    fn plain(&mut self) -> Result<(), Wrong> {
        self.at = end_of_plain(self.text, self.at).ok_or(Wrong::NotOneObject)?;
        Ok(())
    }
}

/// The 16 bytes from a place on; where the text ends before, zeros follow it.
#[inline(always)]
fn sixteen_from(text: &[u8], at: usize) -> Option<[u8; 16]> {
    let rest = text.get(at..)?;
    if let Some(chunk) = rest.first_chunk() {
        return Some(*chunk);
    }
    let last = u128::from_le_bytes(*text.last_chunk()?);
    let missing = (16 - rest.len()) as u32;
    Some(last.checked_shr(8 * missing).unwrap_or(0).to_le_bytes())
}

/// The end of a number, `true`, `false` or `null`.
#[inline(always)]
pub(super) fn end_of_plain(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let sign = usize::from(rest.first() == Some(&b'-'));
    // Most numbers are short, with something behind them.
    if let Some(near) = &sixteen_from(text, at + sign) {
        let (_, others) = masks::sixteen(near);
        let ends = |length: u32| {
            near.get(length as usize)
                .is_some_and(|b| b",}]".contains(b))
        };
        let whole = others.trailing_zeros();
        if whole > 0 && ends(whole) {
            return Some(at + sign + whole as usize);
        }
        let fraction = (others & others.wrapping_sub(1)).trailing_zeros();
        if whole > 0
            && near.get(whole as usize) == Some(&b'.')
            && fraction > whole + 1
            && ends(fraction)
        {
            return Some(at + sign + fraction as usize);
        }
    }
    end_of_long_plain(text, at)
}

/// The same of any length and form.
#[cold]
fn end_of_long_plain(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let inside = |b: &&u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
    let word = &rest[..rest.iter().take_while(inside).count()];
    let is_word = matches!(word, b"true" | b"false" | b"null");
    (is_word || is_number(word)).then_some(at + word.len())
}

/// The end of a string behind its last quote, from behind its first one, and whether a backslash
/// is in it; `hits` finds the quotes and backslashes.
#[inline(always)]
pub(super) fn end_of_string(
    text: &[u8],
    mut at: usize,
    hits: impl Fn(&[u8; 32]) -> u64,
) -> Option<(usize, bool)> {
    let mut is_escaped = false;
    loop {
        let rest = text.get(at..)?;
        let hits = match rest.first_chunk() {
            Some(chunk) => hits(chunk),
            None => match text.last_chunk() {
                Some(last) => hits(last) >> (32 - rest.len()),
                None => rest
                    .iter()
                    .rev()
                    .fold(0, |hits, b| hits << 1 | u64::from(is_hit(*b))),
            },
        };
        if hits == 0 {
            at += 32;
            continue;
        }
        at += hits.trailing_zeros() as usize;
        if text.get(at) == Some(&b'"') {
            return Some((at + 1, is_escaped));
        }
        is_escaped = true;
        at += 2;
    }
}

/// Whether this is a number; it may have leading zeros.
fn is_number(word: &[u8]) -> bool {
    let digits = |rest: &mut &[u8]| {
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        *rest = &rest[count..];
        count > 0
    };
    let mut rest = word.strip_prefix(b"-").unwrap_or(word);
    if !digits(&mut rest) {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        rest = fraction;
        if !digits(&mut rest) {
            return false;
        }
    }
    if let [b'e' | b'E', power @ ..] = rest {
        rest = match power {
            [b'+' | b'-', power @ ..] => power,
            power => power,
        };
        if !digits(&mut rest) {
            return false;
        }
    }
    rest.is_empty()
}

impl<'a> Value<'a> {
    /// Calls `give` for each member of an array, or for the value itself where it is none, until
    /// `give` answers true; answers whether it did.
    pub fn any(self, mut give: impl FnMut(Value<'a>) -> bool) -> bool {
        let Value::Array(text) = self else {
            return give(self);
        };
        // It was walked through once, so it is an array.
        let mut walk = Walk::new(text, 1);
        while walk.blanks().is_some_and(|next| next != b']') {
            let Ok(place) = walk.value(0) else {
                break;
            };
            if give(place.of(text)) {
                return true;
            }
            if walk.blanks() == Some(b',') {
                walk.at += 1;
            }
        }
        false
    }
}
