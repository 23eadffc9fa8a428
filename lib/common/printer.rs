//! The text of several threads, printed in the order of their pieces, by these threads themselves;
//! and their messages, if they [wait](complain::hold), each before the text behind it.
//!
//! Text of the piece whose turn it is goes out at once; that of later pieces waits, and is printed
//! by the thread that ends the piece before. Nobody has to be woken for it. A thread that is too
//! far ahead waits; but the thread of the piece whose turn it is never does while nobody prints, so
//! that all go on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::complain::{self, Fault, Held};
use crate::figures;
use crate::output::{BLOCK, Output};

/// Bytes of text that may wait, in all.
const AHEAD: usize = 64 << 20;
/// Buffers that a thread keeps.
const KEPT: usize = 64;

/// Buffers of a thread whose text was printed. They come back to that thread, in whose cache they
/// may be: to fill memory that is in another one's takes as long as to find the text.
#[derive(Clone, Default)]
pub struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    /// Takes the text out of a buffer, which is then empty.
    fn take_text(&self, buffer: &mut Vec<u8>) -> Block {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // Text is added until there is more than the size of a block.
        let empty = spare.unwrap_or_else(|| Vec::with_capacity(BLOCK * 2));
        Block {
            held: complain::held_so_far(),
            text: std::mem::replace(buffer, empty),
            spare: self.clone(),
        }
    }

    /// Keeps a buffer, unless a single text has made it large, or many have waited.
    fn put(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.capacity() <= BLOCK * 4 && spare.len() < KEPT {
            spare.push(buffer);
        }
    }
}

/// Text of a thread, the messages before it, and the place for its buffer.
struct Block {
    held: Held,
    text: Vec<u8>,
    spare: Spare,
}

impl Block {
    fn print(mut self, output: &mut Output) -> Result<(), Fault> {
        self.held.tell(0);
        std::mem::swap(output.buffer(), &mut self.text);
        let printed = output.flush();
        std::mem::swap(output.buffer(), &mut self.text);
        self.spare.put(self.text);
        // All may be read long ago.
        figures::tell();
        printed
    }
}

/// Prints the text of pieces, which are numbered from 0 on.
pub struct Printer {
    state: Mutex<State>,
    /// Tells those that wait that text was printed.
    printed: Condvar,
    /// Whether nothing more can be printed.
    failed: AtomicBool,
}

struct State {
    /// Nobody's while a thread prints, and when that has failed.
    output: Option<Output>,
    /// Why it has failed.
    fault: Option<Fault>,
    /// The number of the piece whose turn it is.
    turn: usize,
    /// The text of this piece, and of those behind it.
    waiting: VecDeque<Piece>,
    /// Its size, in bytes.
    size: usize,
    /// Threads that wait.
    asleep: usize,
}

/// The text of a piece that waits.
#[derive(Default)]
struct Piece {
    blocks: VecDeque<Block>,
    ended: bool,
}

impl State {
    fn piece(&mut self, number: usize) -> &mut Piece {
        let place = number - self.turn;
        if self.waiting.len() <= place {
            self.waiting.resize_with(place + 1, Piece::default);
        }
        &mut self.waiting[place]
    }

    /// The next block to be printed, if it is there.
    fn next(&mut self) -> Option<Block> {
        loop {
            let first = self.waiting.front_mut()?;
            if let Some(block) = first.blocks.pop_front() {
                self.size -= block.text.len();
                return Some(block);
            }
            if !first.ended {
                return None;
            }
            self.waiting.pop_front();
            self.turn += 1;
        }
    }
}

impl Printer {
    /// Prints to this output.
    pub fn new(output: Output) -> Self {
        let state = State {
            output: Some(output),
            fault: None,
            turn: 0,
            waiting: VecDeque::new(),
            size: 0,
            asleep: 0,
        };
        Printer {
            state: Mutex::new(state),
            printed: Condvar::new(),
            failed: AtomicBool::new(false),
        }
    }

    /// From now on an output writes nothing: its text is printed here, as that of this piece. A
    /// thread has one `spare` for all of its pieces. An error of the output says only that
    /// [another](Self::fail) has ended all.
    pub fn take_from(self: &Arc<Self>, output: &mut Output, piece: usize, spare: &Spare) {
        let (printer, spare) = (self.clone(), spare.clone());
        output.hand_on(Box::new(move |text| {
            printer.put(piece, spare.take_text(text))
        }));
    }

    /// Prints text of a piece that has not ended; waits if it is too far ahead.
    fn put(&self, piece: usize, block: Block) -> Result<(), Fault> {
        let mut state = self.lock();
        state.size += block.text.len();
        state.piece(piece).blocks.push_back(block);
        let mut state = self.print(state);
        // Even where its turn is, while another thread prints the text that has waited.
        while state.size > AHEAD
            && (state.turn != piece || state.output.is_none())
            && !self.failed()
        {
            state.asleep += 1;
            state = self
                .printed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
        match self.failed() {
            true => Err(Fault::ReaderGone),
            false => Ok(()),
        }
    }

    /// Ends a piece; prints the text behind it that waits.
    pub fn end(&self, piece: usize) {
        let mut state = self.lock();
        let held = complain::held_so_far();
        let ended = state.piece(piece);
        if !held.is_empty() {
            let (text, spare) = (Vec::new(), Spare::default());
            ended.blocks.push_back(Block { held, text, spare });
        }
        ended.ended = true;
        drop(self.print(state));
    }

    /// Whether nothing more can be printed.
    pub fn failed(&self) -> bool {
        self.failed.load(Relaxed)
    }

    /// Ends all; the first fault is the one that is told.
    pub fn fail(&self, fault: Fault) {
        let mut state = self.lock();
        state.fault.get_or_insert(fault);
        // Under the lock: else a thread that is about to wait would not be woken.
        self.failed.store(true, Relaxed);
        drop(state);
        self.printed.notify_all();
    }

    /// The output, when all pieces have ended; or why printing has failed.
    pub fn into_output(self: Arc<Self>) -> Result<Output, Fault> {
        let mut state = self.lock();
        match state.fault.take() {
            Some(fault) => Err(fault),
            None => state.output.take().ok_or(Fault::ReaderGone),
        }
    }

    /// Prints all whose turn it is, unless another thread does so.
    fn print<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(mut output) = state.output.take() else {
            return state;
        };
        while let Some(block) = state.next() {
            drop(state);
            let printed = block.print(&mut output);
            if let Err(fault) = printed {
                self.fail(fault);
                return self.lock();
            }
            state = self.lock();
            if state.asleep > 0 {
                self.printed.notify_all();
            }
        }
        state.output = Some(output);
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
