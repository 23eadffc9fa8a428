//! The search for places where an address may be.
//!
//! Whether a byte is a dot or a colon makes a bit; 64 bytes make two masks. Shifted over themselves they show three dots
//! or two colons as far apart as they are in an address, so that nearly all else is passed over unread.

use super::masks::{self, Masks};
use super::{Found, colons, quad};

/// Bytes from the first dot of a quad to the last, at most: a candidate must be seen whole in one chunk.
const REACH: usize = 8;
const STEP: usize = 64 - REACH;

/// Bytes that are searched for places before these are looked at; a place in it fits in a byte.
const PIECE: usize = 4 * STEP;

pub fn scan(text: &[u8], found: impl FnMut(Found)) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1") {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { scan_avx2(text, found) };
    }
    scan_portable(text, found);
}

pub fn scan_portable(text: &[u8], found: impl FnMut(Found)) {
    scan_with(text, masks::portable, found);
}

/// Twice as fast as the portable search.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn scan_avx2(text: &[u8], found: impl FnMut(Found)) {
    scan_with(text, |chunk| masks::avx2(chunk), found);
}

#[inline(always)]
fn scan_with(text: &[u8], masks: impl Fn(&[u8; 64]) -> Masks, mut found: impl FnMut(Found)) {
    let mut places = [0u8; PIECE];
    let mut done = 0; // nothing before this is left to be found
    for start in (0..text.len()).step_by(PIECE) {
        // Places are gathered first: whether a chunk has one is hard to foretell, and here nothing depends on it.
        let mut count = 0;
        for base in (start..text.len().min(start + PIECE)).step_by(STEP) {
            let (dots, colons) = match text[base..].first_chunk() {
                Some(chunk) => masks(chunk),
                None => masks(&padded(&text[base..])),
            };
            let mut bits = (first_dots(dots) | colons_together(colons)) & ((1 << STEP) - 1);
            while bits != 0 {
                places[count] = (base - start) as u8 + bits.trailing_zeros() as u8;
                count += 1;
                bits &= bits - 1;
            }
        }
        for at in places[..count]
            .iter()
            .map(|place| start + usize::from(*place))
        {
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
#[inline(always)]
fn colons_together(colons: u64) -> u64 {
    let double = colons & colons >> 1;
    if colons.count_ones() < 4 {
        return double;
    }
    let before = |m: u64| {
        let near = m >> 2 | m >> 3;
        near | near >> 2
    };
    double | colons & before(colons & before(colons & before(colons)))
}
