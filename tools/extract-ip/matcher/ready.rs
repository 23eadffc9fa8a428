//! Patterns that are ready: presets for services, and fail2ban's filters.

use std::io::{self, IsTerminal};

use pipeban::complain::{self, Fault};
use pipeban_log::filter::{self, Filter};
use pipeban_log::finder::Found;
use pipeban_log::line::{Line, Stamp};
use pipeban_log::presets::{self, Presets};

use super::verdict::Verdict;

/// Prints the names of the presets and their rules.
pub(crate) fn list_presets(out: &mut Vec<u8>) {
    for service in presets::list() {
        let mut rules = service.rules.join(" ");
        if !service.successes.is_empty() {
            rules += &format!("; successes: {}", service.successes.join(" "));
        }
        let line = format!("{:15} {} ({rules})\n", service.name, service.title);
        out.extend_from_slice(line.as_bytes());
        if let Some(forged) = service.forged {
            let line = format!("{:15} can be forged: {forged}\n", "");
            out.extend_from_slice(line.as_bytes());
        }
    }
}

/// The presets among these names, each of which may be a list with commas, that a remote party can
/// turn against others, and how.
pub(crate) fn marked_presets(names: &[String]) -> Vec<(&str, &'static str)> {
    let names = names.iter().flat_map(|list| list.split(','));
    let mut marked: Vec<_> = names
        .map(str::trim)
        .filter_map(|name| Some((name, presets::forged(name)?)))
        .collect();
    marked.sort_unstable();
    marked.dedup();
    marked
}

/// Tells a person that presets among these names are marked. Nobody else: swatch starts a process
/// for each line, and cron mails each word.
pub(crate) fn tell_marks(names: &[String]) {
    if io::stderr().is_terminal() {
        for (name, forged) in marked_presets(names) {
            complain::note(name, format_args!("can be forged: {forged}"));
        }
    }
}

/// The verdict of presets.
pub(super) fn judge_by_presets<'a>(
    presets: &'a mut Presets,
    line: &Line,
    follows: bool,
) -> Option<Verdict<'a>> {
    let hit = presets.check(line, follows)?;
    // The place of an address from another line is behind this one's end, where none can be.
    let end = line.text.len();
    let place = hit.place.unwrap_or(end..end);
    Some(Verdict {
        found: Some(Found::new(hit.address, place)),
        rule: Some(hit.rule),
        success: hit.success,
        count: hit.count,
        fields: hit.fields,
        stamp: None,
        format: None,
    })
}

/// The verdict of a filter. The filter sees the line without its time stamp, so the place of the
/// address is not known: it is the line's end.
pub(super) fn judge_by_filter<'a>(
    filter: &'a mut Filter,
    wanted: &[String],
    line: &Line,
) -> Option<Verdict<'a>> {
    // In the journal a line is host, program and words, without the head's stamp.
    let is_off = filter.is_journal() && line.stamp == Stamp::Beginning;
    let (line, checked) = match is_off {
        true => (line.rest(), filter.check_without_stamp(line.rest())),
        false => (line.text, filter.check(line.text)),
    };
    let verdict = match checked {
        Ok(verdict) => verdict,
        Err(Fault::Error { place, what }) => {
            complain::bad_line(place, what);
            return None;
        }
        Err(Fault::ReaderGone) => return None,
    };
    let (address, pattern) = match verdict {
        filter::Verdict::Nothing => return None,
        filter::Verdict::Address { address, pattern } => (address, pattern),
        filter::Verdict::Name { text, pattern } => {
            let text = String::from_utf8_lossy(&text);
            let what = format!("not an address: \"{text}\"");
            complain::bad_line(filter.rule(pattern), what);
            return None;
        }
        filter::Verdict::TooManySteps { pattern } => {
            let what = "a line is left out: to match it takes too many steps";
            complain::bad_line(filter.rule(pattern), what);
            return None;
        }
    };
    let place = line.len()..line.len();
    let field = |(i, name): (usize, &String)| Some((i, filter.group(name)?.to_vec()));
    let fields = wanted.iter().enumerate().filter_map(field);
    Some(Verdict {
        found: Some(Found::new(address, place)),
        rule: Some(filter.rule(pattern)),
        success: false,
        count: 1,
        fields: fields.collect(),
        stamp: filter.stamp().filter(|_| !is_off),
        format: filter.stamp_format(),
    })
}
