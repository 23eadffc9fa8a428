//! The entries of a journal file, in their order.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::blocks::Blocks;
use crate::entry::Entry;
use crate::fields::{Field, Memory};
use crate::layout::{HEADER, Header, Kind, OBJECT, Object, SIGNATURE, u32_at, u64_at, wrong};
use crate::payload;

/// The number of an array's items that are read at once.
const ITEMS: usize = 4096;

/// journal-file.h: an entry has at most this many fields.
const FIELDS: usize = 1024;

/// The greatest length of a value that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// The length of a data object that is read at first, in bytes: most are shorter.
const FIRST: usize = 512;

/// The room for the first block of packed data, in bytes: zstd's and lz4's have 128 KiB at most.
const PACKED: usize = 160 << 10;

/// No journal file is larger, in bytes.
const FARTHEST: u64 = 1 << 44;

/// Whether a file begins as a journal file does.
pub fn is_journal(file: &File) -> io::Result<bool> {
    let mut first = [0; 8];
    let n = file.read_at(&mut first, 0)?;
    Ok(first[..n] == SIGNATURE[..])
}

/// An open journal file, read from entry to entry. It may grow meanwhile.
pub struct JournalFile {
    blocks: Blocks,
    header: Header,
    /// The array of entries that is read, or 0 before the first.
    array: u64,
    /// The number of its items, and of those that were read.
    length: u64,
    done: u64,
    /// The offsets of the entries from `done` on, as far as they were read.
    items: std::collections::VecDeque<u64>,
    /// The number of entries read so far.
    count: u64,
    /// The number that the last of them has.
    number: u64,
    /// When that one was received.
    received: i64,
    /// The chain of entries is damaged.
    broken: bool,
    memory: Memory,
    units: Option<Box<dyn Fn(&[u8]) -> bool + Send>>,
    data: Vec<u8>,
    offsets: Vec<u64>,
}

impl JournalFile {
    /// Reads a file from its first entry. `units`: only entries of units that it accepts.
    pub fn open(file: File, units: Option<Box<dyn Fn(&[u8]) -> bool + Send>>) -> io::Result<Self> {
        let header = read_header(&file)?;
        Ok(JournalFile {
            blocks: Blocks::new(file),
            header,
            array: 0,
            length: 0,
            done: 0,
            items: Default::default(),
            count: 0,
            number: 0,
            received: 0,
            broken: false,
            memory: Memory::new(),
            units,
            data: Vec::new(),
            offsets: Vec::new(),
        })
    }

    /// The number that the file was given when it was made.
    pub fn id(&self) -> [u8; 16] {
        self.header.file_id
    }

    /// When its first entry was received, in microseconds of the Unix epoch.
    pub fn begins_at(&self) -> i64 {
        self.header.head as i64
    }

    /// Whether it was rotated: no entry is added any more.
    pub fn is_archived(&self) -> bool {
        self.header.archived
    }

    /// The number of the last entry that was read or passed, wanted or not; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When the last entry that was read or passed was received, in microseconds of the Unix epoch.
    pub fn received(&self) -> i64 {
        self.received
    }

    /// Takes notice of entries that were added; true if there are any.
    pub fn refresh(&mut self) -> io::Result<bool> {
        self.header = read_header(self.blocks.file())?;
        let more = self.count < self.header.entries;
        if more {
            self.blocks.forget();
            self.items.clear();
            self.broken = false;
        }
        Ok(more)
    }

