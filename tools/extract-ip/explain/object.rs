//! Lines that are JSON objects, explained.

use pipeban_log::finder::{self, Found};
use pipeban_log::line::Line;

use super::say::{readable, say};
use crate::arguments::Arguments;
use crate::object::{Objects, Passed};
use crate::selection::Picker;

/// Parts of the names under which services log a header of the client's.
const HEADERS: [&str; 5] = ["forwarded", "header", "http_", "x-real", "x_real"];

/// The lines by what became of them, for the totals at the end.
#[derive(Default)]
pub(super) struct Totals {
    lines: u64,
    taken: u64,
    /// Each reason with the number of its lines, in the order of their first ones.
    passed: Vec<(String, u64)>,
}

impl Totals {
    /// Counts a line.
    pub(super) fn count(&mut self, taken: bool) {
        self.lines += 1;
        self.taken += u64::from(taken);
    }

    fn count_passed(&mut self, reason: String) {
        match self.passed.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => self.passed.push((reason, 1)),
        }
    }

    /// Prints them.
    pub(super) fn say(&self, out: &mut Vec<u8>) {
        let Totals { lines, taken, .. } = self;
        say(
            out,
            0,
            format_args!("{lines} lines, {taken} with an address taken"),
        );
        for (reason, count) in &self.passed {
            say(out, 1, format_args!("{count}: {reason}"));
        }
    }
}

/// Says the price of a key.
pub(super) fn warn_of_key(out: &mut Vec<u8>, key: &str) {
    say(out, 0, format_args!("key: {}", readable(key.as_bytes())));
    let name = key.to_ascii_lowercase();
    if HEADERS.iter().any(|part| name.contains(part)) {
        let what = "WARNING: the log's remote party may choose the address: by its name this is a";
        say(out, 1, what);
        say(out, 1, "header of the request, which a client writes.");
    } else {
        let what = "no string that the remote party fills can name another's address: an object";
        say(out, 1, what);
        say(out, 1, "with this key twice is refused");
    }
}

/// The addresses at the key of a line that counts, and `None` without `--key`; the error is said.
pub(super) fn judge(
    objects: &mut Objects,
    arguments: &Arguments,
    raw: &[u8],
    line: &Line,
    totals: &mut Totals,
    out: &mut Vec<u8>,
) -> Result<Option<Vec<Found>>, ()> {
    let passed = match objects.judge(raw, line) {
        Ok(object) => return Ok(object.addresses.clone()),
        Err(passed) => passed,
    };
    let key = arguments.key.as_deref().unwrap_or_default();
    let condition = |i: usize| arguments.conditions.get(i).map_or("", String::as_str);
    let reason = match &passed {
        Passed::Blank => "is blank".into(),
        Passed::Refused(refused) => format!("is refused: {refused}"),
        Passed::Condition(i) => format!("does not count: --where {} does not hold", condition(*i)),
        Passed::NoKey => format!("has no key {key}"),
        Passed::Empty => format!("has no address at {key}: the value is empty"),
        Passed::NotAnAddress(_) => format!("is refused: not an address at {key}"),
    };
    match passed {
        Passed::NotAnAddress(text) => {
            say(
                out,
                1,
                format_args!("{reason}: \"{}\"", readable(text.as_bytes())),
            );
        }
        _ => say(out, 1, readable(reason.as_bytes())),
    }
    totals.count_passed(readable(reason.as_bytes()));
    Err(())
}

/// Says which of the addresses at the key are taken, and which others the line has; answers whether
/// any is taken.
pub(super) fn say_addresses(
    picker: &Picker,
    key: &str,
    line: &[u8],
    all: &[Found],
    out: &mut Vec<u8>,
) -> bool {
    let key = readable(key.as_bytes());
    let mut taken = Vec::new();
    picker.pick_from_key(line, all, |choice| taken.push(choice.found.address));
    let all: Vec<_> = all.iter().map(|found| found.address).collect();
    for address in &all {
        let why = match taken.contains(address) {
            true => {
                say(out, 1, format_args!("takes {address}: it stands at {key}"));
                continue;
            }
            false if picker.keep.keeps(address) => "--first or --last",
            false => "-4, -6, --global, --not or --only",
        };
        say(out, 1, format_args!("leaves {address}: {why}"));
    }
    finder::find_all(line, |found| {
        if !all.contains(&found.address) {
            let (address, column) = (found.address, found.range.start + 1);
            let what = format_args!("leaves {address}, at column {column}: not at {key}");
            say(out, 1, what);
        }
    });
    !taken.is_empty()
}
