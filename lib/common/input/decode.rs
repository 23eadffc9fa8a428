//! Compressed files, unpacked by a thread of their own, ahead of the reader; or by the reader's,
//! where the system has no other.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::unpack::is_behind_text;

/// The size of a chunk of unpacked text, in bytes, and the number of chunks ahead of the reader.
const CHUNK: usize = 64 << 10;
const AHEAD: usize = 8;

type Text = io::Result<Box<dyn Read + Send>>;
type Chunk = io::Result<Vec<u8>>;

/// The reader's end of a thread that unpacks.
pub(super) struct Decoded {
    chunks: Chunks,
    /// The chunk that is being read, or the error that ended it.
    current: io::Result<Cursor<Vec<u8>>>,
    over: bool,
}

enum Chunks {
    Ahead(Receiver<Chunk>),
    /// Unpacked when they are read, without a thread.
    Here(Text),
}

impl Decoded {
    /// Reads the text that `open` gives, which is called in the thread.
    pub(super) fn start<F>(open: F) -> Self
    where
        F: FnOnce() -> Text + Send + 'static,
    {
        let (sender, ahead) = sync_channel(AHEAD);
        let (hand_over, opening) = channel::<F>();
        let work = move || {
            let Ok(open) = opening.recv() else { return };
            let mut text = open();
            while let Some(chunk) = next(&mut text) {
                let failed = chunk.is_err();
                // A tool that ends early reads no further.
                if sender.send(chunk).is_err() || failed {
                    return;
                }
            }
        };
        let chunks = match Builder::new().spawn(work) {
            Ok(_) => {
                // The thread waits for it.
                let _ = hand_over.send(open);
                Chunks::Ahead(ahead)
            }
            Err(_) => Chunks::Here(open()),
        };
        Decoded {
            chunks,
            current: Ok(Cursor::default()),
            over: false,
        }
    }

    /// Whether a read would answer at once, now or until the deadline.
    pub(super) fn ready(&mut self, deadline: Option<Instant>) -> bool {
        let left = deadline.map_or(Duration::ZERO, |d| {
            d.saturating_duration_since(Instant::now())
        });
        match &self.chunks {
            _ if self.holds() => true,
            Chunks::Ahead(chunks) => {
                let received = chunks.recv_timeout(left);
                self.take(received)
            }
            // Only a read tells: what is held goes out before it.
            Chunks::Here(_) => deadline.is_some(),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.holds() {
            let received = match &mut self.chunks {
                Chunks::Ahead(chunks) => chunks.recv().map_err(RecvTimeoutError::from),
                Chunks::Here(text) => next(text).ok_or(RecvTimeoutError::Disconnected),
            };
            self.take(received);
        }
        match &mut self.current {
            Ok(chunk) => chunk.read(buffer),
            current => {
                self.over = true;
                let text = std::mem::replace(current, Ok(Cursor::default()));
                let told = |e| match is_behind_text(&e) {
                    true => e,
                    false => io::Error::new(e.kind(), format!("can't be unpacked: {e}")),
                };
                text.map(|_| 0).map_err(told)
            }
        }
    }

    /// Whether a read can be answered at once.
    fn holds(&self) -> bool {
        let read = |chunk: &Cursor<Vec<u8>>| chunk.position() == chunk.get_ref().len() as u64;
        self.over || !self.current.as_ref().is_ok_and(read)
    }

    /// Takes over what was received, and answers whether there was any: a chunk, an error, the end.
    fn take(&mut self, received: Result<Chunk, RecvTimeoutError>) -> bool {
        match received {
            Ok(chunk) => self.current = chunk.map(Cursor::new),
            Err(RecvTimeoutError::Disconnected) => self.over = true,
            Err(RecvTimeoutError::Timeout) => return false,
        }
        true
    }
}

/// The next chunk of a text, or an error; `None` at its end.
fn next(text: &mut Text) -> Option<Chunk> {
    let text = match text {
        Ok(text) => text,
        Err(e) => return Some(Err(std::mem::replace(e, io::ErrorKind::Other.into()))),
    };
    let mut chunk = vec![0; CHUNK];
    match text.read(&mut chunk) {
        Ok(0) => None,
        Ok(length) => {
            chunk.truncate(length);
            Some(Ok(chunk))
        }
        Err(e) => Some(Err(e)),
    }
}
