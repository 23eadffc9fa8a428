//! A text of JSON, read from the left.

use super::value::{DEEPEST, Kind, Place, Refused, Value};

/// A place in a text that is read from the left.
pub(super) struct Walk<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
}

impl Walk<'_> {
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
    pub(super) fn value(&mut self, depth: u32) -> Result<Place, Refused> {
        let start = self.at;
        let kind = match self.blanks() {
            Some(b'"') => return self.string(),
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
    fn nested(&mut self, depth: u32) -> Result<(), Refused> {
        if depth == DEEPEST {
            return Err(Refused::TooDeep);
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
                    return Err(Refused::NotOneObject);
                }
                self.string()?;
                if self.blanks() != Some(b':') {
                    return Err(Refused::NotOneObject);
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
                _ => return Err(Refused::NotOneObject),
            }
        }
    }

    /// A string, whose first quote stands here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Place, Refused> {
        let start = self.at + 1;
        let mut kind = Kind::Text;
        self.at = start;
        loop {
            match self.quote_or_backslash() {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(Place { kind, start, end });
                }
                Some(_) => {
                    kind = Kind::Escaped;
                    self.at += 2;
                }
                None => return Err(Refused::NotOneObject),
            }
        }
    }

    /// Goes on to the next quote or backslash, by eight bytes at once: most strings are short.
    #[inline]
    fn quote_or_backslash(&mut self) -> Option<u8> {
        const ONES: u64 = 0x0101_0101_0101_0101;
        while let Some(chunk) = self.text.get(self.at..).and_then(|t| t.first_chunk::<8>()) {
            let word = u64::from_le_bytes(*chunk);
            // The lowest bit that is set is that of the first byte that is zero.
            let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
            let hits = zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c));
            if hits != 0 {
                self.at += hits.trailing_zeros() as usize / 8;
                return Some(self.text[self.at]);
            }
            self.at += 8;
        }
        let rest = self.text.get(self.at..)?;
        let length = rest.iter().position(|b| matches!(b, b'"' | b'\\'))?;
        self.at += length;
        Some(self.text[self.at])
    }

    /// A number, `true`, `false` or `null`.
    fn plain(&mut self) -> Result<(), Refused> {
        let rest = &self.text[self.at..];
        let inside = |b: &&u8| b.is_ascii_alphanumeric() || b"+-.".contains(b);
        let length = rest.iter().take_while(inside).count();
        let word = &rest[..length];
        self.at += length;
        match word {
            b"true" | b"false" | b"null" => Ok(()),
            word if is_number(word) => Ok(()),
            _ => Err(Refused::NotOneObject),
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
        let mut walk = Walk { text, at: 1 };
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
