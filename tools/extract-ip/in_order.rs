//! Regular files whose lines are judged by those before them, read by several threads at the same
//! time.
//!
//! A thread reads a part of a file by a guess at the facts that are known of the lines before it:
//! the same as behind the last piece that is done. Pieces are taken in their order: where the guess
//! was right the output of the thread is that of one thread alone; else, or if the part depends on
//! more, it is read again. So the threads change nothing but the time that it takes. Of a whole
//! file all is known at its beginning.

use std::collections::VecDeque;
use std::fs;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use pipeban::complain::{self, Fault, Held};
use pipeban::figures;
use pipeban::input::{Event, Input, PIECE, Piece};
use pipeban::output::{BLOCK, Output};

use crate::arguments::Arguments;
use crate::extract::{Behind, Extractor, Findings, Known};

/// The output of a part that may wait, in bytes; a part that has more is read in its turn.
const MOST_TEXT: usize = 4 * PIECE as usize;
/// The blocks of a whole file's output that may wait.
const MOST_BLOCKS: usize = MOST_TEXT / BLOCK;

/// Whether all operands are files that can be read so.
pub(crate) fn pays(arguments: &Arguments, extractor: &Extractor) -> bool {
    // A file that can't be read is reported when its turn comes.
    let is_file = |file| fs::metadata(file).map_or(true, |data| data.is_file());
    let files = &arguments.files;
    let are_files = !files.is_empty() && files.iter().all(|f| f != "-" && is_file(f));
    are_files && !extractor.is_of_each_line() && extractor.can_share()
}

/// A piece to read.
struct Task {
    piece: Piece,
    /// Whether a file begins with it, and whether it is a part of one.
    is_first: bool,
    is_part: bool,
    /// A guess at what is known of the lines before.
    known: Known,
    to: SyncSender<Answer>,
}

/// The answer to a task.
enum Answer {
    /// A block of output, of a whole file.
    Text(Vec<u8>),
    /// The end of the piece.
    Done(Box<Done>),
}

/// A piece that was read.
struct Done {
    /// The first lines of its file, if it is a part of one.
    head: Vec<u8>,
    /// The facts that were taken for known.
    known: Known,
    /// The output that was not given yet.
    text: Vec<u8>,
    /// The lines in it that wait.
    findings: Findings,
    behind: Behind,
    held: Held,
}

/// A piece that a thread has: where its answers come, and the same piece if it is a part.
struct Begun {
    operand: usize,
    answers: Receiver<Answer>,
    again: Option<Piece>,
}

/// The output of a piece, and the lines in it that wait.
type Room = (Vec<u8>, Findings);

/// Memory for the output of pieces, to be used again.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<Room>>>);

impl Spare {
    fn take(&self) -> Room {
        let buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        buffer.unwrap_or_default()
    }

    fn put(&self, mut buffer: Vec<u8>, mut findings: Findings) {
        if buffer.capacity() <= MOST_TEXT {
            buffer.clear();
            findings.clear();
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.push((buffer, findings));
        }
    }
}

/// Reads all operands by these extractors, one of which goes through the pieces in order; answers
/// whether an address was printed.
pub(crate) fn run(
    mut extractors: Vec<Extractor>,
    mut input: Input,
    output: Output,
) -> Result<bool, Fault> {
    let Some(extractor) = extractors.pop() else {
        return Ok(false);
    };
    let pieces = input.pieces(true);
    let (tasks, waiting) = channel();
    let waiting = Arc::new(Mutex::new(waiting));
    let spare = Spare::default();
    let mut threads = Vec::new();
    for extractor in extractors {
        let reader = Reader {
            extractor,
            input: input.empty_copy(),
            output: output.collecting(),
            spare: spare.clone(),
        };
        let waiting = waiting.clone();
        // Without any thread the pieces are read in their turn.
        threads.extend(Builder::new().spawn(move || reader.run(&waiting)));
    }
    drop(waiting);
    let mut order = Order {
        extractor,
        input,
        output,
        operand: None,
        spare,
        tasks,
        begun: VecDeque::new(),
        most: threads.len() + 2,
    };
    let mut last = None;
    for piece in pieces {
        let is_first = last.replace(piece.operand()) != Some(piece.operand());
        let can_guess = order.operand.is_some() && order.extractor.is_settled();
        match can_guess && !threads.is_empty() {
            true => order.hand_out(piece, is_first)?,
            false => order.read(piece)?,
        }
    }
    while let Some(begun) = order.begun.pop_front() {
        order.take(begun)?;
    }
    let Order {
        extractor,
        mut output,
        tasks,
        ..
    } = order;
    drop(tasks);
    for thread in threads {
        thread.join().unwrap_or_else(|e| resume_unwind(e))?;
    }
    output.flush()?;
    extractor.end(&mut output)
}

/// A thread that reads pieces.
struct Reader {
    extractor: Extractor,
    input: Input,
    output: Output,
    spare: Spare,
}

