//! Several files read at the same time, by as many threads as there are processors.
//!
//! What they print comes in the order of the operands: what is ahead waits, in bounded memory.

use std::collections::VecDeque;
use std::fs;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle, available_parallelism};

use pipeban::complain::{Fault, describe};
use pipeban::figures;
use pipeban::input::{Event, Input};
use pipeban::output::{HANDED_ON, Output};

use crate::Arguments;
use crate::extract::Extract;

/// What may wait in all, in bytes: most of what 250 MB of an authentication log give, for each of two threads.
const AHEAD: usize = 64 << 20;
/// More threads than this would share the memory's bandwidth, and would have little of [`AHEAD`].
const MOST: usize = 16;

/// How many threads pay: one where something is not a regular file, or where what is printed of a file hangs on those before it.
pub fn count(arguments: &Arguments) -> usize {
    let Arguments {
        files,
        preset,
        filter,
        time,
        time_format,
        timezone,
        ..
    } = arguments;
    let stamps = *time || time_format.is_some() || timezone.is_some();
    // What can't be read is reported when its turn comes.
    let regular = |file| file != "-" && fs::metadata(file).map_or(true, |data| data.is_file());
    if stamps || !preset.is_empty() || !filter.is_empty() || !files.iter().all(regular) {
        return 1;
    }
    let processors = available_parallelism().map_or(1, |n| n.get());
    processors.min(files.len()).clamp(1, MOST)
}

/// A thread that was begun with an operand; gives back the extractor for another.
struct Worker {
    blocks: Receiver<Vec<u8>>,
    thread: JoinHandle<Result<Extract, Fault>>,
}

impl Worker {
    fn start(
        mut extract: Extract,
        mut input: Input,
        mut output: Output,
        blocks: Receiver<Vec<u8>>,
    ) -> Result<Self, Fault> {
        let work = move || {
            loop {
                match input.next_block(None)? {
                    // It is being unpacked, which does not wait for anybody.
                    Event::Idle => {}
                    Event::End => break,
                    Event::Data(block) => extract.block(block, &mut output)?,
                }
            }
            output.flush()?;
            Ok(extract)
        };
        let thread = Builder::new().spawn(work);
        let thread = thread.map_err(|e| Fault::new("a thread", describe(&e)))?;
        Ok(Worker { blocks, thread })
    }

    /// Prints all that it has and will have.
    fn end(self, output: &mut Output) -> Result<Extract, Fault> {
        for block in self.blocks {
            *output.buffer() = block;
            output.flush()?;
            // They may have read all long ago.
            figures::tell();
        }
        self.thread.join().unwrap_or_else(|e| resume_unwind(e))
    }
}

/// Reads all operands, as many at once as there are extractors; answers whether an address was printed.
///
/// However early the later ones are done, no more are begun: what waits is bounded.
pub fn run(mut idle: Vec<Extract>, input: Input, mut output: Output) -> Result<bool, Fault> {
    let ahead = AHEAD / HANDED_ON / idle.len();
    let mut workers = VecDeque::<Worker>::new();
    for operand in input.split() {
        let free = idle.pop().map(Ok);
        let free = free.or_else(|| workers.pop_front().map(|worker| worker.end(&mut output)));
        if let Some(extract) = free.transpose()? {
            let (sender, blocks) = sync_channel(ahead);
            let output = output.handing_on(sender);
            workers.push_back(Worker::start(extract, operand, output, blocks)?);
        }
    }
    let mut done = false;
    for worker in workers {
        done |= worker.end(&mut output)?.end();
    }
    Ok(done)
}
