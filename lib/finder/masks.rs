//! Many bytes compared at once: bit n of a mask tells of byte n.

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const LOW7: u64 = u64::from_ne_bytes([0x7f; 8]);

/// The dots of 64 bytes, and the colons.
pub type Masks = (u64, u64);

#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[target_feature(enable = "avx2")]
pub fn avx2(chunk: &[u8; 64]) -> Masks {
    use std::arch::x86_64::*;
    let word = |i: usize| {
        chunk[i..]
            .first_chunk()
            .map_or(0, |b| i64::from_le_bytes(*b))
    };
    let half = |i| _mm256_setr_epi64x(word(i), word(i + 8), word(i + 16), word(i + 24));
    let (low, high) = (half(0), half(32));
    let mask = |byte| {
        let bytes = _mm256_set1_epi8(byte);
        let bits = |half| _mm256_movemask_epi8(_mm256_cmpeq_epi8(half, bytes)) as u32;
        u64::from(bits(low)) | u64::from(bits(high)) << 32
    };
    (mask(b'.' as i8), mask(b':' as i8))
}

pub fn portable(chunk: &[u8; 64]) -> Masks {
    let mut masks = (0, 0);
    for (i, eight) in chunk.as_chunks().0.iter().enumerate() {
        masks.0 |= gather(!nonzero(eight, b'.')) << (i * 8);
        masks.1 |= gather(!nonzero(eight, b':')) << (i * 8);
    }
    masks
}

/// The bytes that are no decimal digits.
#[inline(always)]
pub fn not_digits(bytes: &[u8; 16]) -> u32 {
    let mut mask = 0;
    for (i, eight) in bytes.as_chunks().0.iter().enumerate() {
        let value = u64::from_le_bytes(*eight) ^ (ONES * u64::from(b'0'));
        // Ten and more reach the top bit.
        let other = ((value & LOW7) + ONES * (0x80 - 10)) | value;
        mask |= (gather(other) as u32) << (i * 8);
    }
    mask
}

/// The top bit of each byte that is not `byte`; no carry passes from one to the next.
fn nonzero(eight: &[u8; 8], byte: u8) -> u64 {
    let differs = u64::from_le_bytes(*eight) ^ (ONES * u64::from(byte));
    ((differs & LOW7) + LOW7) | differs
}

/// The top bits of eight bytes, side by side.
fn gather(tops: u64) -> u64 {
    // The product holds each of them, moved to its place, in the uppermost byte.
    ((tops >> 7) & ONES).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for byte in 0..=255 {
            for place in 0..64 {
                let mut chunk = [b'/'; 64];
                chunk[place] = byte;
                let expected = [b'.', b':'].map(|b| u64::from(byte == b) << place);
                assert_eq!(portable(&chunk), expected.into());
                #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2.
                    assert_eq!(unsafe { avx2(&chunk) }, expected.into());
                }
                if let Some(sixteen) = chunk.first_chunk::<16>() {
                    let digits = if byte.is_ascii_digit() && place < 16 {
                        1 << place
                    } else {
                        0
                    };
                    assert_eq!(not_digits(sixteen), 0xffff & !digits);
                }
            }
        }
    }

    #[test]
    fn neighbours_do_not_disturb() {
        for (byte, masks) in [
            (b'.', (!0, 0)),
            (b':', (0, !0)),
            (b'-', (0, 0)),
            (0, (0, 0)),
            (0xff, (0, 0)),
        ] {
            assert_eq!(portable(&[byte; 64]), masks);
        }
        let alternating: [u8; 64] = std::array::from_fn(|i| b".:"[i % 2]);
        assert_eq!(
            portable(&alternating),
            (0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa)
        );
    }
}
