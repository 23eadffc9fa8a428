//! A compressed regular file, unpacked by several threads: BGZF and zstd member by member, xz block
//! by block.
//!
//! The sizes in such a file may be a lie, and it may be damaged. The text and the error must be
//! those of one thread, byte for byte. So text is given out when its member is known to be good;
//! from the first doubt on one thread unpacks the file once more, from its beginning.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use crate::blocks::{Bytes, XzStreams};
use crate::members::{Buffers, Members, Together, read_text};
use crate::{PIECE, XZ, is_zstd, unpack};

/// Unpacks a regular file that begins with these bytes, by this number of threads where its format
/// allows. The bytes that are read of it are added to `counter`.
pub fn unpack_file(
    file: File,
    first: &[u8],
    threads: usize,
    counter: Arc<AtomicU64>,
) -> io::Result<Box<dyn Read + Send>> {
    let file = Arc::new(file);
    // To read the text of zstd takes as long as to unpack it.
    let threads = threads.saturating_sub(usize::from(is_zstd(first)));
    let bytes = || Bytes(file.clone(), 0, counter.clone());
    let several: Option<Box<dyn Read + Send>> = if threads < 2 {
        None
    } else if first.starts_with(XZ) {
        let streams = XzStreams::new(BufReader::with_capacity(PIECE, bytes()), threads)?;
        Some(Box::new(streams))
    } else {
        let unpacked = Unpacked::new(file.clone(), threads, counter.clone())?;
        unpacked.map(|unpacked| Box::new(unpacked) as Box<dyn Read + Send>)
    };
    match several {
        Some(several) => Ok(Box::new(Checked {
            several: Ok(several),
            given: 0,
            file,
        })),
        None => unpack(bytes()),
    }
}

/// The text of several threads while they have no doubt, then that of one.
struct Checked {
    /// That of several threads, or of one.
    several: Result<Box<dyn Read + Send>, Box<dyn Read + Send>>,
    /// The size of the text that was given out.
    given: u64,
    file: Arc<File>,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let several = match &mut self.several {
            Ok(several) => several,
            Err(one) => return one.read(buffer),
        };
        if let Ok(length) = several.read(buffer) {
            self.given += length as u64;
            return Ok(length);
        }
        // These bytes are counted already.
        let mut one = unpack(Bytes(self.file.clone(), 0, Arc::default()))?;
        let again = io::copy(&mut one.by_ref().take(self.given), &mut io::sink())?;
        if again < self.given {
            return Err(io::Error::other("the file has changed meanwhile"));
        }
        let length = one.read(buffer);
        self.several = Err(one);
        length
    }
}

/// Members to unpack, and the receiver of their text.
struct Task {
    members: Together,
    buffers: Buffers,
    text: SyncSender<Option<Buffers>>,
}

/// Text that is unpacked member by member. An error is only a doubt.
struct Unpacked {
    file: Arc<File>,
    members: Members,
    tasks: Sender<Task>,
    /// The members that are being unpacked, in order, with their size.
    begun: VecDeque<(u64, Receiver<Option<Buffers>>)>,
    /// The number of those at most.
    most: usize,
    /// The text of the first ones, and the part of it that was given out.
    first: Buffers,
    given: usize,
    /// Buffers to be used again.
    spare: Vec<Buffers>,
    counter: Arc<AtomicU64>,
}

impl Unpacked {
    /// `None` where one thread is as good: the members are not known, or are few.
    fn new(file: Arc<File>, threads: usize, counter: Arc<AtomicU64>) -> io::Result<Option<Self>> {
        let mut members = Members::new();
        let mut firsts = VecDeque::new();
        for _ in 0..2 {
            match members.next(&file) {
                Ok(together) if !together.is_empty() => firsts.push_back(together),
                _ => return Ok(None),
            }
        }
        let (tasks, waiting) = channel::<Task>();
        let waiting = Arc::new(Mutex::new(waiting));
        let work = || {
            let (file, waiting) = (file.clone(), waiting.clone());
            Builder::new().spawn(move || {
                loop {
                    let task = waiting
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(mut task) = task else { return };
                    let read = read_text(&file, &task.members, &mut task.buffers);
                    // Nobody may want it any more.
                    let _ = task.text.send(read.map(|()| task.buffers));
                }
            })
        };
        if (0..threads).filter(|_| work().is_ok()).count() < 2 {
            return Ok(None);
        }
        let mut unpacked = Unpacked {
            file,
            members,
            tasks,
            begun: VecDeque::new(),
            most: threads + 2,
            first: Buffers::default(),
            given: 0,
            spare: Vec::new(),
            counter,
        };
        firsts
            .into_iter()
            .for_each(|members| unpacked.begin(members));
        Ok(Some(unpacked))
    }

    fn begin(&mut self, members: Together) {
        let (text, unpacked) = sync_channel(1);
        let size = members.iter().map(|member| member.end - member.start).sum();
        self.begun.push_back((size, unpacked));
        // Without any thread left nothing is received, which is a doubt.
        let buffers = self.spare.pop().unwrap_or_default();
        let _ = self.tasks.send(Task {
            members,
            buffers,
            text,
        });
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = (&self.first.text[self.given..]).read(buffer)?;
            self.given += length;
            if length > 0 || buffer.is_empty() {
                return Ok(length);
            }
            while self.begun.len() < self.most {
                let next = match self.members.next(&self.file) {
                    Ok(next) => next,
                    // Those before come first.
                    Err(_) if !self.begun.is_empty() => break,
                    Err(e) => return Err(e),
                };
                if next.is_empty() {
                    break;
                }
                self.begin(next);
            }
            let Some((size, unpacked)) = self.begun.pop_front() else {
                return Ok(0);
            };
            let first = unpacked.recv().ok().flatten();
            let first = first.ok_or(io::ErrorKind::InvalidData)?;
            self.spare.push(std::mem::replace(&mut self.first, first));
            self.given = 0;
            self.counter.fetch_add(size, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
