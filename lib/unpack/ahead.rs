//! The members of a regular file, BGZF's and zstd's, unpacked ahead of the reader by other threads;
//! and by the reader's own, which would wait else.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use crate::members::{Buffers, Members, Together, read_text};
use crate::several::unpack_rest;

/// Members to unpack, and the receiver of their text.
struct Task {
    members: Together,
    buffers: Buffers,
    text: SyncSender<Option<Buffers>>,
}

impl Task {
    fn work(mut self, file: &File) {
        let read = read_text(file, &self.members, &mut self.buffers);
        // Nobody may want it any more.
        let _ = self.text.send(read.map(|()| self.buffers));
    }
}

/// The text of members, each given out when it is known to be good.
pub struct MembersAhead {
    file: Arc<File>,
    members: Members,
    tasks: Sender<Task>,
    /// The tasks that nobody has begun.
    waiting: Arc<Mutex<Receiver<Task>>>,
    /// The members that are being unpacked, in order, with their size.
    begun: VecDeque<(u64, Receiver<Option<Buffers>>)>,
    /// The number of those at most.
    most: usize,
    /// The text of the first ones, and the part of it that was given out.
    first: Buffers,
    given: usize,
    /// The size of all text that was given out.
    all: u64,
    /// Buffers to be used again.
    spare: Vec<Buffers>,
    counter: Arc<AtomicU64>,
}

impl MembersAhead {
    /// Begins to unpack a file by this number of threads, the reader's among them. `None` where one
    /// thread is as good: the members are not known, or are few. The size of those that are read is
    /// added to `counter`.
    pub fn start(file: &File, threads: usize, counter: &Arc<AtomicU64>) -> Option<Self> {
        let others = threads.saturating_sub(1);
        let file = Arc::new(file.try_clone().ok().filter(|_| others > 0)?);
        let mut members = Members::new();
        let mut firsts = Vec::new();
        for _ in 0..2 {
            let next = members.next(&file).ok()?;
            firsts.push(Some(next).filter(|next| !next.is_empty())?);
        }
        let (tasks, waiting) = channel::<Task>();
        let waiting = Arc::new(Mutex::new(waiting));
        let start = || {
            let (file, waiting) = (file.clone(), waiting.clone());
            let next = move || {
                waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .recv()
            };
            let work = move || std::iter::from_fn(|| next().ok()).for_each(|task| task.work(&file));
            Builder::new().spawn(work).is_ok()
        };
        if (0..others).filter(|_| start()).count() == 0 {
            return None;
        }
        let mut ahead = MembersAhead {
            file,
            members,
            tasks,
            waiting,
            begun: VecDeque::new(),
            most: threads + 2,
            first: Buffers::default(),
            given: 0,
            all: 0,
            spare: Vec::new(),
            counter: counter.clone(),
        };
        firsts.into_iter().for_each(|members| ahead.begin(members));
        Some(ahead)
    }

    /// Reads some text; nothing at its end. `None`: there is a doubt, and one thread has to read
    /// the [rest](Self::rest).
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        while self.given == self.first.text.len() {
            self.begin_more()?;
            let Some((size, unpacked)) = self.begun.pop_front() else {
                return Some(0);
            };
            let first = self.receive(&unpacked)?;
            self.spare.push(std::mem::replace(&mut self.first, first));
            self.given = 0;
            self.counter.fetch_add(size, Relaxed);
        }
        let length = (&self.first.text[self.given..]).read(buffer).ok()?;
        self.given += length;
        self.all += length as u64;
        Some(length)
    }

    /// The text behind the part that was given out, and the error in it, unpacked by one thread; to
    /// be called there.
    pub fn rest(&self) -> impl FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + use<> {
        let (file, all) = (self.file.clone(), self.all);
        move || unpack_rest(file, all)
    }

    /// Gives tasks to the threads.
    fn begin_more(&mut self) -> Option<()> {
        while self.begun.len() < self.most {
            match self.members.next(&self.file) {
                Ok(next) if next.is_empty() => break,
                Ok(next) => self.begin(next),
                // Those before come first.
                Err(_) if !self.begun.is_empty() => break,
                Err(_) => return None,
            }
        }
        Some(())
    }

    fn begin(&mut self, members: Together) {
        let (text, unpacked) = sync_channel(1);
        let size = members.iter().map(|member| member.end - member.start).sum();
        self.begun.push_back((size, unpacked));
        let buffers = self.spare.pop().unwrap_or_default();
        // It is received here at the latest.
        let _ = self.tasks.send(Task {
            members,
            buffers,
            text,
        });
    }

    /// Receives text; does tasks meanwhile that nobody has begun.
    fn receive(&self, unpacked: &Receiver<Option<Buffers>>) -> Option<Buffers> {
        loop {
            match unpacked.try_recv() {
                Ok(text) => return text,
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            // A thread that waits for a task has the lock.
            match self
                .waiting
                .try_lock()
                .ok()
                .and_then(|tasks| tasks.try_recv().ok())
            {
                Some(task) => task.work(&self.file),
                None => return unpacked.recv().ok().flatten(),
            }
        }
    }
}

#[cfg(test)]
mod tests;
