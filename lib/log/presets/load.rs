//! Loads the rules of services by name.

use pipeban::complain::Fault;

use super::faults::faults;
use super::files::FILES;
use super::own;
use super::programs::Programs;
use super::read::{self, Kind};
use super::rule::{Rule, note_connections};
use crate::sieve;

/// The rules of services, and the programs that they are about; `all` is every service that no
/// remote party can turn against others; a name with a slash is a file of the user's own. The error
/// names an unknown name, or the line of a file.
pub(super) fn load<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(Vec<Rule>, Programs), Fault> {
    let mut files = FILES.to_vec();
    let (mut chosen, mut named) = (vec![false; files.len()], vec![false; files.len()]);
    for name in names {
        if name == "all" {
            for (chosen, (_, text)) in chosen.iter_mut().zip(FILES) {
                *chosen |= read::read(text).forged.is_empty();
            }
            continue;
        }
        if own::is_file(name) {
            let file = own::read(name)?;
            if let Some((line, what)) = faults(&read::read(file.1)).into_iter().next() {
                return Err(Fault::new(format!("{name}:{line}"), what));
            }
            files.push(file);
            chosen.push(true);
            named.push(true);
            continue;
        }
        let number = FILES.iter().position(|(n, _)| *n == name);
        let number = number.ok_or_else(|| {
            let what =
                format!("no preset of that name: \"{name}\" (--preset list; a file has a /)");
            Fault::new("--preset", what)
        })?;
        (chosen[number], named[number]) = (true, true);
    }
    if !chosen.contains(&true) {
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
                _ if !chosen[service] => continue,
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
