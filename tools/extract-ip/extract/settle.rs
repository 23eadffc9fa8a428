//! Lines that waited, judged when all before them are.

use std::ops::Range;

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_log::presets::Hit;

use super::Extractor;
use super::findings::{Findings, Form, Text, Waiting, push_rule};
use crate::address_filter::Keep;
use crate::time_window::Window;
use crate::times::Times;
use crate::whole_lines::WholeLines;

impl Extractor {
    /// Judges lines that waited, and prints their text and that between them. Answers up to where
    /// that is done: all behind it is printed as it stands.
    pub(crate) fn settle(
        &mut self,
        text: &[u8],
        findings: &Findings,
        output: &mut Output,
    ) -> Result<usize, Fault> {
        let Some(presets) = self.chooser.judge.presets_mut() else {
            return Ok(0);
        };
        let keep = &self.chooser.picker.keep;
        let (mut printed, mut sightings, mut texts) = (0, 0, 0);
        for line in &findings.lines {
            let mine = &findings.sightings[sightings..][..line.sightings];
            let first = usize::from(line.again.is_some());
            let forms = &findings.texts[texts..][..first + line.sightings];
            sightings += mine.len();
            texts += forms.len();
            let hit = presets.settle(line.again, mine);
            let hit = hit.map(|(number, hit)| (number.map_or(0, |number| first + number), hit));
            let hit = hit.filter(|(number, hit)| {
                line.counts
                    && is_kept(forms[*number].form, hit, keep)
                    && (line.has_time || !is_left_out(&mut self.window, &mut self.times))
            });
            self.done |= hit.is_some();
            let count = match &hit {
                Some((_, hit)) => count_of(hit, &mut self.whole),
                None => 0,
            };
            // Most lines: their text is printed as it stands.
            if let ([Text { form, .. }], 1) = (forms, count)
                && !matches!(form, Form::Fields(_))
            {
                continue;
            }
            output
                .buffer()
                .extend_from_slice(&text[printed..line.start as usize]);
            output.flush_if_full()?;
            printed = forms.last().map_or(line.start, |text| text.end) as usize;
            if let Some((number, hit)) = hit {
                let text = &text[range(line, forms, number)];
                print(
                    text,
                    forms[number].form,
                    &hit,
                    count,
                    &mut self.record,
                    output,
                )?;
            }
        }
        Ok(printed)
    }
}

/// Whether the address of an attempt is one to be printed.
fn is_kept(form: Form, hit: &Hit, keep: &Keep) -> bool {
    match form {
        Form::Kept => true,
        Form::Left => false,
        Form::Whole | Form::Fields(_) => keep.keeps(&hit.address),
    }
}

/// Notes an attempt without a time; answers whether it is left out for that.
fn is_left_out(window: &mut Option<Window>, times: &mut Option<Times>) -> bool {
    let is_out = window
        .as_mut()
        .is_some_and(|window| window.leaves_out_timeless(None));
    if let Some(times) = times.as_mut().filter(|_| !is_out) {
        times.of(None);
    }
    is_out
}

/// The number of times that an attempt is printed; a whole line is once, and is counted.
fn count_of(hit: &Hit, whole: &mut Option<WholeLines>) -> u32 {
    match whole {
        Some(whole) => {
            whole.count();
            1
        }
        None => hit.count,
    }
}

/// The text of this number among those of a line.
fn range(line: &Waiting, forms: &[Text], number: usize) -> Range<usize> {
    let before = number.checked_sub(1).map(|before| forms[before].end);
    before.unwrap_or(line.start) as usize..forms[number].end as usize
}

/// Prints the text of an attempt so many times.
fn print(
    text: &[u8],
    form: Form,
    hit: &Hit,
    count: u32,
    record: &mut Record,
    output: &mut Output,
) -> Result<(), Fault> {
    let Form::Fields(rule) = form else {
        for _ in 0..count {
            output.buffer().extend_from_slice(text);
            output.flush_if_full()?;
        }
        return Ok(());
    };
    let (head, rest) = text.split_at(rule as usize);
    record.begin(hit.address);
    record.push_text(head);
    push_rule(record, hit.rule, hit.success);
    record.push_text(rest);
    (0..count).try_for_each(|_| output.record(record))
}
