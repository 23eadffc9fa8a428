//! The search for places where an address may be.
//!
//! 64 bytes make two masks, with a bit for each dot and for each colon. The masks, shifted over
//! themselves, show three dots or two colons at the distances of an address. Nearly all other text
//! is passed over unread.
//!
//! The search has stages, each over many chunks. It is hard to predict whether a chunk has a place,
//! so no branch depends on that.

use super::found::Found;
use super::{ipv4, ipv6, plain};
use pipeban::address::fast;
use pipeban::masks::{Chains, Common, Compare, Masks};

/// Bytes from the first dot of a quad to the last, at most. All dots must be in one chunk.
const REACH: usize = 8;
const STEP: usize = 64 - REACH;

/// Chunks that are searched at once.
const CHUNKS: usize = 32;
const WHOLE: usize = CHUNKS * STEP + REACH;

/// Places that are collected before they are looked at, at most; and the bytes that are searched
/// for them, at most, so that a place has 16 bits.
const PLACES: usize = 128;
const PIECE: usize = 30 * CHUNKS * STEP;

pub(super) fn scan(text: &[u8], found: impl FnMut(Found)) {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if pipeban::masks::has_avx2() {
        // SAFETY: the processor has the features that the function is compiled for.
        return unsafe { scan_avx2(text, found) };
    }
    scan_by::<Common>(text, found);
}

pub(super) fn scan_by<C: Compare>(text: &[u8], found: impl FnMut(Found)) {
    scan_with(text, C::masks, C::chains, fast::whole_quad, found);
}

/// The same, with the quads read by AVX2 too.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn scan_avx2(text: &[u8], found: impl FnMut(Found)) {
    use pipeban::address::list;
    use pipeban::masks::avx2;
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
    let read = Read {
        text,
        chains,
        whole_quad,
    };
    let (begin, done) = if text.len() < WHOLE {
        (0, 0)
    } else {
        scan_batches(&read, &masks, &mut found)
    };
    scan_chunks(&read, begin, done, &masks, found);
}

/// Searches batch by batch; answers the end of the last batch, and the end of the last address.
#[inline(always)]
fn scan_batches(
    read: &Read<impl Fn(&[u8; 64]) -> Chains, impl Fn(&[u8; 16], usize) -> Option<u32>>,
    masks: &impl Fn(&[u8; 64]) -> Masks,
    mut found: impl FnMut(Found),
) -> (usize, usize) {
    let mut batch = Batch::default();
    let mut places = Places {
        places: [0; PLACES],
        count: 0,
    };
    let (mut end, mut done) = (0, 0);
    loop {
        let start = if batch.left() { batch.base } else { end };
        places.count = 0;
        while places.count <= PLACES - STEP {
            if batch.left() {
                let (at, bits) = batch.next();
                places.note(at - start, bits);
            } else if end - start < PIECE
                && let Some(chunks) = read.text[end..].first_chunk()
            {
                batch.search(chunks, end, masks);
                end += CHUNKS * STEP;
            } else {
                break;
            }
        }
        for place in &places.places[..places.count] {
            read.address(start + usize::from(*place), &mut done, &mut found);
        }
        if !batch.left() && read.text.len() - end < WHOLE {
            return (end, done);
        }
    }
}

/// Searches chunk by chunk a text that is too short for a batch: a line, or the end of a text.
#[inline(always)]
fn scan_chunks(
    read: &Read<impl Fn(&[u8; 64]) -> Chains, impl Fn(&[u8; 16], usize) -> Option<u32>>,
    begin: usize,
    mut done: usize,
    masks: &impl Fn(&[u8; 64]) -> Masks,
    mut found: impl FnMut(Found),
) {
    let last = masks(&last_chunk(read.text));
    for base in (begin..read.text.len()).step_by(STEP) {
        let rest = &read.text[base..];
        let (dots, colons) = match rest.first_chunk() {
            Some(chunk) => masks(chunk),
            None => (last.0 >> (64 - rest.len()), last.1 >> (64 - rest.len())),
        };
        let mut bits = may_begin(dots, colons);
        while bits != 0 {
            read.address(base + bits.trailing_zeros() as usize, &mut done, &mut found);
            bits &= bits - 1;
        }
    }
}

