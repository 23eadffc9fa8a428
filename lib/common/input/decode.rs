//! Compressed files, unpacked by a thread of their own, ahead of the reader.

use std::io::{self, Cursor, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// The size of a chunk of unpacked text, in bytes, and the number of chunks ahead of the reader.
const CHUNK: usize = 64 << 10;
const AHEAD: usize = 8;

type Chunk = io::Result<Vec<u8>>;

/// The reader's end of a thread that unpacks.
pub(super) struct Decoded {
    chunks: Receiver<Chunk>,
    /// The chunk that is being read, or the error that ended it.
    current: io::Result<Cursor<Vec<u8>>>,
    over: bool,
}

impl Decoded {
    /// Reads the text that `open` gives, which is called in the thread.
    pub(super) fn start<F>(open: F) -> Self
    where
        F: FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + 'static,
    {
        let (sender, chunks) = sync_channel(AHEAD);
        thread::spawn(move || {
            let decode = || -> io::Result<()> {
                let mut decoder = open()?;
                loop {
                    let mut chunk = vec![0; CHUNK];
                    let length = decoder.read(&mut chunk)?;
                    chunk.truncate(length);
                    // A tool that ends early reads no further.
                    if length == 0 || sender.send(Ok(chunk)).is_err() {
                        return Ok(());
                    }
                }
            };
            if let Err(e) = decode() {
                let _ = sender.send(Err(e));
            }
        });
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
        self.holds() || self.take(self.chunks.recv_timeout(left))
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.holds() {
            self.take(self.chunks.recv().map_err(RecvTimeoutError::from));
        }
        match &mut self.current {
            Ok(chunk) => chunk.read(buffer),
            Err(e) => {
                let e = io::Error::new(e.kind(), format!("can't be unpacked: {e}"));
                (self.current, self.over) = (Ok(Cursor::default()), true);
                Err(e)
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
