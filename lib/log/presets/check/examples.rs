//! The examples of a preset, as they stand and with hostile text in them.

use std::time::Instant;

use pipeban::time::Zone;
use regex_syntax::hir::{Class, ClassBytesRange, Hir, HirKind};

use super::super::Presets;
use super::super::faults::MARKS;
use super::super::read::{self, Example, Preset};
use super::hostile::{self, plain};
use crate::line::LineReader;
use crate::sieve;

/// A line's number, and what is wrong there.
pub(in crate::presets) type Wrong = (usize, String);

/// Notes the rules without examples, and those whose examples do not say which text is foreign.
pub(in crate::presets) fn missing(preset: &Preset, faults: &mut Vec<Wrong>) {
    for rule in &preset.rules {
        let is_its = |e: &&Example| e.expected.is_some_and(|(name, _)| name == rule.name);
        let all = preset.examples.iter();
        let its: Vec<&Example> = all.filter(is_its).collect();
        let mut fault = |what: &str| faults.push((rule.line, what.into()));
        if !rule.name.is_empty() && its.is_empty() {
            fault("no example: write \"+ ADDRESS LINE\" below, with a line of a real log");
        }
        let parsed = read::expand(&rule.pattern).and_then(|p| sieve::parsed(&p));
        let Ok(hir) = parsed else { continue };
        if sieve::required(&hir).is_empty() {
            fault("slow: each line is searched for it; write a text that all of its lines have");
        }
        let is_marked = |line: &str| MARKS.iter().any(|(open, _)| line.contains(*open));
        let marked = |e: &&Example| is_marked(e.line) || e.before.iter().any(|l| is_marked(l));
        if !its.is_empty() && has_free_text(&hir) && !its.iter().any(marked) {
            fault(
                "it has free text, but no example says where: put « and » around it, or say \
                 which bytes it has",
            );
        }
    }
    if preset.examples.iter().all(|e| e.expected.is_some()) {
        let what = "no example of a line that is no event: write \"- LINE\"";
        faults.push((1, what.into()));
    }
}

/// Whether a pattern has a repetition of nearly all bytes: a text that somebody chooses.
fn has_free_text(hir: &Hir) -> bool {
    let HirKind::Repetition(repeat) = hir.kind() else {
        return hir.kind().subs().iter().any(has_free_text);
    };
    match repeat.sub.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            let ranges = class.ranges();
            let has = |byte: u8| {
                let holds = |r: &ClassBytesRange| (r.start()..=r.end()).contains(&byte);
                ranges.iter().any(holds)
            };
            b"x=;".iter().copied().all(has)
        }
        _ => has_free_text(&repeat.sub),
    }
}

/// An example that is not what it says.
pub(super) fn wrong(presets: &mut Presets, example: &Example) -> Option<Wrong> {
    let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
    let found = verdict_after(presets, &before, &plain(example.line));
    let found = found.as_ref().map(|(rule, address)| {
        let rule = rule.rsplit_once('/').map_or(&rule[..], |(_, rule)| rule);
        (rule, &address[..])
    });
    if found == example.expected {
        return None;
    }
    let say = |event: Option<(&str, &str)>| match event {
        Some((rule, address)) => format!("{rule} of {address}"),
        None => "no event".into(),
    };
    let (found, expected) = (say(found), say(example.expected));
    let what = format!("the example is {found}, and not {expected}");
    Some((example.number, what))
}

/// Puts hostile text into an example, until `end`. Answers the number of lines that were tried, and
/// the first that names somebody else.
pub(super) fn hostile(
    presets: &mut Presets,
    example: &Example,
    end: Instant,
) -> (usize, Option<Wrong>) {
    let Some((_, address)) = example.expected else {
        return (0, None);
    };
    let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
    let lines = hostile::hostile(example.line, address);
    let mut tries: Vec<_> = lines.into_iter().map(|l| (before.clone(), l)).collect();
    for (number, line) in example.before.iter().enumerate() {
        for line in hostile::hostile(line, address) {
            let mut before = before.clone();
            before[number] = line;
            tries.push((before, plain(example.line)));
        }
    }
    for (number, (before, line)) in tries.iter().enumerate() {
        if Instant::now() > end {
            return (number, None);
        }
        let found = verdict_after(presets, before, line);
        if let Some((_, found)) = found.filter(|(_, found)| found != address) {
            let line = String::from_utf8_lossy(line);
            let what = format!("hostile text names {found} in place of {address}: {line}");
            return (number + 1, Some((example.number, what)));
        }
    }
    (tries.len(), None)
}

/// The rule and the address of a line behind others.
pub(crate) fn verdict_after(
    presets: &mut Presets,
    before: &[Vec<u8>],
    line: &[u8],
) -> Option<(String, String)> {
    presets.begin_file();
    let mut reader = LineReader::new(Zone::UTC, None);
    for line in before {
        presets.check(&reader.read(line), true);
    }
    let hit = presets.check(&reader.read(line), true)?;
    Some((hit.rule.to_string(), hit.address.to_string()))
}
