//! The search for many literals at once.

use std::collections::BTreeMap;

use super::required::MIN_LENGTH;

/// The bytes that are looked at together.
const WINDOW: usize = MIN_LENGTH;
/// The bytes that are most frequent in messages of logs.
const COMMON: &[u8] = b" :etaoinsrdlu";
/// The bits of a window's hash.
const HASH_BITS: u32 = 16;
const WORDS: usize = 1 << (HASH_BITS - 6);

/// Patterns by number, found by their literals.
///
/// Only every `stride`th byte of a line is looked at. Of each literal `stride` adjacent windows
/// are known, so one of them is met wherever the literal is.
#[derive(Clone, Debug)]
pub struct Sieve {
    literals: Vec<Vec<u8>>,
    /// For each literal, the patterns that require it.
    owners: Vec<Vec<u16>>,
    /// Patterns that require no literal.
    always: Vec<u16>,
    stride: usize,
    /// A bit for each hash of a window.
    known: Box<[u64; WORDS]>,
    /// For each word, the number of bits set in the words before it.
    before: Box<[u32; WORDS]>,
    /// For each bit that is set, the windows with that hash.
    windows: Vec<Vec<Window>>,
}

#[derive(Clone, Debug)]
struct Window {
    literal: usize,
    /// Its offset in the literal.
    offset: usize,
}

impl Sieve {
    /// Takes for each pattern, in order, literals of which every match has one. Without literals, a
    /// pattern may match any line.
    pub fn new(choices: &[Vec<Vec<u8>>]) -> Result<Sieve, String> {
        let mut sieve = Sieve {
            literals: Vec::new(),
            owners: Vec::new(),
            always: Vec::new(),
            stride: 1,
            known: Box::new([0; WORDS]),
            before: Box::new([0; WORDS]),
            windows: Vec::new(),
        };
        for (number, choice) in choices.iter().enumerate() {
            let number = u16::try_from(number).map_err(|_| "too many patterns")?;
            if choice.is_empty() || choice.iter().any(|l| l.len() < WINDOW) {
                sieve.always.push(number);
                continue;
            }
            for literal in choice {
                match sieve.literals.iter().position(|l| l == literal) {
                    Some(i) => sieve.owners[i].push(number),
                    None => {
                        sieve.literals.push(literal.clone());
                        sieve.owners.push(vec![number]);
                    }
                }
            }
        }
        let shortest = sieve.literals.iter().map(Vec::len).min();
        sieve.stride = shortest.map_or(1, |length| length - WINDOW + 1);
        sieve.note_windows();
        Ok(sieve)
    }

    fn note_windows(&mut self) {
        let mut windows: BTreeMap<u16, Vec<Window>> = BTreeMap::new();
        for (number, literal) in self.literals.iter().enumerate() {
            let first = rarest(literal, self.stride);
            for offset in first..first + self.stride {
                let literal = &literal[offset..];
                let hash = hash(literal.first_chunk().copied().unwrap_or_default());
                self.known[usize::from(hash / 64)] |= 1 << (hash % 64);
                let literal = number;
                let window = Window { literal, offset };
                windows.entry(hash).or_default().push(window);
            }
        }
        let mut count = 0;
        for (word, before) in self.known.iter().zip(self.before.iter_mut()) {
            *before = count;
            count += word.count_ones();
        }
        self.windows = windows.into_values().collect();
    }

