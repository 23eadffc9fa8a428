//! The check of a preset: its examples, hostile text in them, and its speed.

pub(crate) mod examples;
pub(crate) mod hostile;
mod speed;

use std::time::{Duration, Instant};

use pipeban::complain::Fault;

use super::Presets;
use super::choice::{Choice, choose};
use super::faults::faults;
use super::files::{FILES, names};
use super::read::{self, Kind, Preset};

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

/// The full names of a preset's rules about successes.
pub(super) fn successes(name: &str, preset: &Preset) -> Vec<String> {
    let rules = names(preset, |kind| kind == Kind::Success);
    rules.iter().map(|rule| format!("{name}/{rule}")).collect()
}

/// Checks a preset by its name, or a file of the user's own. The error says why it can't be read.
pub fn check(name: &str) -> Result<Report, Fault> {
    let (name, text) = match choose(name)? {
        Choice::Service(number, _) => FILES[number],
        Choice::File((_, text), None) => (name, text),
        Choice::File((_, text), Some(rule)) => {
            let file = name.strip_suffix(rule).unwrap_or(name);
            (file.trim_end_matches('/'), text)
        }
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
    let mut failures = Presets::new([name])?;
    let all = successes(name, &preset);
    // Alone: the rules about failures may be used in another run.
    let mut successes = match all.is_empty() {
        true => None,
        false => Some(Presets::new(all.iter().map(String::as_str))?),
    };
    examples::missing(&preset, &mut report.faults);
    let lures = hostile::lures(&preset);
    for example in &preset.examples {
        let of_kind = match (example.of_success, &mut successes) {
            (true, Some(successes)) => successes,
            _ => &mut failures,
        };
        report.faults.extend(examples::wrong(of_kind, example));
        for presets in [&mut failures].into_iter().chain(&mut successes) {
            let (tried, wrong) = examples::hostile(presets, example, &lures, end);
            report.hostile += tried;
            report.faults.extend(wrong);
        }
        if Instant::now() > end {
            let what = "not all was tried: the patterns are too slow".into();
            report.faults.push((example.number, what));
            return Ok(report);
        }
    }
    let mut all = Presets::new(all.iter().map(String::as_str).chain([name]))?;
    let (speed, slow) = speed::measure(&mut all, &preset, end);
    report.speed = speed;
    report.faults.extend(slow);
    report.faults.sort_by_key(|(line, _)| *line);
    Ok(report)
}
