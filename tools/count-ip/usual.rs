//! Lines in the usual form, read in one pass: an address, then fields as our tools print them.

use pipeban::address::list::{Bits, long};

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
use crate::steps::Avx2;
use crate::steps::{Plain, Steps};
use crate::value::{Value, Values};

/// The highest number of keys that are looked for in a line.
const MOST: usize = 4;

/// The keys whose fields are looked for in each line.
#[derive(Clone, Debug)]
pub struct Searched([Key; MOST]);

/// The key of a field.
#[derive(Clone, Debug)]
struct Key {
    /// With its `=`.
    text: Vec<u8>,
    /// Its first eight bytes, or as many as there are, as a number.
    first: u64,
    /// The bits of those.
    mask: u64,
}

/// A line in the usual form.
#[derive(Clone, Debug, PartialEq)]
pub struct Usual<'a> {
    pub bits: Bits,
    /// Where the text of the first `at=` begins and ends; 0 if there is none.
    at: (usize, usize),
    /// The same for each searched key.
    values: [(usize, usize); MOST],
    /// The line, and the text behind it.
    text: &'a [u8],
    /// The length of the line.
    pub length: usize,
}

/// Receives lines in the usual form. It is no closure, as compilers do not always inline one.
pub trait Take {
    /// Called for each line, which begins at `start`, until it answers `false`: it left that line.
    fn take(&mut self, line: Usual, start: usize) -> bool;
}

impl<'a> Usual<'a> {
    /// The text of the first `at=`.
    #[inline(always)]
    pub fn at(&self) -> Option<&'a [u8]> {
        self.text
            .get(self.at.0..self.at.1)
            .filter(|_| self.at.0 > 0)
    }

    /// The value of the field with the first of the keys.
    #[inline(always)]
    pub fn first(&self, values: Values) -> Option<Value> {
        let (start, end) = self.values[0];
        (start > 0).then(|| values.part(self.text, start, end))
    }
}

impl Searched {
    /// Keys without their `=`, at most [`MOST`]; the same one twice counts once.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a str>) -> Self {
        let mut searched = Searched::none();
        let mut known = 0;
        for key in keys {
            if searched.place(key).is_none() {
                searched.0[known] = Key::new(key);
                known += 1;
            }
        }
        searched
    }

    /// No keys.
    pub const fn none() -> Self {
        Searched([const { Key::none() }; MOST])
    }

    fn place(&self, key: &str) -> Option<usize> {
        let same = |known: &Key| known.text.strip_suffix(b"=") == Some(key.as_bytes());
        self.0.iter().position(same)
    }

    /// The text of the field with this key, which is one of those that were searched for.
    pub fn get<'a>(&self, line: &Usual<'a>, key: &str) -> Option<&'a [u8]> {
        let (start, end) = *line.values.get(self.place(key)?)?;
        (start > 0).then(|| &line.text[start..end])
    }

    /// Reads lines in the usual form, at most `most`, until another kind of line comes. Some at the
    /// end of `text` are left unread.
    ///
    /// Answers the number of lines read, and their length in bytes.
    pub fn lines(&self, text: &[u8], most: usize, to: &mut impl Take) -> (usize, usize) {
        #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
        if let Some(avx2) = Avx2::detect() {
            // SAFETY: the processor has the features that the function is compiled for.
            return unsafe { self.lines_by_avx2(text, most, avx2, to) };
        }
        self.lines_by(text, most, Plain, to)
    }

    /// In a function of its own, so that it has all registers.
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    fn lines_by_avx2(
        &self,
        text: &[u8],
        most: usize,
        avx2: Avx2,
        to: &mut impl Take,
    ) -> (usize, usize) {
        self.lines_by(text, most, avx2, to)
    }

    #[inline(always)]
    fn lines_by(
        &self,
        text: &[u8],
        most: usize,
        steps: impl Steps,
        to: &mut impl Take,
    ) -> (usize, usize) {
        let (mut count, mut used) = (0, 0);
        while count < most
            && let Some(line) = self.read(&text[used..], steps)
        {
            let length = line.length;
            if !to.take(line, used) {
                break;
            }
            count += 1;
            used += length + 1;
        }
        (count, used)
    }

    /// Reads the line that `text` begins with. `None` says only that this function does not read
    /// it: it needs an address in the common form, a TAB behind it, no backslash and no carriage
    /// return, and 64 bytes of text behind the last place that it looks at.
    #[inline(always)]
    pub fn read<'a>(&self, text: &'a [u8], steps: impl Steps) -> Option<Usual<'a>> {
        let mut line = Usual {
            bits: Bits::V4(0),
            at: (0, 0),
            values: [(0, 0); MOST],
            text,
            length: 0,
        };
        let (mut field, mut base) = (0, 0);
        loop {
            let (mut ends, others) = steps.field_ends(text.get(base..)?.first_chunk()?);
            if base == 0 {
                let tab = ends.trailing_zeros() as usize;
                if text.get(tab) != Some(&b'\t') {
                    return None;
                }
                line.bits = match steps.quad(text.first_chunk()?, tab) {
                    Some(quad) => Bits::V4(quad),
                    None => long(text).filter(|(_, end)| *end == tab)?.0,
                };
                field = tab + 1;
                ends &= ends - 1;
            }
            while ends != 0 {
                let place = ends.trailing_zeros();
                let end = base + place as usize;
                self.take(&mut line, field, end);
                if text[end] == b'\n' {
                    line.length = end;
                    return (others & ((1 << place) - 1) == 0).then_some(line);
                }
                field = end + 1;
                ends &= ends - 1;
            }
            if others != 0 {
                return None;
            }
            base += 64;
        }
    }

    /// Takes the field from `start` to `end`, if it is one that is looked for.
    #[inline(always)]
    fn take(&self, line: &mut Usual, start: usize, end: usize) {
        const AT: (u64, u64) = number(b"at=");
        let text = line.text;
        let Some(eight) = text.get(start..).and_then(<[u8]>::first_chunk) else {
            return;
        };
        let eight = u64::from_le_bytes(*eight);
        if eight & AT.1 == AT.0 && line.at.0 == 0 {
            line.at = (start + 3, end);
        }
        // Of a fixed number, so that no place in memory depends on it.
        for (key, value) in self.0.iter().zip(&mut line.values) {
            // A key holds no TAB, so that what is like it does not reach beyond the field.
            if eight & key.mask == key.first && value.0 == 0 && key.ends(&text[start..]) {
                *value = (start + key.text.len(), end);
            }
        }
    }
}

