//! `--check` tries presets and says what is wrong; `--preset list` prints their names.

use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban_log::presets::check::check;

use crate::arguments::Arguments;
use crate::matcher;

/// Lists the presets, or checks those that are named; answers whether all are good.
pub(crate) fn run(arguments: &Arguments) -> Result<bool, Fault> {
    let mut output = Output::new(false);
    if !arguments.check {
        matcher::list_presets(output.buffer());
        output.flush()?;
        return Ok(true);
    }
    let mut good = true;
    let names = arguments.preset.iter().flat_map(|list| list.split(','));
    for name in names.map(str::trim).filter(|name| !name.is_empty()) {
        let report = check(name)?;
        for (line, what) in &report.faults {
            complain::error(format!("{name}:{line}"), what);
        }
        good &= report.faults.is_empty();
        let (rules, examples, hostile) = (report.rules, report.examples, report.hostile);
        let mut text =
            format!("{name}: {rules} rules, {examples} examples, {hostile} hostile lines");
        if report.speed > 0 {
            text += &format!(", {} MB/s on long lines", report.speed.div_ceil(1_000_000));
        }
        text += match report.faults.len() {
            0 => ": good\n".to_string(),
            1 => ": 1 fault\n".to_string(),
            n => format!(": {n} faults\n"),
        }
        .as_str();
        output.buffer().extend_from_slice(text.as_bytes());
    }
    output.flush()?;
    Ok(good)
}
