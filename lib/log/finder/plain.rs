//! The most frequent form of IPv6 addresses: canonical, without a zero group, between bytes that
//! are part of no word. All other forms are read by [`colons`](super::ipv6), byte by byte and in
//! three times the time.

use std::net::Ipv6Addr;

use super::edge;
use super::found::Found;
use pipeban::masks::Chains;

/// The bytes that an address may have before the colon that was found: behind more than three
/// groups an earlier colon would have been found.
const BACK: usize = 16;

/// The address around the colon at `colon`, if it has this form. `chains` classifies 64 bytes.
#[inline(always)]
pub(super) fn at_colon(
    text: &[u8],
    colon: usize,
    chains: &impl Fn(&[u8; 64]) -> Chains,
) -> Option<Found> {
    let base = colon.saturating_sub(BACK).min(text.len().checked_sub(64)?);
    let chunk = text[base..].first_chunk()?;
    let Chains {
        digits,
        letters,
        colons,
        zeros,
    } = chains(chunk);
    let hex = digits | letters;
    let others = !(hex | colons);
    let middle = colon - base;
    let before = others & ((1 << middle) - 1);
    let start = 64 - before.leading_zeros() as usize;
    let end = middle + (others >> middle).trailing_zeros() as usize;
    // At the chunk's ends the next byte is not known.
    if start == 0 && base > 0
        || end >= 64
        || start > 0 && !edge::is_clear(chunk[start - 1])
        || !edge::is_clear(chunk[end])
    {
        return None;
    }
    let all = (1 << end) - (1 << start);
    let (hex, colons) = (hex & all, colons & all);
    let starts = hex & !(hex << 1);
    let double = colons & colons >> 1;
    let count = starts.count_ones() as usize;
    let gaps = double.count_ones();
    let five = hex & hex >> 1 & hex >> 2 & hex >> 3 & hex >> 4;
    // A zero before more digits, or a group that is zero.
    let zero = starts & zeros;
    // The first of 2 digits may begin a clock or a hardware address.
    let clock = colons >> start & 0b100;
    let ends = hex >> start & 1 & hex >> (end - 1);
    if five | zero | clock | double & double >> 1 != 0
        || ends == 0
        || digits & all == 0
        || (gaps, count) != (0, 8) && (gaps != 1 || count > 6)
    {
        return None;
    }
    let ip = Ipv6Addr::from_bits(value(chunk, starts, hex, double));
    let range = base + start..base + end;
    let canonical = Some(range.start);
    Some(edge::found(text, ip.into(), range, canonical))
}

/// The number whose groups begin at `starts`; the missing groups of eight are zero, at `gap`.
#[inline(always)]
fn value(chunk: &[u8; 64], starts: u64, hex: u64, gap: u64) -> u128 {
    let mut value = 0u128;
    let mut left = starts;
    let mut missing = 8 - starts.count_ones();
    while left != 0 {
        let start = left.trailing_zeros() as usize;
        left &= left - 1;
        if start as u32 > gap.trailing_zeros() {
            value <<= 16 * missing;
            missing = 0;
        }
        let length = (!(hex >> start)).trailing_zeros();
        let four = u32::from_be_bytes(std::array::from_fn(|i| chunk[(start + i) % 64]));
        // The digits move to the lower end, so that the bytes behind them are dropped.
        let digits = four >> (32 - 8 * length);
        let numbers = (digits & 0x0f0f_0f0f) + (digits >> 6 & 0x0101_0101) * 9;
        let pairs = (numbers | numbers >> 4) & 0x00ff_00ff;
        value = value << 16 | u128::from((pairs | pairs >> 8) & 0xffff);
    }
    value
}
