//! The files of systemd's journal, read without its library and without its daemon.
//!
//! The format is that of <https://systemd.io/JOURNAL_FILE_FORMAT/>. A file is hostile input: each
//! offset and size in it is checked, each chain goes forward only, and memory is bounded.
//!
//! Each module uses only modules that stand above it.

mod layout; // the objects of a file

mod blocks; // a file in blocks that are kept

mod lz4; // LZ4 blocks
mod payload; // data, unpacked

mod fields; // the fields of interest among an entry's data

mod entry; // an entry as one line

mod file; // the entries of a file, in their order

pub use entry::Entry;
pub use file::{JournalFile, is_journal};
