//! Several files read at the same time, by as many threads as there are processors.
//!
//! The output is in the order of the operands: output of later files waits, in bounded memory.

use std::collections::VecDeque;
use std::fs;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle, available_parallelism};

use pipeban::complain::{Fault, describe};
use pipeban::figures;
use pipeban::input::{Event, Input};
use pipeban::output::{HANDED_ON, Output};

use crate::arguments::Arguments;
use crate::extract::Extractor;

/// Bytes of output that may wait, in all: most of the output of 250 MB of an authentication log,
/// for each of two threads.
const AHEAD: usize = 64 << 20;
/// Threads, at most: more would share the memory's bandwidth, with little of [`AHEAD`] for each.
const MOST: usize = 16;

/// The number of threads that pay: one if an operand is no regular file, or if the output of a file
/// depends on those before it.
pub(crate) fn count(arguments: &Arguments) -> usize {
    let Arguments {
        files,
        preset,
        filter,
        ..
    } = arguments;
    let sessions = !preset.is_empty() || !filter.is_empty();
    // A file that can't be read is reported when its turn comes.
    let regular = |file| file != "-" && fs::metadata(file).map_or(true, |data| data.is_file());
    if arguments.wants_time() || sessions || !files.iter().all(regular) {
        return 1;
    }
    let processors = available_parallelism().map_or(1, |n| n.get());
    processors.min(files.len()).clamp(1, MOST)
}

/// A thread that reads an operand; it returns its extractor for another.
struct Worker {
    blocks: Receiver<Vec<u8>>,
    thread: JoinHandle<Result<Extractor, Fault>>,
}

impl Worker {
    fn start(
        mut extractor: Extractor,
        mut input: Input,
        mut output: Output,
        blocks: Receiver<Vec<u8>>,
    ) -> Result<Self, Fault> {
        let work = move || {
            loop {
                match input.next_block_of(None)? {
                    // It is being unpacked, which does not wait for anybody.
                    (Event::Idle, _) => {}
                    (Event::End, _) => break,
                    (Event::Data(block), origin) => extractor.block(block, origin, &mut output)?,
                }
            }
            output.flush()?;
            extractor.end_file();
            Ok(extractor)
        };
        let thread = Builder::new().spawn(work);
        let thread = thread.map_err(|e| Fault::new("a thread", describe(&e)))?;
        Ok(Worker { blocks, thread })
    }

    /// Prints all of its output, and waits for its end.
    fn end(self, output: &mut Output) -> Result<Extractor, Fault> {
        for block in self.blocks {
            *output.buffer() = block;
            output.flush()?;
            // They may have read all long ago.
            figures::tell();
        }
        self.thread.join().unwrap_or_else(|e| resume_unwind(e))
    }
}

/// Reads all operands, as many at once as there are extractors; answers whether an address was
/// printed.
///
/// However early the later ones are done, no more are begun: the waiting output is bounded.
pub(crate) fn run(
    mut idle: Vec<Extractor>,
    input: Input,
    mut output: Output,
) -> Result<bool, Fault> {
    let ahead = AHEAD / HANDED_ON / idle.len();
    let mut workers = VecDeque::<Worker>::new();
    for operand in input.split() {
        let free = idle.pop().map(Ok);
        let free = free.or_else(|| workers.pop_front().map(|worker| worker.end(&mut output)));
        if let Some(extractor) = free.transpose()? {
            let (sender, blocks) = sync_channel(ahead);
            let output = output.handing_on(sender);
            workers.push_back(Worker::start(extractor, operand, output, blocks)?);
        }
    }
    let mut all: Option<Extractor> = None;
    let ended = workers.into_iter().map(|worker| worker.end(&mut output));
    for extractor in ended.collect::<Result<Vec<_>, _>>()? {
        match &mut all {
            Some(all) => all.join(extractor),
            None => all = Some(extractor),
        }
    }
    all.map_or(Ok(false), |all| all.end(&mut output))
}
