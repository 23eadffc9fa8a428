//! Sets of bytes.

use memchr::memchr;
use memchr::memmem::Finder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Some of the 256 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bytes([u64; 4]);

impl Bytes {
    pub const NONE: Bytes = Bytes([0; 4]);
    pub const ALL: Bytes = Bytes([!0; 4]);

    pub fn one(byte: u8) -> Bytes {
        let mut one = Bytes::NONE;
        one.0[usize::from(byte) / 64] = 1 << (byte % 64);
        one
    }

    pub fn digits() -> Bytes {
        let digits = (b'0'..=b'9').map(Bytes::one);
        digits.fold(Bytes::NONE, |all, one| all.or(one))
    }

    /// What `\b` takes for part of a word.
    pub fn word() -> Bytes {
        let word = (0..0x80).filter(|b: &u8| b.is_ascii_alphanumeric() || *b == b'_');
        word.map(Bytes::one)
            .fold(Bytes::NONE, |all, one| all.or(one))
    }

    pub fn without(&self, byte: u8) -> Bytes {
        let one = Bytes::one(byte);
        Bytes(std::array::from_fn(|i| self.0[i] & !one.0[i]))
    }

    /// `None` for classes that hold more than bytes.
    pub fn of(class: &Class) -> Option<Bytes> {
        let mut all = Bytes::NONE;
        match class {
            Class::Bytes(class) => {
                for byte in class.iter().flat_map(|r| r.start()..=r.end()) {
                    all = all.or(Bytes::one(byte));
                }
            }
            Class::Unicode(class) => {
                for c in class.iter().flat_map(|r| r.start()..=r.end()) {
                    all = all.or(Bytes::one(u8::try_from(c).ok().filter(u8::is_ascii)?));
                }
            }
        }
        Some(all)
    }

    /// The bytes that a text may begin with that the pattern matches; all where a match need not begin there.
    pub fn first(pattern: &Hir) -> Bytes {
        let bound = pattern.properties().look_set_prefix().contains(Look::Start);
        match first(pattern) {
            (bytes, false) if bound => bytes,
            _ => Bytes::ALL,
        }
    }

    #[inline]
    pub fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte / 64)] >> (byte % 64) & 1 == 1
    }

    pub fn or(&self, other: Bytes) -> Bytes {
        Bytes(std::array::from_fn(|i| self.0[i] | other.0[i]))
    }

    pub fn and(&self, other: Bytes) -> Bytes {
        Bytes(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    pub fn is_empty(&self) -> bool {
        *self == Bytes::NONE
    }
}

/// The bytes that what `hir` matches may begin with, and whether it may be empty.
fn first(hir: &Hir) -> (Bytes, bool) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => (Bytes::NONE, true),
        HirKind::Literal(literal) => (Bytes::one(literal.0[0]), false),
        HirKind::Class(class) => (Bytes::of(class).unwrap_or(Bytes::ALL), false),
        HirKind::Capture(capture) => first(&capture.sub),
        HirKind::Repetition(repeat) => {
            let (bytes, empty) = first(&repeat.sub);
            (bytes, empty || repeat.min == 0)
        }
        HirKind::Concat(parts) => {
            let mut all = Bytes::NONE;
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
            parts.fold((Bytes::NONE, false), |(all, any), (bytes, empty)| {
                (all.or(bytes), any || empty)
            })
        }
    }
}

/// A class of bytes, for a walk over many of them.
#[derive(Debug)]
pub(super) struct Set {
    pub bytes: Bytes,
    /// The one byte that is not among them, if it is but one.
    stop: Option<u8>,
    /// None is taken from where this text begins.
    pub until: Option<Box<Finder<'static>>>,
}

impl Set {
    pub(super) fn new(bytes: Bytes, until: Option<&[u8]>) -> Set {
        let mut others = (0..=u8::MAX).filter(|b| !bytes.has(*b));
        let stop = others.next().filter(|_| others.next().is_none());
        let until = until.map(|text| Box::new(Finder::new(text).into_owned()));
        Set { bytes, stop, until }
    }

    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        self.bytes.has(byte)
    }

    /// How many bytes at the beginning of `text` are of these; no more than `most` are asked for.
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