impl Key {
    /// Whether `text`, which begins as the key does, has the rest of it too.
    #[inline(always)]
    fn ends(&self, text: &[u8]) -> bool {
        self.text.len() <= 8 || text.starts_with(&self.text)
    }

    fn new(key: &str) -> Self {
        let text = [key.as_bytes(), b"="].concat();
        let (first, mask) = number(&text);
        Key { text, first, mask }
    }

    /// A key that no field has.
    const fn none() -> Self {
        Key {
            text: Vec::new(),
            first: 1,
            mask: 0,
        }
    }
}

/// The first eight bytes of a text, or as many as there are, as a number, and their bits.
const fn number(text: &[u8]) -> (u64, u64) {
    let (mut bytes, mut mask) = ([0; 8], [0; 8]);
    let mut i = 0;
    while i < text.len() && i < 8 {
        (bytes[i], mask[i]) = (text[i], 0xff);
        i += 1;
    }
    (u64::from_le_bytes(bytes), u64::from_le_bytes(mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Line, field};
    use memchr::memchr;
    use pipeban::address::Address;

    /// Whether the text is short of what [`Searched::read`] may need of a line.
    fn is_last(text: &[u8]) -> bool {
        memchr(b'\n', text).is_none_or(|end| text.len() < end + 65)
    }

    /// All that it reads, the general way reads alike; and it reads what our tools print.
    #[test]
    fn as_the_general_way() {
        let mut random = fastrand::Rng::with_seed(1);
        let addresses = [
            "203.0.113.7",
            "1.2.3.4",
            "2001:db8::7",
            "::ffff:1.2.3.4",
            "1.2.3.0/24",
        ];
        let fields = [
            "at=2026-03-30T02:16:17+09:00",
            "at=2026-03-30T02:16:17.5Z",
            "user=root",
            "user=",
            "user=a b",
            "user=\\t",
            "usera=b",
            "use=r",
            "at",
            "att=1",
            "longer-than-eight=x",
            "longer-than-nine=x",
            "\r",
            "",
            "user=b\r",
            "success=yes",
            "line=Mar  1 00:00:00 host sshd[1]: Failed password for root from 203.0.113.7 port 1",
        ];
        let searched = Searched::new(["user", "longer-than-eight", "user"]);
        let (mut read, mut all) = (0, 0);
        for _ in 0..20_000 {
            let mut text = random.choice(addresses).unwrap_or_default().to_string();
            let mut odd = !text.ends_with('7') && !text.ends_with("3.4");
            odd |= text.starts_with("::ffff");
            for _ in 0..random.usize(1..6) {
                let field = random.choice(fields).unwrap_or_default();
                odd |= field.contains(['\\', '\r']);
                text = text + "\t" + field;
            }
            let end = text.len();
            text += "\n";
            text += &"x".repeat(random.usize(50..200));
            let text = text.as_bytes();
            let line = searched.read(text, Plain);
            #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
            if let Some(avx2) = Avx2::detect() {
                assert_eq!(searched.read(text, avx2), line);
            }
            let Some(line) = line else {
                assert!(odd || is_last(text), "{:?}", String::from_utf8_lossy(text));
                continue;
            };
            all += 1;
            assert_eq!(line.length, end);
            let general = Line::read(text, end, false, true)
                .ok()
                .flatten()
                .expect("a line");
            assert_eq!(Address::from(line.bits), general.address);
            assert_eq!(line.at(), field(&text[..end], "at"));
            for key in ["user", "longer-than-eight"] {
                let value = searched.get(&line, key);
                assert_eq!(value, field(&text[..end], key));
                read += u32::from(value.is_some());
            }
            assert_eq!(searched.get(&line, "use"), None);
        }
        assert!(read > 3_000 && all > 5_000, "{read} {all}");
    }
}
