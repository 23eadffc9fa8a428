//! `--explain`: says to a person how each line is judged, and why.

mod hostile;
mod object;
mod reason;
mod say;
mod totals;

use std::ops::Range;

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::terminal;
use pipeban_log::finder::{self, Found};
use pipeban_log::line::Line;

use self::hostile::{Attempt, Hostile};
use self::reason::Reason;
use self::say::{readable, say, say_line};
use self::totals::Totals;
use crate::arguments::Arguments;
use crate::matcher::{self, Matcher};
use crate::selection::{Chooser, Judgement};
use crate::times;

/// Reads all lines; answers whether any address was taken.
pub(crate) fn run(mut chooser: Chooser, arguments: Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(false);
    let coloured = Output::is_terminal() && terminal::has_colours();
    if coloured {
        output.allow_escapes();
    }
    if let Some(field) = arguments.field {
        warn_of_field(output.buffer(), field.get());
    }
    if let Some(key) = &arguments.key {
        object::warn_of_key(output.buffer(), key);
    }
    for matcher in &mut chooser.judge.matchers {
        let Matcher::Pattern(pattern) = matcher else {
            continue;
        };
        if pattern.names_address() {
            let attempt = hostile::try_pattern(pattern);
            warn(output.buffer(), pattern.text(), attempt);
        } else if arguments.field.is_none() && arguments.key.is_none() {
            warn_of_no_address(output.buffer(), pattern.text());
        }
    }
    for (name, forged) in matcher::marked_presets(&arguments.preset) {
        let out = output.buffer();
        say(
            out,
            0,
            format_args!("preset {name} can be forged: {forged}"),
        );
    }
    for filter in &arguments.filter {
        for (pattern, attempt) in hostile::try_filter(filter)? {
            warn(output.buffer(), &pattern, attempt);
        }
    }
    let patterns = chooser.judge.matchers.iter();
    let mut totals = Totals::new(patterns.filter_map(|matcher| match matcher {
        Matcher::Pattern(pattern) => Some(pattern.text()),
        _ => None,
    }));
    let mut reader = times::reader(&arguments)?;
    let mut input = Input::new(arguments.files.clone());
    let mut of_objects = object::Totals::default();
    let (mut done, mut operand) = (false, 0);
    loop {
        let line = match input.next(None)? {
            Event::Idle => {
                output.flush()?;
                continue;
            }
            Event::End => break,
            Event::Data(line) => line.strip_suffix(b"\r").unwrap_or(line).to_vec(),
        };
        if input.opened() != operand {
            operand = input.opened();
            reader.begin_file();
            chooser.judge.begin_file();
        }
        let (raw, line, place) = (&line, reader.read(&line), input.place());
        let out = output.buffer();
        if chooser.objects.is_some() {
            say_line(out, &place, line.text, &[]);
            let taken = of_object(&mut chooser, &arguments, raw, &line, &mut of_objects, out);
            of_objects.count(taken);
            done |= taken;
        } else {
            let explained = Explained::new(&mut chooser, &line);
            totals.add(&line, &explained.reason);
            let parts = if coloured { explained.taken() } else { vec![] };
            say_line(out, &place, line.text, &parts);
            done |= explained.say(&chooser, &line, out);
        }
        output.flush_if_full()?;
    }
    match chooser.objects {
        Some(_) => of_objects.say(output.buffer()),
        None => totals.say(output.buffer()),
    }
    output.flush()?;
    Ok(done)
}

/// Explains a line that is an object; answers whether an address was taken.
fn of_object(
    chooser: &mut Chooser,
    arguments: &Arguments,
    raw: &[u8],
    line: &Line,
    totals: &mut object::Totals,
    out: &mut Vec<u8>,
) -> bool {
    let Some(objects) = &mut chooser.objects else {
        return false;
    };
    let Ok(at_key) = object::judge(objects, arguments, raw, line, totals, out) else {
        return false;
    };
    let explained = Explained::new(chooser, line);
    let counts = !matches!(explained.reason, Reason::NoMatch | Reason::Excluded { .. });
    match at_key.filter(|_| counts) {
        Some(at_key) => {
            explained.reason.say(out, line.text);
            let key = arguments.key.as_deref().unwrap_or_default();
            object::say_addresses(&chooser.picker, key, line.text, &at_key, out)
        }
        None => explained.say(chooser, line, out),
    }
}

/// Says the price of a field's number.
fn warn_of_field(out: &mut Vec<u8>, field: usize) {
    say(out, 0, format_args!("--field {field}"));
    let what =
        "WARNING: the log's remote party may choose the address. A blank in a text of its own,";
    say(out, 1, what);
    let what = "such as a user's name, moves the fields behind it, and its own text is field";
    say(out, 1, format_args!("{what} {field}."));
    let what = "A --regex with <IP>, from ^ or to $, leaves no choice.";
    say(out, 1, what);
}

