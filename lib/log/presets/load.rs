//! Loads the rules of services by name.

use pipeban::complain::Fault;

use super::choice::{Choice, choose};
use super::faults::faults;
use super::files::FILES;
use super::programs::Programs;
use super::read::{self, Kind};
use super::rule::{Rule, note_connections};
use crate::sieve;

/// The rules of services, and the programs that they are about; see [`choose`] for the names. The
/// error names an unknown name, or the line of a file.
pub(super) fn load<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(Vec<Rule>, Programs), Fault> {
    let mut files = FILES.to_vec();
    let (mut chosen, mut named) = (vec![false; files.len()], vec![false; files.len()]);
    // Single rules of services that are not chosen as a whole.
    let mut single: Vec<(usize, &str)> = Vec::new();
    for name in names {
        match choose(name)? {
            Choice::All => {
                for (chosen, (_, text)) in chosen.iter_mut().zip(FILES) {
                    *chosen |= read::read(text).forged.is_empty();
                }
            }
            Choice::Service(number, None) => (chosen[number], named[number]) = (true, true),
            Choice::Service(number, Some(rule)) => {
                named[number] = true;
                single.push((number, rule));
            }
            Choice::File(file, rule) => {
                // The same text is at the same place: each file is read once.
                let known = files
                    .iter()
                    .position(|(_, text)| std::ptr::eq(*text, file.1));
                let number = known.unwrap_or(files.len());
                if known.is_none() {
                    if let Some((line, what)) = faults(&read::read(file.1)).into_iter().next() {
                        let name = rule
                            .and_then(|rule| name.strip_suffix(rule))
                            .unwrap_or(name);
                        let name = name.trim_end_matches('/');
                        return Err(Fault::new(format!("{name}:{line}"), what));
                    }
                    files.push(file);
                    chosen.push(false);
                    named.push(true);
                }
                chosen[number] |= rule.is_none();
                single.extend(rule.map(|rule| (number, rule)));
            }
        }
    }
    if !chosen.contains(&true) && single.is_empty() {
        let what = "the name of a preset is missing (--preset list)";
        return Err(Fault::new("--preset", what));
    }
    let mut rules = Vec::new();
    let mut programs = Programs::default();
    for (service, (name, text)) in files.iter().enumerate() {
        let preset = read::read(text);
        let is_marked = !preset.forged.is_empty();
        for rule in preset.rules {
            // A user who names a marked preset believes its log.
            match rule.kind {
                Kind::Stops if named[service] => continue,
                Kind::Stops => {}
                _ if single.contains(&(service, rule.name)) => {}
                // A success is never one of many rules: it is asked for.
                Kind::Success => continue,
                _ if chosen[service] => {}
                kind if kind.is_failure() => continue,
                // The lines that only tell about connections may be needed.
                _ if !single.iter().any(|(number, _)| *number == service) => continue,
                _ => {}
            }
            let wrong = |e: String| Fault::new(name, format!("{}: {e}", rule.name));
            let pattern = read::expand(&rule.pattern).map_err(wrong)?;
            let but = rule.but.as_deref().map(read::expand).transpose();
            let parsed = sieve::parsed(&pattern).map_err(wrong)?;
            // An object's parts may come in any order.
            let (literals, beginnings) = match &rule.object {
                Some(object) => (object.literals(), None),
                None => (sieve::required(&parsed), sieve::beginnings(&parsed)),
            };
            rules.push(Rule {
                literals,
                beginnings,
                names_session: pattern.contains("(?P<session>"),
                name: format!("{name}/{}", rule.name),
                service,
                kind: rule.kind,
                step: rule.step,
                pattern,
                but: but.map_err(wrong)?,
                program: rule
                    .program
                    .map(|p| programs.add(&p, rule.kind != Kind::Stops)),
                own_log: rule.own_log,
                goes_on: rule.goes_on,
                named: named[service],
                believed: named[service] && is_marked,
                joins: false,
                compiled: None,
                object: rule.object,
                compiled_object: None,
            });
        }
    }
    note_connections(&mut rules);
    Ok((rules, programs))
}
