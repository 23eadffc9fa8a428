//! Patterns in Python's syntax, translated into Rust's.
//!
//! The text is bytes, as logs are: `\w` matches every byte above 127, `\d` and `\s` are ASCII (`\s`
//! has Python's separators 0x1c to 0x1f), `.` and `[^…]` match one byte. A line is searched with
//! its newline, so that `$` has Python's meaning: the end, or the position before a last newline.

mod class;
mod escape;
#[cfg(test)]
mod tests;
mod translator;

pub(super) use self::translator::Engine;
use self::translator::Translator;

/// Groups are nested at most this deep.
const MAX_DEPTH: usize = 200;

/// A pattern in Rust's syntax.
#[derive(Debug, PartialEq)]
pub(super) struct Translated {
    pub(super) text: String,
    /// Whether it matches more than the original, as it may for [`Engine::Linear`].
    pub(super) loose: bool,
}

/// Translates `pattern`; with `lines`, `^` and `$` match at every line (Python's MULTILINE). The
/// error is a phrase.
pub(super) fn translate(pattern: &str, lines: bool, engine: Engine) -> Result<Translated, String> {
    let mut translator = Translator::new(pattern, lines, engine);
    translator.alternatives(0)?;
    if translator.peek().is_some() {
        return Err("a ) without its (".into());
    }
    Ok(Translated {
        text: translator.out,
        loose: translator.loose,
    })
}

