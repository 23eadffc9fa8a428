//! Records in columns, for a person at a terminal.

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::terminal;

/// The columns fit this number of records; cells further down may be wider.
const LOOK_AHEAD: usize = 1000;

/// The longest cell, in characters.
const WIDEST: usize = 40;

/// Columns that get their width from the first records, those that came before the first wait.
#[derive(Default)]
pub struct Columns {
    waiting: Vec<Record>,
    /// Once the first records are printed: key, width and whether its values are numbers.
    columns: Vec<(Vec<u8>, usize, bool)>,
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
        if self.columns.is_empty() && !records.is_empty() {
            self.begin(&records);
            let keys: Vec<_> = self.columns.iter().map(|(key, ..)| shown(key)).collect();
            self.row(&keys, output)?;
        }
        for record in &records {
            let mut cells = vec![String::from("-"); self.columns.len()];
            let mut more = Vec::new();
            for (key, value) in cells_of(record) {
                // Of several values with one key the last is shown.
                match self.columns.iter().position(|(column, ..)| *column == key) {
                    Some(place) => cells[place] = value,
                    None => more.push(format!("{}={value}", shown(&key))),
                }
            }
            cells.append(&mut more);
            self.row(&cells, output)?;
        }
        Ok(())
    }

    fn begin(&mut self, records: &[Record]) {
        for record in records {
            for (key, value) in cells_of(record) {
                let place = self.columns.iter().position(|(column, ..)| *column == key);
                let place = place.unwrap_or_else(|| {
                    let width = shown(&key).chars().count();
                    self.columns.push((key, width, true));
                    self.columns.len() - 1
                });
                let (_, width, is_number) = &mut self.columns[place];
                *width = value.chars().count().max(*width);
                *is_number &= value.bytes().all(|b| b.is_ascii_digit());
            }
        }
    }

    fn row(&self, cells: &[String], output: &mut Output) -> Result<(), Fault> {
        let mut line = String::new();
        for (i, cell) in cells.iter().enumerate() {
            let (width, is_number) = self.columns.get(i).map_or((0, false), |c| (c.1, c.2));
            match is_number {
                true => line.push_str(&format!("{cell:>width$}  ")),
                false => line.push_str(&format!("{cell:width$}  ")),
            }
        }
        output.line(line.trim_end().as_bytes())
    }
}

/// The address and the fields of a record, each with its key.
fn cells_of(record: &Record) -> impl Iterator<Item = (Vec<u8>, String)> {
    let address = (b"address".to_vec(), record.address.to_string());
    let fields = record.fields_text().split(|b| *b == b'\t').skip(1);
    let fields = fields.filter_map(|field| {
        let at = field.iter().position(|b| *b == b'=')?;
        Some((field[..at].to_vec(), shown(&field[at + 1..])))
    });
    std::iter::once(address).chain(fields)
}

/// A value as a terminal may show it, cut.
fn shown(value: &[u8]) -> String {
    let mut text = Vec::new();
    terminal::escape(value, &mut text);
    let text = String::from_utf8_lossy(&text);
    match text.chars().count() > WIDEST {
        true => text.chars().take(WIDEST - 1).chain(['…']).collect(),
        false => text.into_owned(),
    }
}
