//! Sets of bytes.

use memchr::memchr;
use regex_syntax::hir::Class;

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

/// A class of bytes, for a walk over many of them.
#[derive(Debug)]
pub struct Set {
    pub bytes: Bytes,
    has: [bool; 256],
    /// The one byte that is not among them, if it is but one.
    stop: Option<u8>,
}

impl Set {
    pub fn new(bytes: Bytes) -> Set {
        let mut others = (0..=u8::MAX).filter(|b| !bytes.has(*b));
        let stop = others.next().filter(|_| others.next().is_none());
        let has = std::array::from_fn(|i| bytes.has(i as u8));
        Set { bytes, has, stop }
    }

    #[inline]
    pub fn has(&self, byte: u8) -> bool {
        self.has[usize::from(byte)]
    }

    /// How many bytes at the beginning of `text` are of these.
    #[inline]
    pub fn run(&self, text: &[u8]) -> usize {
        let end = match self.stop {
            Some(stop) => memchr(stop, text),
            None => text.iter().position(|b| !self.has(*b)),
        };
        end.unwrap_or(text.len())
    }
}
