//! The operands read at the same time, by as many threads as there are processors: several files,
//! and a large one in parts.
//!
//! The output is in the order of the operands and of their parts: output of later ones waits, in
//! bounded memory. A file is cut in the same way for any number of threads, so that this number
//! can't change the output.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, available_parallelism};

use pipeban::complain::Fault;
use pipeban::figures;
use pipeban::input::{Event, Input, PIECE, Piece, Pieces};
use pipeban::output::{HANDED_ON, Output};

use crate::arguments::Arguments;
use crate::extract::Extractor;

/// Bytes of output that may wait, in all.
const AHEAD: usize = 64 << 20;
/// Threads that are used unasked, at most: more would share the memory's bandwidth, with little of
/// [`AHEAD`] for each.
const MOST: usize = 16;

/// The number of threads that pay: one if an operand is no regular file, or if no file is cut.
pub(crate) fn count(arguments: &Arguments, cuts: bool) -> usize {
    // A file that can't be read is reported when its turn comes.
    let size = |file: &OsString| match fs::metadata(file) {
        _ if file == "-" => None,
        Ok(data) => data.is_file().then_some(data.len()),
        Err(_) => Some(0),
    };
    let sizes = arguments.files.iter().map(size);
    let Some(sizes) = sizes.collect::<Option<Vec<_>>>().filter(|_| cuts) else {
        return 1;
    };
    let pieces = sizes.iter().map(|size| size / PIECE + 1).sum::<u64>();
    let processors = || available_parallelism().map_or(1, |n| n.get()).min(MOST);
    let threads = arguments.threads.map_or_else(processors, usize::from);
    threads.min(usize::try_from(pieces).unwrap_or(MOST)).max(1)
}

/// Buffers of a thread whose text was printed. They come back to that thread, in whose cache they
/// may be: to fill memory that is in another one's takes as long as to find the text.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// An empty buffer.
    fn take(&self) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // Text is added until there is more than the size of a block.
        spare.unwrap_or_else(|| Vec::with_capacity(HANDED_ON * 3 / 2))
    }

    /// Keeps a buffer, unless a single text has made it large.
    fn put(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= HANDED_ON * 2 {
            buffer.clear();
            let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            spare.push(buffer);
        }
    }
}

/// Text of a thread, and the place for its buffer.
struct Block(Vec<u8>, Spare);

/// A piece to read, and the receiver of its output.
struct Task {
    piece: Piece,
    blocks: SyncSender<Block>,
}

/// Reads all operands, by as many threads as there are extractors, at least one; answers whether an
/// address was printed.
pub(crate) fn run(
    mut extractors: Vec<Extractor>,
    mut input: Input,
    mut output: Output,
    cuts: bool,
) -> Result<bool, Fault> {
    let pieces = input.pieces(cuts);
    let Some(mut first) = extractors.pop() else {
        return Ok(false);
    };
    if extractors.is_empty() {
        for piece in pieces {
            read(piece, &mut first, &mut input, &mut output)?;
        }
        return first.end(&mut output);
    }
    let (tasks, waiting) = channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut threads = Vec::new();
    for mut extractor in extractors.into_iter().chain([first]) {
        let (mut input, mut output) = (input.empty_copy(), output.collecting());
        let (waiting, spare) = (waiting.clone(), Spare::default());
        let work = move || {
            loop {
                let task = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .recv();
                let Ok(Task { piece, blocks }) = task else {
                    return Ok(extractor);
                };
                let spare = spare.clone();
                output.hand_on(Box::new(move |buffer| {
                    let text = std::mem::replace(buffer, spare.take());
                    let block = Block(text, spare.clone());
                    blocks.send(block).map_err(|_| Fault::ReaderGone)
                }));
                read(piece, &mut extractor, &mut input, &mut output)?;
                output.collect();
            }
        };
        threads.push(Builder::new().spawn(work));
    }
    drop(waiting);
    let (threads, failed): (Vec<_>, Vec<_>) = threads.into_iter().partition(Result::is_ok);
    if threads.is_empty()
        && let Some(Err(e)) = failed.into_iter().next()
    {
        return Err(Fault::new("a thread", e));
    }
    hand_out(pieces, &tasks, threads.len(), &mut output)?;
    drop(tasks);
    let mut all: Option<Extractor> = None;
    for thread in threads.into_iter().flatten() {
        let extractor = thread.join().unwrap_or_else(|e| resume_unwind(e))?;
        match &mut all {
            Some(all) => all.join(extractor),
            None => all = Some(extractor),
        }
    }
    all.map_or(Ok(false), |all| all.end(&mut output))
}

/// Hands out pieces and prints their output, in order. However early later ones are done, no more
/// are begun: the waiting output is bounded.
fn hand_out(
    pieces: Pieces,
    tasks: &Sender<Task>,
    threads: usize,
    output: &mut Output,
) -> Result<(), Fault> {
    let most = 2 * threads;
    let ahead = AHEAD / HANDED_ON / most;
    let mut begun = VecDeque::new();
    for piece in pieces {
        if begun.len() == most {
            print(begun.pop_front(), output)?;
        }
        let (blocks, printed) = sync_channel(ahead);
        // Without any thread left, one has failed; its end tells why.
        let _ = tasks.send(Task { piece, blocks });
        begun.push_back(printed);
    }
    begun
        .into_iter()
        .try_for_each(|blocks| print(Some(blocks), output))
}

/// Prints the output of a piece.
fn print(blocks: Option<Receiver<Block>>, output: &mut Output) -> Result<(), Fault> {
    for Block(mut text, spare) in blocks.into_iter().flatten() {
        std::mem::swap(output.buffer(), &mut text);
        let printed = output.flush();
        std::mem::swap(output.buffer(), &mut text);
        spare.put(text);
        printed?;
        // All may be read long ago.
        figures::tell();
    }
    Ok(())
}

/// Reads a piece to its end.
fn read(
    piece: Piece,
    extractor: &mut Extractor,
    input: &mut Input,
    output: &mut Output,
) -> Result<(), Fault> {
    input.begin(piece);
    loop {
        match input.next_block_of(None)? {
            (Event::Idle, _) => output.flush()?,
            (Event::End, _) => return output.flush(),
            (Event::Data(block), origin) => extractor.block(block, origin, output)?,
        }
    }
}
