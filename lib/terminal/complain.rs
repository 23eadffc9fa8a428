//! The one way to complain: a line on standard error, `tool: where: what is wrong`.
//!
//! The process remembers that it complained; this decides its exit status.

use std::cell::RefCell;
use std::fmt::{self, Display, Write as _};
use std::io::{IsTerminal, Write as _};
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::terminal::is_control;

/// This number of bad input lines are told in full in each [`HOUR`]; the others are counted. A
/// total for ever would let a remote party use it up, and hide all later faults.
const IN_FULL: u64 = 10;
const HOUR: Duration = Duration::from_secs(3_600);

static TOOL: OnceLock<String> = OnceLock::new();
/// Whether the cursor stands behind a bar of progress.
static BAR: AtomicBool = AtomicBool::new(false);
/// Whether messages go to the system's log.
static SYSTEM_LOG: AtomicBool = AtomicBool::new(false);
static FAILED: AtomicBool = AtomicBool::new(false);
static BAD_LINES: Mutex<BadLines> = Mutex::new(BadLines {
    all: 0,
    told: 0,
    hour: None,
});

thread_local! {
    /// The messages of this thread, while they wait.
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Messages of a thread about lines that it may have read in vain: they wait until that is known.
/// Of bad lines only those that can be told in full are here, and the number of all.
#[derive(Default)]
pub struct Held {
    messages: Vec<Message>,
    bad_lines: u64,
}

enum Message {
    Error(String, String),
    Once(Arc<AtomicBool>, String, String),
    BadLine(String, Option<u64>, String),
}

impl Held {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.bad_lines == 0
    }

    /// Tells them now, though others of this thread wait. The numbers of lines are counted from the
    /// one behind these `lines`.
    pub fn tell(self, lines: u64) {
        let others = HELD.take();
        let mut untold = self.bad_lines;
        for message in self.messages {
            match message {
                Message::Error(place, what) => error(place, what),
                Message::Once(told, place, what) => error_once(&told, place, what),
                Message::BadLine(place, number, what) => {
                    bad_line_of(place, number.map(|number| lines + number), what);
                    untold -= 1;
                }
            }
        }
        if let Ok(mut lines) = BAD_LINES.lock() {
            lines.all += untold;
        }
        HELD.set(others);
    }
}

/// From here on the messages of this thread wait, but for [notes](note).
pub fn hold() {
    HELD.with_borrow_mut(|held| *held = Some(Held::default()));
}

/// Ends that; answers the messages that wait.
pub fn held() -> Held {
    HELD.take().unwrap_or_default()
}

/// The messages that wait, if those of this thread do; later ones wait again.
pub fn held_so_far() -> Held {
    let held = |held: &mut Option<Held>| held.as_mut().map(std::mem::take);
    HELD.with_borrow_mut(held).unwrap_or_default()
}

/// Lets a message wait, if those of this thread do.
fn waits(add: impl FnOnce(&mut Held)) -> bool {
    HELD.with_borrow_mut(|held| held.as_mut().map(add).is_some())
}

/// Why a run ends before its work is done.
#[derive(Debug)]
pub enum Fault {
    /// Nobody reads the output any more; a filter then ends quietly.
    ReaderGone,
    /// An error.
    Error {
        /// The file, the flag or the part of the system where it happened.
        place: String,
        /// The error in words.
        what: String,
    },
}

impl Fault {
    /// An error at this place.
    pub fn new(place: impl Display, what: impl Display) -> Self {
        Fault::Error {
            place: place.to_string(),
            what: what.to_string(),
        }
    }
}

/// Sets the name that messages begin with; the first call counts.
pub fn as_tool(name: &str) {
    TOOL.get_or_init(|| name.into());
}

/// From here on messages go to the system's log, for a process without a standard error.
pub fn use_system_log() {
    SYSTEM_LOG.store(true, Relaxed);
}

/// Prints a message that is no fault: the exit status does not change.
pub fn note(place: impl Display, what: impl Display) {
    let tool = TOOL.get().map_or("pipeban", String::as_str);
    let mut message = String::new();
    show_bar(None);
    // A remote party may have written some of the text; a terminal must not obey it.
    let _ = write!(Escaped(&mut message), "{tool}: {place}: {what}");
    drop_numbers(&mut message);
    message.push('\n');
    if SYSTEM_LOG.load(Relaxed) || std::io::stderr().write_all(message.as_bytes()).is_err() {
        // Standard error is closed or broken. Nobody is left to tell when this fails too.
        let _ = to_system_log(&message);
    }
}

/// Shows lines below a message, to a person at a terminal only. They are escaped too.
pub fn show(lines: &[&str]) {
    if std::io::stderr().is_terminal() {
        for line in lines {
            let mut shown = String::new();
            let _ = write!(Escaped(&mut shown), "{line}");
            let _ = writeln!(std::io::stderr(), "{shown}");
        }
    }
}

/// Takes out the numbers that Rust writes behind the system's words: `(os error 2)`.
fn drop_numbers(message: &mut String) {
    const BEFORE: &str = " (os error ";
    let mut from = 0;
    while let Some(found) = message[from..].find(BEFORE) {
        let start = from + found;
        let number = &message[start + BEFORE.len()..];
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        from = start + BEFORE.len();
        if digits > 0 && number[digits..].starts_with(')') {
            message.replace_range(start..=start + BEFORE.len() + digits, "");
            from = start;
        }
    }
}

/// Shows a bar of progress in place of the last; `None` takes it away. For a terminal only.
pub fn show_bar(bar: Option<&str>) {
    if BAR.swap(bar.is_some(), Relaxed) || bar.is_some() {
        // To the beginning of the line, then clear to its end.
        let _ = write!(std::io::stderr(), "\r\x1b[K{}", bar.unwrap_or(""));
    }
}

