//! One line of input, read as far as counting needs it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Once;

use memchr::memchr;
use pipeban::address::{Address, fast};
use pipeban::complain;
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
}

impl Line {
    /// Reads the line that ends at `end` of `text`; more text behind it makes the reading faster.
    /// `Ok(None)` is a blank line or a comment; the error says what is wrong with the line.
    #[inline(always)]
    pub fn read(text: &[u8], end: usize, merge: bool) -> Result<Option<Self>, String> {
        let line = &text[..end];
        match leading(text, end) {
            Some((address, end)) if end == line.len() => Ok(Some(Line {
                address,
                count: 1,
                span: None,
            })),
            Some((address, end)) => {
                Self::with_fields(address, merge, |key| field(&line[end..], key)).map(Some)
            }
            None => Self::read_slowly(line, merge),
        }
    }

    fn read_slowly(line: &[u8], merge: bool) -> Result<Option<Self>, String> {
        let record = Record::parse(line).map_err(|text| {
            let text = &text[..text.len().min(200)];
            format!("not an address: \"{}\"", String::from_utf8_lossy(text))
        })?;
        let Some(record) = record else {
            return Ok(None);
        };
        Self::with_fields(record.address, merge, |key| record.get(key)).map(Some)
    }

    fn with_fields<T: AsRef<[u8]>>(
        address: Address,
        merge: bool,
        get: impl Fn(&str) -> Option<T>,
    ) -> Result<Self, String> {
        let time = |key| match get(key) {
            Some(text) => match Time::parse(text.as_ref()) {
                None => Err(format!("{key}= is no RFC 3339 time with an offset")),
                time => Ok(time),
            },
            None => Ok(None),
        };
        let at = time("at")?;
        let mut read = Line {
            address,
            count: 1,
            span: at.map(|at| (at, at)),
        };
        if merge {
            if get("hosts").is_some() {
                note_parts();
            }
            if let Some(count) = get("count") {
                let count = std::str::from_utf8(count.as_ref())
                    .ok()
                    .and_then(|t| t.parse().ok());
                read.count = count.ok_or("count= is no number")?;
            }
            let (first, last) = (time("first")?, time("last")?);
            let one = first.or(last).map(|one| (one, one));
            read.span = first.zip(last).or(one).or(read.span);
        }
        Ok(read)
    }
}

/// Says once that a merged record has a field that cannot be added up.
#[cold]
fn note_parts() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        complain::note(
            "--merge",
            "hosts= and the counts of windows cannot be added up; the sums are of count= only",
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

/// The value of the first field with this key; in `fields` a TAB precedes each.
#[inline(always)]
fn field<'a>(mut fields: &'a [u8], key: &str) -> Option<&'a [u8]> {
    while let Some(tab) = memchr(b'\t', fields) {
        fields = &fields[tab + 1..];
        if let Some(value) = fields.strip_prefix(key.as_bytes())
            && let Some(value) = value.strip_prefix(b"=")
        {
            let end = memchr(b'\t', value).unwrap_or(value.len());
            let value = &value[..end];
            return Some(value.strip_suffix(b"\r").unwrap_or(value));
        }
    }
    None
}
