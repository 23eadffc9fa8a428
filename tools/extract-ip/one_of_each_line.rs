//! One address of each line, or of one field of it, by the places of the addresses alone: lines are
//! not looked at one by one.

use memchr::memrchr;
use pipeban::masks;
use pipeban_log::finder::{self, Found};

use crate::address_filter::Keep;

/// Calls `give` for one address of each line of a block: the first or the last one that is kept.
/// With `field`, only addresses in that field count, as [`field`](crate::lines::field) numbers
/// them.
///
/// White space ends an address as a text's end does, so a field has the same addresses alone and in
/// its line.
pub(crate) fn one_of_each_line(
    block: &[u8],
    field: Option<usize>,
    first: bool,
    keep: &Keep,
    mut give: impl FnMut(&Found),
) {
    let mut place = Place::at(0);
    let mut one: Option<Found> = None;
    finder::find_all(block, |found| {
        if !keep.keeps(&found.address) {
            return;
        }
        if place.go_on(block, found.range.start) {
            one.take().iter().for_each(&mut give);
        }
        let counts = field.is_none_or(|field| place.fields == field);
        if counts && !(first && one.is_some()) {
            one = Some(found);
        }
    });
    one.iter().for_each(give);
}

/// A place in a block.
struct Place {
    at: usize,
    /// The fields of its line that begin before it.
    fields: usize,
    after_blank: bool,
}

impl Place {
    fn at(line: usize) -> Self {
        Place {
            at: line,
            fields: 0,
            after_blank: true,
        }
    }

    /// Moves behind the byte at `to`, which is no white space; answers whether that is in another
    /// line.
    fn go_on(&mut self, block: &[u8], to: usize) -> bool {
        let mut other_line = false;
        if to - self.at > FAR
            && let Some(newline) = memrchr(b'\n', &block[self.at..to])
        {
            *self = Place::at(self.at + newline + 1);
            other_line = true;
        }
        let mut after_blank = u64::from(self.after_blank);
        let (mut left, mut fields) = (to - self.at, self.fields);
        masks::blanks(&block[self.at..], |blanks, newlines| {
            let starts = !blanks & (blanks << 1 | after_blank);
            after_blank = blanks >> 63;
            let within = !0 >> (63 - left.min(63));
            let newlines = newlines & within;
            // A field before the last newline belongs to another line.
            let in_line = within & !(!0u64).checked_shr(newlines.leading_zeros()).unwrap_or(0);
            if newlines != 0 {
                (fields, other_line) = (0, true);
            }
            fields += (starts & in_line).count_ones() as usize;
            let on = left > 63;
            left = left.saturating_sub(64);
            on
        });
        self.fields = fields;
        self.after_blank = false;
        self.at = to + 1;
        other_line
    }
}

/// Beyond this distance, in bytes, the last newline is looked for backwards.
const FAR: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::{self, Lines};

    /// The same as line by line and field by field.
    #[test]
    fn as_line_by_line() {
        let parts = [
            " ",
            " ",
            "  ",
            "\t",
            "\r",
            "\x0c",
            "\n",
            "\n",
            "a",
            "bc,",
            "192.0.2.1",
            "2001:db8::7",
            "10.0.0.0/8",
            "198.51.100.9:80",
            "x1.2.3.4",
        ];
        let keep = Keep::all();
        let mut random = fastrand::Rng::with_seed(1);
        let mut picked = 0;
        for _ in 0..3000 {
            let length = random.usize(..120);
            let block: String = (0..length)
                .map(|_| parts[random.usize(..parts.len())])
                .collect();
            let block = block.as_bytes();
            for field in [None, Some(1), Some(2), Some(5), Some(20)] {
                for first in [true, false] {
                    let mut expected = Vec::new();
                    let mut lines = Lines::new(block);
                    while let Some(line) = lines.next(None) {
                        let line = line.text;
                        let text = field.map_or(line, |n| &line[lines::field(line, n)]);
                        let found = if first {
                            finder::first(text)
                        } else {
                            finder::last(text)
                        };
                        expected.extend(found.map(|f| f.address));
                    }
                    let mut all = Vec::new();
                    one_of_each_line(block, field, first, &keep, |found| all.push(found.address));
                    assert_eq!(
                        all,
                        expected,
                        "field {field:?}, first {first}: {}",
                        block.escape_ascii()
                    );
                    picked += all.len();
                }
            }
        }
        assert!(picked > 10_000, "{picked}");
    }
}
