//! Judging from the middle of an input on: lines whose judgement depends on lines before wait until
//! these are known, and are then [settled](Presets::settle) by another one of the same presets.

use std::ops::Range;

use super::read::Kind;
use super::tries::{Sighting, Tries};
use super::waiting::{Again, Attempt, Waiting};
use super::{Hit, Presets};
use crate::line::Line;

/// The facts about the lines before by which the next ones are judged, but for their connections
/// and the last line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    stopped: Vec<Option<Box<[u8]>>>,
}

/// The facts about lines that others of the same presets have judged.
#[derive(Debug)]
pub struct Behind {
    known: Known,
    unbelieved: (u64, Option<usize>),
    attempt: Option<Attempt>,
    /// The texts that were asked for, of each sighting of the last line.
    fields: Vec<Vec<(usize, Vec<u8>)>>,
    host: Vec<u8>,
    file: Vec<u8>,
}

/// A line whose judgement depends on lines before.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'a> {
    /// Whether it stands for the one before.
    pub again: Option<Again>,
    /// Its matches, the first of which that is an event counts.
    pub sightings: &'a [Sighting],
    /// Of each of these the groups that were asked for: the number there, and the text.
    pub fields: &'a [Vec<(usize, Vec<u8>)>],
}

impl Presets {
    /// The facts that they know of the lines before the next.
    pub fn known(&self) -> Known {
        Known {
            stopped: self.stopped.clone(),
        }
    }

    /// Begins in the middle of an input, of which this is known.
    pub fn begin_amid(&mut self, known: &Known) {
        self.begin_file();
        self.stopped.clone_from(&known.stopped);
        self.last.attempt = Some(Attempt::Unknown);
        self.waiting = Some(Waiting::default());
    }

    /// Begins another input, whose beginning is known.
    pub fn begin_whole(&mut self) {
        self.waiting = None;
        self.begin_file();
    }

    /// Whether a judgement since [`begin_amid`](Self::begin_amid) depends on more than was known
    /// and than waits.
    pub fn depends(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.depends)
    }

    /// The line that was checked last, if it waits: the check has answered `None`.
    pub fn pending(&self) -> Option<Pending<'_>> {
        let waiting = self.waiting.as_ref()?;
        let (again, sightings) = (waiting.again, waiting.sightings.as_slice());
        (again.is_some() || !sightings.is_empty()).then_some(Pending {
            again,
            sightings,
            fields: &waiting.fields,
        })
    }

    /// Whether the attempt of a sighting, if it is one, is by the address and the rule of its own
    /// line.
    pub fn is_by_itself(&self, sighting: &Sighting) -> bool {
        self.rules[usize::from(sighting.rule)].counts()
    }

    /// The name of a sighting's rule.
    pub fn rule(&self, sighting: &Sighting) -> &str {
        &self.rules[usize::from(sighting.rule)].name
    }

    /// Whether a sighting is of a login that went well.
    pub fn is_success(&self, sighting: &Sighting) -> bool {
        self.rules[usize::from(sighting.rule)].kind == Kind::Success
    }

    /// Judges a line that waited, together with all before it, which are judged. With the attempt
    /// comes the number of its sighting, if it is by one.
    pub fn settle(
        &mut self,
        again: Option<Again>,
        sightings: &[Sighting],
    ) -> Option<(Option<usize>, Hit<'_>)> {
        let last = self.last.attempt.take();
        if let (Some(Again { count, is_same }), Some(Attempt::By(rule, address))) = (again, last) {
            if !is_same {
                return None;
            }
            self.last.attempt = last;
            return (count > 0).then(|| (None, self.hit(rule, address, count, Vec::new())));
        }
        let judge = |tries: &mut Tries, sighting: &Sighting| {
            let rule = &self.rules[usize::from(sighting.rule)];
            tries.judge(rule, sighting)
        };
        let tries = &mut self.tries;
        let (number, event) = match sightings {
            [one] if tries.ends_none(one) => return None,
            [one] => (0, judge(tries, one)?),
            all => {
                // All connections are looked for before the first line of one is judged.
                let ends_none = |sighting: &Sighting| tries.ends_none(sighting);
                let gone: Vec<_> = all.iter().map(ends_none).collect();
                let mut lasting = (0..all.len()).filter(|number| !gone[*number]);
                lasting.find_map(|number| Some((number, judge(tries, &all[number])?)))?
            }
        };
        if self.rules[event.rule].kind != Kind::Closes {
            self.last.attempt = Some(Attempt::By(event.rule, event.address));
            self.last.sighting = number;
        }
        let hit = || self.hit(event.rule, event.address, event.count, Vec::new());
        (event.count > 0).then(|| (Some(number), hit()))
    }

    /// The facts about the lines judged so far.
    pub fn behind(&mut self) -> Behind {
        let waiting = self.waiting.as_ref().map(|waiting| &waiting.fields);
        let fields = match (self.last.attempt, waiting) {
            (Some(Attempt::Waits), Some(fields)) => fields.clone(),
            _ => vec![self.last.fields.clone()],
        };
        Behind {
            fields,
            known: self.known(),
            unbelieved: std::mem::take(&mut self.unbelieved),
            attempt: self.last.attempt,
            host: self.last.host.clone(),
            file: self.last.file.clone(),
        }
    }

    /// Goes on behind lines that others have judged, when those that waited are settled.
    pub fn go_on_behind(&mut self, behind: Behind) {
        self.stopped = behind.known.stopped;
        self.unbelieved.0 += behind.unbelieved.0;
        self.unbelieved.1 = self.unbelieved.1.or(behind.unbelieved.1);
        match behind.attempt {
            Some(Attempt::Unknown) => return,
            Some(Attempt::Waits) => {}
            by => (self.last.attempt, self.last.sighting) = (by, 0),
        }
        let fields = behind.fields.into_iter().nth(self.last.sighting);
        self.last.fields = fields.unwrap_or_default();
        (self.last.host, self.last.file) = (behind.host, behind.file);
    }

    /// Lets a line with these matches wait, if its judgement depends on lines before.
    pub(super) fn waits(
        &mut self,
        again: Option<(Attempt, Again)>,
        range: &Option<Range<usize>>,
        line: &Line,
    ) -> bool {
        let Some(waiting) = &mut self.waiting else {
            return false;
        };
        waiting.clear();
        match again {
            // The texts that were asked for are those of the line before.
            Some((Attempt::Waits, again)) if self.wanted.is_empty() => waiting.again = Some(again),
            Some(_) => waiting.depends = true,
            None => {}
        }
        if let Some(range) = range {
            let text = &line.text[range.clone()];
            for (number, found) in &self.found {
                let rule = &self.rules[usize::from(*number)];
                let sighting = self.tries.sighting(*number, rule, found, text, line);
                waiting.sightings.push(sighting);
            }
        }
        let depends = waiting.again.is_some() || waiting.sightings.iter().any(Sighting::depends);
        if !depends {
            waiting.clear();
            return false;
        }
        let found = self.found.iter_mut();
        waiting
            .fields
            .extend(found.map(|(_, found)| std::mem::take(&mut found.fields)));
        self.last.note(Attempt::Waits, &Vec::new(), line);
        true
    }
}
