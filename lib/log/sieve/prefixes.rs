//! The patterns that a text may match, by its first bytes: one look-up, where all patterns begin
//! with known texts.

use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, Look};

/// The bytes that are looked at.
const LENGTH: usize = 4;
/// The texts that a pattern may begin with, at most.
const MAX_TEXTS: usize = 64;

/// The beginnings, of [`LENGTH`] bytes, of all texts that a pattern matches; `None` if they are not
/// a few or it may match further on.
pub fn beginnings(pattern: &Hir) -> Option<Vec<[u8; LENGTH]>> {
    let anchored = pattern.properties().look_set_prefix().contains(Look::Start);
    let mut extractor = Extractor::new();
    extractor.limit_literal_len(LENGTH).limit_total(MAX_TEXTS);
    let texts = extractor.extract(pattern);
    let first = |text: &[u8]| text.first_chunk().copied();
    let all = texts.literals().filter(|_| anchored)?.iter();
    all.map(|text| first(text.as_bytes())).collect()
}

/// Patterns by the beginnings of their texts.
#[derive(Clone, Debug)]
pub struct Prefixes {
    /// A power of two, more than twice the number of beginnings; each is at its hash or behind it.
    places: Vec<Option<(u32, Vec<u16>)>>,
}

impl Prefixes {
    /// Takes the beginnings of each pattern, in order.
    pub fn new(patterns: &[Vec<[u8; LENGTH]>]) -> Prefixes {
        let count: usize = patterns.iter().map(Vec::len).sum();
        let places = vec![None; (2 * count + 1).next_power_of_two()];
        let mut prefixes = Prefixes { places };
        for (number, beginnings) in (0..).zip(patterns) {
            for beginning in beginnings {
                let key = u32::from_ne_bytes(*beginning);
                let place = prefixes.place(key);
                let (_, numbers) = prefixes.places[place].get_or_insert((key, Vec::new()));
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        prefixes
    }

    /// The numbers of the patterns that `text` may match, in order.
    #[inline]
    pub fn candidates(&self, text: &[u8]) -> &[u16] {
        let Some(first) = text.first_chunk() else {
            return &[];
        };
        let place = self.place(u32::from_ne_bytes(*first));
        self.places[place]
            .as_ref()
            .map_or(&[], |(_, numbers)| numbers)
    }

    /// The place of a beginning, or the empty one where it would be.
    fn place(&self, key: u32) -> usize {
        let mask = self.places.len() - 1;
        let mut place = (key.wrapping_mul(0x9e37_79b1) >> 16) as usize & mask;
        while self.places[place].as_ref().is_some_and(|(k, _)| *k != key) {
            place = (place + 1) & mask;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::super::parsed;
    use super::*;

    #[test]
    fn by_beginnings() {
        let beginnings = |pattern: &str| beginnings(&parsed(pattern).expect("a good pattern"));
        for pattern in [
            "Failed",
            "^abc",
            r"^\w+ x",
            "^(?:|abcd)x",
            "^(?:abcd)?x+",
            "x|^abcd",
        ] {
            assert_eq!(beginnings(pattern), None, "{pattern}");
        }
        let patterns = [
            "^(?:error: )?Failed .*",
            "^error: (?:a|b)",
            "^(?:Fail|Good)",
            r"^(?:ab|cd)[xy]\d$",
        ];
        let all = patterns.map(|p| beginnings(p).expect("a few"));
        let prefixes = Prefixes::new(&all);
        for (text, expected) in [
            ("Failed", &[0, 2][..]),
            ("error: Failed", &[0, 1]),
            ("Good", &[2]),
            ("abx7", &[3]),
            ("cdy", &[]),
            ("cdyx", &[]),
            ("Fai", &[]),
            ("", &[]),
            ("nothing", &[]),
        ] {
            assert_eq!(prefixes.candidates(text.as_bytes()), expected, "{text}");
        }
        assert!(Prefixes::new(&[]).candidates(b"text").is_empty());
    }
}
