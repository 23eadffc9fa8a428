//! A filter: its patterns, and the memory of earlier lines.

use std::ops::Range;

use super::argument::{find, options};
use super::dates::Dates;
use super::group::{Group, Groups, IDENTITY};
use super::ini::Ini;
use super::pattern::{Pattern, Trouble};
use super::session::Sessions;
use super::tags::Host;
use super::values::Values;
use super::verdict::Verdict;
use crate::sieve::{self, Sieve};
use crate::stamp::StampFormat;
use pipeban::complain::Fault;

/// The highest `maxlines` that a filter may have.
const MAX_LINES: usize = 1000;

/// A pattern's answer; or its number, and why it has none.
pub(super) type Answer<T> = Result<T, (usize, Trouble)>;

/// The facts about earlier lines by which a filter judges the next one, if it does not
/// [remember](Filter::remembers) these.
#[derive(Clone, Debug, PartialEq)]
pub struct Known(Vec<usize>);

/// A filter, and its memory of earlier lines.
#[derive(Debug)]
pub struct Filter {
    name: String,
    /// The patterns' names in records: `sshd/3`.
    rules: Vec<String>,
    pub(super) prefix: Option<Pattern>,
    pub(super) failures: Vec<Pattern>,
    /// For each byte, the numbers of the `failures` that may match a text that begins with it.
    pub(super) by_first_byte: Vec<Vec<u16>>,
    pub(super) ignores: Vec<Pattern>,
    dates: Dates,
    /// The number of lines that are searched together.
    pub(super) lines: usize,
    pub(super) held: Vec<Vec<u8>>,
    sessions: Sessions,
    pub(super) sieve: Sieve,
    pub(super) candidates: Vec<u16>,
    /// Buffers for a line without its time stamp, and for the part that the prefix leaves.
    pub(super) text: Vec<u8>,
    pub(super) content: Vec<u8>,
    /// Whether the lines are messages of the journal, without a stamp (`logtype=journal`).
    is_journal: bool,
    /// Whether the line that is judged has no stamp any more.
    pub(super) stamp_is_off: bool,
    /// The number of the pattern that matched last, and the user then.
    pub(super) matched: usize,
    user: Vec<u8>,
    /// The bytes of the last line's time stamp.
    stamp: Option<Range<usize>>,
    /// Whether every line has one of the literals.
    pub(super) sifted: bool,
}

impl Filter {
    /// Loads `FILE` or `FILE[option=value,…]`; a bare name is a file of fail2ban's own folder.
    pub fn load(argument: &str) -> Result<Filter, Fault> {
        Filter::load_for(argument, None)
    }

    /// The same; with `only`, an IPv4 address, the patterns take no other for an address.
    pub fn load_for(argument: &str, only: Option<&str>) -> Result<Filter, Fault> {
        let (file, options) = options(argument).map_err(|e| Fault::new(argument, e))?;
        let path = find(&file)?;
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
        let identifies =
            |p: &Pattern| p.names(Group::Session) || IDENTITY.iter().any(|g| p.names(*g));
        if !prefix.as_ref().is_some_and(identifies)
            && let Some(number) = failures.iter().position(|p| !identifies(p))
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
        let by_first_byte = (0..=u8::MAX).map(|byte| {
            let may = failures.iter().zip(0..).filter(|(p, _)| p.first.has(byte));
            may.map(|(_, number)| number).collect()
        });
        Ok(Filter {
            rules: rules.collect(),
            name,
            prefix,
            sieve: Sieve::new(&literals)?,
            by_first_byte: by_first_byte.collect(),
            failures,
            ignores: all("ignoreregex")?,
            dates: Dates::new(values.lines("datepattern"))?,
            lines,
            held: Vec::new(),
            sessions: Sessions::default(),
            candidates: Vec::new(),
            text: Vec::new(),
            content: Vec::new(),
            is_journal: values.get("logtype").is_some_and(|v| v.trim() == "journal"),
            stamp_is_off: false,
            matched: 0,
            user: Vec::new(),
            stamp: None,
            sifted: false,
        })
    }

    /// The file's name without its ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A pattern's name in records: the filter's and its number, `sshd/3`. For 0, the prefix or an
    /// `ignoreregex`, the filter's name.
    pub fn rule(&self, pattern: usize) -> &str {
        let rule = pattern.checked_sub(1).and_then(|i| self.rules.get(i));
        rule.map_or(&self.name, String::as_str)
    }

