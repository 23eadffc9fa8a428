//! The place of a line's time stamp: it is cut out before a filter's patterns see the line.
//!
//! The tokens and marks of `datepattern` are those of jail.conf(5). The stamp is not read, only
//! found, so 31 February is a stamp, too.

mod anchored;
mod form;
#[cfg(test)]
mod tests;
mod tokens;

use std::ops::Range;

use self::form::{AT_BEGINNING, Form, Match, Place, form, format_of, forms_of, replace_name};
use crate::stamp::StampFormat;

/// No form, and the place where a stamp is expected, before the first line.
const UNKNOWN: (usize, usize) = (usize::MAX, 1);

/// The forms of a filter's time stamps.
#[derive(Debug)]
pub(super) struct Dates {
    forms: Vec<Form>,
    /// The form of the line before, which is tried first.
    last: usize,
    last_start: usize,
}

impl Dates {
    /// Takes the lines of `datepattern`; without any, all usual forms, those at the line's
    /// beginning first.
    pub(super) fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<Dates, String> {
        let mut forms = Vec::new();
        for pattern in patterns.map(str::trim).filter(|p| !p.is_empty()) {
            // Names in capitals are read in any case where the line has no token.
            let key = if pattern.contains('%') {
                pattern.to_string()
            } else {
                pattern.to_uppercase()
            };
            match key.as_str() {
                AT_BEGINNING => forms.extend(at_beginning()?),
                "{DEFAULT}" => forms.extend(usual()?),
                "{NONE}" => forms.push(form("{UNB}^")?),
                _ if key.contains("{DATE}") => {
                    for usual in shapes().iter().filter(|s| !is_name(s)) {
                        let usual = usual.strip_prefix(AT_BEGINNING).unwrap_or(usual);
                        forms.extend(forms_of(&replace_name(pattern, "{DATE}", usual))?);
                    }
                }
                _ => {
                    let mut own = forms_of(pattern)?;
                    if let [form] = own.as_mut_slice() {
                        form.format = format_of(pattern);
                    }
                    forms.extend(own);
                }
            }
        }
        if forms.is_empty() {
            forms = usual()?;
        }
        let (last, last_start) = UNKNOWN;
        Ok(Dates {
            forms,
            last,
            last_start,
        })
    }

    /// Forgets what lines have taught so far.
    pub(super) fn forget(&mut self) {
        (self.last, self.last_start) = UNKNOWN;
        self.forms
            .iter_mut()
            .for_each(|form| form.start = usize::MAX);
    }

    /// The form that is tried first, and where stamps began, as earlier lines have taught.
    pub(super) fn known(&self) -> Vec<usize> {
        let starts = self.forms.iter().map(|form| form.start);
        [self.last, self.last_start]
            .into_iter()
            .chain(starts)
            .collect()
    }

    /// Takes over what these forms have learnt elsewhere.
    pub(super) fn learn(&mut self, known: &[usize]) {
        let [last, last_start, starts @ ..] = known else {
            return;
        };
        (self.last, self.last_start) = (*last, *last_start);
        for (form, start) in self.forms.iter_mut().zip(starts) {
            form.start = *start;
        }
    }

    /// The forms' patterns, in the order in which they are first tried.
    pub(super) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.forms.iter().map(|f| f.pattern.as_str())
    }

    /// The form of the stamp that was found last, where the filter's author wrote it down.
    pub(super) fn format(&self) -> Option<&StampFormat> {
        self.forms.get(self.last)?.format.as_ref()
    }

    /// The bytes of `line` that are its time stamp.
    pub(super) fn find(&mut self, line: &[u8]) -> Result<Option<Range<usize>>, String> {
        let mut best: Option<(usize, Match)> = None;
        let tried = self.last;
        if let Some(form) = self.forms.get_mut(tried)
            && let Some(found) = form.find(line)?
        {
            if form.place != Place::Anywhere || found.start == self.last_start {
                return Ok(Some(found.stamp));
            }
            best = Some((tried, found));
        }
        for (number, form) in self.forms.iter_mut().enumerate() {
            if number == tried {
                continue;
            }
            let Some(found) = form.find(line)? else {
                continue;
            };
            let doubted = form.place == Place::Anywhere
                && (found.start > form.start || found.start > self.last_start);
            if !doubted || best.as_ref().is_none_or(|(_, b)| found.start < b.start) {
                best = Some((number, found));
            }
            if !doubted {
                break;
            }
        }
        Ok(best.map(|(number, found)| {
            self.last = number;
            self.last_start = found.start;
            self.forms[number].start = found.start;
            found.stamp
        }))
    }
}

/// The forms in which logs write the time, in `datepattern`'s own tokens.
fn shapes() -> Vec<String> {
    let mut shapes = Vec::new();
    let fraction = r"(?:\.%f)?";
    let clock = format!("%k:%M:%S{fraction}");
    let weekday = "(?:%a )?";
    for s in ["-", "/", r"\."] {
        shapes.push(format!(
            r"%ExY{s}%m{s}%d(?:T| {{1,2}})%H:%M:%S(?:[.,]%f)?(?:\s*%z)?"
        ));
    }
    shapes.push(format!("{weekday}%b %d {clock}(?: %ExY)?"));
    shapes.push(format!("{weekday}%b %d %ExY {clock}"));
    for s in ["-", "/"] {
        shapes.push(format!("%d{s}%m{s}(?:%ExY|%Exy) %k:%M:%S"));
    }
    for s in ["-", "/"] {
        shapes.push(format!("%d{s}%b{s}%ExY[ :]?%H:%M:%S{fraction}(?: %z)?"));
    }
    shapes.push("%m/%d/%ExY:%H:%M:%S".into());
    shapes.push(format!("%m-%d-%ExY {clock}"));
    shapes.push("EPOCH".into());
    shapes.push(format!("{AT_BEGINNING}%H:%M:%S"));
    shapes.push("^<%m/%d/%Exy@%H:%M:%S>".into());
    shapes.push("%Exy%Exm%Exd {1,2}%H:%M:%S".into());
    shapes.push("%b %d, %ExY %I:%M:%S %p".into());
    shapes.push("^%b-%d-%Exy %k:%M:%S".into());
    shapes.push(r"%ExY%Exm%Exd(?:T| {1,2})%ExH%ExM%ExS(?:[.,]%f)?(?:\s*%z)?".into());
    for zone in ["%Z", "%z"] {
        shapes.push(format!("(?:{zone} )?{weekday}%b %d {clock}(?: %ExY)?"));
    }
    shapes.push("TAI64N".into());
    shapes
}

fn is_name(shape: &str) -> bool {
    ["EPOCH", "TAI64N"].contains(&shape)
}

fn at_beginning() -> Result<Vec<Form>, String> {
    let (bound, free): (Vec<_>, Vec<_>) = shapes()
        .into_iter()
        .partition(|s| s.starts_with(['^', '{']));
    let free = free.into_iter().map(|s| format!("{AT_BEGINNING}{s}"));
    free.chain(bound).map(|s| form(&s)).collect()
}

fn usual() -> Result<Vec<Form>, String> {
    let free = shapes().into_iter().filter(|s| !s.starts_with(['^', '{']));
    let free: Result<Vec<_>, _> = free.map(|s| form(&s)).collect();
    Ok(at_beginning()?.into_iter().chain(free?).collect())
}
