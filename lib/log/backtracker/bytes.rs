//! Sets of bytes.

use memchr::memchr;
use memchr::memmem::Finder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const NONE: ByteSet = ByteSet([0; 4]);
    pub(super) const ALL: ByteSet = ByteSet([!0; 4]);

    /// This byte alone.
    pub(super) fn one(byte: u8) -> ByteSet {
        let mut one = ByteSet::NONE;
        one.0[usize::from(byte) / 64] = 1 << (byte % 64);
        one
    }

    pub(super) fn digits() -> ByteSet {
        let digits = (b'0'..=b'9').map(ByteSet::one);
        digits.fold(ByteSet::NONE, |all, one| all.or(one))
    }

    /// The bytes of a word, as `\b` sees it.
    pub(super) fn word() -> ByteSet {
        let word = (0..0x80).filter(|b: &u8| b.is_ascii_alphanumeric() || *b == b'_');
        word.map(ByteSet::one)
            .fold(ByteSet::NONE, |all, one| all.or(one))
    }

    pub(super) fn without(&self, byte: u8) -> ByteSet {
        let one = ByteSet::one(byte);
        ByteSet(std::array::from_fn(|i| self.0[i] & !one.0[i]))
    }

    /// `None` for a class with characters of more than one byte.
    pub(super) fn of(class: &Class) -> Option<ByteSet> {
        let mut all = ByteSet::NONE;
        match class {
            Class::Bytes(class) => {
                for byte in class.iter().flat_map(|r| r.start()..=r.end()) {
                    all = all.or(ByteSet::one(byte));
                }
            }
            Class::Unicode(class) => {
                for c in class.iter().flat_map(|r| r.start()..=r.end()) {
                    all = all.or(ByteSet::one(u8::try_from(c).ok().filter(u8::is_ascii)?));
                }
            }
        }
        Some(all)
    }

    /// The bytes that a matching text may begin with; all bytes where a match may begin elsewhere.
    pub fn first(pattern: &Hir) -> ByteSet {
        let bound = pattern.properties().look_set_prefix().contains(Look::Start);
        match first(pattern) {
            (bytes, false) if bound => bytes,
            _ => ByteSet::ALL,
        }
    }

    /// Whether the byte is in the set.
    #[inline]
    pub fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }

    pub(super) fn or(&self, other: ByteSet) -> ByteSet {
        ByteSet(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    pub(super) fn and(&self, other: ByteSet) -> ByteSet {
        ByteSet(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == ByteSet::NONE
    }
}

/// The bytes that a match of `hir` may begin with, and whether the match may be empty.
fn first(hir: &Hir) -> (ByteSet, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (ByteSet::NONE, true),
        HirKind::Literal(literal) => (ByteSet::one(literal.0[0]), false),
        HirKind::Class(class) => (ByteSet::of(class).unwrap_or(ByteSet::ALL), false),
        HirKind::Capture(capture) => first(&capture.sub),
        HirKind::Repetition(repeat) => {
            let (bytes, empty) = first(&repeat.sub);
            (bytes, empty || repeat.min == 0)
        }
        HirKind::Concat(parts) => {
            let mut all = ByteSet::NONE;
            for (bytes, empty) in parts.iter().map(first) {
                all = all.or(bytes);
                if !empty {
                    return (all, false);
                }
            }
            (all, true)
        }
        HirKind::Alternation(parts) => {
            let parts = parts.iter().map(first);
            parts.fold((ByteSet::NONE, false), |(all, any), (bytes, empty)| {
                (all.or(bytes), any || empty)
            })
        }
    }
}

/// A set of bytes, prepared for runs of them.
#[derive(Debug)]
pub(super) struct RunSet {
    pub(super) bytes: ByteSet,
    /// The only byte that is not in the set, if there is just one.
    stop: Option<u8>,
    /// None is greed from where this text begins.
    pub until: Option<Box<Finder<'static>>>,
}

impl RunSet {
    pub(super) fn new(bytes: ByteSet, until: Option<&[u8]>) -> RunSet {
        let mut others = (0..=u8::MAX).filter(|b| !bytes.has(*b));
        let stop = others.next().filter(|_| others.next().is_none());
        let until = until.map(|text| Box::new(Finder::new(text).into_owned()));
        RunSet { bytes, stop, until }
    }

    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        self.bytes.has(byte)
    }

    /// The length of the run of these bytes at the beginning of `text`, at most `most`.
    #[inline]
    pub(super) fn run(&self, text: &[u8], most: usize) -> usize {
        let near = &text[..text.len().min(most)];
        let end = match self.stop {
            Some(stop) => memchr(stop, near),
            None => near.iter().position(|b| !self.has(*b)),
        };
        let run = end.unwrap_or(near.len());
        match &self.until {
            Some(until) => {
                let end = text.len().min(run + until.needle().len() - 1);
                until.find(&text[..end]).unwrap_or(run)
            }
            None => run,
        }
    }
}
