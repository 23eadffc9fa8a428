//! Finds the addresses that stand in text, such as a log, and nothing that only looks like one.
//!
//! An address is banned because of what this module says, so where a text can be read in two ways the
//! reading that bans nobody wins. A *word* is made of ASCII letters, digits and `_`.
//!
//! - A dotted quad has four numbers of 0 to 255 without leading zeros. No word touches it, and no dot joins
//!   it to one: `v1.2.3.4`, `1.2.3.4.5` and `4.3.2.1.example.net` hold none, `from 1.2.3.4.` does.
//!   A fifth number of 1024 to 65535 is a port (`1.2.3.4.50550`, as tcpdump writes).
//! - Neither is the end of a name (`libfoo-1.2.3.4`, `1.2.3.4-rc1`), a product's version (`Chrome/1.2.3.4`,
//!   `rv:1.2.3.4`), nor what follows a percent sign. `host/1.2.3.4:80` and `UDP/1.2.3.4/5060` have a port, so they are addresses.
//! - An IPv6 address is any form of RFC 4291, 2.2, that has a digit in it (`abc::def` is an identifier). `name:` may precede it,
//!   `:port`, `.port`, `%zone` or `:` may follow. Three or more groups of two digits at its beginning are a clock
//!   or a hardware address.
//! - `/len` after it makes a network where all host bits are zero; otherwise the address alone is meant (`192.0.2.7/24`).
//! - A terminal's colour sequence (`ESC[1m`) and `\t`, `\n`, `\r` spelled out, as in JSON, part words.

mod colons;
mod edge;
mod plain;
mod quad;
mod scan;
#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;

use std::ops::Range;

use pipeban::address::Address;

/// An address and its place in the text that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub address: Address,
    /// Where it stands: without brackets, port or zone, with the prefix length of a network.
    pub range: Range<usize>,
    /// Where its canonical text begins within `range`, to whose end it goes; `None` where it is written differently.
    canonical: Option<usize>,
}

impl Found {
    /// An address that something else than this module found there.
    pub fn new(address: Address, range: Range<usize>) -> Self {
        Found {
            address,
            range,
            canonical: None,
        }
    }

    /// Appends the canonical text of the address found in `text` to `out`: copied where it stands there already.
    #[inline]
    pub fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(start) = self.canonical else {
            return self.address.write(out);
        };
        let length = self.range.end - start;
        match text[start..].first_chunk::<16>() {
            // A copy of a length that the compiler knows, then cut, is faster than one of any length.
            Some(bytes) if length <= 16 => {
                let end = out.len() + length;
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            _ => out.extend_from_slice(&text[start..self.range.end]),
        }
    }
}

/// Calls `found` for every address in `text`, in order. `text` is a line, or any number of whole lines: no rule looks across a newline.
#[inline]
pub fn find_all(text: &[u8], found: impl FnMut(Found)) {
    scan::scan(text, found);
}

/// The first address in `text`.
pub fn first(text: &[u8]) -> Option<Found> {
    let mut first = None;
    find_all(text, |found| {
        first.get_or_insert(found);
    });
    first
}

/// The last address in `text`.
pub fn last(text: &[u8]) -> Option<Found> {
    let mut last = None;
    find_all(text, |found| last = Some(found));
    last
}
