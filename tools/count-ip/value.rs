//! The value of a field in 16 bytes, to be compared and kept in large numbers.

use std::hash::{BuildHasher, DefaultHasher, Hasher, RandomState};
use std::net::IpAddr;

use pipeban::address::Address;

use crate::table::key::Seed;
use crate::table::map::MapKey;

/// The length at which a value is cut, in bytes.
pub const LONGEST: usize = 256;

/// The longest value that is kept as it is, in bytes.
const INLINE: usize = 15;

/// A value of up to 15 bytes as it is, with its length behind it; a longer one as 120 bits of a
/// keyed hash. No two values become the same: who does not know the key cannot find two whose
/// hashes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(u128);

impl Value {
    /// Stands for a field that is missing. No value is like it.
    pub const NONE: Value = Value(u128::MAX);

    /// As text, for the state file.
    pub fn to_hex(self) -> String {
        format!("{:032x}", self.0.swap_bytes())
    }

    /// The reverse of [`to_hex`](Self::to_hex).
    pub fn from_hex(text: &str) -> Option<Self> {
        let number = u128::from_str_radix(text, 16).ok()?;
        Some(Value(number.swap_bytes()))
    }
}

/// A value with its text.
#[derive(Clone, Debug)]
pub struct Text {
    pub value: Value,
    /// The text, where the value does not hold it.
    long: Option<Box<[u8]>>,
}

impl Text {
    /// The text, cut at [`LONGEST`].
    pub fn to_vec(&self) -> Vec<u8> {
        match &self.long {
            Some(text) => text.to_vec(),
            None => {
                let bytes = self.value.0.to_le_bytes();
                bytes[..usize::from(bytes[INLINE])].to_vec()
            }
        }
    }
}

impl MapKey for Value {
    #[inline(always)]
    fn hash(&self, seed: Seed) -> u64 {
        seed.hash(self.0 as u64, (self.0 >> 64) as u64)
    }
}

/// Makes values, with the key of their hash.
#[derive(Clone, Copy)]
pub struct Values {
    key: u128,
}

impl Values {
    /// With a new key.
    pub fn random() -> Self {
        let random = RandomState::new();
        let half = |n: u8| u128::from(random.hash_one(n));
        Self::with_key(half(0) << 64 | half(1))
    }

    /// With this key: the values are those that another process with it has made.
    pub fn with_key(key: u128) -> Self {
        Values { key }
    }

    /// The value of a field's text, cut at [`LONGEST`].
    #[inline]
    pub fn text(self, text: &[u8]) -> Value {
        self.part(text, 0, text.len())
    }

    /// The value of a field's text, and the text.
    #[inline]
    pub fn with_text(self, text: &[u8]) -> Text {
        let long = (text.len() > INLINE).then(|| text[..text.len().min(LONGEST)].into());
        Text {
            value: self.text(text),
            long,
        }
    }

    /// The value of the bytes of `text` from `start` to `end`; faster than that of a slice where
    /// 16 bytes are there from `start` on.
    #[inline(always)]
    pub fn part(self, text: &[u8], start: usize, end: usize) -> Value {
        let length = end - start;
        if length > INLINE {
            return self.long_text(&text[start..end]);
        }
        let number = match text.get(start..).and_then(<[u8]>::first_chunk) {
            Some(sixteen) => u128::from_le_bytes(*sixteen) & ((1 << (8 * length)) - 1),
            None => {
                let mut sixteen = [0; 16];
                sixteen[..length].copy_from_slice(&text[start..end]);
                u128::from_le_bytes(sixteen)
            }
        };
        Value(number | (length as u128) << (8 * INLINE))
    }

    #[cold]
    fn long_text(self, text: &[u8]) -> Value {
        let text = &text[..text.len().min(LONGEST)];
        let half = |n: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write(&self.key.to_ne_bytes());
            hasher.write_u8(n);
            hasher.write(text);
            u128::from(hasher.finish())
        };
        let hash = half(0) << 64 | half(1);
        Value(hash >> 8 | (INLINE as u128 + 1) << (8 * INLINE))
    }

    /// The value of an address or network.
    pub fn address(self, address: &Address) -> Value {
        let mut bytes = [0; 17];
        let length = match address.ip() {
            IpAddr::V4(ip) => {
                bytes[1..5].copy_from_slice(&ip.octets());
                5
            }
            IpAddr::V6(ip) => {
                bytes[1..].copy_from_slice(&ip.octets());
                17
            }
        };
        bytes[0] = address.prefix_len();
        self.text(&bytes[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_texts_have_different_values() {
        let values = Values::random();
        let a = |length: usize| vec![b'a'; length];
        let texts: Vec<_> = (0..LONGEST)
            .map(a)
            .chain([b"\0".into(), b"a\0".into()])
            .collect();
        for (i, text) in texts.iter().enumerate() {
            for (j, other) in texts.iter().enumerate() {
                assert_eq!(values.text(text) == values.text(other), i == j);
            }
            assert_ne!(values.text(text), Value::NONE);
            assert_eq!(values.with_text(text).to_vec(), *text);
            let hex = values.text(text).to_hex();
            assert_eq!(Value::from_hex(&hex), Some(values.text(text)));
        }
        assert_eq!(values.text(&a(LONGEST)), values.text(&a(LONGEST + 1)));
    }
}
