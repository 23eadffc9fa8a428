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
/// A shorter bar shows nothing: the times have its room.
pub const SHORTEST_BAR: usize = 8;
/// The width of a time, in characters.
pub const TIME: usize = 19;

/// Prints the address, the count, a bar in proportion to it, and the first and the last time, as
/// far as a line of the terminal has room.
pub fn print(
    mut totals: impl Iterator<Item = (Address, Total)>,
    output: &mut Output,
) -> Result<(), Fault> {
    let head: Vec<_> = totals.by_ref().take(LOOK_AHEAD).collect();
    let Some((_, first)) = head.first() else {
        return Ok(());
    };
    let most = first.count.max(1);
    let widths = head.iter().map(|(address, _)| address.to_string().len());
    let address_width = widths.max().unwrap_or(0).max("address".len());
    let count_width = most.to_string().len().max("count".len());
    let room = terminal::columns().saturating_sub(address_width + 2 + count_width);
    let has_times = head.iter().any(|(_, total)| total.span.is_some());
    // Both times, or the last, or none.
    let times = match room {
        _ if !has_times => 0,
        room if room >= SHORTEST_BAR + 2 + 2 * (TIME + 2) => 2,
        room => usize::from(room >= TIME + 2),
    };
    let room = room.saturating_sub(times * (TIME + 2) + 2);
    let bar_width = match room < SHORTEST_BAR {
        true => 0,
        false => room.min(WIDEST_BAR),
    };
    output.allow_escapes();
    let (on, off) = colours();
    let gap = if bar_width == 0 { "" } else { "  " };
    let names = &["first", "last"][2 - times..];
    let names: String = names.iter().map(|name| format!("  {name:TIME$}")).collect();
    let heading = format!(
        "{:address_width$}  {:>count_width$}{gap}{:bar_width$}{names}",
        "address", "count", ""
    );
    output.line(heading.trim_end().as_bytes())?;
    for (address, total) in head.into_iter().chain(totals) {
        check_saturation(total.count);
        let address = address.to_string();
        let bar = match bar_width {
            0 => String::new(),
            width => bar(total.count, most, width),
        };
        let buffer = output.buffer();
        write!(
            buffer,
            "{address:address_width$}  {:count_width$}{gap}{on}{bar}{off}",
            total.count
        )
        .expect("a Vec takes every write");
        if let Some((first, last)) = total.span.filter(|_| times > 0) {
            let pad = bar_width - bar.chars().count();
            let shown = &[clock(first), clock(last)][2 - times..];
            let shown: String = shown.iter().map(|time| format!("  {time}")).collect();
            write!(buffer, "{:pad$}{shown}", "").expect("a Vec takes every write");
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
