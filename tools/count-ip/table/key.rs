//! Addresses as keys of tables. Their hash is seeded, because remote parties choose them.

use std::hash::{BuildHasher, Hash, RandomState};

use super::slot::{Slot, mask};

/// Secret numbers that a hash depends on.
#[derive(Clone, Copy)]
pub struct Seed(u64, u64);

impl Seed {
    /// A new seed, from the system's random numbers.
    pub fn random() -> Self {
        // The standard library seeds its maps from those.
        let secret = RandomState::new();
        Seed(secret.hash_one(0), secret.hash_one(1) | 1)
    }

    /// Of 128 bits.
    #[inline(always)]
    pub fn hash(self, low: u64, high: u64) -> u64 {
        fold(fold(low ^ self.0, self.1) ^ high, self.0 | 1)
    }
}

/// The product, its upper half folded into the lower one.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// One of several parts of all hashes, each as large as the others.
#[derive(Clone, Copy)]
pub struct Part {
    number: usize,
    of: usize,
}

impl Part {
    /// All parts, if there are this many.
    pub fn all(of: usize) -> impl Iterator<Item = Part> {
        (0..of).map(move |number| Part { number, of })
    }

    /// The number of the part that has a hash, 0 for the first, if there are this many parts.
    #[inline(always)]
    pub fn number(hash: u64, of: usize) -> usize {
        (((hash >> 32) * of as u64) >> 32) as usize
    }

    /// Whether a hash is in this part.
    #[inline(always)]
    pub fn has(self, hash: u64) -> bool {
        Part::number(hash, self.of) == self.number
    }

    /// The lowest and the highest hash of this part.
    pub fn bounds(self) -> (u64, u64) {
        let first = |number: usize| ((number as u64) << 32).div_ceil(self.of as u64) << 32;
        let last = match self.number + 1 {
            next if next < self.of => first(next) - 1,
            _ => u64::MAX,
        };
        (first(self.number), last)
    }
}

/// An address as a number, in as few bytes as it takes.
pub trait Key: Copy + Ord + Hash + Default {
    /// A count and a key in one number, so that one comparison sorts by both.
    type Rank: Ord;

    fn hash(self, seed: Seed) -> u64;

    /// Sorts the highest count first, then by key.
    fn rank(self, count: u32) -> Self::Rank;

    /// A bit for each slot with this key.
    #[inline(always)]
    fn same<const N: usize>(bucket: &[Slot<Self>; N], key: Self) -> u32 {
        mask(bucket, |slot| slot.key == key)
    }
}

impl Key for u32 {
    type Rank = u64;

    #[inline(always)]
    fn rank(self, count: u32) -> u64 {
        u64::from(!count) << 32 | u64::from(self)
    }

    #[inline(always)]
    fn hash(self, seed: Seed) -> u64 {
        fold(u64::from(self) ^ seed.0, seed.1)
    }

    /// Compares eight slots in 15 instructions, where the general way takes 36.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn same<const N: usize>(bucket: &[Slot<u32>; N], key: u32) -> u32 {
        use std::arch::x86_64::*;
        if N != 8 {
            return mask(bucket, |slot| slot.key == key);
        }
        // SAFETY: eight slots, each a key and a value of 4 bytes, are four times 16 bytes, and
        // every x86_64 has SSE2.
        unsafe {
            let two = |i: usize| _mm_loadu_ps(bucket.as_ptr().cast::<f32>().add(i * 4));
            // The keys of two slots and of the two after them.
            let keys =
                |i: usize| _mm_castps_si128(_mm_shuffle_ps::<0b10_00_10_00>(two(i), two(i + 1)));
            let key = _mm_set1_epi32(key as i32);
            let same = |i: usize| _mm_cmpeq_epi32(keys(i), key);
            let same = _mm_packs_epi16(_mm_packs_epi32(same(0), same(2)), _mm_setzero_si128());
            _mm_movemask_epi8(same) as u32
        }
    }
}

/// An IPv6 address, in four numbers: with a u128 a slot would take 32 bytes instead of 20.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ipv6Key([u32; 4]);

impl From<u128> for Ipv6Key {
    #[inline(always)]
    fn from(n: u128) -> Self {
        Ipv6Key([n >> 96, n >> 64, n >> 32, n].map(|n| n as u32))
    }
}

impl From<Ipv6Key> for u128 {
    fn from(key: Ipv6Key) -> Self {
        key.0.iter().fold(0, |n, part| n << 32 | u128::from(*part))
    }
}

impl Key for Ipv6Key {
    type Rank = (u64, u64, u32);

    #[inline(always)]
    fn rank(self, count: u32) -> Self::Rank {
        let [a, b, c, d] = self.0;
        let two = |high, low| u64::from(high) << 32 | u64::from(low);
        (two(!count, a), two(b, c), d)
    }

    #[inline(always)]
    fn hash(self, seed: Seed) -> u64 {
        let [a, b, c, d] = self.0.map(u64::from);
        seed.hash(a << 32 | b, c << 32 | d)
    }
}