impl Translator {
    /// Up to the end, or to the `)` of the group that this is in.
    fn alternatives(&mut self, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("groups are nested too deep".into());
        }
        while let Some(c) = self.peek() {
            if c == ')' {
                break;
            }
            self.at += 1;
            match c {
                '|' => {
                    self.out.push('|');
                    continue;
                }
                '(' => self.group(depth)?,
                '[' => self.class()?,
                '\\' => self.escape()?,
                '^' => self.out.push_str(if self.lines { "(?m:^)" } else { "^" }),
                '$' => self.out.push_str(match (self.lines, self.engine) {
                    (true, _) => "(?m:$)",
                    (false, Engine::Linear | Engine::Backtracker) => r"(?:\n?\z)",
                    (false, Engine::Fancy) => r"(?=\n?\z)",
                }),
                '.' => self.out.push('.'),
                '*' | '+' | '?' => return Err(format!("nothing to repeat before {c}")),
                c => self.literal(c),
            }
            self.repeats()?;
        }
        Ok(())
    }

    /// `*`, `+`, `?` or `{n,m}`, lazy or possessive.
    fn repeats(&mut self) -> Result<(), String> {
        match self.peek() {
            Some(c @ ('*' | '+' | '?')) => {
                self.at += 1;
                self.out.push(c);
            }
            Some('{') => match self.bounds() {
                Some(bounds) => self.out.push_str(&bounds),
                // A brace that bounds nothing is a character.
                None => return Ok(()),
            },
            _ => return Ok(()),
        }
        if self.take("?") {
            self.out.push('?');
        } else if self.take("+") {
            match self.engine {
                Engine::Linear | Engine::Backtracker => self.loose = true,
                Engine::Fancy => self.out.push('+'),
            }
        }
        match self.peek() {
            Some('*' | '+' | '?') => Err("a repeat of a repeat".into()),
            _ => Ok(()),
        }
    }

    /// `{n}`, `{n,}`, `{,m}`, `{n,m}`; anything else is no bound, and is not taken.
    fn bounds(&mut self) -> Option<String> {
        let inner = &self.rest[self.at + 1..];
        let end = inner.iter().position(|c| *c == '}')?;
        let text: String = inner[..end].iter().collect();
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        let bounds = match text.split_once(',') {
            None if !text.is_empty() && digits(&text) => format!("{{{text}}}"),
            Some(("", most)) if digits(most) => format!("{{0,{most}}}"),
            Some((least, most)) if digits(least) && digits(most) => format!("{{{text}}}"),
            _ => return None,
        };
        self.at += end + 2;
        Some(bounds)
    }

    fn group(&mut self, depth: usize) -> Result<(), String> {
        let start = self.out.len();
        let mut dropped = false;
        if !self.take("?") {
            self.out.push('(');
        } else if self.take("P<") {
            let name = self.take_until('>')?;
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty()
                || !name.chars().all(good)
                || name.starts_with(|c: char| c.is_ascii_digit())
            {
                return Err(format!("not the name of a group: \"{name}\""));
            }
            self.out.push_str(&format!("(?P<{name}>"));
        } else if self.take("P=") {
            let name = self.take_until(')')?;
            self.reference(&format!("(?P={name})"), &name);
            return Ok(());
        } else if self.take("#") {
            self.take_until(')')?;
            // A repetition may follow, and means the part before: no empty group may come between.
            return Ok(());
        } else if self.take("(") {
            let name = self.take_until(')')?;
            match self.engine {
                Engine::Fancy if name.bytes().all(|b| b.is_ascii_digit()) => {
                    self.out.push_str(&format!("(?({name})"))
                }
                Engine::Fancy => self.out.push_str(&format!("(?(<{name}>)")),
                Engine::Backtracker if name.bytes().all(|b| b.is_ascii_digit()) => {
                    return Err("a condition on a group without a name".into());
                }
                Engine::Backtracker => {
                    let mark = self.mark(&format!("if_{name}"));
                    self.out.push_str(&mark);
                    return self.branches(depth);
                }
                Engine::Linear => {
                    self.loose = true;
                    self.out.push_str("(?:");
                    self.alternatives(depth + 1)?;
                    // Without a second branch, the other case is the empty one.
                    self.out.push('|');
                    return self.close();
                }
            }
        } else {
            let kinds = [
                ("=", true),
                ("!", true),
                ("<=", true),
                ("<!", true),
                (">", false),
            ];
            let kind = kinds.iter().find(|(kind, _)| self.take(kind));
            match (kind, self.engine) {
                (Some((kind, _)), Engine::Fancy) => self.out.push_str(&format!("(?{kind}")),
                (Some((kind, true)), Engine::Backtracker) => {
                    let mark = self.mark(match *kind {
                        "=" => "ahead",
                        "!" => "notahead",
                        "<=" => "behind",
                        _ => "notbehind",
                    });
                    self.out.push_str(&mark);
                }
                (Some((_, around)), Engine::Linear | Engine::Backtracker) => {
                    self.loose = true;
                    dropped = *around;
                    self.out.push_str("(?:");
                }
                (None, _) => {
                    if !self.flags()? {
                        return Ok(());
                    }
                }
            }
        }
        self.alternatives(depth + 1)?;
        self.close()?;
        if dropped {
            self.out.truncate(start);
            self.out.push_str("(?:)");
        }
        Ok(())
    }

    /// Both branches of a conditional, each in a group of its own.
    fn branches(&mut self, depth: usize) -> Result<(), String> {
        let start = self.out.len();
        self.alternatives(depth + 1)?;
        let inner = self.out.split_off(start);
        let bar = top_bar(&inner);
        let (yes, no) = inner.split_at(bar.unwrap_or(inner.len()));
        let (yes, no) = (
            yes.to_string(),
            no.strip_prefix('|').unwrap_or(no).to_string(),
        );
        for (name, text) in [("yes", yes), ("no", no)] {
            let mark = self.mark(name);
            self.out.push_str(&format!("{mark}{text})"));
        }
        self.close()
    }

    fn close(&mut self) -> Result<(), String> {
        if self.next() != Some(')') {
            return Err("a ( without its )".into());
        }
        self.out.push(')');
        Ok(())
    }

    /// `?:`, `?i:` or `?i)`; whether it opened a group. The flags a, L and u mean nothing for
    /// bytes.
    fn flags(&mut self) -> Result<bool, String> {
        let mut flags = String::new();
        loop {
            match self.next() {
                Some(c @ ('i' | 'm' | 's' | 'x' | '-')) => flags.push(c),
                Some('a' | 'L' | 'u') => {}
                Some(':') => {
                    self.out.push_str(&format!("(?{flags}:"));
                    return Ok(true);
                }
                Some(')') => {
                    if !flags.is_empty() {
                        self.out.push_str(&format!("(?{flags})"));
                    }
                    return Ok(false);
                }
                _ => return Err("a group of an unknown kind".into()),
            }
        }
    }
}

/// The place of the first `|` that is in no group and no class of a pattern in Rust's syntax.
fn top_bar(text: &str) -> Option<usize> {
    let (mut depth, mut class, mut escaped) = (0, false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            '(' if !class => depth += 1,
            ')' if !class => depth -= 1,
            '|' if !class && depth == 0 => return Some(i),
            _ => {}
        }
    }
    None
}
