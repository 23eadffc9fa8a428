//! A text of JSON, read from the left.

use pipeban::masks::{Common, Compare};

use super::value::{DEEPEST, Kind, Place, Value, Wrong};

/// A place in a text that is read from the left.
pub(super) struct Walk<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// The quotes and backslashes among the 64 bytes from `block` on.
    hits: u64,
    block: usize,
}

fn hits(chunk: &[u8; 64]) -> u64 {
    Common::equal(chunk, b'"') | Common::equal(chunk, b'\\')
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
                Some(chunk) => hits(chunk),
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
    fn plain(&mut self) -> Result<(), Wrong> {
        let rest = &self.text[self.at..];
        let inside = |b: &&u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
        let length = rest.iter().take_while(inside).count();
        let word = &rest[..length];
        self.at += length;
        match word {
            b"true" | b"false" | b"null" => Ok(()),
            word if is_number(word) => Ok(()),
            _ => Err(Wrong::NotOneObject),
        }
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
