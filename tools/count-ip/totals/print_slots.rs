//! Prints totals by time slot: as records, or for a person as a picture, a bar for each slot.

use std::io::Write;

use pipeban::address::write_number;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::terminal;

use super::columns::{SHORTEST_BAR, TIME, bar, clock, colours};
use super::per_slot::{Slot, SlotTotals};
use super::slots::Slots;
use crate::arguments::Arguments;
use crate::output::check_saturation;

/// The widest bar, in characters.
const BAR: usize = 40;

const FITS: &str = "a Vec takes every write";

/// A longer row of empty slots is one line of a picture.
const EMPTY: usize = 24;

/// Prints the totals; true if there were any.
pub fn print(totals: SlotTotals, arguments: &Arguments) -> Result<bool, Fault> {
    let (slots, all) = totals.rank(arguments.limits());
    let mut output = Output::new(arguments.json);
    if Output::is_terminal() && !arguments.json {
        picture(&slots, &all, &mut output)?;
    } else {
        records(&all, &mut output)?;
    }
    output.flush()?;
    Ok(all.iter().any(|(_, totals)| !totals.is_empty()))
}

fn records(all: &[Slot], output: &mut Output) -> Result<(), Fault> {
    for (start, totals) in all {
        let at = start.to_string();
        for (address, count) in totals {
            check_saturation(*count);
            if output.is_json() {
                let mut record = Record::new(*address);
                record.push("at", at.as_bytes());
                record.push("count", count.to_string().as_bytes());
                output.record(&record)?;
                continue;
            }
            let buffer = output.buffer();
            address.write(buffer);
            buffer.extend_from_slice(b"\tat=");
            buffer.extend_from_slice(at.as_bytes());
            buffer.extend_from_slice(b"\tcount=");
            write_number(*count, buffer);
            output.line(b"")?;
        }
    }
    Ok(())
}

/// Prints the beginning of each slot, the sum of its counts, the number of addresses, and a bar in
/// proportion to the sum. Slots without events are rows too. A narrow terminal has no room for the
/// numbers of addresses.
fn picture(slots: &Slots, all: &[Slot], output: &mut Output) -> Result<(), Fault> {
    let sum = |slot: &Slot| {
        slot.1
            .iter()
            .fold(0, |sum: u64, (_, n)| sum.saturating_add(*n))
    };
    let sums: Vec<_> = all.iter().map(sum).collect();
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let addresses = all.iter().map(|(_, totals)| totals.len()).max();
    let digits = most.to_string().len().max("count".len());
    let address_digits = addresses.unwrap_or(0).to_string().len();
    let address_digits = address_digits.max("addresses".len());
    let room = terminal::columns().saturating_sub(TIME + 2 + digits + 2);
    let addresses = room.checked_sub(address_digits + 2);
    let addresses = addresses.filter(|room| *room >= SHORTEST_BAR);
    let width = addresses.unwrap_or(room).min(BAR);
    let column = |text: &str| match addresses {
        Some(_) => format!("  {text:>address_digits$}"),
        None => String::new(),
    };
    output.allow_escapes();
    let (on, off) = colours();
    let heading = format!(
        "{:TIME$}  {:>digits$}{}",
        "from",
        "count",
        column("addresses")
    );
    output.line(heading.as_bytes())?;
    let mut expected = None;
    for ((start, totals), sum) in all.iter().zip(sums) {
        let mut empty = Vec::new();
        while let Some(time) = expected.filter(|time| time < start && empty.len() <= EMPTY) {
            empty.push(time);
            expected = Some(slots.next(time));
        }
        if empty.len() > EMPTY {
            let mark = if terminal::has_blocks() { "⋮" } else { ":" };
            output.line(mark.as_bytes())?;
        } else {
            for time in empty {
                let line = format!("{}  {:digits$}", clock(time), 0);
                output.line(line.as_bytes())?;
            }
        }
        check_saturation(sum);
        let buffer = output.buffer();
        let number = column(&totals.len().to_string());
        write!(buffer, "{}  {sum:digits$}{number}", clock(*start)).expect(FITS);
        if sum > 0 && width > 0 {
            write!(buffer, "  {on}{}{off}", bar(sum, most, width)).expect(FITS);
        }
        output.line(b"")?;
        expected = Some(slots.next(*start));
    }
    Ok(())
}
