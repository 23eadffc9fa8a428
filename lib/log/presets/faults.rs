//! The faults of a preset's file: what is wrong on which line, and what to do.

use pipeban::address::Address;
use regex::bytes::RegexBuilder;
use regex_syntax::ParserBuilder;

use super::read::{self, Kind, Preset, RuleText};

/// Memory of a compiled pattern, in bytes. Larger ones take long on each line.
const MAX_SIZE: usize = 1 << 20;
/// Rules in a file, at most.
const MAX_RULES: usize = 1000;
/// The characters that are shown on either side of a fault in a pattern.
const SHOWN: usize = 20;

/// The faults by which a file can't be used, in the order of its lines.
pub(super) fn faults(preset: &Preset) -> Vec<(usize, String)> {
    let mut faults = preset.faults.clone();
    if preset.rules.is_empty() && faults.is_empty() {
        faults.push((
            1,
            "no rule: write \"rule NAME ^PATTERN\", with <IP> in it".into(),
        ));
    }
    if let Some(rule) = preset.rules.get(MAX_RULES) {
        faults.push((rule.line, format!("more than {MAX_RULES} rules")));
        return faults;
    }
    for rule in &preset.rules {
        if let Err(what) = check(rule, !preset.forged.is_empty()) {
            faults.push((rule.line, what));
        }
    }
    for rule in &preset.rules {
        let is_other = |r: &&RuleText| r.name == rule.name && r.kind != rule.kind;
        if rule.kind == Kind::Success && preset.rules.iter().any(|r| is_other(&r)) {
            let what = "a success and a failure of one name: who forgives by it forgives failures";
            faults.push((rule.line, what.into()));
        }
    }
    for example in &preset.examples {
        if let Some((_, address)) = example.expected
            && Address::parse(address.as_bytes()).is_none()
        {
            let what = format!("not an address: \"{address}\" (+ ADDRESS LINE)");
            faults.push((example.number, what));
        }
        for line in [example.line].iter().chain(&example.before) {
            if let Some(mark) = unclosed(line) {
                let what = format!("the mark {mark} has no counterpart in the line");
                faults.push((example.number, what));
            }
        }
    }
    faults.sort_by_key(|(line, _)| *line);
    faults
}

/// The marks of texts that a remote party chooses: freely, with quotes escaped, as a host's name,
/// as the name of a user of HTTP's Basic authentication, which ends at a colon (RFC 7617, 2).
pub(super) const MARKS: [(char, char); 4] = [('«', '»'), ('‹', '›'), ('⟨', '⟩'), ('⟪', '⟫')];

/// A mark without its counterpart.
fn unclosed(line: &str) -> Option<char> {
    let mut open = None;
    for c in line.chars() {
        let mark = MARKS.iter().find(|(a, b)| *a == c || *b == c);
        match (mark, open) {
            (Some((a, _)), None) if *a == c => open = Some(c),
            (Some((a, b)), Some(before)) if *b == c && *a == before => open = None,
            (Some(_), _) => return Some(c),
            (None, _) => {}
        }
    }
    open
}

fn check(rule: &RuleText, is_marked: bool) -> Result<(), String> {
    if rule.pattern.is_empty() {
        let second = rule.object.as_ref().map_or("PATTERN", |_| "PATH");
        return Err(format!(
            "no pattern: write NAME and {second}, with a blank between them"
        ));
    }
    if rule.program.is_none() && !rule.own_log && !rule.goes_on {
        let what = "nobody is named who writes it: put \"program NAME\" or \"own-log\" before it";
        return Err(what.into());
    }
    if let Some(program) = &rule.program {
        compile(program).map_err(|e| format!("program: {e}"))?;
    }
    if let Some(object) = &rule.object {
        if rule.but.is_some() || rule.step > 0 {
            return Err("but and step are about patterns: use where and matches".into());
        }
        for (_, pattern) in &object.patterns {
            compile(pattern)?;
        }
        return object.compile().map(|_| ());
    }
    for (part, pattern) in [("", Some(&rule.pattern)), ("but: ", rule.but.as_ref())] {
        let Some(pattern) = pattern else { continue };
        let expanded = read::expand(pattern).map_err(|e| format!("{part}{e}"))?;
        if !expanded.starts_with('^') {
            let what = "the pattern must begin with ^, where the words of the line begin";
            return Err(format!("{part}{what}"));
        }
        compile(&expanded).map_err(|e| format!("{part}{e}"))?;
    }
    let has_address = rule.pattern.contains("<IP");
    match rule.kind {
        Kind::Rule | Kind::Closes | Kind::Names | Kind::Success if !has_address => {
            Err("no <IP> in the pattern: write it where the client's address stands".into())
        }
        Kind::Later | Kind::Stops if has_address => {
            Err("<IP> in a pattern whose address is on another line: use \"rule\"".into())
        }
        Kind::Success if rule.step > 0 => Err("a success is no step of an attempt".into()),
        Kind::Stops if !is_marked => {
            Err("\"stops\" without \"forged\": only a log that clients write needs it".into())
        }
        _ => Ok(()),
    }
}

/// Compiles a pattern; the error says where it is wrong.
fn compile(pattern: &str) -> Result<(), String> {
    let mut parser = ParserBuilder::new().utf8(false).unicode(false).build();
    let wrong = match parser.parse(pattern) {
        Ok(_) => None,
        Err(regex_syntax::Error::Parse(e)) => Some((e.kind().to_string(), *e.span())),
        Err(regex_syntax::Error::Translate(e)) => Some((e.kind().to_string(), *e.span())),
        Err(e) => return Err(e.to_string()),
    };
    if let Some((what, span)) = wrong {
        let (start, end) = (span.start.offset, span.end.offset.max(span.start.offset));
        let before = pattern.get(..start).unwrap_or_default();
        let skipped = before.chars().count().saturating_sub(SHOWN);
        let before: String = before.chars().skip(skipped).collect();
        let inside: String = pattern
            .get(start..end)
            .unwrap_or_default()
            .chars()
            .take(SHOWN)
            .collect();
        let after: String = pattern
            .get(end..)
            .unwrap_or_default()
            .chars()
            .take(SHOWN)
            .collect();
        return Err(format!("{what}, here: {before}>>{inside}<<{after}"));
    }
    let mut builder = RegexBuilder::new(pattern);
    let built = builder.unicode(false).size_limit(MAX_SIZE).build();
    let too_large = "the pattern is too large: give its repetitions smaller counts";
    built.map(|_| ()).map_err(|_| too_large.into())
}
