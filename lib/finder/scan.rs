//! The search for places where an address may be.
//!
//! Whether a byte is a dot or a colon makes a bit; 64 bytes make two masks. Shifted over themselves they show three dots
//! or two colons as far apart as they are in an address, so that nearly all else is passed over unread.

use super::{Found, colons, plain, quad};
use crate::address::fast;
use crate::masks::{Chains, Common, Compare, Masks};

/// Bytes from the first dot of a quad to the last, at most: a candidate must be seen whole in one chunk.
const REACH: usize = 8;
const STEP: usize = 64 - REACH;

/// Places that are gathered before they are looked at, at most, and bytes that are searched for them: a place fits in 16 bits.
const PLACES: usize = 128;
const PIECE: usize = 1000 * STEP;

pub fn scan(text: &[u8], found: impl FnMut(Found)) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if crate::masks::has_avx2() {
        // SAFETY: the processor has what the function is compiled for.
        return unsafe { scan_avx2(text, found) };
    }
    scan_by::<Common>(text, found);
}

pub fn scan_by<C: Compare>(text: &[u8], found: impl FnMut(Found)) {
    scan_with(text, C::masks, C::chains, fast::whole_quad, found);
}

/// Twice as fast as without.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn scan_avx2(text: &[u8], found: impl FnMut(Found)) {
    use crate::address::list;
    use crate::masks::avx2;
    scan_with(
        text,
        |chunk| avx2::masks(chunk),
        |chunk| avx2::chains(chunk),
        |text, length| list::avx2::quad(text, length),
        found,
    );
}

#[inline(always)]
fn scan_with(
    text: &[u8],
    masks: impl Fn(&[u8; 64]) -> Masks,
    chains: impl Fn(&[u8; 64]) -> Chains,
    whole_quad: impl Fn(&[u8; 16], usize) -> Option<u32>,
    mut found: impl FnMut(Found),
) {
    let last = masks(&last_chunk(text));
    let mut places = [0u16; PLACES];
    let mut done = 0; // nothing before this is left to be found
    let mut base = 0;
    while base < text.len() {
        // Places are gathered first: whether a chunk has one is hard to foretell, and here nothing depends on it.
        let start = base;
        let end = text.len().min(start + PIECE);
        let mut count = 0;
        while base < end && count <= PLACES - STEP {
            let rest = &text[base..];
            let (dots, colons) = match rest.first_chunk() {
                Some(chunk) => masks(chunk),
                None => (last.0 >> (64 - rest.len()), last.1 >> (64 - rest.len())),
            };
            let mut bits = (first_dots(dots) | colons_together(colons)) & ((1 << STEP) - 1);
            if bits == 0 {
                base += STEP;
                continue;
            }
            let here = bits.count_ones() as usize;
            let mut note = |i: usize| {
                places[(count + i) % PLACES] = (base - start) as u16 + bits.trailing_zeros() as u16;
                bits &= bits.wrapping_sub(1);
            };
            // Two are noted, be they there or not.
            note(0);
            note(1);
            for i in 2..here {
                note(i);
            }
            count += here;
            base += STEP;
        }
        for at in places[..count]
            .iter()
            .map(|place| start + usize::from(*place))
        {
            if at < done {
                continue;
            }
            let hit = if text[at] == b'.' {
                quad::at_dot(text, at, &whole_quad)
            } else if let Some(hit) = plain::at_colon(text, at, &chains) {
                Some(hit)
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

/// The last 64 bytes; zeros before a shorter text.
#[inline(always)]
fn last_chunk(text: &[u8]) -> [u8; 64] {
    text.last_chunk().copied().unwrap_or_else(|| {
        let mut chunk = [0; 64];
        chunk[64 - text.len()..].copy_from_slice(text);
        chunk
    })
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
    let but_one = |m: u64| m & m.wrapping_sub(1);
    // Fewer than four; without an instruction that counts, counting takes longer.
    if but_one(but_one(but_one(colons))) == 0 {
        return double;
    }
    let before = |m: u64| {
        let near = m >> 2 | m >> 3;
        near | near >> 2
    };
    double | colons & before(colons & before(colons & before(colons)))
}