/// Says the price of a pattern that only chooses lines.
fn warn_of_no_address(out: &mut Vec<u8>, pattern: &str) {
    let pattern = readable(pattern.as_bytes());
    say(out, 0, format_args!("pattern: {pattern}"));
    let what =
        "WARNING: it has no <IP>, so an address that the log's remote party wrote into a text";
    say(out, 1, what);
    say(out, 1, "of its own, such as a user's name, may be taken.");
}

fn warn(out: &mut Vec<u8>, pattern: &str, attempt: Attempt) {
    let pattern = readable(pattern.as_bytes());
    say(out, 0, format_args!("pattern: {pattern}"));
    let Hostile { line, written } = match attempt {
        Attempt::Found(hostile) => hostile,
        Attempt::NoneFound(tried) => {
            let what = "no line was found in which the remote party could name another's address";
            say(out, 1, what);
            return say(
                out,
                1,
                format_args!("tried: {}", readable(tried.as_bytes())),
            );
        }
        Attempt::Untried(why) => {
            let what = "whether the remote party could name another's address was not tried";
            return say(out, 1, format_args!("{what}: {why}"));
        }
    };
    let mut shown = String::new();
    let mut at = 0;
    for part in written {
        shown += &readable(&line[at..part.start]);
        shown += &format!(">>{}<<", readable(&line[part.clone()]));
        at = part.end;
    }
    shown += &readable(&line[at..]);
    let what = "WARNING: the log's remote party may choose the address.";
    let how = "If it can write what is between >> and <<,";
    say(out, 1, format_args!("{what} {how}"));
    say(out, 2, shown);
    let what = "then 192.0.2.1 is taken, though the party itself is 203.0.113.9.";
    say(out, 1, what);
    let what = "Say more exactly what stands around <IP>, from ^ or to $, and what a .* may hold.";
    say(out, 1, what);
}

/// The judgement of a line, and the addresses in it.
struct Explained {
    reason: Reason,
    /// All addresses of the line, and whether each is taken.
    all: Vec<(Found, bool)>,
    /// An address of another line, which is taken.
    elsewhere: Option<Address>,
    /// The number of events.
    count: u32,
}

impl Explained {
    /// Judges a line.
    fn new(chooser: &mut Chooser, line: &Line) -> Self {
        let judgement = chooser.judge.judge(line, true);
        let line = line.text;
        let (mut named, mut count) = (None, 1);
        if let Judgement::Counts(Some((_, verdict))) = &judgement {
            (named, count) = (verdict.found.clone(), verdict.count);
        }
        let counts = matches!(judgement, Judgement::Counts(_));
        let matched = match judgement {
            Judgement::NoMatch => None,
            Judgement::Excluded(i) => Some((i, None)),
            Judgement::Counts(None) => None,
            Judgement::Counts(Some((i, verdict))) => Some((i, verdict.rule.map(String::from))),
        };
        let reason = Reason::of(chooser, line, counts, matched, named.as_mut());
        let mut taken = Vec::new();
        let mut elsewhere = None;
        if counts {
            chooser.picker.pick(line, named.as_ref(), |choice| {
                taken.push(choice.offset + choice.found.range.start);
                if choice.found.range.is_empty() {
                    elsewhere = Some(choice.found.address);
                }
            });
        }
        let mut all = Vec::new();
        finder::find_all(line, |found| {
            let is_taken = taken.contains(&found.range.start);
            all.push((found, is_taken));
        });
        Explained {
            reason,
            all,
            elsewhere,
            count,
        }
    }

    /// The places of the addresses that are taken.
    fn taken(&self) -> Vec<Range<usize>> {
        let taken = self.all.iter().filter(|(_, is_taken)| *is_taken);
        taken.map(|(found, _)| found.range.clone()).collect()
    }

    /// Explains it; answers whether an address was taken.
    fn say(&self, chooser: &Chooser, line: &Line, out: &mut Vec<u8>) -> bool {
        let line = line.text;
        self.reason.say(out, line);
        let picker = &chooser.picker;
        for (Found { address, range, .. }, is_taken) in &self.all {
            let column = range.start + 1;
            if *is_taken {
                let why = self.reason.taken(picker);
                let what = format_args!("takes {address}, at column {column}: {why}");
                say(out, 1, what);
            } else {
                let why = if picker.keep.keeps(address) {
                    self.reason.left(picker)
                } else {
                    "-4, -6, --global, --not or --only".into()
                };
                let what = format_args!("leaves {address}, at column {column}: {why}");
                say(out, 1, what);
            }
        }
        if let Some(address) = self.elsewhere {
            let what = format!("takes {address}, which an earlier line of the session told");
            say(out, 1, what);
        } else if self.all.is_empty() {
            say(out, 1, "has no address");
        }
        if self.count > 1 {
            say(out, 1, format_args!("counts as {} events", self.count));
        }
        self.elsewhere.is_some() || self.all.iter().any(|(_, is_taken)| *is_taken)
    }
}
