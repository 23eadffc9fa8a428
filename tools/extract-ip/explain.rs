//! `--explain`: says to a person what becomes of each line, and why.

use std::io::Write;
use std::ops::Range;

use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban_log::finder::{self, Found};

use crate::choose::{Chooser, Matcher, Pick};
use crate::hostile::{Attempt, Hostile};

/// Reads all lines; answers whether any address was taken.
pub fn run(mut chooser: Chooser, mut input: Input) -> Result<bool, Fault> {
    let mut output = Output::new(false);
    for (pattern, attempt) in chooser.matchers.iter_mut().flat_map(|m| m.hostile()) {
        warn(output.buffer(), &pattern, attempt);
    }
    let mut done = false;
    loop {
        let line = match input.next(None)? {
            Event::Idle => {
                output.flush()?;
                continue;
            }
            Event::End => break,
            Event::Data(line) => line.strip_suffix(b"\r").unwrap_or(line).to_vec(),
        };
        done |= explain(&mut chooser, &input.place(), &line, output.buffer());
        output.flush_if_full()?;
    }
    output.flush()?;
    Ok(done)
}

fn warn(out: &mut Vec<u8>, pattern: &str, attempt: Attempt) {
    say(
        out,
        0,
        format_args!("pattern: {}", readable(pattern.as_bytes())),
    );
    let Hostile { line, written } = match attempt {
        Attempt::Found(hostile) => hostile,
        Attempt::NoneFound => {
            let what = "no line was found in which the remote party could name another's address";
            return say(out, 1, what);
        }
        Attempt::Untried(why) => {
            let what = "whether the remote party could name another's address was not tried";
            return say(out, 1, format_args!("{what}: {why}"));
        }
    };
    let (before, rest) = line.split_at(written.start);
    let (text, after) = rest.split_at(written.len());
    let [before, text, after] = [before, text, after].map(readable);
    say(
        out,
        1,
        "WARNING: the log's remote party may choose the address. If it can write what is between >> and <<,",
    );
    say(out, 2, format_args!("{before}>>{text}<<{after}"));
    say(
        out,
        1,
        "then 192.0.2.1 is taken, though the party itself is 203.0.113.9.",
    );
    say(
        out,
        1,
        "Say more exactly what stands around <IP>, from ^ or to $, and what a .* may hold.",
    );
}

fn explain(chooser: &mut Chooser, place: &str, line: &[u8], out: &mut Vec<u8>) -> bool {
    say(out, 0, format_args!("{place}: {}", readable(line)));
    let mut all = Vec::new();
    finder::find_all(line, |found| all.push(found));
    let mut taken = Vec::new();
    let mut elsewhere = None;
    chooser.choose(line, |choice| {
        taken.push(choice.offset + choice.found.range.start);
        if choice.found.range.is_empty() {
            elsewhere = Some(choice.found.address);
        }
    });
    let why = Why::of(chooser, line);
    why.say(out, line);
    for Found { address, range, .. } in &all {
        let column = range.start + 1;
        if taken.contains(&range.start) {
            say(
                out,
                1,
                format_args!(
                    "takes {address}, at column {column}: {}",
                    why.taken(chooser)
                ),
            );
        } else {
            let why = if chooser.keep.keeps(address) {
                why.left(chooser)
            } else {
                "-4, -6, --global or --not".into()
            };
            say(
                out,
                1,
                format_args!("leaves {address}, at column {column}: {why}"),
            );
        }
    }
    if let Some(address) = elsewhere {
        let what = format!("takes {address}, which an earlier line of the session told");
        say(out, 1, what);
    } else if all.is_empty() {
        say(out, 1, "has no address");
    }
    !taken.is_empty()
}

/// What was decided about a line.
enum Why {
    EveryLine,
    NoMatch,
    Matched {
        pattern: String,
        span: Range<usize>,
        named: bool,
    },
    Excluded {
        pattern: String,
    },
}

impl Why {
    fn of(chooser: &mut Chooser, line: &[u8]) -> Self {
        let matched = chooser.matchers.iter_mut().find_map(|m| {
            let (pattern, span) = m.span(line)?;
            let named = m.names_address();
            Some(Why::Matched {
                pattern,
                span,
                named,
            })
        });
        let excluded = chooser.exclude.iter_mut().find_map(|m| m.span(line));
        match (matched, excluded) {
            (None, _) if !chooser.matchers.is_empty() => Why::NoMatch,
            (_, Some((pattern, _))) => Why::Excluded { pattern },
            (None, None) => Why::EveryLine,
            (Some(matched), None) => matched,
        }
    }

    fn say(&self, out: &mut Vec<u8>, line: &[u8]) {
        match self {
            Why::EveryLine => {}
            Why::NoMatch => say(out, 1, "matches no pattern"),
            Why::Matched { pattern, span, .. } => {
                let (pattern, text) = (readable(pattern.as_bytes()), readable(&line[span.clone()]));
                say(
                    out,
                    1,
                    format_args!("matches {pattern} at column {}: {text}", span.start + 1),
                );
            }
            Why::Excluded { pattern } => {
                say(
                    out,
                    1,
                    format_args!("is left out by --exclude {}", readable(pattern.as_bytes())),
                );
            }
        }
    }

    fn taken(&self, chooser: &Chooser) -> String {
        match (self, chooser.field, chooser.pick) {
            (Why::Matched { named: true, .. }, ..) => "it stands where the pattern has <IP>".into(),
            (_, Some(n), Pick::First) => format!("the first in field {n}"),
            (_, Some(n), _) => format!("the last in field {n}"),
            (_, None, Pick::First) => "the first of the line".into(),
            (_, None, Pick::Last) => "the last of the line".into(),
            (_, None, Pick::All) => "all of the line are taken".into(),
        }
    }

    fn left(&self, chooser: &Chooser) -> String {
        match self {
            Why::NoMatch | Why::Excluded { .. } => "the line does not count".into(),
            Why::Matched { named: true, .. } => {
                "it does not stand where the pattern has <IP>".into()
            }
            _ => format!("it is not {}", self.taken(chooser)),
        }
    }
}

fn say(out: &mut Vec<u8>, level: usize, text: impl std::fmt::Display) {
    let width = level * 4;
    writeln!(out, "{:width$}{text}", "").expect("a Vec takes every write");
}

/// Bytes of a log, harmless to a terminal.
fn readable(text: &[u8]) -> String {
    let mut out = String::new();
    for c in String::from_utf8_lossy(text).chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}