/// A text, and how addresses in it are read.
struct Read<'a, C, Q> {
    text: &'a [u8],
    chains: C,
    whole_quad: Q,
}

impl<C: Fn(&[u8; 64]) -> Chains, Q: Fn(&[u8; 16], usize) -> Option<u32>> Read<'_, C, Q> {
    /// Gives the address at a dot or a colon, if there is one. All before `done` was found already.
    #[inline(always)]
    fn address(&self, at: usize, done: &mut usize, found: &mut impl FnMut(Found)) {
        if at < *done {
            return;
        }
        let hit = if self.text[at] == b'.' {
            ipv4::at_dot(self.text, at, &self.whole_quad)
        } else if let Some(hit) = plain::at_colon(self.text, at, &self.chains) {
            Some(hit)
        } else {
            let (hit, end) = ipv6::at_colon(self.text, at);
            *done = end;
            hit
        };
        if let Some(hit) = hit {
            *done = hit.range.end.max(*done);
            found(hit);
        }
    }
}

/// Adjacent chunks, and the places in them where an address may begin.
#[derive(Default)]
struct Batch {
    /// The position of the first chunk.
    base: usize,
    bits: [u64; CHUNKS],
    /// The chunks with such places; those from `next` to `count` are left.
    chunks: [u8; CHUNKS],
    next: usize,
    count: usize,
}

impl Batch {
    #[inline(always)]
    fn search(&mut self, text: &[u8; WHOLE], base: usize, masks: &impl Fn(&[u8; 64]) -> Masks) {
        let (mut dots, mut colons) = ([0; CHUNKS], [0; CHUNKS]);
        for i in 0..CHUNKS {
            if let Some(chunk) = text[i * STEP..].first_chunk() {
                (dots[i], colons[i]) = masks(chunk);
            }
        }
        // The compiler vectorises this: one instruction searches four chunks.
        let mut any = 0;
        for i in 0..CHUNKS {
            self.bits[i] = may_begin(dots[i], colons[i]);
            any |= self.bits[i];
        }
        (self.base, self.next, self.count) = (base, 0, 0);
        if any == 0 {
            return;
        }
        for i in 0..CHUNKS {
            self.chunks[self.count % CHUNKS] = i as u8;
            self.count += usize::from(self.bits[i] != 0);
        }
    }

    #[inline(always)]
    fn left(&self) -> bool {
        self.next < self.count
    }

    /// The position of the next chunk, and its bits.
    #[inline(always)]
    fn next(&mut self) -> (usize, u64) {
        let chunk = usize::from(self.chunks[self.next % CHUNKS]);
        self.next += 1;
        (self.base + chunk * STEP, self.bits[chunk % CHUNKS])
    }
}

/// Places that must be looked at.
struct Places {
    places: [u16; PLACES],
    count: usize,
}

impl Places {
    /// Notes the places of these bits, which begin at `from`.
    #[inline(always)]
    fn note(&mut self, from: usize, mut bits: u64) {
        let count = bits.count_ones() as usize;
        let mut note = |i: usize| {
            self.places[(self.count + i) % PLACES] = from as u16 + bits.trailing_zeros() as u16;
            bits &= bits.wrapping_sub(1);
        };
        // Two are noted even if there is only one or none.
        note(0);
        note(1);
        for i in 2..count {
            note(i);
        }
        self.count += count;
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

/// The bits of dots and colons where an address may be; those behind [`STEP`] are left to the next
/// chunk.
#[inline(always)]
fn may_begin(dots: u64, colons: u64) -> u64 {
    (first_dots(dots) | colons_together(colons)) & ((1 << STEP) - 1)
}

/// The bits of dots with two more dots behind them, one to three bytes between.
#[inline(always)]
fn first_dots(dots: u64) -> u64 {
    let before = |m: u64| m >> 2 | m >> 3 | m >> 4;
    dots & before(dots & before(dots))
}

/// The bits of colons with another right behind them, or with three more at distances of one to
/// four bytes; a clock has two or three. Colons of an address that one chunk cuts are whole in the
/// next.
#[inline(always)]
fn colons_together(colons: u64) -> u64 {
    let before = |m: u64| {
        let near = m >> 2 | m >> 3;
        near | near >> 2
    };
    colons & (colons >> 1 | before(colons & before(colons & before(colons))))
}
