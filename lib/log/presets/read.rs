//! The files of presets. Each line is one of:
//!
//! ```text
//! # a comment
//! title TEXT
//! forged REASON; safe if …  a remote party can write the text of a rule: no part of `all`
//! let NAME = PATTERN      <NAME> means it in the patterns that follow
//! program PATTERN         the rules that follow are about words of this program (its whole name)
//! own-log                 … and about lines of the service's own log, which names no program
//! goes-on                 … and about lines there that go on with a line that has a stamp
//! rule NAME PATTERN       a failed attempt; <IP> in it is its address
//! but PATTERN             … unless the text matches this, too
//! step N                  … of which one try may write several lines, this one as its Nth (1 to 9)
//! success                 … no, a login that went well: used where the rule is asked for by name
//! closes NAME PATTERN     the connection ends after failed attempts, which may be counted already
//! names PATTERN           no failure, but it has the address of a session
//! ends PATTERN            the same, and the session ends
//! stops PATTERN           in a marked preset: this is the log into which a client can write lines,
//!                         so no other preset believes more of it
//! later NAME PATTERN      a failed attempt whose address is on another line of the session
//! json NAME PATH          a failed attempt on a line that is an object of JSON; the address stands
//!                         at this path. Of several paths with | the first that is there
//! where PATH=VALUE        … with this value, as `extract-ip --where` has it
//! filled PATH             … where this path has a text, and not an empty one nor -
//! matches PATH PATTERN    … where the text of this path matches, unescaped
//! field NAME PATH         a text for a field of the record, by `--with`
//! + ADDRESS LINE          an example: the rule above matches this line, and the address is this
//! > LINE                  a line that comes before the next example's
//! - LINE                  an example of a line that is no event
//! ```
//!
//! A pattern is about words: the reader of lines has taken off carrier, head and the service's own
//! second time stamp. In the service's own log it is about the text behind the stamp at the line's
//! beginning, or about the whole line if the stamp is further on. A `program` line ends an earlier
//! `program` and `own-log`.
//!
//! In an example, `«text»` is a text that a remote party chooses freely; `‹text›` the same if the
//! service writes a backslash before a quote; `⟨text⟩` a host's name (RFC 1123), which the owner of
//! its zone chooses; `⟪text⟫` a user's name of Basic authentication, which has no colon (RFC 7617).
//! The tests replace them by hostile text.
//!
//! Patterns are regular expressions on bytes, with `<IP>` for an address and `<IP4>` for one of
//! IPv4 alone; a service that writes `ADDRESS:PORT` may leave out the port. They begin with `^`.
//! Either no text of a remote party comes before `<IP>`, or the pattern ends with `$` and no such
//! text comes behind it. Groups with these names have a meaning:
//!
//! | group | meaning |
//! | --- | --- |
//! | `session` | the session's name; without it a session is a host's process |
//! | `count` | the number of attempts that the line reports |
//! | `more` | the same number, without the first attempt |
//! | `port` | the client's port; address and port are a connection where the head has no process |
//! | `user`, `path1`, … | a text for a field of the record, by `--with`, with or without digits |

use std::cell::Cell;

use super::object_rule::ObjectText;

/// The meaning of a pattern.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Rule,
    Closes,
    Names,
    Ends,
    Later,
    Stops,
    Success,
}

impl Kind {
    /// Whether its line reports a failure; other lines only tell about connections.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Kind::Rule | Kind::Closes | Kind::Later)
    }
}

/// A rule as it is written.
#[derive(Clone, Debug)]
pub(super) struct RuleText {
    /// The number of its line, from 1.
    pub(super) line: usize,
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) pattern: String,
    /// Where it is about objects of JSON; the pattern is the path of the address.
    pub(super) object: Option<ObjectText>,
    pub(super) but: Option<String>,
    /// The place of the line among those of one try; 0 is none.
    pub(super) step: u8,
    /// The programs that may write such words.
    pub(super) program: Option<String>,
    /// Whether the service's own log may have it.
    pub(super) own_log: bool,
    /// Whether it is about lines that go on with a line of the service's own log.
    pub(super) goes_on: bool,
}

/// An example, with its marks.
#[derive(Clone, Debug)]
pub(super) struct Example {
    /// The number of its line, from 1.
    pub(super) number: usize,
    /// The rule and the address expected; none: no event.
    pub(super) expected: Option<(&'static str, &'static str)>,
    /// Whether the rule above is about successes.
    pub(super) of_success: bool,
    pub(super) before: Vec<&'static str>,
    pub(super) line: &'static str,
}

/// A file as it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Preset {
    pub(super) title: &'static str,
    /// The way in which a remote party can forge a line, and the condition under which it cannot;
    /// empty if it never can.
    pub(super) forged: &'static str,
    pub(super) rules: Vec<RuleText>,
    pub(super) examples: Vec<Example>,
    /// The lines that are wrong, by number, and what to do. They are skipped.
    pub(super) faults: Vec<(usize, String)>,
}

/// A pattern is at most this long, in bytes, once its parts by `let` are in it.
const MAX_PATTERN: usize = 32 << 10;

