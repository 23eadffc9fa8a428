//! The search for places where an address may be.
//!
//! Whether a byte is a dot or a colon makes a bit; 64 bytes make two masks. Shifted over themselves they show three dots
//! or two colons as far apart as they are in an address, so that nearly all else is passed over unread.

use super::{Found, colons, quad};

/// Bytes from the first dot of a quad to the last, at most: a candidate must be seen whole in one chunk.
const REACH: usize = 8;
const STEP: usize = 64 - REACH;

pub fn scan(text: &[u8], mut found: impl FnMut(Found)) {
    let mut done = 0; // nothing before this is left to be found
    for base in (0..text.len()).step_by(STEP) {
        let chunk = match text[base..].first_chunk::<64>() {
            Some(chunk) => *chunk,
            None => padded(&text[base..]),
        };
        let mut candidates = first_dots(mask(&chunk, b'.')) | colons_together(mask(&chunk, b':'));
        candidates &= (1 << STEP) - 1;
        while candidates != 0 {
            let at = base + candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            if at < done {
                continue;
            }
            let hit = if text[at] == b'.' {
                quad::at_dot(text, at)
            } else {
                let (hit, end) = colons::at_colon(text, at);
                done = end;
                hit
            };
            if let Some(hit) = hit {
                done = done.max(hit.range.end);
                found(hit);
            }
        }
    }
}

fn padded(rest: &[u8]) -> [u8; 64] {
    let mut chunk = [0; 64];
    chunk[..rest.len()].copy_from_slice(rest);
    chunk
}

/// The bits of dots that have two more behind them, one to three bytes between.
fn first_dots(dots: u64) -> u64 {
    let before = |m: u64| m >> 2 | m >> 3 | m >> 4;
    dots & before(dots & before(dots))
}

/// The bits of colons that have one right behind them, or three with one to four bytes between: a clock has two or three.
/// Of an address's seven, those that are cut by the end of one chunk stand whole in the next.
fn colons_together(colons: u64) -> u64 {
    let before = |m: u64| m >> 2 | m >> 3 | m >> 4 | m >> 5;
    colons & (colons >> 1 | before(colons & before(colons & before(colons))))
}

/// Bit n is set where byte n is `byte`.
fn mask(chunk: &[u8; 64], byte: u8) -> u64 {
    const LOW7: u64 = u64::from_ne_bytes([0x7f; 8]);
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let mut mask = 0;
    for (i, eight) in chunk.chunks_exact(8).enumerate() {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        let differs = u64::from_le_bytes(word) ^ (ONES * u64::from(byte));
        // The top bit of each byte that is zero; exact, no carry passes from byte to byte.
        let equal = !(((differs & LOW7) + LOW7) | differs | LOW7);
        // Multiplication gathers the eight top bits in the uppermost byte.
        let bits = (equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        mask |= bits << (i * 8);
    }
    mask
}