    /// The `failregex` patterns in order, in Rust's syntax. Such a pattern may match more than its
    /// source does.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(Pattern::text)
    }

    /// The same patterns as the filter has them.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.failures.iter().map(Pattern::source)
    }

    /// The pattern that a line has to match before all others, if there is one.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_ref().map(Pattern::text)
    }

    /// The patterns of time stamps, in Rust's syntax.
    pub fn stamps(&self) -> impl Iterator<Item = &str> {
        self.dates.patterns()
    }

    /// Whether the filter is for messages of the journal (`logtype=journal`): host, program and
    /// words
    /// without a stamp. A stamp in the words stays there.
    pub fn is_journal(&self) -> bool {
        self.is_journal
    }

    /// The bytes of the last line that are its time stamp.
    pub fn stamp(&self) -> Option<Range<usize>> {
        self.stamp.clone()
    }

    /// The form of that stamp, where the filter's author wrote it down.
    pub fn stamp_format(&self) -> Option<&StampFormat> {
        self.dates.format()
    }

    /// Whether a pattern has a group of this name.
    pub fn has_group(&self, name: &str) -> bool {
        let mut all = self.prefix.iter().chain(&self.failures);
        all.any(|pattern| pattern.has(name))
    }

    /// The text of a named group in the last match; the user also from an earlier line of the
    /// session.
    pub fn group(&self, name: &str) -> Option<&[u8]> {
        if name == "user" && !self.user.is_empty() {
            return Some(&self.user);
        }
        if self.joins_lines() {
            return None;
        }
        let content = self.prefix.as_ref().and_then(Pattern::content);
        let content = match content {
            None => &self.text,
            Some((start, end)) if self.text[end..] == *b"\n" => &self.text[start..],
            Some(_) => &self.content,
        };
        let failure = self.failures.get(self.matched.checked_sub(1)?)?;
        let within = failure.named(name).map(|(start, end)| &content[start..end]);
        within.or_else(|| {
            let (start, end) = self.prefix.as_ref()?.named(name)?;
            Some(&self.text[start..end])
        })
    }

    /// Compiles every pattern now. The error is the first message of the compiler.
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

    /// Whether a line is judged together with earlier ones.
    pub fn remembers(&self) -> bool {
        let mut all = self.prefix.iter().chain(&self.failures);
        self.joins_lines() || all.any(|pattern| pattern.names(Group::Session))
    }

    /// Begins another input, whose stamps may have another form.
    pub fn begin_file(&mut self) {
        self.dates.forget();
    }

    /// The facts about earlier lines.
    pub fn known(&self) -> Known {
        Known(self.dates.known())
    }

    /// Takes over those of the same filter elsewhere.
    pub fn learn(&mut self, known: &Known) {
        self.dates.learn(&known.0);
    }

    /// Texts of which every line that matters has one; `None` where any line may matter.
    pub fn literals(&self) -> Option<&[Vec<u8>]> {
        if self.joins_lines() {
            return None;
        }
        self.sieve.literals()
    }

    /// Declares that every line has one of the [`literals`](Self::literals); they are not searched
    /// for again.
    pub fn expect_sifted(&mut self) {
        self.sifted = true;
    }

    /// Puts the line without its time stamp, and with a newline, into `text`.
    pub(super) fn cut(&mut self, line: &[u8], text: &mut Vec<u8>) -> Answer<()> {
        text.clear();
        if self.stamp_is_off {
            text.extend_from_slice(line);
            text.push(b'\n');
            return Ok(());
        }
        let found = self.dates.find(line);
        self.stamp = found.as_ref().ok().cloned().flatten();
        match found {
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

    /// Whether `ignoreregex` comes first: in fail2ban, where there are fewer of them by three.
    pub(super) fn ignores_first(&self) -> bool {
        !self.ignores.is_empty() && self.ignores.len() + 2 < self.failures.len()
    }

    /// Whether an `ignoreregex` matches.
    pub(super) fn ignored(&mut self, text: &[u8]) -> Answer<bool> {
        for pattern in &mut self.ignores {
            if pattern.search(text).map_err(|t| (0, t))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The verdict about a match, together with earlier lines of its session.
    pub(super) fn verdict(&mut self, found: Groups, pattern: usize) -> Verdict {
        self.matched = pattern;
        self.user.clear();
        let user = &mut self.user;
        let verdict = self.sessions.merge(found, |found| {
            user.extend_from_slice(found.get(Group::User).unwrap_or_default());
            Verdict::of(found, pattern)
        });
        verdict.unwrap_or(Verdict::Nothing)
    }
}
