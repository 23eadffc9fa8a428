//! Prints the totals of a field's values. They are no records, so the key comes first: no tool may
//! take a value for an address.

use std::io::Write;

use pipeban::address::write_number;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::escape;
use pipeban::table::{Column, Table};
use serde_json::{Map, Value};

use super::by_field::{FieldTotal, FieldTotals, Ranked};
use super::columns::bar;
use crate::arguments::Arguments;
use crate::output::check_saturation;

/// Prints the totals; true if there were any.
pub fn print(totals: FieldTotals, arguments: &Arguments) -> Result<bool, Fault> {
    let key = arguments.by.as_deref().unwrap_or_default();
    let ranked = totals.rank(arguments.limits());
    let mut output = Output::new(arguments.json);
    let terminal = Output::is_terminal() && !arguments.json && !arguments.plain;
    if terminal {
        columns(key, &ranked, &mut output)?;
    }
    for (_, value) in ranked.iter().filter(|_| !terminal) {
        let sum = &value.sum;
        check_saturation(sum.count);
        let addresses = value.addresses.len() as u64;
        let buffer = output.buffer();
        if arguments.json {
            json(key, value, buffer);
        } else if arguments.plain {
            write!(buffer, "{:7} {key}=", sum.count).expect("a Vec takes every write");
            escape(&value.text, buffer);
        } else {
            write!(buffer, "{key}=").expect("a Vec takes every write");
            escape(&value.text, buffer);
            buffer.extend_from_slice(b"\tcount=");
            write_number(sum.count, buffer);
            buffer.extend_from_slice(b"\taddresses=");
            write_number(addresses, buffer);
            if let Some((first, last)) = sum.span {
                write!(buffer, "\tfirst={first}\tlast={last}").expect("a Vec takes every write");
            }
        }
        output.line(b"")?;
    }
    output.flush()?;
    Ok(!ranked.is_empty())
}

fn json(key: &str, value: &FieldTotal, buffer: &mut Vec<u8>) {
    let sum = &value.sum;
    let mut object = Map::new();
    object.insert("count".into(), sum.count.into());
    object.insert("addresses".into(), value.addresses.len().into());
    if let Some((first, last)) = sum.span {
        object.insert("first".into(), first.to_string().into());
        object.insert("last".into(), last.to_string().into());
    }
    let text = String::from_utf8_lossy(&value.text);
    object.insert(key.into(), text.into());
    serde_json::to_writer(buffer, &Value::Object(object)).expect("a Vec takes every write");
}

/// The widest column of values, in characters.
const WIDEST: usize = 40;
const BAR: usize = 30;

/// Prints the value, the count, the number of addresses and a bar in proportion to the count.
fn columns(key: &str, ranked: &[Ranked], output: &mut Output) -> Result<(), Fault> {
    let most = ranked
        .first()
        .map_or(1, |(_, value)| value.sum.count.max(1));
    let columns = [key, "count", "addresses", ""].map(|heading| Column(heading, 0));
    let mut table = Table::new(&columns);
    for (_, value) in ranked {
        let sum = &value.sum;
        check_saturation(sum.count);
        let text = String::from_utf8_lossy(&value.text);
        table.row(vec![
            table.shortened(&text, WIDEST),
            sum.count.to_string(),
            value.addresses.len().to_string(),
            bar(sum.count, most, BAR),
        ]);
    }
    for line in table.lines() {
        output.line(line.as_bytes())?;
    }
    Ok(())
}
