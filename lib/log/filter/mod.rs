//! fail2ban's filter files (jail.conf(5)), read where the user has them and run as they are.

mod argument;
mod dates;
mod groups;
mod ini;
mod pattern;
mod port;
mod session;
mod several;
mod single;
mod tags;
#[cfg(test)]
mod tests;
mod values;

use self::argument::{find, options};
use self::dates::Dates;
use self::groups::{Group, Groups, IDENTITY};
use self::ini::Ini;
use self::pattern::{Pattern, Trouble};
use self::session::Sessions;
use self::tags::Host;
use self::values::Values;
use crate::sieve::{self, Sieve};
use pipeban::address::Address;
use pipeban::complain::Fault;

/// More lines than this are not searched together, whatever the filter says.
const MAX_LINES: usize = 1000;
/// What a pattern says; or its number, and why it says nothing.
type Answer<T> = Result<T, (usize, Trouble)>;

/// What a filter says of a line.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is no failure.
    Nothing,
    /// It is one, by this address; `pattern` is the number of the `failregex`, counted from 1.
    Address { address: Address, pattern: usize },
    /// It is one, but what the pattern takes is no address: a host's name, most often.
    Name { text: Vec<u8>, pattern: usize },
    /// The pattern of this number would take too many steps to say.
    TooManySteps { pattern: usize },
}

/// A filter, and what it remembers of the lines before.
#[derive(Debug)]
pub struct Filter {
    name: String,
    /// The patterns' names in records: `sshd/3`.
    rules: Vec<String>,
    prefix: Option<Pattern>,
    failures: Vec<Pattern>,
    /// For each byte that a text begins with, the numbers of the `failures` that may match.
    begun: Vec<Vec<u16>>,
    ignores: Vec<Pattern>,
    dates: Dates,
    /// So many lines are searched together.
    lines: usize,
    held: Vec<Vec<u8>>,
    sessions: Sessions,
    sieve: Sieve,
    candidates: Vec<u16>,
    /// Room for a line without its time stamp, and for what the prefix leaves of it.
    text: Vec<u8>,
    content: Vec<u8>,
    journal: bool,
    /// The lines that come hold one of the literals.
    sifted: bool,
}

impl Filter {
    /// Loads `FILE` or `FILE[option=value,…]`; a bare name is one of fail2ban's own folder.
    pub fn load(argument: &str) -> Result<Filter, Fault> {
        Filter::load_for(argument, None)
    }

    /// The same, but with `only` its patterns take no address but this one, which is IPv4: what else stands in a line is text.
    pub fn load_for(argument: &str, only: Option<&str>) -> Result<Filter, Fault> {
        let (file, options) = options(argument).map_err(|e| Fault::new(argument, e))?;
        let path = find(&file);
        let ini = Ini::read(&path)?;
        let wrong = |e: String| Fault::new(path.display(), e);
        let values = Values::resolve(&ini, &options).map_err(wrong)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Filter::new(name.into_owned(), &values, only).map_err(wrong)
    }

    fn new(name: String, values: &Values, only: Option<&str>) -> Result<Filter, String> {
        let lines = match values.get("maxlines").map(str::trim) {
            None | Some("") => 1,
            Some(text) => text
                .parse::<usize>()
                .ok()
                .filter(|n| (1..=MAX_LINES).contains(n))
                .ok_or_else(|| format!("maxlines: not a number of 1 to {MAX_LINES}: \"{text}\""))?,
        };
        let names = values.get("usedns").is_none_or(|v| v.trim() != "no");
        let host = match (only, names) {
            (Some(address), _) => Host::Only(address),
            (None, true) => Host::AddressOrName,
            (None, false) => Host::Address,
        };
        let compile = |option: &str, source: &str, several: bool| {
            Pattern::new(source, several, host).map_err(|e| format!("{option}: {e}: {source}"))
        };
        let all = |option: &str| -> Result<Vec<Pattern>, String> {
            let sources = values.lines(option);
            sources.map(|s| compile(option, s, lines > 1)).collect()
        };
        let prefix = match values.get("prefregex").filter(|p| !p.trim().is_empty()) {
            Some(source) => Some(compile("prefregex", source, false)?),
            None => None,
        };
        let failures = all("failregex")?;
        let told = |p: &Pattern| p.names(Group::Session) || IDENTITY.iter().any(|g| p.names(*g));
        if !prefix.as_ref().is_some_and(told)
            && let Some(number) = failures.iter().position(|p| !told(p))
        {
            return Err(format!("failregex {}: no <HOST> in it", number + 1));
        }
        if failures.is_empty() {
            return Err("no failregex in it".into());
        }
        // The sieve sees lines that still have their time stamp.
        let literals: Vec<_> = failures
            .iter()
            .map(|p| sieve::untorn(&p.literals))
            .collect();
        let rules = (1..=failures.len()).map(|number| format!("{name}/{number}"));
        let begun = (0..=u8::MAX).map(|byte| {
            let may = failures.iter().zip(0..).filter(|(p, _)| p.first.has(byte));
            may.map(|(_, number)| number).collect()
        });
        Ok(Filter {
            rules: rules.collect(),
            name,
            prefix,
            sieve: Sieve::new(&literals)?,
            begun: begun.collect(),
            failures,
            ignores: all("ignoreregex")?,
            dates: Dates::new(values.lines("datepattern"))?,
            lines,
            held: Vec::new(),
            sessions: Sessions::default(),
            candidates: Vec::new(),
            text: Vec::new(),
            content: Vec::new(),
            journal: values.lines("journalmatch").next().is_some(),
            sifted: false,
        })
    }

