//! Totals in columns with bars, for a person at a terminal.

use std::io::Write;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::terminal;
use pipeban::time::Time;

use super::total::Total;
use crate::output::check_saturation;

/// The columns fit this number of lines; addresses further down may be wider.
const LOOK_AHEAD: usize = 1000;
/// The longest bar, in characters.
const WIDEST_BAR: usize = 40;

/// Prints the address, the count, a bar in proportion to it, and the first and the last time.
pub fn print(
    mut totals: impl Iterator<Item = (Address, Total)>,
    output: &mut Output,
) -> Result<(), Fault> {
    let head: Vec<_> = totals.by_ref().take(LOOK_AHEAD).collect();
    let most = head.first().map_or(1, |(_, total)| total.count.max(1));
    let address_width = head
        .iter()
        .map(|(address, _)| address.to_string().len())
        .max()
        .unwrap_or(0);
    let count_width = most.to_string().len();
    let times_width = if head.iter().any(|(_, total)| total.span.is_some()) {
        42
    } else {
        0
    };
    let rest = usize::saturating_sub(
        terminal::columns(),
        address_width + count_width + times_width + 4,
    );
    let bar_width = rest.clamp(8, WIDEST_BAR);
    output.allow_escapes();
    let (on, off) = colours();
    for (address, total) in head.into_iter().chain(totals) {
        check_saturation(total.count);
        let address = address.to_string();
        let bar = bar(total.count, most, bar_width);
        let buffer = output.buffer();
        write!(
            buffer,
            "{address:address_width$}  {:count_width$}  {on}{bar}{off}",
            total.count
        )
        .expect("a Vec takes every write");
        if let Some((first, last)) = total.span {
            let gap = bar_width - bar.chars().count();
            write!(buffer, "{:gap$}  {}  {}", "", clock(first), clock(last))
                .expect("a Vec takes every write");
        }
        output.line(b"")?;
    }
    Ok(())
}

/// The codes that begin and end the colour of a bar; empty where the user wants none.
pub fn colours() -> (&'static str, &'static str) {
    match terminal::has_colours() {
        true => ("\x1b[36m", "\x1b[0m"),
        false => ("", ""),
    }
}

/// A bar of at most `width` characters, exact to an eighth of one, and at least that long; where
/// the terminal draws no blocks, of at least one `#`.
pub fn bar(count: u64, most: u64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = u128::from(count) * width as u128 * 8 / u128::from(most);
    let eighths = (eighths as usize).max(1);
    if !terminal::has_blocks() {
        return "#".repeat(eighths.div_ceil(8));
    }
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// Date and time to the second, for a person who knows the time zone.
pub fn clock(time: Time) -> String {
    time.to_string()
        .chars()
        .take(19)
        .collect::<String>()
        .replace('T', " ")
}
