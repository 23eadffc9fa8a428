//! The check of a preset: its examples, hostile text in them, and its speed.

pub(crate) mod examples;
pub(crate) mod hostile;
mod speed;

use std::time::{Duration, Instant};

use pipeban::complain::Fault;

use super::choice::{Choice, choose};
use super::faults::faults;
use super::files::FILES;
use super::{Presets, read};

/// A check takes at most this long.
const MAX_TIME: Duration = Duration::from_secs(20);

/// The result of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// The lines that are wrong, by number, and what is wrong there.
    pub faults: Vec<(usize, String)>,
    /// The number of rules.
    pub rules: usize,
    /// The number of examples.
    pub examples: usize,
    /// The number of lines with hostile text in them that were tried.
    pub hostile: usize,
    /// The bytes a second, over long hostile lines; 0 if none was tried.
    pub speed: u64,
}

/// Checks a preset by its name, or a file of the user's own. The error says why it can't be read.
pub fn check(name: &str) -> Result<Report, Fault> {
    let (name, text) = match choose(name)? {
        Choice::Service(number, _) => FILES[number],
        Choice::File((_, text)) => (name, text),
        Choice::All => return Err(Fault::new("--check", "of one preset after the other")),
    };
    let preset = read::read(text);
    let mut report = Report {
        faults: faults(&preset),
        rules: preset.rules.len(),
        examples: preset.examples.len(),
        ..Report::default()
    };
    if !report.faults.is_empty() {
        return Ok(report);
    }
    let end = Instant::now() + MAX_TIME;
    let mut presets = Presets::new([name])?;
    examples::missing(&preset, &mut report.faults);
    for example in &preset.examples {
        report.faults.extend(examples::wrong(&mut presets, example));
        let (tried, wrong) = examples::hostile(&mut presets, example, end);
        report.hostile += tried;
        report.faults.extend(wrong);
        if Instant::now() > end {
            let what = "not all was tried: the patterns are too slow".into();
            report.faults.push((example.number, what));
            return Ok(report);
        }
    }
    let (speed, slow) = speed::measure(&mut presets, &preset, end);
    report.speed = speed;
    report.faults.extend(slow);
    report.faults.sort_by_key(|(line, _)| *line);
    Ok(report)
}
