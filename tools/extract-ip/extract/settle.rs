//! Lines that waited, judged when all before them are.

use pipeban::complain::Fault;
use pipeban::output::Output;

use super::Extractor;
use super::findings::{Findings, Form};

impl Extractor {
    /// Judges lines that waited, and prints their text and that between them. Answers up to where
    /// that is done: what follows is printed as it stands.
    pub(crate) fn settle(
        &mut self,
        text: &[u8],
        findings: &Findings,
        output: &mut Output,
    ) -> Result<usize, Fault> {
        let keep = self.chooser.picker.keep.clone();
        let (mut printed, mut sightings, mut texts) = (0, 0, 0);
        for line in &findings.lines {
            let mine = &findings.sightings[sightings..][..line.sightings];
            let first = usize::from(line.again.is_some());
            let forms = &findings.texts[texts..][..first + line.sightings];
            sightings += mine.len();
            texts += forms.len();
            let start = line.start as usize;
            let end = forms.last().map_or(start, |text| text.end as usize);
            let presets = self.chooser.judge.presets_mut();
            let settled = presets.and_then(|presets| presets.settle(line.again, mine));
            let settled = settled.map(|(number, hit)| (number.map_or(0, |n| first + n), hit));
            let mut settled = settled.filter(|(number, hit)| {
                line.counts
                    && match forms[*number].form {
                        Form::Kept => true,
                        Form::Left => false,
                        Form::Whole | Form::Fields(_) => keep.keeps(&hit.address),
                    }
            });
            if settled.is_some() && !line.has_time {
                let window = self.window.as_mut();
                if window.is_some_and(|window| window.leaves_out_timeless(None)) {
                    settled = None;
                } else if let Some(times) = &mut self.times {
                    times.of(None);
                }
            }
            self.done |= settled.is_some();
            if let (Some(whole), Some(_)) = (&mut self.whole, &settled) {
                whole.count();
            }
            let count = match (&settled, &self.whole) {
                (Some((_, hit)), None) => hit.count,
                (Some(_), Some(_)) => 1,
                (None, _) => 0,
            };
            let is_one = count == 1 && forms.len() == 1;
            if is_one && !matches!(forms[0].form, Form::Fields(_)) {
                continue;
            }
            output.buffer().extend_from_slice(&text[printed..start]);
            output.flush_if_full()?;
            printed = end;
            let Some((number, hit)) = settled else {
                continue;
            };
            let before = number.checked_sub(1).map(|n| forms[n].end as usize);
            let text = &text[before.unwrap_or(start)..forms[number].end as usize];
            if let Form::Fields(rule) = forms[number].form {
                let (head, rest) = text.split_at(rule as usize);
                self.record.begin(hit.address);
                self.record.push_text(head);
                self.record.push("rule", hit.rule.as_bytes());
                self.record.push_text(rest);
            }
            for _ in 0..count {
                match forms[number].form {
                    Form::Fields(_) => output.record(&self.record)?,
                    _ => output.buffer().extend_from_slice(text),
                }
                output.flush_if_full()?;
            }
        }
        Ok(printed)
    }
}
