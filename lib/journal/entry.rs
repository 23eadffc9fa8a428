//! An entry as one line.

use memchr::memchr;

/// The greatest length of a line, in bytes.
const LONGEST: usize = 1 << 20;

/// The fields of one entry.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Its number, which grows from entry to entry of one file.
    pub number: u64,
    /// When the journal got it, in microseconds of the Unix epoch.
    pub received: i64,
    /// When it was sent, if the journal knows it, else when it was received; in microseconds of the
    /// Unix epoch.
    pub time: i64,
    /// The machine.
    pub host: Vec<u8>,
    /// The program's name.
    pub program: Vec<u8>,
    /// The process number.
    pub pid: Vec<u8>,
    /// The message, at most 1 MiB of it; any bytes.
    pub message: Vec<u8>,
}

impl Entry {
    /// Appends the entry as a line: the time as it is given, then `host program[pid]: message`. A
    /// newline in the message is written `\n`. In the other fields blanks and control characters
    /// are written `_`, so that none of them can seem to be another one.
    pub fn write(&self, time: &[u8], out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(time);
        out.push(b' ');
        word(&self.host, b"-", out);
        out.push(b' ');
        word(&self.program, b"unknown", out);
        if !self.pid.is_empty() {
            out.push(b'[');
            word(&self.pid, b"", out);
            out.push(b']');
        }
        out.extend_from_slice(b": ");
        let mut rest = self.message.as_slice();
        while let Some(newline) = memchr(b'\n', rest) {
            out.extend_from_slice(&rest[..newline]);
            out.extend_from_slice(b"\\n");
            rest = &rest[newline + 1..];
        }
        out.extend_from_slice(rest);
        out.truncate(begin + LONGEST);
        out.push(b'\n');
    }
}

fn word(word: &[u8], none: &[u8], out: &mut Vec<u8>) {
    if word.is_empty() {
        return out.extend_from_slice(none);
    }
    let plain = |b: &u8| if *b <= b' ' || *b == 0x7f { b'_' } else { *b };
    out.extend(word.iter().map(plain));
}