/// A pattern with the parts that `let` named in it; `None` if it is too long.
fn put_in(pattern: &str, lets: &[(&str, String)]) -> Option<String> {
    let mut out = pattern.to_string();
    for (name, by) in lets.iter().rev() {
        let tag = format!("<{name}>");
        let longer = out.matches(&tag).count() * by.len();
        if out.len() + longer > MAX_PATTERN {
            return None;
        }
        out = out.replace(&tag, by);
    }
    (out.len() <= MAX_PATTERN).then_some(out)
}

/// Reads a file.
pub(super) fn read(text: &'static str) -> Preset {
    let mut preset = Preset::default();
    let mut lets: Vec<(&str, String)> = Vec::new();
    let (mut program, mut own_log, mut goes_on) = (None, false, false);
    let mut before = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        let too_long = Cell::new(false);
        let put_in = |pattern: &str| {
            let whole = put_in(pattern, &lets);
            too_long.set(whole.is_none());
            whole.unwrap_or_default()
        };
        let rule = |kind, name, pattern: &str| RuleText {
            line: number,
            kind,
            name,
            pattern: put_in(pattern),
            object: None,
            but: None,
            step: 0,
            program: program.clone(),
            own_log,
            goes_on,
        };
        let (name, pattern) = rest.split_once(' ').unwrap_or((rest, ""));
        let pattern = pattern.trim_start();
        match (word, preset.rules.last_mut()) {
            ("title", _) => preset.title = rest,
            ("forged", _) => preset.forged = rest,
            ("let", _) => {
                let pattern = pattern.trim_start_matches("= ");
                let pattern = put_in(pattern);
                lets.push((name, pattern));
            }
            ("program", _) => (program, own_log, goes_on) = (Some(put_in(rest)), false, false),
            ("own-log", _) => own_log = true,
            ("goes-on", _) => goes_on = true,
            ("rule", _) => preset.rules.push(rule(Kind::Rule, name, pattern)),
            ("closes", _) => preset.rules.push(rule(Kind::Closes, name, pattern)),
            ("later", _) => preset.rules.push(rule(Kind::Later, name, pattern)),
            ("json", _) => preset.rules.push(RuleText {
                object: Some(ObjectText {
                    address: pattern,
                    ..ObjectText::default()
                }),
                ..rule(Kind::Rule, name, pattern)
            }),
            (
                "where" | "filled" | "matches" | "field",
                Some(RuleText {
                    object: Some(object),
                    ..
                }),
            ) => match word {
                "where" => object.conditions.push(rest),
                "filled" => object.filled.push(rest),
                "matches" => object.patterns.push((name, put_in(pattern))),
                _ => object.fields.push((name, pattern)),
            },
            ("names", _) => preset.rules.push(rule(Kind::Names, "", rest)),
            ("ends", _) => preset.rules.push(rule(Kind::Ends, "", rest)),
            ("stops", _) => preset.rules.push(rule(Kind::Stops, "", rest)),
            ("but", Some(rule)) => rule.but = Some(put_in(rest)),
            ("step", Some(rule)) => match rest.parse() {
                Ok(step @ 1..=9) => rule.step = step,
                _ => preset.faults.push((number, "a step is 1 to 9".into())),
            },
            ("success", Some(rule)) => match rule.kind {
                Kind::Rule => rule.kind = Kind::Success,
                _ => {
                    let what = "a success is a line \"rule\" or \"json\"";
                    preset.faults.push((number, what.into()));
                }
            },
            (">", _) => before.push(rest),
            ("+" | "-", Some(rule)) => preset.examples.push(Example {
                number,
                expected: (word == "+").then_some((rule.name, name)),
                of_success: rule.kind == Kind::Success,
                before: std::mem::take(&mut before),
                line: if word == "+" { pattern } else { rest },
            }),
            ("where" | "filled" | "matches" | "field", _) => {
                let what = format!("no line \"json\" stands before this line: {word}");
                preset.faults.push((number, what));
            }
            ("but" | "step" | "success" | "+" | "-", None) => {
                let what = format!("no rule stands before this line: {word}");
                preset.faults.push((number, what));
            }
            ("" | "#", _) => {}
            _ if word.starts_with('#') => {}
            _ => {
                let what = format!("no line begins with \"{word}\" (see pipeban-preset(5))");
                preset.faults.push((number, what));
            }
        }
        if too_long.get() {
            let what = format!("the pattern is longer than {MAX_PATTERN} bytes with its parts");
            preset.faults.push((number, what));
        }
    }
    preset
}

/// The form of an address; the text must also parse as one.
const IP: &str = "[0-9A-Fa-f:.]+";

/// The form of an IPv4 address, where a port behind it could be read as a part of an IPv6 address.
const IP4: &str = r"\d{1,3}(?:\.\d{1,3}){3}";

/// Replaces `<IP>` by a pattern. The error names an unknown tag.
pub(super) fn expand(pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = pattern;
    let mut addresses = 0;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("<IP>") {
            // Two groups can't have one name: each way to write the address has its own.
            out.push_str(&format!("(?P<ip{addresses}>{IP})"));
            addresses += 1;
            rest = after;
        } else if let Some(after) = rest.strip_prefix("<IP4>") {
            out.push_str(&format!("(?P<ip{addresses}>{IP4})"));
            addresses += 1;
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
