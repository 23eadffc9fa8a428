//! One line of input, read as far as counting needs it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Once;

use memchr::{memchr, memmem};
use pipeban::address::{Address, fast};
use pipeban::complain;
use pipeban::hints::no_address;
use pipeban::input::Input;
use pipeban::record::Record;
use pipeban::time::Time;

/// Of each bad line of a block its number, the first line being 1, and what is wrong with it.
pub type BadLines = Vec<(u64, String)>;

/// Reports the bad lines of the block that `input` gave last; `lines` is the number of all its
/// lines.
pub fn report_bad(input: &mut Input, lines: u64, bad: BadLines) {
    let mut passed = 0;
    for (line, fault) in bad {
        input.pass_lines(line - passed);
        passed = line;
        complain::bad_line(input.place(), fault);
    }
    input.pass_lines(lines - passed);
}

/// The fields of a record that counting needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub address: Address,
    /// The number of events: the record's `count=` with `--merge`, else 1.
    pub count: u64,
    /// The first and the last time: `first=` and `last=` with `--merge`, else `at=` twice.
    pub span: Option<(Time, Time)>,
    /// Whether it is no failure but a success: `success=yes`.
    pub success: bool,
}

impl Line {
    /// Reads the line that ends at `end` of `text`; more text behind it makes the reading faster.
    /// `Ok(None)` is a blank line or a comment; the error says what is wrong with the line.
    /// `successes`: the line may have a field `success=` that matters.
    #[inline(always)]
    pub fn read(
        text: &[u8],
        end: usize,
        merge: bool,
        successes: bool,
    ) -> Result<Option<Self>, String> {
        let line = &text[..end];
        match leading(text, end) {
            Some((address, end)) if end == line.len() => Ok(Some(Line {
                address,
                count: 1,
                span: None,
                success: false,
            })),
            Some((address, end)) => {
                let fields = &line[end..];
                let success = successes && field(fields, "success") == Some(b"yes");
                let read = Self::with_fields(address, field(fields, "at"), success)?;
                match merge {
                    true => read.merged(|key| field(fields, key)).map(Some),
                    false => Ok(Some(read)),
                }
            }
            None => Self::read_slowly(line, merge),
        }
    }

    fn read_slowly(line: &[u8], merge: bool) -> Result<Option<Self>, String> {
        let record = Record::parse(line).map_err(no_address)?;
        let Some(record) = record else {
            return Ok(None);
        };
        let success = record.get("success").is_some_and(|value| value == b"yes");
        let read = Self::with_fields(record.address, record.get("at").as_deref(), success)?;
        match merge {
            true => read.merged(|key| record.get(key)).map(Some),
            false => Ok(Some(read)),
        }
    }

    #[inline(always)]
    fn with_fields(address: Address, at: Option<&[u8]>, success: bool) -> Result<Self, String> {
        let at = at.map(|at| time("at", at)).transpose()?;
        Ok(Line {
            address,
            count: 1,
            span: at.map(|at| (at, at)),
            success,
        })
    }

    /// Adds the fields that `--merge` reads.
    fn merged<T: AsRef<[u8]>>(mut self, get: impl Fn(&str) -> Option<T>) -> Result<Self, String> {
        if get("hosts").is_some() || get("distinct").is_some() {
            note_parts();
        }
        if let Some(count) = get("count") {
            let count = std::str::from_utf8(count.as_ref()).ok();
            let count = count.and_then(|text| text.parse().ok());
            self.count = count.ok_or("count= is no number")?;
        }
        let time = |key| get(key).map(|text| time(key, text.as_ref())).transpose();
        let (first, last) = (time("first")?, time("last")?);
        let one = first.or(last).map(|one| (one, one));
        self.span = first.zip(last).or(one).or(self.span);
        Ok(self)
    }
}

fn time(key: &str, text: &[u8]) -> Result<Time, String> {
    Time::parse(text).ok_or_else(|| format!("{key}= is no RFC 3339 time with an offset"))
}

/// Says once that a merged record has a field that cannot be added up.
#[cold]
fn note_parts() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        complain::note(
            "--merge",
            "hosts=, distinct= and the counts of windows cannot be added up; \
             the sums are of count= only",
        );
    });
}

/// The address at the beginning of a line and the place of its end; `None` also where the address
/// is not written in the common form.
#[inline(always)]
fn leading(text: &[u8], line: usize) -> Option<(Address, usize)> {
    let (ip, end) = if let Some((quad, end)) = fast::quad(text) {
        (IpAddr::from(Ipv4Addr::from_bits(quad)), end)
    } else {
        let (number, end) = fast::sextets(text)?;
        (IpAddr::from(Ipv6Addr::from_bits(number)), end)
    };
    // No address holds a newline, so it does not reach beyond the line.
    let ends = end == line || matches!(text.get(end), Some(b'\t' | b' ' | b';' | b','));
    ends.then(|| (ip.into(), end))
}

/// Whether a line of a block may have a field `success=`.
pub fn has_successes(block: &[u8]) -> bool {
    memmem::find(block, b"\tsuccess=").is_some()
}

/// The value of the first field with this key, as it stands there; in `fields` a TAB precedes each.
#[inline(always)]
pub fn field<'a>(mut fields: &'a [u8], key: &str) -> Option<&'a [u8]> {
    while let Some(tab) = memchr(b'\t', fields) {
        fields = &fields[tab + 1..];
        if let Some(value) = fields.strip_prefix(key.as_bytes())
            && let Some(value) = value.strip_prefix(b"=")
        {
            return Some(first_value(value));
        }
    }
    None
}

/// The text up to the next field, or to the end of the line. A carriage return ends a line; before
/// another field it is part of the value.
#[inline(always)]
fn first_value(text: &[u8]) -> &[u8] {
    match memchr(b'\t', text) {
        Some(end) => &text[..end],
        None => text.strip_suffix(b"\r").unwrap_or(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field has the value that a record has, whatever bytes stand around it.
    #[test]
    fn fields_as_of_a_record() {
        let pieces: [&[u8]; 14] = [
            b"\t", b"\t", b"\r", b"user=", b"user=", b"use", b"\0", b"=", b" ", b"root", b"\xff",
            b"at=", b"\tuser", b"#",
        ];
        let mut random = fastrand::Rng::with_seed(1);
        let mut read = 0;
        for _ in 0..50_000 {
            let parts = (0..random.usize(1..12)).map(|_| pieces[random.usize(..pieces.len())]);
            let rest = [b"\t"].into_iter().map(|tab| &tab[..]).chain(parts);
            let rest: Vec<u8> = rest.collect::<Vec<_>>().concat();
            let line = [b"203.0.113.7", rest.as_slice()].concat();
            let record = Record::parse(&line).expect("an address").expect("a record");
            for key in ["user", "at"] {
                let value = field(&rest, key);
                let expected = record.get(key);
                assert_eq!(
                    value,
                    expected.as_deref(),
                    "{:?}",
                    line.escape_ascii().to_string()
                );
                read += u32::from(value.is_some());
            }
        }
        assert!(read > 10_000, "{read}");
    }
}
