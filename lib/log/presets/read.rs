//! The files of presets. Each line is one of:
//!
//! ```text
//! # a comment
//! title TEXT
//! let NAME = PATTERN      <NAME> means it in the patterns that follow
//! rule NAME PATTERN       a failed attempt; <IP> in it is its address
//! but PATTERN             … unless the line matches this, too
//! names PATTERN           no failure, but it tells the address of a session
//! ends PATTERN            the same, and nothing of the session follows
//! later NAME PATTERN      a failed attempt whose address another line of the session tells
//! + ADDRESS LINE          an example: the rule above matches this line, and the address is this
//! > LINE                  a line that comes before the next example's
//! - LINE                  an example of a line that nothing may match
//! ```
//!
//! In an example, `«text»` is a text that a remote party chooses freely; `‹text›` the same if the
//! service writes a backslash before a quote; `⟨text⟩` a host's name (RFC 1123), which the owner of
//! its zone chooses; `⟪text⟫` a user's name of Basic authentication, which has no colon (RFC 7617).
//! The tests replace them by hostile text.
//!
//! Patterns are regular expressions on bytes, with `<IP>` for an address and `<SYSLOG PROGRAM>` for
//! the beginning of a line by syslog. They begin with `^`. Either no text of a remote party comes
//! before `<IP>`, or the pattern ends with `$` and no such text comes behind it.

/// The meaning of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Rule,
    Names,
    Ends,
    Later,
}

#[derive(Clone, Debug)]
pub(super) struct RuleText {
    pub kind: Kind,
    pub name: &'static str,
    pub pattern: String,
    pub but: Option<String>,
}

/// An example, with its marks.
#[derive(Clone, Debug)]
#[cfg_attr(not(test), allow(dead_code))]
pub(super) struct Example {
    /// The rule and the address expected; none: nothing.
    pub expected: Option<(&'static str, &'static str)>,
    pub before: Vec<&'static str>,
    pub line: &'static str,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Preset {
    pub title: &'static str,
    pub rules: Vec<RuleText>,
    #[cfg_attr(not(test), allow(dead_code))]
    pub examples: Vec<Example>,
}

/// Reads a file. It is part of the program: other lines are skipped here, and the tests find them.
pub(super) fn read(text: &'static str) -> Preset {
    let mut preset = Preset::default();
    let mut lets: Vec<(&str, String)> = Vec::new();
    let mut before = Vec::new();
    for line in text.lines() {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        let put_in = |pattern: &str| {
            let named = lets.iter().rev();
            named.fold(pattern.to_string(), |pattern, (name, by)| {
                pattern.replace(&format!("<{name}>"), by)
            })
        };
        let (name, pattern) = rest.split_once(' ').unwrap_or((rest, ""));
        let pattern = pattern.trim_start();
        match word {
            "title" => preset.title = rest,
            "let" => {
                let pattern = pattern.trim_start_matches("= ");
                let pattern = put_in(pattern);
                lets.push((name, pattern));
            }
            "rule" | "later" => preset.rules.push(RuleText {
                kind: if word == "rule" {
                    Kind::Rule
                } else {
                    Kind::Later
                },
                name,
                pattern: put_in(pattern),
                but: None,
            }),
            "names" | "ends" => preset.rules.push(RuleText {
                kind: if word == "names" {
                    Kind::Names
                } else {
                    Kind::Ends
                },
                name: "",
                pattern: put_in(rest),
                but: None,
            }),
            "but" => {
                if let Some(rule) = preset.rules.last_mut() {
                    rule.but = Some(put_in(rest));
                }
            }
            ">" => before.push(rest),
            "+" | "-" => {
                let rule = preset.rules.last().map_or("", |r| r.name);
                preset.examples.push(Example {
                    expected: (word == "+").then_some((rule, name)),
                    before: std::mem::take(&mut before),
                    line: if word == "+" { pattern } else { rest },
                });
            }
            _ => {}
        }
    }
    preset
}

/// The form of an address; the text must also parse as one.
const IP: &str = "[0-9A-Fa-f:.]+";
/// A time as syslog, journalctl and rsyslog write it (RFC 3164, RFC 3339).
const STAMP: &str = concat!(
    r"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))",
);

/// Replaces `<IP>`, `<SYSLOG PROGRAM>` and `<STAMP>` by patterns. The error names an unknown tag.
pub(super) fn expand(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut addresses = 0;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<IP>") {
            // A group's name can stand once: each way to write the address has its own.
            out.push_str(&format!("(?P<ip{addresses}>{IP})"));
            addresses += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("<STAMP>") {
            out.push_str(STAMP);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("<SYSLOG ") {
            let (program, after) = after.split_once('>').ok_or("<SYSLOG without its >")?;
            // RFC 3164's beginning, or RFC 5424's without structured data.
            out.push_str(&format!(
                concat!(
                    r"(?:<\d{{1,3}}>(?:1 )?)?{STAMP} ",
                    r"(?:(?P<session>\S+ (?:{program})(?:\[\d+\]:| \d+ \S+ -))|",
                    r"\S+ (?:{program}):) ",
                ),
                STAMP = STAMP,
                program = program,
            ));
            rest = after;
        } else if rest.starts_with("<[A-Z")
            || !rest[1..].starts_with(|c: char| c.is_ascii_uppercase())
        {
            out.push('<');
            rest = &rest[1..];
        } else if rest.starts_with("<BADREQ>") || rest.starts_with("<NOSRV>") {
            // HAProxy's own words.
            out.push('<');
            rest = &rest[1..];
        } else {
            let end = rest.find('>').unwrap_or(rest.len());
            return Err(format!("an unknown tag: {}", &rest[..end]));
        }
    }
    Ok(out + rest)
}
