//! Finds the addresses in a text, such as a log, and nothing that only looks like one.
//!
//! An address is banned because of this module. Where a text can be read in two ways, the reading
//! that bans nobody wins. A *word* is made of ASCII letters, digits and `_`.
//!
//! - A dotted quad has four numbers of 0 to 255 without leading zeros. No word touches it, and no
//!   dot joins it to one: `v1.2.3.4`, `1.2.3.4.5` and `4.3.2.1.example.net` have none,
//!   `from 1.2.3.4.` has. A fifth number of 1024 to 65535 is a port (`1.2.3.4.50550`, as tcpdump
//!   writes).
//! - The end of a name (`libfoo-1.2.3.4`, `1.2.3.4-rc1`), a product's version (`Chrome/1.2.3.4`,
//!   `rv:1.2.3.4`) and text behind a percent sign are no addresses. `host/1.2.3.4:80`,
//!   `UDP/1.2.3.4/5060` and `inside/1.2.3.4(2241)` have a port, so they are addresses.
//! - An IPv6 address is any form of RFC 4291, 2.2, with a digit in it (`abc::def` is an
//!   identifier). `name:` may precede it; `:port`, `.port`, `%zone` or `:` may follow. Three or
//!   more groups of two digits at its beginning are a clock or a hardware address.
//! - `/len` behind it makes a network if all host bits are zero; otherwise the address alone is
//!   meant (`192.0.2.7/24`).
//! - A terminal's colour sequence (`ESC[1m`) and an escaped `\t`, `\n`, `\r`, as in JSON, separate
//!   words.

mod edge; // what may stand beside an address
mod found; // an address and its place
mod ipv6; // the forms of IPv6 addresses
mod plain; // IPv6 addresses without exceptions, quickly

mod ipv4; // the forms of IPv4 addresses
mod scan; // the places where an address may be
#[cfg(test)]
mod slow;
#[cfg(test)]
mod tests;

pub use self::found::Found;

/// Calls `found` for every address in `text`, in order. `text` is one line or several: no rule
/// looks beyond a newline.
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