/// Sends a message to the system's log by RFC 3164: facility daemon, severity error.
fn to_system_log(message: &str) -> std::io::Result<usize> {
    const PRIORITY: u8 = 3 << 3 | 3;
    let (tool, text) = message.split_once(": ").unwrap_or(("pipeban", message));
    let text = format!(
        "<{PRIORITY}>{tool}[{}]: {}",
        std::process::id(),
        text.trim_end()
    );
    UnixDatagram::unbound()?.send_to(text.as_bytes(), "/dev/log")
}

/// Reports an error that does not end the run; the exit status becomes 2.
pub fn error(place: impl Display, what: impl Display) {
    if waits(|held| {
        let message = Message::Error(place.to_string(), what.to_string());
        held.messages.push(message);
    }) {
        return;
    }
    FAILED.store(true, Relaxed);
    note(place, what);
}

/// Reports an error once, though several threads may find it.
pub fn error_once(told: &Arc<AtomicBool>, place: impl Display, what: impl Display) {
    let waiting = waits(|held| {
        let message = Message::Once(told.clone(), place.to_string(), what.to_string());
        held.messages.push(message);
    });
    if !waiting && !told.swap(true, Relaxed) {
        error(place, what);
    }
}

/// Reports a fault that does not end the run; but if the reader has gone, that is answered.
pub fn fault(fault: Fault) -> Result<(), Fault> {
    match fault {
        Fault::ReaderGone => Err(fault),
        Fault::Error { place, what } => {
            error(place, what);
            Ok(())
        }
    }
}

/// Reports a line of input that can't be used; the exit status becomes 2.
pub fn bad_line(place: impl Display, what: impl Display) {
    bad_line_of(place, None, what);
}

/// The same, with the number of the line in its file, if that is known.
pub fn bad_line_of(file: impl Display, number: Option<u64>, what: impl Display) {
    if waits(|held| {
        held.bad_lines += 1;
        if held.bad_lines <= IN_FULL {
            let message = Message::BadLine(file.to_string(), number, what.to_string());
            held.messages.push(message);
        }
    }) {
        return;
    }
    FAILED.store(true, Relaxed);
    let in_full = BAD_LINES
        .lock()
        .is_ok_and(|mut lines| lines.add(Instant::now()));
    match number.filter(|_| in_full) {
        Some(number) => note(format_args!("{file}:{number}"), what),
        None if in_full => note(file, what),
        None => {}
    }
}

/// The bad input lines of the process.
struct BadLines {
    all: u64,
    /// The number of lines told in full in this hour.
    told: u64,
    /// The beginning of this hour: the first bad line after the last one.
    hour: Option<Instant>,
}

impl BadLines {
    /// Counts a line, and answers whether it is to be told in full.
    fn add(&mut self, now: Instant) -> bool {
        self.all += 1;
        if self.hour.is_none_or(|begin| now >= begin + HOUR) {
            (self.hour, self.told) = (Some(now), 0);
        }
        let in_full = self.told < IN_FULL;
        self.told += u64::from(in_full);
        in_full
    }
}

/// The exit status of the process: 2 after any error, else 0 if something was `done`, else 1.
pub fn exit_status(done: bool) -> ExitCode {
    let bad = BAD_LINES.lock().map_or(0, |lines| lines.all);
    if bad > IN_FULL {
        note("input", format_args!("{bad} bad lines in all"));
    }
    ExitCode::from(if FAILED.load(Relaxed) {
        2
    } else {
        u8::from(!done)
    })
}

/// Writes control characters as `\n`, `\t` or `\u{1b}`.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if is_control(c) {
                self.0.extend(c.escape_default())
            } else {
                self.0.push(c)
            }
        }
        Ok(())
    }
}

/// An error in the system's words, without Rust's "(os error 2)".
pub fn describe(e: &std::io::Error) -> String {
    match e.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().into(),
        None => e.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words() {
        for (text, expected) in [
            ("x: No such file (os error 2)", "x: No such file"),
            ("a (os error 2): b (os error 11)\n", "a: b\n"),
            ("a (os error ) (os error 2", "a (os error ) (os error 2"),
            ("", ""),
        ] {
            let mut message = text.to_string();
            drop_numbers(&mut message);
            assert_eq!(message, expected);
        }
    }

    #[test]
    fn messages_wait() {
        hold();
        error("log", "unreadable");
        for number in 1..=12 {
            bad_line_of("log", Some(number), "no object");
        }
        let held = held();
        // The error, the first ten of the bad lines, and their number.
        assert_eq!((held.messages.len(), held.bad_lines), (11, 12));
        assert!(!waits(|_| {}));
        // They are told, though others wait meanwhile.
        hold();
        held.tell(0);
        assert!(held_so_far().is_empty());
        error("log", "unreadable");
        assert!(!held_so_far().is_empty());
        assert!(waits(|_| {}));
    }

    #[test]
    fn bad_lines_by_the_hour() {
        let mut lines = BadLines {
            all: 0,
            told: 0,
            hour: None,
        };
        let begin = Instant::now();
        let mut told = |seconds, count| {
            let now = begin + Duration::from_secs(seconds);
            (0..count).filter(|_| lines.add(now)).count()
        };
        assert_eq!(told(0, 1_000), 10);
        assert_eq!(told(3_599, 1_000), 0);
        assert_eq!(told(3_600, 4), 4);
        assert_eq!(told(7_199, 1_000), 6);
        assert_eq!(told(90_000, 11), 10);
        assert_eq!(lines.all, 3_015);
    }
}
