//! fail2ban's filter files (jail.conf(5)), read where the user has them and run as they are.

mod argument;
mod dates;
mod group;
mod ini;
mod multiline;
mod one_line;
mod pattern;
mod python;
mod rules;
mod session;
mod tags;
#[cfg(test)]
mod tests;
mod values;
mod verdict;

pub use self::argument::names;
pub use self::rules::{Filter, Known};
pub use self::verdict::Verdict;

use self::pattern::Trouble;
use pipeban::complain::Fault;

impl Filter {
    /// The same for a line whose time stamp is off already: one in its words stays there.
    pub fn check_without_stamp(&mut self, line: &[u8]) -> Result<Verdict, Fault> {
        self.stamp_is_off = true;
        let verdict = self.check(line);
        self.stamp_is_off = false;
        verdict
    }

    /// Judges a line, given without its newline; lines come in their order.
    pub fn check(&mut self, line: &[u8]) -> Result<Verdict, Fault> {
        // fail2ban skips comments; a log has none, but lists of test lines do.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(Verdict::Nothing);
        }
        let verdict = if self.joins_lines() {
            self.several_lines(line)
        } else {
            self.one_line(line)
        };
        match verdict {
            Ok(verdict) => Ok(verdict),
            Err((pattern, Trouble::TooManySteps)) => Ok(Verdict::TooManySteps { pattern }),
            Err((_, Trouble::Broken(what))) => Err(Fault::new(self.name(), what)),
        }
    }
}
