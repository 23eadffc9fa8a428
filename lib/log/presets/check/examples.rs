//! The examples of a preset, as they stand and with hostile text in them.

use std::time::Instant;

use pipeban::time::Zone;
use regex_syntax::hir::{Class, ClassBytesRange, Hir, HirKind};

use super::super::Presets;
use super::super::faults::MARKS;
use super::super::read::{self, Example, Preset};
use super::hostile::{self, VICTIM, plain};
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

/// An example that is not what it says. `presets` has the rules about failures, or about successes
/// where the example is of one.
pub(super) fn wrong(presets: &mut Presets, example: &Example) -> Option<Wrong> {
    let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
    let found = verdict_after(presets, &before, &plain(example.line));
    let found = found.as_ref().map(|told| {
        let rule = told.rule.rsplit_once('/');
        let rule = rule.map_or(&told.rule[..], |(_, rule)| rule);
        (rule, &told.address[..])
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

/// The example with hostile text in its marks: the lines before it, and its line.
pub(in crate::presets) fn tries(
    example: &Example,
    lures: &[Vec<u8>],
) -> Vec<(Vec<Vec<u8>>, Vec<u8>)> {
    // A line that is no event has no client.
    let address = example.expected.map_or(VICTIM, |(_, address)| address);
    let before: Vec<_> = example.before.iter().map(|line| plain(line)).collect();
    let lines = hostile::hostile(example.line, address, lures);
    let mut tries: Vec<_> = lines.into_iter().map(|l| (before.clone(), l)).collect();
    for (number, line) in example.before.iter().enumerate() {
        for line in hostile::hostile(line, address, lures) {
            let mut before = before.clone();
            before[number] = line;
            tries.push((before, plain(example.line)));
        }
    }
    tries
}

/// The thing that hostile text in an example has done, if it may not do that: to name somebody
/// else, or to be a success where there was none.
pub(in crate::presets) fn forged(example: &Example, told: &Told) -> Option<String> {
    let Told { rule, address, .. } = told;
    let is_success = example.of_success && example.expected.is_some();
    if told.success && !is_success {
        return Some(format!("hostile text is a success, {rule} of {address}"));
    }
    let (_, own) = example.expected?;
    (address != own).then(|| format!("hostile text names {address} in place of {own}"))
}

/// Puts hostile text into an example, until `end`. Answers the number of lines that were tried, and
/// the first that is forged.
pub(super) fn hostile(
    presets: &mut Presets,
    example: &Example,
    lures: &[Vec<u8>],
    end: Instant,
) -> (usize, Option<Wrong>) {
    let tries = tries(example, lures);
    for (number, (before, line)) in tries.iter().enumerate() {
        if Instant::now() > end {
            return (number, None);
        }
        let told = verdict_after(presets, before, line);
        if let Some(what) = told.and_then(|told| forged(example, &told)) {
            let what = format!("{what}: {}", String::from_utf8_lossy(line));
            return (number + 1, Some((example.number, what)));
        }
    }
    (tries.len(), None)
}

/// The thing that presets tell of a line.
#[derive(Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) rule: String,
    pub(crate) address: String,
    pub(crate) success: bool,
}

/// The verdict about a line behind others.
pub(crate) fn verdict_after(
    presets: &mut Presets,
    before: &[Vec<u8>],
    line: &[u8],
) -> Option<Told> {
    presets.begin_file();
    let mut reader = LineReader::new(Zone::UTC, None);
    for line in before {
        presets.check(&reader.read(line), true);
    }
    let hit = presets.check(&reader.read(line), true)?;
    Some(Told {
        rule: hit.rule.to_string(),
        address: hit.address.to_string(),
        success: hit.success,
    })
}
