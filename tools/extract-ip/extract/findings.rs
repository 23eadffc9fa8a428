//! Lines of which it is not known yet whether they count, with the text that they have then.

use std::net::{IpAddr, Ipv4Addr};

use pipeban::address::Address;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_log::line::Line;
use pipeban_log::presets::{Again, Presets, Sighting};

use crate::address_filter::Keep;
use crate::fields::Fields;
use crate::lines::BlockLine;
use crate::matcher::Verdict;
use crate::object::Object;
use crate::whole_lines::WholeLines;

/// Lines that wait, at most: half as many as a part of a file has at 30 bytes a line.
const MOST: usize = 1 << 16;

/// Lines that wait, in their order. Their text stands in the output, among that of other lines.
#[derive(Default)]
pub(crate) struct Findings {
    pub(super) lines: Vec<Waiting>,
    /// The matches of all lines, in order.
    pub(super) sightings: Vec<Sighting>,
    /// The text of each line: for `again`, if it has that, and for each of its matches.
    pub(super) texts: Vec<Text>,
}

/// A line that waits.
pub(super) struct Waiting {
    pub(super) again: Option<Again>,
    /// The number of its matches.
    pub(super) sightings: usize,
    /// Where its text begins.
    pub(super) start: u32,
    /// Whether it counts if it is an attempt.
    pub(super) counts: bool,
    pub(super) has_time: bool,
}

/// A text of a line, which stands behind the one before.
pub(super) struct Text {
    pub(super) end: u32,
    pub(super) form: Form,
}

/// The form of a text.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// It is printed as it stands, if the attempt's address is one to be printed.
    Whole,
    /// The same, and the address is known and is one.
    Kept,
    /// The address is known, and is none to be printed.
    Left,
    /// The fields of a record; its rule comes in here.
    Fields(u32),
}

/// A line, and all that its records have of it.
pub(super) struct Found<'a> {
    pub(super) line: &'a Line<'a>,
    pub(super) given: &'a BlockLine<'a>,
    pub(super) file: Option<&'a str>,
    pub(super) object: &'a Object,
    pub(super) presets: &'a Presets,
    pub(super) keep: &'a Keep,
    pub(super) fields: &'a Fields,
    /// Whether the line counts if it is an attempt.
    pub(super) counts: bool,
    pub(super) whole: Option<&'a WholeLines>,
    pub(super) has_time: bool,
    pub(super) has_line: bool,
}

/// The attempt that a line is, if it is one.
struct Own<'a> {
    address: Address,
    rule: &'a str,
    success: bool,
}

impl Findings {
    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.lines.clear();
        self.sightings.clear();
        self.texts.clear();
    }

    /// Adds a line that waits. The error is that there are too many.
    pub(super) fn add(
        &mut self,
        found: &Found,
        record: &mut Record,
        at: &mut Vec<u8>,
        output: &mut Output,
    ) -> Result<(), Fault> {
        let Some(pending) = found.presets.pending() else {
            return Ok(());
        };
        if self.lines.len() >= MOST {
            return Err(Fault::ReaderGone);
        }
        self.lines.push(Waiting {
            again: pending.again,
            sightings: pending.sightings.len(),
            start: output.buffer().len() as u32,
            counts: found.counts,
            has_time: found.line.time.is_some(),
        });
        at.clear();
        if let Some(time) = found.line.time.filter(|_| found.has_time) {
            time.write(at);
        }
        if pending.again.is_some() {
            self.add_text(found, None, &[], record, at, output)?;
        }
        for (sighting, fields) in pending.sightings.iter().zip(pending.fields) {
            let address = sighting.address();
            let itself = address.filter(|_| found.presets.is_by_itself(sighting));
            let itself = itself.map(|address| Own {
                address,
                rule: found.presets.rule(sighting),
                success: found.presets.is_success(sighting),
            });
            self.add_text(found, itself, fields, record, at, output)?;
        }
        self.sightings.extend_from_slice(pending.sightings);
        Ok(())
    }

    /// Adds a text of a line: for this attempt, if that is known.
    fn add_text(
        &mut self,
        found: &Found,
        known: Option<Own>,
        fields: &[(usize, Vec<u8>)],
        record: &mut Record,
        at: &[u8],
        output: &mut Output,
    ) -> Result<(), Fault> {
        let is_kept = known.as_ref().map(|own| found.keep.keeps(&own.address));
        let mut form = match is_kept {
            Some(true) => Form::Kept,
            Some(false) => Form::Left,
            None => Form::Whole,
        };
        if found.counts && is_kept != Some(false) {
            match (found.whole, known) {
                (Some(whole), _) if whole.prints() => output.line(found.given.whole)?,
                (Some(_), _) => {}
                (None, Some(own)) => {
                    record.begin(own.address);
                    push_time(record, at);
                    push_rule(record, own.rule, own.success);
                    found.push_rest(record, fields);
                    output.record(record)?;
                }
                (None, None) => {
                    record.begin(Address::from(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
                    push_time(record, at);
                    let length = record.fields_text().len();
                    form = Form::Fields(length as u32);
                    found.push_rest(record, fields);
                    output.buffer().extend_from_slice(record.fields_text());
                    output.flush_if_full()?;
                }
            }
        }
        let end = output.buffer().len() as u32;
        self.texts.push(Text { end, form });
        Ok(())
    }
}

/// Adds the rule of an attempt to a record.
pub(super) fn push_rule(record: &mut Record, rule: &str, success: bool) {
    record.push("rule", rule.as_bytes());
    if success {
        record.push("success", b"yes");
    }
}

fn push_time(record: &mut Record, at: &[u8]) {
    if !at.is_empty() {
        record.push("at", at);
    }
}

impl Found<'_> {
    /// Adds the fields behind the rule to a record.
    fn push_rest(&self, record: &mut Record, fields: &[(usize, Vec<u8>)]) {
        if !self.fields.is_empty() {
            let verdict = Verdict {
                found: None,
                rule: None,
                success: false,
                count: 1,
                fields: fields.to_vec(),
                stamp: None,
                format: None,
            };
            self.fields.of(
                self.line,
                self.file,
                Some(&verdict),
                self.object,
                |key, value| record.push(key, value),
            );
        }
        if self.has_line {
            record.push("line", self.given.text);
        }
    }
}
