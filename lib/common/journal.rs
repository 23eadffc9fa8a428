//! A journal file of systemd, read as lines: `TIME host program[pid]: message`.

use std::fs::File;
use std::io::{self, Read};

use pipeban_journal::{Entry, JournalFile};

use crate::complain::{self, describe};
use crate::time::Time;

/// Lines are made until they have this size together, in bytes.
const PIECE: usize = 64 << 10;

/// The text of a journal file, from its first entry to its last.
pub struct JournalText {
    name: String,
    file: JournalFile,
    entry: Entry,
    text: Vec<u8>,
    taken: usize,
}

impl JournalText {
    /// Reads an open file; `name` is for complaints about it.
    pub fn new(file: File, name: &str) -> io::Result<Self> {
        Ok(JournalText {
            name: name.into(),
            file: JournalFile::open(file, None)?,
            entry: Entry::default(),
            text: Vec::new(),
            taken: 0,
        })
    }
}

impl Read for JournalText {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.text.len() {
            self.text.clear();
            self.taken = 0;
            while self.text.len() < PIECE {
                match self.file.next(&mut self.entry) {
                    Ok(true) => append(&self.entry, &mut self.text),
                    Ok(false) => break,
                    Err(e) => complain::bad_line(&self.name, describe(&e)),
                }
            }
        }
        let rest = &self.text[self.taken..];
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.taken += n;
        Ok(n)
    }
}

/// Appends an entry as a line, its time in the local zone with microseconds.
pub fn append(entry: &Entry, out: &mut Vec<u8>) {
    let mut time = Vec::with_capacity(32);
    Time(entry.time).write(&mut time);
    entry.write(&time, out);
}