    /// The literals of which a line must have one to match any pattern; `None` where a pattern
    /// requires none.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        self.always.is_empty().then_some(&self.literals)
    }

    /// Puts the numbers of the patterns that `line` may match into `numbers`, in order.
    pub fn candidates(&self, line: &[u8], numbers: &mut Vec<u16>) {
        numbers.clear();
        numbers.extend_from_slice(&self.always);
        let mut at = 0;
        while let Some(place) = self.window(line, at) {
            for (literal, _) in self.at(line, place) {
                numbers.extend_from_slice(&self.owners[literal]);
            }
            // The same word may stand in a long line many times over.
            if numbers.len() > 4 * (self.always.len() + self.owners.len()) {
                numbers.sort_unstable();
                numbers.dedup();
            }
            at = place + self.stride;
        }
        if numbers.len() > 1 {
            numbers.sort_unstable();
            numbers.dedup();
        }
    }

    /// The position of the first literal that begins at `from` or later.
    pub fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        let text = text.get(from..)?;
        let mut at = 0;
        while let Some(place) = self.window(text, at) {
            if let Some((_, start)) = self.at(text, place).min_by_key(|(_, start)| *start) {
                return Some(from + start);
            }
            at = place + self.stride;
        }
        None
    }

    /// The next position, from `at` in steps of the stride, at which a known window may stand.
    #[inline]
    fn window(&self, text: &[u8], mut at: usize) -> Option<usize> {
        loop {
            let &[a, b, c] = text.get(at..at + WINDOW)? else {
                return None;
            };
            let hash = hash([a, b, c]);
            if self.known[usize::from(hash / 64)] >> (hash % 64) & 1 == 1 {
                return Some(at);
            }
            at += self.stride;
        }
    }

    /// The literals with a window at this position, which has a known one; and the position at
    /// which each begins.
    fn at(&self, text: &[u8], place: usize) -> impl Iterator<Item = (usize, usize)> {
        let window = text[place..].first_chunk().copied().unwrap_or_default();
        let hash = hash(window);
        let (word, bit) = (usize::from(hash / 64), hash % 64);
        let before = (self.known[word] & ((1 << bit) - 1)).count_ones() as usize;
        let windows = &self.windows[self.before[word] as usize + before];
        windows.iter().filter_map(move |window| {
            let start = place.checked_sub(window.offset)?;
            let (text, literal) = (&text[start..], &self.literals[window.literal]);
            // The first bytes alone exclude most literals.
            let first = text.first_chunk::<WINDOW>() == literal.first_chunk();
            (first && text.starts_with(literal)).then_some((window.literal, start))
        })
    }
}

fn hash(window: [u8; WINDOW]) -> u16 {
    let [a, b, c] = window;
    // A product's upper bits depend on all below (Knuth's multiplicative hashing).
    let product = u32::from_le_bytes([a, b, c, 0]).wrapping_mul(0x9e37_79b1);
    (product >> (32 - HASH_BITS)) as u16
}

/// The offset in a literal of the windows with the fewest common bytes.
fn rarest(literal: &[u8], stride: usize) -> usize {
    let common = literal.iter().map(|b| usize::from(COMMON.contains(b)));
    let common: Vec<_> = common.collect();
    let windows = common
        .windows(stride + WINDOW - 1)
        .map(|w| w.iter().sum::<usize>());
    let least = windows.enumerate().min_by_key(|(_, common)| *common);
    least.map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::required::{parsed, required};
    use super::*;

    #[test]
    fn lines() {
        let patterns = ["Failed for", "for|from", "Failed"];
        let choices: Vec<_> = patterns
            .map(|p| required(&parsed(p).expect("a good pattern")))
            .into();
        let sieve = Sieve::new(&choices).expect("a sieve");
        let mut numbers = Vec::new();
        for (line, expected) in [
            ("Failed for x", &[0, 1, 2][..]),
            ("it Failed", &[2]),
            ("a from a from", &[1]),
            ("nothing", &[]),
        ] {
            sieve.candidates(line.as_bytes(), &mut numbers);
            assert_eq!(numbers, expected, "{line}");
        }
        assert_eq!(sieve.literals().map(<[_]>::len), Some(4));
    }
    /// Wherever a literal is in a line, and whatever is around it.
    #[test]
    fn as_a_slow_search_says() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut word = |least: usize, most: usize| -> Vec<u8> {
            let length = random.usize(least..=most);
            (0..length).map(|_| b"ab "[random.usize(..3)]).collect()
        };
        let mut held = 0;
        for least in [3, 4, 6] {
            let choices: Vec<_> = (0..30)
                .map(|_| vec![word(least, 9), word(least, 12)])
                .collect();
            let sieve = Sieve::new(&choices).expect("a sieve");
            let mut numbers = Vec::new();
            for _ in 0..2000 {
                let line = word(0, 40);
                sieve.candidates(&line, &mut numbers);
                let holds = |l: &Vec<u8>| line.windows(l.len()).any(|w| w == l);
                let expected = (0..30).filter(|i| choices[*i].iter().any(holds));
                let expected: Vec<u16> = expected.map(|i| i as u16).collect();
                assert_eq!(numbers, expected, "{choices:?} {line:?}");
                let found = sieve.find(&line, 0).is_some();
                assert_eq!(found, !expected.is_empty(), "{choices:?} {line:?}");
                held += numbers.len();
            }
        }
        assert!(held > 1000, "{held}");
    }
}
