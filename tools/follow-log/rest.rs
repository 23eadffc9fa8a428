//! The rest of a file that nobody writes to any more.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::lines::Lines;
use crate::source::Progress;

/// A copy or a compressed rotated file, read once to its end.
pub struct Rest {
    /// The text that is still to be read.
    pub reader: Box<dyn Read>,
    /// The log of which these are old lines.
    pub shown: PathBuf,
    /// Its lines.
    pub lines: Lines,
}

impl Rest {
    /// Reads a piece and appends the whole lines to `out`; at the end also a last one without
    /// newline.
    pub fn read(&mut self, buffer: &mut [u8], out: &mut Vec<u8>) -> io::Result<Progress> {
        match self.reader.read(buffer) {
            Ok(0) => {
                self.lines.finish(out);
                Ok(Progress::End)
            }
            Ok(n) => {
                self.lines.push(&buffer[..n], out);
                Ok(Progress::More)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(Progress::More),
            Err(e) => Err(e),
        }
    }
}
