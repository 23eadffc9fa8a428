//! The operands read at the same time, by as many threads as there are processors: several files,
//! and a large one in parts.
//!
//! The output is in the order of the operands and of their parts. A file is cut in the same way for
//! any number of threads, so that this number can't change the output.

use std::ffi::OsString;
use std::fs;
use std::iter::Enumerate;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use pipeban::complain::{self, Fault};
use pipeban::input::{Event, Input, PIECE, Piece, Pieces};
use pipeban::output::Output;
use pipeban::printer::{Printer, Spare};
use pipeban::threads;

use crate::arguments::Arguments;
use crate::extract::Extractor;

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
    let threads = threads::most(arguments.threads);
    threads.min(usize::try_from(pieces).unwrap_or(threads))
}

/// The pieces that are left, and the printer of their text.
struct Shared {
    pieces: Mutex<Enumerate<Pieces>>,
    printer: Arc<Printer>,
}

/// A thread that reads pieces.
struct Worker {
    extractor: Extractor,
    input: Input,
    /// Collects text, for the printer.
    output: Output,
    shared: Arc<Shared>,
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
            read(piece, &mut first, &mut input, &mut output, || false)?;
        }
        return first.end(&mut output);
    }
    let empty = output.collecting();
    let printer = Arc::new(Printer::new(output));
    let shared = Arc::new(Shared {
        pieces: Mutex::new(pieces.enumerate()),
        printer: printer.clone(),
    });
    let worker = |extractor| Worker {
        extractor,
        input: input.empty_copy(),
        output: empty.collecting(),
        shared: shared.clone(),
    };
    let spawn = |extractor| {
        let worker = worker(extractor);
        Builder::new().spawn(move || worker.work())
    };
    // Where a thread can't be had the others do its work.
    let threads: Vec<_> = extractors.into_iter().flat_map(spawn).collect();
    let mut all = worker(first).work();
    if !printer.failed() {
        for thread in threads {
            all.join(thread.join().unwrap_or_else(|e| resume_unwind(e)));
        }
    }
    all.end(&mut printer.into_output()?)
}

impl Worker {
    /// Reads pieces while there are any and they can be printed.
    fn work(mut self) -> Extractor {
        let spare = Spare::default();
        // Messages come in the order of the pieces, too.
        complain::hold();
        while let Some((number, piece)) = self.next() {
            let printer = &self.shared.printer;
            printer.take_from(&mut self.output, number, &spare);
            let (extractor, output) = (&mut self.extractor, &mut self.output);
            match read(piece, extractor, &mut self.input, output, || {
                printer.failed()
            }) {
                Ok(()) => printer.end(number),
                Err(fault) => {
                    printer.fail(fault);
                    break;
                }
            }
        }
        complain::held();
        self.extractor
    }

    /// The next piece, with its number.
    fn next(&self) -> Option<(usize, Piece)> {
        let pieces = self.shared.pieces.lock();
        pieces.unwrap_or_else(PoisonError::into_inner).next()
    }
}

/// Reads a piece to its end, or until `stopped`.
fn read(
    piece: Piece,
    extractor: &mut Extractor,
    input: &mut Input,
    output: &mut Output,
    stopped: impl Fn() -> bool,
) -> Result<(), Fault> {
    input.begin(piece);
    while !stopped() {
        match input.next_block_of(None)? {
            (Event::Idle, _) => output.flush()?,
            (Event::End, _) => return output.flush(),
            (Event::Data(block), origin) => extractor.block(block, origin, output)?,
        }
    }
    Err(Fault::ReaderGone)
}
