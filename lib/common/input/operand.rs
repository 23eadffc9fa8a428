//! An operand that is not read yet.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::sync::Mutex;

use super::progress::Progress;
use super::source::{Part, Source};

/// An operand that is not read yet.
pub(super) enum Operand {
    Name(OsString),
    Opened(OsString, io::Result<Source>),
}

/// Opens an operand by its name.
pub(super) fn open(
    name: &OsString,
    progress: Option<&Mutex<Progress>>,
    part: Option<&Part>,
    unpackers: usize,
) -> io::Result<Source> {
    let counter = progress.and_then(|p| Some(p.lock().ok()?.counter()));
    Source::open(name, counter.unwrap_or_default(), part, unpackers)
}

/// Whether it is a FIFO, whose opening waits for a writer.
pub(super) fn is_fifo(name: &OsString) -> bool {
    fs::metadata(name).is_ok_and(|meta| meta.file_type().is_fifo())
}
