//! Records in columns, for a person at a terminal.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::table::{Column, Table};

/// The columns fit this number of records; cells further down are cut.
const LOOK_AHEAD: usize = 1000;

/// The longest cell, in characters.
const WIDEST: usize = 40;

/// A column for each key of the first records, those that came before the first wait.
#[derive(Default)]
pub struct Columns {
    waiting: Vec<Record>,
    /// Once the first records are printed: the table, and the key of each column but the last.
    table: Option<(Vec<String>, Table)>,
}

impl Columns {
    /// Adds a record.
    pub fn add(&mut self, record: Record, output: &mut Output) -> Result<(), Fault> {
        self.waiting.push(record);
        match self.waiting.len() < LOOK_AHEAD {
            true => Ok(()),
            false => self.print(output),
        }
    }

    /// Prints the records that wait: a header first, if none was printed yet.
    pub fn print(&mut self, output: &mut Output) -> Result<(), Fault> {
        let records = std::mem::take(&mut self.waiting);
        if records.is_empty() {
            return Ok(());
        }
        let (keys, table) = self.table.get_or_insert_with(|| begin(&records));
        for record in &records {
            let mut cells = vec![String::from("-"); keys.len()];
            let mut more = String::new();
            for (key, value) in cells_of(record) {
                let value = table.shortened(&value, WIDEST);
                // Of several values with one key the last is shown.
                match keys.iter().position(|column| *column == key) {
                    Some(place) => cells[place] = value,
                    None => more += &format!("{key}={value} "),
                }
            }
            cells.push(more);
            table.row(cells);
        }
        for line in table.lines() {
            output.line(line.as_bytes())?;
        }
        Ok(())
    }
}

/// A table with a column for each key of these records, and one for keys that come later.
fn begin(records: &[Record]) -> (Vec<String>, Table) {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in records.iter().flat_map(cells_of) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let columns = keys.iter().map(|key| Column(key, 0));
    let columns: Vec<_> = columns.chain([Column("", 0)]).collect();
    let table = Table::new(&columns);
    (keys, table)
}

/// The address and the fields of a record, each with its key.
fn cells_of(record: &Record) -> impl Iterator<Item = (String, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let address = ("address".to_string(), record.address.to_string());
    let fields = record.fields_text().split(|b| *b == b'\t').skip(1);
    let fields = fields.filter_map(move |field| {
        let at = field.iter().position(|b| *b == b'=')?;
        Some((text(&field[..at]), text(&field[at + 1..])))
    });
    std::iter::once(address).chain(fields)
}
