//! An address that was found in a text.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use pipeban::address::{Address, fast};
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
use pipeban::{address::list, masks};

/// An address and its place in the text that was searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The address.
    pub address: Address,
    /// Its bytes in the text: without brackets, port or zone, with the prefix length of a network.
    pub range: Range<usize>,
    /// The beginning of its canonical text, which ends where `range` does; `None` where the text is
    /// not canonical.
    pub(super) canonical: Option<usize>,
}

impl Found {
    /// An address that another module found.
    pub fn new(address: Address, range: Range<usize>) -> Self {
        Found {
            address,
            range,
            canonical: None,
        }
    }

    /// The IPv4 address that fills these bytes of a text; `None` also where fewer than 16 bytes
    /// follow the place where it begins.
    #[inline]
    pub fn quad(text: &[u8], range: Range<usize>) -> Option<Self> {
        let chunk = text.get(range.start..)?.first_chunk()?;
        let quad = whole_quad(chunk, range.len())?;
        Some(Found {
            address: IpAddr::from(Ipv4Addr::from_bits(quad)).into(),
            canonical: Some(range.start),
            range,
        })
    }

    /// Appends the address, which was found in `text`, to `out` in canonical form.
    #[inline]
    pub fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let Some(start) = self.canonical else {
            return self.address.write(out);
        };
        let length = self.range.end - start;
        match text[start..].first_chunk::<16>() {
            // A copy of a fixed length, then cut, is faster than one of any length.
            Some(bytes) if length <= 16 => {
                let end = out.len() + length;
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            _ => out.extend_from_slice(&text[start..self.range.end]),
        }
    }
}

#[inline]
fn whole_quad(text: &[u8; 16], length: usize) -> Option<u32> {
    #[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
    if masks::has_avx2() {
        // SAFETY: the processor has the features that the function is compiled for.
        return unsafe { list::avx2::quad(text, length) };
    }
    fast::whole_quad(text, length)
}