    /// The file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pattern's name in records: the filter's and its number, `sshd/3`; 0 is the prefix or an `ignoreregex`.
    pub fn rule(&self, pattern: usize) -> &str {
        let rule = pattern.checked_sub(1).and_then(|i| self.rules.get(i));
        rule.map_or(&self.name, String::as_str)
    }

    /// The patterns for failures in their order, in Rust's syntax; see [`Pattern::text`].
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(Pattern::text)
    }

    /// The same patterns as the filter has them.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(Pattern::source)
    }

    /// The pattern that a line has to match before all others, where there is one.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_ref().map(Pattern::text)
    }

    /// The forms of time stamps that are looked for, in Rust's syntax.
    pub fn stamps(&self) -> impl Iterator<Item = &str> {
        self.dates.patterns()
    }

    /// Whether the file names entries of the journal (`journalmatch`), which a reader of lines can't select.
    pub fn has_journalmatch(&self) -> bool {
        self.journal
    }

    /// Compiles every pattern now, to learn whether each can be; else that happens when it is first needed.
    pub fn check_patterns(&mut self) -> Result<(), String> {
        let all = self.prefix.iter_mut().chain(&mut self.failures);
        for pattern in all.chain(&mut self.ignores) {
            if let Err(Trouble::Broken(what)) = pattern.check() {
                return Err(what);
            }
        }
        Ok(())
    }

    /// Whether several lines are searched together.
    pub fn joins_lines(&self) -> bool {
        self.lines > 1
    }

    /// Of these a line must hold one to matter; `None` where any line may.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        if self.lines > 1 {
            return None;
        }
        self.sieve.literals()
    }

    /// From now on lines come that hold one of the [`literals`](Self::literals), and are not searched for them again.
    pub fn expect_sifted(&mut self) {
        self.sifted = true;
    }

    /// What the filter says of this line, given without its newline; lines come in their order.
    pub fn check(&mut self, line: &[u8]) -> Result<Verdict, Fault> {
        // fail2ban passes comments over; a log has none, but lists of test lines do.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(Verdict::Nothing);
        }
        let verdict = if self.lines > 1 {
            self.several(line)
        } else {
            self.single(line)
        };
        match verdict {
            Ok(verdict) => Ok(verdict),
            Err((pattern, Trouble::TooManySteps)) => Ok(Verdict::TooManySteps { pattern }),
            Err((_, Trouble::Broken(what))) => Err(Fault::new(&self.name, what)),
        }
    }

    /// The line without its time stamp, and with a newline.
    fn cut(&mut self, line: &[u8], text: &mut Vec<u8>) -> Answer<()> {
        text.clear();
        match self.dates.find(line) {
            Ok(Some(stamp)) => {
                text.extend_from_slice(&line[..stamp.start]);
                text.extend_from_slice(&line[stamp.end..]);
            }
            Ok(None) => text.extend_from_slice(line),
            Err(what) => return Err((0, Trouble::Broken(what))),
        }
        text.push(b'\n');
        Ok(())
    }

    /// fail2ban looks at `ignoreregex` first where it has fewer of them by three.
    fn ignores_first(&self) -> bool {
        !self.ignores.is_empty() && self.ignores.len() + 2 < self.failures.len()
    }

    fn verdict(&mut self, found: Groups, pattern: usize) -> Verdict {
        let verdict = self.sessions.merge(found, |found| said(found, pattern));
        verdict.unwrap_or(Verdict::Nothing)
    }
}

/// Whom these groups tell.
fn said(found: &Groups, pattern: usize) -> Verdict {
    let Some(text) = IDENTITY.iter().find_map(|g| found.get(*g)) else {
        return Verdict::Nothing;
    };
    let parsed = match found.get(Group::Cidr) {
        Some(length) => Address::parse(&[text, b"/", length].concat()),
        None => Address::parse(text),
    };
    match parsed {
        Some(address) => Verdict::Address { address, pattern },
        None => Verdict::Name {
            text: text.to_vec(),
            pattern,
        },
    }
}

fn ignored(patterns: &mut [Pattern], text: &[u8]) -> Answer<bool> {
    for pattern in patterns {
        if pattern.search(text).map_err(|t| (0, t))? {
            return Ok(true);
        }
    }
    Ok(false)
}
