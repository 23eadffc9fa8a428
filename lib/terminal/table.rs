//! Rows in columns, for a person at a terminal. Each is one line there, however narrow it is.

use pipeban_time::{Time, format_duration};

use crate::terminal;

/// A column is not made narrower than this, in characters, to fit the terminal.
const NARROWEST: usize = 8;
/// The gap between two columns.
const GAP: usize = 2;

/// A column: its heading, and the width that it has at least, in characters.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a>(pub &'a str, pub usize);

/// A table. Its columns get their widths from the first rows, those that are shown together. A
/// column that is empty in all of them is left out; a later row tells such a cell at its end. The
/// last columns are left out where the terminal is too narrow.
pub struct Table {
    /// The headings of all columns, and the widths that they have at least.
    columns: Vec<(String, usize)>,
    /// The rows that are not printed yet.
    waiting: Vec<Row>,
    /// Once rows were shown: the columns that are shown, by their numbers.
    shown: Vec<Shown>,
    /// The columns that were empty then.
    empty: Vec<usize>,
    /// The width of the terminal, in characters.
    width: usize,
    /// The mark of a text that is cut.
    cut: char,
}

enum Row {
    Cells(Vec<String>),
    /// A line of text below a row, indented.
    Text(String),
}

struct Shown {
    number: usize,
    width: usize,
    /// Whether the cells are numbers, which stand to the right.
    numbers: bool,
}

impl Table {
    /// A table without rows, for standard output.
    pub fn new(columns: &[Column]) -> Self {
        let cut = if terminal::has_blocks() { '…' } else { '~' };
        Table::of_width(columns, terminal::columns(), cut)
    }

    fn of_width(columns: &[Column], width: usize, cut: char) -> Self {
        Table {
            columns: columns.iter().map(|c| (plain(c.0), c.1)).collect(),
            waiting: Vec::new(),
            shown: Vec::new(),
            empty: Vec::new(),
            width,
            cut,
        }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        let cells = cells.iter().map(|cell| plain(cell)).collect();
        self.waiting.push(Row::Cells(cells));
    }

    /// Adds a line of text that belongs to the last row.
    pub fn text(&mut self, text: &str) {
        self.waiting.push(Row::Text(plain(text)));
    }

    /// A text in one line of at most this width.
    pub fn shortened(&self, text: &str, most: usize) -> String {
        self.cut(&plain(text), most)
    }

    /// A text as one line that the terminal shows whole.
    pub fn fitted(&self, text: &str) -> String {
        self.shortened(text, self.width)
    }

    /// The lines of the rows that were added since the last call, at first below headings.
    pub fn lines(&mut self) -> Vec<String> {
        let rows = std::mem::take(&mut self.waiting);
        let mut lines = Vec::new();
        if self.shown.is_empty() && !rows.is_empty() {
            self.fit(&rows);
            let headings: Vec<_> = self.columns.iter().map(|c| c.0.clone()).collect();
            lines.push(self.line(&headings));
        }
        lines.extend(rows.iter().map(|row| match row {
            Row::Cells(cells) => self.line(cells) + &self.others(cells),
            Row::Text(text) => format!("    {text}"),
        }));
        let cut = |line: &String| self.cut(line.trim_end(), self.width);
        lines.iter().map(cut).collect()
    }

    /// Chooses the columns and their widths.
    fn fit(&mut self, rows: &[Row]) {
        for (number, (heading, least)) in self.columns.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| match row {
                Row::Cells(cells) => cells.get(number),
                Row::Text(_) => None,
            });
            let cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
            if cells.is_empty() && *least == 0 {
                self.empty.push(number);
                continue;
            }
            let widest = cells.iter().map(|cell| width(cell)).max();
            let is_number = |c: &str| c == "-" || c.bytes().all(|b| b.is_ascii_digit());
            let numbers = cells.iter().all(|cell| is_number(cell));
            self.shown.push(Shown {
                number,
                width: widest.unwrap_or(0).max(width(heading)).max(*least),
                numbers: numbers && !cells.is_empty(),
            });
        }
        let gaps = |shown: &[Shown]| GAP * shown.len().saturating_sub(1);
        let all = |shown: &[Shown]| shown.iter().map(|s| s.width).sum::<usize>() + gaps(shown);
        while all(&self.shown) > self.width {
            let over = all(&self.shown) - self.width;
            // The first column, the address, is whole as long as any other can be cut.
            let others = self.shown.iter_mut().skip(1);
            let others = others.filter(|s| !s.numbers && s.width > NARROWEST);
            if let Some(widest) = others.max_by_key(|s| s.width) {
                widest.width = widest.width.saturating_sub(over).max(NARROWEST);
            } else if self.shown.len() > 1 {
                self.shown.pop();
            } else {
                break;
            }
        }
    }

    /// The shown cells of a row as a line, with a gap at its end.
    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for (place, shown) in self.shown.iter().enumerate() {
            let cell = cells.get(shown.number).map_or("", String::as_str);
            // An address is whole as long as the line has room.
            let cell = match place {
                0 => cell.to_string(),
                _ => self.cut(cell, shown.width),
            };
            let pad = " ".repeat(shown.width.saturating_sub(width(&cell)));
            let gap = " ".repeat(GAP);
            match shown.numbers {
                true => line += &format!("{pad}{cell}{gap}"),
                false => line += &format!("{cell}{pad}{gap}"),
            }
        }
        line
    }

    /// The cells of columns that were empty, each with its heading.
    fn others(&self, cells: &[String]) -> String {
        let cell = |number: &usize| {
            let cell = cells.get(*number).filter(|cell| !cell.is_empty())?;
            Some(format!("{} {cell}  ", self.columns[*number].0))
        };
        self.empty.iter().filter_map(cell).collect()
    }

    /// A text of at most this width.
    fn cut(&self, text: &str, most: usize) -> String {
        if width(text) <= most {
            return text.into();
        }
        let mut cut = String::new();
        let mut room = most.saturating_sub(1);
        for c in text.chars() {
            let Some(left) = room.checked_sub(width_of(c)) else {
                break;
            };
            room = left;
            cut.push(c);
        }
        cut.push(self.cut);
        cut
    }
}