impl Reader {
    fn run(mut self, waiting: &Mutex<Receiver<Task>>) -> Result<(), Fault> {
        loop {
            let task = waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .recv();
            let Ok(task) = task else {
                return Ok(());
            };
            let (to, is_part) = (task.to.clone(), task.is_part);
            let (room, findings) = self.spare.take();
            *self.output.buffer() = room;
            self.output.hand_on(match is_part {
                true => Box::new(|text| match text.len() > MOST_TEXT {
                    true => Err(Fault::ReaderGone),
                    false => Ok(()),
                }),
                false => {
                    let (to, spare) = (to.clone(), self.spare.clone());
                    Box::new(move |buffer| {
                        let (room, _) = spare.take();
                        let text = std::mem::replace(buffer, room);
                        to.send(Answer::Text(text)).map_err(|_| Fault::ReaderGone)
                    })
                }
            });
            match self.read(task, findings) {
                // A part without this is read again, and its errors are told then.
                Ok(_) if is_part && self.extractor.depends() => {}
                // It may have been left amid.
                Err(_) if is_part => self.input = self.input.empty_copy(),
                Ok(done) => _ = to.send(Answer::Done(Box::new(done))),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Reads a piece; lines that wait are put into `findings`.
    fn read(&mut self, task: Task, findings: Findings) -> Result<Done, Fault> {
        let Reader {
            extractor,
            input,
            output,
            ..
        } = self;
        let mut head = Vec::new();
        let mut known = task.known;
        complain::hold();
        let read = read_by(extractor, input, output, task.piece, |extractor, lines| {
            if !task.is_part {
                return extractor.begin_whole();
            }
            extractor.begin_amid(&known, findings);
            if task.is_first {
                extractor.begin_file(lines);
            }
            (head, known) = (lines.to_vec(), extractor.known());
        });
        output.collect();
        let done = Done {
            head,
            known,
            text: std::mem::take(output.buffer()),
            findings: extractor.take_findings(),
            behind: extractor.behind(),
            held: complain::held(),
        };
        read.map(|()| done)
    }
}

/// The pieces in their order.
struct Order {
    extractor: Extractor,
    input: Input,
    output: Output,
    /// The operand of the last piece that is done.
    operand: Option<usize>,
    spare: Spare,
    tasks: Sender<Task>,
    begun: VecDeque<Begun>,
    /// Pieces that are begun at once. However early later ones are done, no more are: the output
    /// that waits is bounded.
    most: usize,
}

impl Order {
    /// Gives a piece to a thread.
    fn hand_out(&mut self, piece: Piece, is_first: bool) -> Result<(), Fault> {
        if self.begun.len() == self.most
            && let Some(begun) = self.begun.pop_front()
        {
            self.take(begun)?;
        }
        let (to, answers) = sync_channel(MOST_BLOCKS);
        let (operand, again) = (piece.operand(), piece.again());
        let (is_part, known) = (again.is_some(), self.extractor.known());
        self.begun.push_back(Begun {
            operand,
            answers,
            again,
        });
        // Without any thread left, one has failed; its end tells why.
        let _ = self.tasks.send(Task {
            piece,
            is_first,
            is_part,
            known,
            to,
        });
        Ok(())
    }

    /// Takes what a thread has read, or reads it again.
    fn take(&mut self, begun: Begun) -> Result<(), Fault> {
        let Begun {
            operand,
            answers,
            again,
        } = begun;
        let mut done = None;
        for answer in answers {
            match answer {
                Answer::Text(text) => self.print(text, Findings::default())?,
                Answer::Done(all) => done = Some(*all),
            }
        }
        let Some(done) = done else {
            return again.map_or(Ok(()), |piece| self.read(piece));
        };
        if self.operand.replace(operand) != Some(operand) {
            self.extractor.begin_file(&done.head);
        }
        match again {
            Some(piece) if self.extractor.known() != done.known => return self.read(piece),
            _ => {}
        }
        let Done {
            text,
            findings,
            behind,
            held,
            ..
        } = done;
        held.tell(self.extractor.lines());
        let printed = self.extractor.settle(&text, &findings, &mut self.output)?;
        self.extractor.go_on_behind(behind);
        if printed == 0 {
            return self.print(text, findings);
        }
        self.output.buffer().extend_from_slice(&text[printed..]);
        self.spare.put(text, findings);
        figures::tell();
        self.output.flush_if_full()
    }

    /// Prints text of a thread.
    fn print(&mut self, mut text: Vec<u8>, findings: Findings) -> Result<(), Fault> {
        self.output.flush()?;
        std::mem::swap(self.output.buffer(), &mut text);
        let printed = self.output.flush();
        std::mem::swap(self.output.buffer(), &mut text);
        self.spare.put(text, findings);
        // All may be read long ago.
        figures::tell();
        printed
    }

    /// Reads a piece in its turn.
    fn read(&mut self, piece: Piece) -> Result<(), Fault> {
        let Order {
            extractor,
            input,
            output,
            ..
        } = self;
        let is_first = self.operand.replace(piece.operand()) != Some(piece.operand());
        read_by(extractor, input, output, piece, |extractor, head| {
            if is_first {
                extractor.begin_file(head);
            }
        })
    }
}

/// Reads a piece to its end. Calls `begin` first, with the first lines of its file, if it is a part
/// of one.
fn read_by(
    extractor: &mut Extractor,
    input: &mut Input,
    output: &mut Output,
    piece: Piece,
    begin: impl FnOnce(&mut Extractor, &[u8]),
) -> Result<(), Fault> {
    input.begin(piece);
    extractor.begin_piece();
    let mut begin = Some(begin);
    loop {
        let (event, origin) = input.next_block_of(None)?;
        if let Some(begin) = begin.take() {
            begin(extractor, origin.head);
        }
        match event {
            Event::Data(block) => extractor.go_on(block, origin.name, output)?,
            Event::Idle => {}
            Event::End => return Ok(()),
        }
    }
}
