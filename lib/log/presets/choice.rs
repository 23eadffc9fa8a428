//! The names of presets, of single rules of theirs, and of files of the user's own.

use std::path::Path;

use pipeban::complain::Fault;
use pipeban::hints::did_you_mean;

use super::files::{FILES, rule_names};
use super::own::{self, Named};
use super::read;

/// The meaning of a name.
pub(super) enum Choice<'a> {
    /// Every service that no remote party can turn against others: `all`.
    All,
    /// The service of this number, and of its rules one alone: `sshd`, `sshd/failed`.
    Service(usize, Option<&'a str>),
    /// A file, and of its rules one alone: `./FILE`, `./FILE/failed`.
    File(Named, Option<&'a str>),
}

/// The service whose title has this for a name, being a word with a capital letter: `gitea` for
/// `forgejo`.
fn titled(name: &str) -> Option<&'static str> {
    let has = |(_, text): &&(&'static str, &'static str)| {
        let names = read::read(text).title.split(['(', ':', ';']).next();
        let mut words = names.unwrap_or("").split([' ', ',']);
        words.any(|word| {
            let is_name = word != "The" && word.contains(|c: char| c.is_ascii_uppercase());
            is_name && word.eq_ignore_ascii_case(name)
        })
    };
    FILES.iter().find(has).map(|(name, _)| *name)
}

/// Reads a name. The error guesses at the one that is meant.
pub(super) fn choose(name: &str) -> Result<Choice<'_>, Fault> {
    if name == "all" {
        return Ok(Choice::All);
    }
    let (service, rule) = match name.split_once('/') {
        Some((service, rule)) => (service, Some(rule)),
        None => (name, None),
    };
    let Some(number) = FILES.iter().position(|(n, _)| *n == service) else {
        // `ssh` is sshd, although it is a word of another one's title.
        let near = did_you_mean(service, FILES.iter().map(|(name, _)| *name));
        let guess = match titled(service) {
            Some(titled) if near.is_empty() => format!("; did you mean \"{titled}\"?"),
            _ => near,
        };
        // A rule of a name that is none, where no file lies.
        let is_rule = !guess.is_empty() && !Path::new(own::split(name).0).exists();
        if own::is_file(name) && !is_rule {
            let (file, rule) = own::split(name);
            let file = own::read(file)?;
            return Ok(Choice::File(file, known(file, rule)?));
        }
        let what =
            format!("no preset of that name: \"{name}\"{guess} (--preset list; a file has a /)");
        return Err(Fault::new("--preset", what));
    };
    Ok(Choice::Service(number, known(FILES[number], rule)?))
}

/// A rule that is named, if the service has one of this name.
fn known((service, text): Named, rule: Option<&str>) -> Result<Option<&str>, Fault> {
    // A rule is seldom named, and to read a file takes time.
    let rules = rule.map_or(vec![], |_| rule_names(text));
    if let Some(rule) = rule.filter(|rule| !rules.contains(rule)) {
        let guess = did_you_mean(rule, rules.iter().copied());
        let all = rules.join(" ");
        let what = format!("{service} has no rule \"{rule}\"{guess} (its rules: {all})");
        return Err(Fault::new("--preset", what));
    }
    Ok(rule)
}

/// The way in which a remote party can make a preset name somebody else, and the condition under
/// which it cannot; `None` if it never can, or there is no preset of this name.
pub fn forged(name: &str) -> Option<&'static str> {
    let text = match choose(name).ok()? {
        Choice::All => return None,
        Choice::Service(number, _) => FILES[number].1,
        Choice::File((_, text), _) => text,
    };
    Some(read::read(text).forged).filter(|text| !text.is_empty())
}
