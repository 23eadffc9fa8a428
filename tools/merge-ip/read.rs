//! Reads lists as sets.

use std::ffi::OsString;
use std::net::IpAddr;

use memchr::memchr;
use pipeban::address::{Address, fast, mask4};
use pipeban::complain::{self, Fault};
use pipeban::hints::no_address;
use pipeban::input::{Event, Input};
use pipeban::lists::{self, Line};
use pipeban::privilege::keep_none;

use crate::set::{Ranges, and, merge, minus};

/// From this number on, ranges are merged when they have become three times as many, so that the
/// memory is that of the set and not of the input.
const LONG: usize = 1 << 22;

/// A set of addresses of both families.
#[derive(Default)]
pub struct Set {
    pub v4: Ranges<u32>,
    pub v6: Ranges<u128>,
}

impl Set {
    /// The addresses of all these lists; none, or `-`, is standard input. Lines that can't be read
    /// are reported.
    pub fn of_files(files: Vec<OsString>) -> Result<Self, Fault> {
        let mut input = Input::new(files);
        input.show_progress();
        input.open_all();
        keep_none().map_err(|e| Fault::new("capabilities", e))?;
        let mut set = Set::default();
        let mut most = (LONG, LONG);
        loop {
            if set.v4.len() > most.0 || set.v6.len() > most.1 {
                set.merge();
                most = (LONG.max(3 * set.v4.len()), LONG.max(3 * set.v6.len()));
            }
            let bad = match input.next_block(None)? {
                Event::End => break,
                Event::Idle => continue,
                Event::Data(block) => set.add_lines(block),
            };
            let mut passed = 0;
            for (line, what) in bad.lines {
                input.pass_lines(line - passed);
                passed = line;
                complain::bad_line(input.place(), what);
            }
            input.pass_lines(bad.all - passed);
        }
        set.merge();
        Ok(set)
    }

    /// The addresses of a list that must be understood whole.
    pub fn of_option(value: &str) -> Result<Self, Fault> {
        let (v4, v6) = lists::read_networks(value)?.into_ranges();
        let mut set = Set { v4, v6 };
        set.merge();
        Ok(set)
    }

    /// The addresses of this set that are not in `other`.
    pub fn minus(&self, other: &Set) -> Set {
        Set {
            v4: minus(&self.v4, &other.v4),
            v6: minus(&self.v6, &other.v6),
        }
    }

    /// The addresses that are in both sets.
    pub fn and(&self, other: &Set) -> Set {
        Set {
            v4: and(&self.v4, &other.v4),
            v6: and(&self.v6, &other.v6),
        }
    }

    fn merge(&mut self) {
        merge(&mut self.v4);
        merge(&mut self.v6);
    }

    fn add(&mut self, net: &Address) {
        match (net.ip(), net.last()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => {
                self.v4.push((first.to_bits(), last.to_bits()));
            }
            (IpAddr::V6(first), IpAddr::V6(last)) => {
                self.v6.push((first.to_bits(), last.to_bits()));
            }
            _ => {}
        }
    }

    /// Adds the networks of whole lines.
    fn add_lines(&mut self, block: &[u8]) -> BadLines {
        let mut bad = BadLines::default();
        let mut rest = block;
        while !rest.is_empty() {
            bad.all += 1;
            if let Some((range, length)) = plain_line(rest) {
                self.v4.push(range);
                rest = &rest[length..];
                continue;
            }
            let end = memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            if let Err(what) = self.add_line(line) {
                bad.lines.push((bad.all, what));
            }
            rest = end.map_or(&[], |end| &rest[end + 1..]);
        }
        bad
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), String> {
        match lists::parse(line) {
            Ok(Line::Blank) => Ok(()),
            Ok(Line::Record(record)) => {
                self.add(&record.address);
                Ok(())
            }
            Ok(Line::Form(form)) => {
                form.banned.iter().for_each(|net| self.add(net));
                match form.doubt {
                    Some(doubt) => Err(format!("{doubt} Only the first address is taken")),
                    None => Ok(()),
                }
            }
            Err(text) => Err(no_address(text)),
        }
    }
}

/// The lines of a block that can't be read, each with its number, from 1, and the fault.
#[derive(Default)]
struct BadLines {
    lines: Vec<(u64, String)>,
    /// The number of all lines.
    all: u64,
}

/// The common line, an IPv4 address or network and nothing else: its range, and its length with the
/// newline. `None` says only that this function does not read it.
#[inline]
fn plain_line(text: &[u8]) -> Option<((u32, u32), usize)> {
    let (quad, end) = fast::quad(text)?;
    let (len, end) = match text.get(end..end + 4)? {
        [b'\n', ..] => return Some(((quad, quad), end + 1)),
        [b'/', ones @ b'0'..=b'9', b'\n', _] => (ones - b'0', end + 3),
        [b'/', tens @ b'1'..=b'3', ones @ b'0'..=b'9', b'\n'] => {
            ((tens - b'0') * 10 + ones - b'0', end + 4)
        }
        _ => return None,
    };
    let mask = mask4(Some(len).filter(|len| *len <= 32)?);
    Some(((quad & mask, quad | !mask), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every line that is read fast is read as the general parser reads it.
    #[test]
    fn plain_lines() {
        let mut fast = 0;
        for text in [
            "203.0.113.7",
            "0.0.0.0",
            "255.255.255.255",
            "1.2.3.256",
            "01.2.3.4",
            "x",
        ] {
            for len in [
                "", "/0", "/9", "/24", "/32", "/33", "/08", "/x", "/", " /8", "#", "/1000",
            ] {
                let line = format!("{text}{len}\n203.0.113.8\n");
                let mut set = Set::default();
                let _ = set.add_line(format!("{text}{len}").as_bytes());
                if let Some((range, length)) = plain_line(line.as_bytes()) {
                    assert_eq!(
                        (set.v4, length),
                        (vec![range], text.len() + len.len() + 1),
                        "{line}"
                    );
                    fast += 1;
                }
            }
        }
        assert_eq!(fast, 15);
    }
}
