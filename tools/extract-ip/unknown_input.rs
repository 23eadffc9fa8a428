//! Tells when presets had nothing to judge: no line was of a program or a form that they know.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use pipeban::address::Address;
use pipeban::complain;
use pipeban_log::line::Line;

/// Behind this many lines silence is told, wherever the message goes.
const MANY: u64 = 1000;
/// A live input is given this time.
const PATIENCE: Duration = Duration::from_secs(60);
/// The bytes of a line that are shown.
const SHOWN: usize = 60;

/// The lines so far, none of which the presets know.
pub(crate) struct Silence {
    /// The programs of the presets, if they are a few.
    programs: Option<Vec<String>>,
    begun: Instant,
    live: bool,
    lines: u64,
    /// The beginning of the first line.
    first: String,
    /// The first program.
    program: Option<String>,
    told: bool,
}

impl Silence {
    pub(crate) fn new(programs: Option<Vec<String>>, live: bool) -> Self {
        Silence {
            programs,
            begun: Instant::now(),
            live,
            lines: 0,
            first: String::new(),
            program: None,
            told: false,
        }
    }

    /// Notes a line; in a live input, tells once that nothing came.
    pub(crate) fn note(&mut self, line: &Line) {
        let text = |bytes: &[u8]| {
            let shown = &bytes[..bytes.len().min(SHOWN)];
            String::from_utf8_lossy(shown).into_owned()
        };
        if self.lines == 0 {
            self.first = text(line.text);
        }
        self.lines += 1;
        if self.program.is_none() {
            self.program = line.program.map(text);
        }
        if self.live && self.lines.is_multiple_of(MANY) && self.begun.elapsed() >= PATIENCE {
            self.tell();
        }
    }

    /// Adds the lines of other files.
    pub(crate) fn join(mut self, other: Silence) -> Silence {
        if self.lines == 0 {
            self.first = other.first;
        }
        self.lines += other.lines;
        self.program = self.program.or(other.program);
        self.told |= other.told;
        self
    }

    /// Tells it, if there were lines.
    pub(crate) fn tell(&mut self) {
        let quiet = self.program.is_some() && self.lines < MANY && !stderr().is_terminal();
        if self.told || self.lines == 0 || quiet {
            return;
        }
        self.told = true;
        let lines = match self.lines {
            1 => "1 line read; it is".into(),
            n => format!("{} lines read; none is", with_commas(n)),
        };
        let what = match (&self.program, &self.programs) {
            (Some(program), Some(programs)) => {
                let programs = listed(programs);
                format!("{lines} of {programs}; the first program seen is {program}")
            }
            (Some(program), None) => {
                format!("{lines} of a program of the preset; the first seen is {program}")
            }
            (None, _) => {
                let first = &self.first;
                let hint = match is_record(first) {
                    true => " (records? count-ip and ban-ip read those)",
                    false => "",
                };
                format!(
                    "{lines} of a form that the preset knows; the first begins with \
                     \"{first}\"{hint}"
                )
            }
        };
        let what = match self.lines {
            1 => what.replace("it is of", "it is not of"),
            _ => what,
        };
        complain::note("--preset", what);
    }
}

/// Tells that failures were not believed, in a log into which clients of a service write lines.
pub(crate) fn tell_unbelieved(count: u64, service: &str) {
    let lines = match count {
        1 => "1 failure is".into(),
        n => format!("{} failures are", with_commas(n)),
    };
    let what = format!(
        "{lines} not believed: they stand in a log of {service}, into which clients can write \
         lines; read it apart, by --preset {service}, or with --prefix before each line"
    );
    complain::note("--preset", what);
}

/// Whether a line is an address alone, or with the fields of a record behind it.
fn is_record(line: &str) -> bool {
    let address = line.split('\t').next().unwrap_or_default();
    Address::parse(address.as_bytes()).is_some()
}

/// `a`, `a or b`, `a, b or c`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A number with a comma before each three digits.
fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1204, "1,204"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(with_commas(number), expected);
        }
        let names = ["a", "b", "c"].map(String::from);
        assert_eq!(listed(&names), "a, b or c");
        assert_eq!(listed(&names[..1]), "a");
    }
}