/// A text in one line that no terminal obeys.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match terminal::is_control(c) {
            true => plain.extend(c.escape_default()),
            false => plain.push(c),
        }
    }
    plain
}

/// The columns of a terminal that a text takes.
fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// The columns of a terminal that a character takes: East Asian letters and pictures two (UAX #11),
/// combining marks none.
fn width_of(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{fe00}'..='\u{fe0f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// A moment for a person who knows the time zone: `2026-03-30 02:16`.
pub fn moment(time: Time) -> String {
    let text = time.to_string();
    let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {}", clock.get(..5).unwrap_or(clock))
}

/// The end of something: `in 58m`, or the moment if that is past.
pub fn end(until: Time, now: Time) -> String {
    match until > now {
        true => format!("in {}", format_duration(until.since(now))),
        false => moment(until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 4] = [
        Column("address", 0),
        Column("count", 0),
        Column("rule", 0),
        Column("user", 0),
    ];

    /// The lines of a table of this width; cells are separated by `|`, `+` begins a text.
    fn lines(width: usize, rows: &[&str]) -> Vec<String> {
        let mut table = Table::of_width(&COLUMNS, width, '~');
        for row in rows {
            match row.strip_prefix('+') {
                Some(text) => table.text(text),
                None => table.row(row.split('|').map(String::from).collect()),
            }
        }
        table.lines()
    }

    #[test]
    fn fits() {
        let rows = [
            "203.0.113.7|12|sshd/failed|",
            "+Nov 29 \x1b[31m",
            "2001:db8::7|5||",
        ];
        let expected = [
            "address      count  rule",
            "203.0.113.7     12  sshd/failed",
            "    Nov 29 \\u{1b}[31m",
            "2001:db8::7      5",
        ];
        assert_eq!(lines(80, &rows), expected);
        let expected = [
            "address      count  rule",
            "203.0.113.7     12  sshd/fa~",
            "    Nov 29 \\u{1b}[31m",
            "2001:db8::7      5",
        ];
        assert_eq!(lines(28, &rows), expected);
        let expected = ["address", "203.0.113.7", "    Nov 29~", "2001:db8::7"];
        assert_eq!(lines(11, &rows), expected);
        assert_eq!(lines(5, &rows)[1], "203.~");
        assert!(lines(80, &[]).is_empty());
    }

    #[test]
    fn later_rows() {
        let mut table = Table::of_width(&COLUMNS, 80, '~');
        let mut add = |row: &str| {
            table.row(row.split('|').map(String::from).collect());
            table.lines().join("\n")
        };
        assert_eq!(add("192.0.2.1|1||"), "address    count\n192.0.2.1      1");
        assert_eq!(add("192.0.2.77|123456||"), "192.0.2.77  1234~");
        assert_eq!(add("192.0.2.1|2|a|x"), "192.0.2.1      2  rule a  user x");
    }

    #[test]
    fn wide_letters() {
        for width in 1..60 {
            let rows = [
                "203.0.113.7|1|利用者利用者利用者|e\u{301}e\u{301}e\u{301}",
                "::1|2|a|b",
            ];
            for line in lines(width, &rows) {
                assert!(super::width(&line) <= width, "{width}: {line}");
            }
        }
        assert_eq!(width("利用者"), 6);
        assert_eq!(width("e\u{301}"), 1);
    }

    #[test]
    fn times() {
        let now = Time::parse(b"2026-03-30T02:16:17Z").expect("a time");
        assert_eq!(
            end(now + std::time::Duration::from_secs(3_480), now),
            "in 58m"
        );
        assert!(end(now, now).starts_with("2026-03-"));
        assert_eq!(moment(now).len(), 16);
    }
}