    /// Passes the entries at the beginning for which `is_old` holds, given their number and the
    /// time when they were received.
    pub fn seek(&mut self, is_old: impl Fn(u64, i64) -> bool) -> io::Result<()> {
        while self.step()? {
            let here = self
                .length
                .min(self.done + (self.header.entries - self.count));
            let last = self.item(here - 1)?;
            if last != 0 && self.is_old(last, &is_old) {
                self.pass(here - self.done);
                continue;
            }
            let (mut low, mut high) = (self.done, here);
            while low < high {
                let middle = low + (high - low) / 2;
                let offset = self.item(middle)?;
                if offset != 0 && self.is_old(offset, &is_old) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            self.pass(low - self.done);
            return Ok(());
        }
        Ok(())
    }

    /// Damaged entries are not taken for old: reading passes them.
    fn is_old(&mut self, offset: u64, is_old: &impl Fn(u64, i64) -> bool) -> bool {
        let head =
            object(&mut self.blocks, &self.header, offset, Kind::Entry, 32).map(|(_, bytes)| {
                let (number, received) = (u64_at(bytes, 16), u64_at(bytes, 24));
                (number, received as i64)
            });
        let old = head
            .ok()
            .filter(|(number, received)| is_old(*number, *received));
        if let Some((number, received)) = old
            && number > self.number
        {
            (self.number, self.received) = (number, received);
        }
        old.is_some()
    }

    fn pass(&mut self, items: u64) {
        self.done += items;
        self.count += items;
        self.items.clear();
    }

    /// Goes to the array of the next entry; false if there is none yet.
    fn step(&mut self) -> io::Result<bool> {
        while self.count < self.header.entries {
            if self.array != 0 && self.done < self.length {
                return Ok(true);
            }
            let next = if self.array == 0 {
                self.header.array
            } else {
                let (_, bytes) = object(
                    &mut self.blocks,
                    &self.header,
                    self.array,
                    Kind::EntryArray,
                    24,
                )?;
                u64_at(bytes, 16)
            };
            if next == 0 {
                return Ok(false);
            }
            // Arrays are appended: one that stands before would be a circle.
            if next <= self.array {
                return Err(wrong("a chain of arrays that goes back"));
            }
            let (object, _) = object(&mut self.blocks, &self.header, next, Kind::EntryArray, 24)?;
            self.array = next;
            self.length = (object.size - OBJECT - 8) / self.width();
            self.done = 0;
            self.items.clear();
        }
        Ok(false)
    }

    /// The size of an offset in an array, in bytes.
    fn width(&self) -> u64 {
        if self.header.compact { 4 } else { 8 }
    }

    /// An item of the array, or 0 if it is not written yet.
    fn item(&mut self, index: u64) -> io::Result<u64> {
        let width = self.width();
        let offset = self.array + OBJECT + 8 + index * width;
        let compact = self.header.compact;
        let bytes = self.blocks.get(offset, width as usize, width as usize)?;
        Ok(offset_at(bytes, 0, compact))
    }

    /// The offset of the next entry, if there is one.
    fn next_offset(&mut self) -> io::Result<Option<u64>> {
        if !self.step()? {
            return Ok(None);
        }
        if self.items.is_empty() {
            let width = self.width();
            let left = (self.length - self.done).min(self.header.entries - self.count);
            let bytes = (left as usize).min(ITEMS) * width as usize;
            let offset = self.array + OBJECT + 8 + self.done * width;
            let compact = self.header.compact;
            let bytes = self.blocks.get(offset, width as usize, bytes)?;
            let items = bytes.chunks_exact(width as usize);
            self.items
                .extend(items.map(|item| offset_at(item, 0, compact)));
        }
        match self.items.pop_front() {
            None | Some(0) => {
                self.items.clear();
                Ok(None)
            }
            Some(offset) => {
                self.done += 1;
                self.count += 1;
                Ok(Some(offset))
            }
        }
    }

    /// Reads the next wanted entry that has a message; false if there is none yet. An error is told
    /// for each damaged entry, which is passed, and once for a damaged chain of entries, which ends
    /// the file.
    pub fn next(&mut self, entry: &mut Entry) -> io::Result<bool> {
        loop {
            if self.broken {
                return Ok(false);
            }
            let offset = self.next_offset().inspect_err(|_| self.broken = true)?;
            let Some(offset) = offset else {
                return Ok(false);
            };
            if self.read(offset, entry)? {
                return Ok(true);
            }
        }
    }

    /// Reads an entry; false if it is not wanted.
    fn read(&mut self, offset: u64, entry: &mut Entry) -> io::Result<bool> {
        let compact = self.header.compact;
        let width = if compact { 4 } else { 16 };
        let (object, bytes) = object(&mut self.blocks, &self.header, offset, Kind::Entry, 64)?;
        let items = ((object.size - 64) as usize / width).min(FIELDS);
        entry.number = u64_at(bytes, 16);
        (self.number, self.received) = (entry.number, entry.received);
        entry.received = u64_at(bytes, 24) as i64;
        entry.time = entry.received;
        let whole = 64 + items * width;
        let bytes = self.blocks.get(offset, whole, whole)?;
        let mut offsets = std::mem::take(&mut self.offsets);
        offsets.clear();
        offsets.extend((0..items).map(|i| offset_at(bytes, 64 + i * width, compact)));
        let read = self.read_fields(&offsets, entry);
        self.offsets = offsets;
        read
    }

    fn read_fields(&mut self, offsets: &[u64], entry: &mut Entry) -> io::Result<bool> {
        let mut message = None;
        let mut sent_at = None;
        let mut wanted = self.units.is_none();
        let (mut own_program, mut own_pid) = (false, false);
        entry.host.clear();
        entry.program.clear();
        entry.pid.clear();
        for offset in offsets {
            if self.memory.get(*offset).is_none() {
                self.learn(*offset)?;
            }
            // A long value is not remembered, and stands in `data`.
            let Some(known) = self.memory.get(*offset) else {
                continue;
            };
            let value = known.value.as_slice();
            match known.field {
                Field::Other => {}
                Field::Message => message = message.or(Some(*offset)),
                Field::SentAt => sent_at = Some(*offset),
                Field::Identifier => {
                    set(&mut entry.program, value);
                    own_program = true;
                }
                Field::Command if !own_program => set(&mut entry.program, value),
                Field::Pid => {
                    set(&mut entry.pid, value);
                    own_pid = true;
                }
                Field::OwnPid if !own_pid => set(&mut entry.pid, value),
                Field::Host => set(&mut entry.host, value),
                Field::Unit => wanted |= known.wanted,
                Field::Command | Field::OwnPid => {}
            }
        }
        let Some(message) = message.filter(|_| wanted) else {
            return Ok(false);
        };
        if let Some(offset) = sent_at {
            self.value(offset, FIRST)?;
            let (_, text) = Field::of(&self.data);
            let sent = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
            entry.time = sent.unwrap_or(entry.time);
        }
        self.value(message, LONGEST + FIRST)?;
        let (_, text) = Field::of(&self.data);
        set(&mut entry.message, text);
        Ok(true)
    }

    /// Reads a data object and remembers its field.
    fn learn(&mut self, offset: u64) -> io::Result<()> {
        self.value(offset, FIRST)?;
        let (field, value) = Field::of(&self.data);
        let wanted = field == Field::Unit && self.units.as_ref().is_none_or(|units| units(value));
        self.memory.put(offset, field, value, wanted);
        Ok(())
    }

    /// Reads the beginning of a data object, at most `most` bytes, into `data`: `NAME=value`.
    /// Packed data that end too early count as far as they go.
    fn value(&mut self, offset: u64, most: usize) -> io::Result<()> {
        let begin = if self.header.compact { 72 } else { 64 };
        let (object, bytes) = object(&mut self.blocks, &self.header, offset, Kind::Data, begin)?;
        let packed = object.flags & 7;
        // Text that can't be packed grows a little, and is packed in blocks.
        let room = if packed == 0 {
            most
        } else {
            most + most / 8 + PACKED
        };
        let end = (object.size as usize).min(begin + room);
        let bytes = if bytes.len() >= end {
            &bytes[..end]
        } else {
            self.blocks.get(offset, end, end)?
        };
        let unpacked = payload::unpack(packed, &bytes[begin..end], most, &mut self.data);
        if self.data.is_empty() {
            unpacked?;
        }
        Ok(())
    }
}

/// The beginning of an object of this kind, at least `least` bytes of it.
fn object<'a>(
    blocks: &'a mut Blocks,
    header: &Header,
    offset: u64,
    kind: Kind,
    least: usize,
) -> io::Result<(Object, &'a [u8])> {
    if offset < header.size || offset % 8 != 0 || offset > FARTHEST {
        return Err(wrong("an object where none can be"));
    }
    let bytes = blocks.get(offset, least, least.max(FIRST))?;
    let object = Object::read(bytes, kind)?;
    if object.size < least as u64 || object.size > FARTHEST {
        return Err(wrong("an object of a size that can't be"));
    }
    Ok((object, bytes))
}

/// An offset as entries and arrays hold it.
fn offset_at(bytes: &[u8], at: usize, compact: bool) -> u64 {
    if compact {
        u64::from(u32_at(bytes, at))
    } else {
        u64_at(bytes, at)
    }
}

fn set(to: &mut Vec<u8>, value: &[u8]) {
    to.clear();
    to.extend_from_slice(value);
}

fn read_header(file: &File) -> io::Result<Header> {
    let mut bytes = [0; HEADER];
    let n = file.read_at(&mut bytes, 0)?;
    Header::read(&bytes[..n])
}
