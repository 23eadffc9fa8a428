//! Patterns in Python's syntax, written in Rust's.
//!
//! The text matched is bytes, as logs are: `\w` takes every byte above 127 for a letter, `\d` and `\s` are ASCII
//! (`\s` has Python's separators 0x1c to 0x1f), `.` and `[^…]` take one byte. A line is handed over with its newline, so that
//! `$` means what it means there: the end, or the place before a last newline.

mod class;
mod escape;
#[cfg(test)]
mod tests;

/// Which engine a pattern is written for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Engine {
    /// Linear time. What it can't express (a look around, a back reference, a condition) is written
    /// as something that matches at least as much.
    Linear,
    /// All of Python's syntax, by backtracking.
    Backtracking,
    /// [`Engine::Linear`], with what it can't express in groups of names that [`crate::walk`] knows.
    Walking,
}

/// A pattern in Rust's syntax.
#[derive(Debug, PartialEq)]
pub(super) struct Ported {
    pub text: String,
    /// Written for [`Engine::Linear`], it matches more than the original does.
    pub loose: bool,
}

/// Groups are nested so deep at most.
const MAX_DEPTH: usize = 200;

/// Rewrites `pattern`; with `lines`, `^` and `$` match at every line (Python's MULTILINE). The error is a phrase.
pub(super) fn port(pattern: &str, lines: bool, engine: Engine) -> Result<Ported, String> {
    let mut port = Port {
        rest: pattern.chars().collect(),
        at: 0,
        out: String::new(),
        loose: false,
        lines,
        engine,
        marks: 0,
    };
    port.alternatives(0)?;
    if port.at < port.rest.len() {
        return Err("a ) without its (".into());
    }
    Ok(Ported {
        text: port.out,
        loose: port.loose,
    })
}

struct Port {
    rest: Vec<char>,
    at: usize,
    out: String,
    loose: bool,
    lines: bool,
    engine: Engine,
    marks: usize,
}

/// Where the `|` stands that parts the ways of a pattern in Rust's syntax, in no group and no class.
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

impl Port {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    /// Takes `text` if it stands here.
    fn take(&mut self, text: &str) -> bool {
        let there = text.chars().eq(self
            .rest
            .iter()
            .copied()
            .skip(self.at)
            .take(text.chars().count()));
        if there {
            self.at += text.chars().count();
        }
        there
    }

    fn take_until(&mut self, end: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == end => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(format!("a group without its {end}")),
            }
        }
    }

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
                    (false, Engine::Linear | Engine::Walking) => r"(?:\n?\z)",
                    (false, Engine::Backtracking) => r"(?=\n?\z)",
                }),
                '.' => self.out.push('.'),
                '*' | '+' | '?' => return Err(format!("nothing to repeat before {c}")),
                c => self.literal(c),
            }
            self.repeats()?;
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        let byte = c as u32;
        if c.is_ascii_alphanumeric() || "_ \"'/:;,<>=!@%&~`#-".contains(c) {
            // In a pattern with the flag x, a blank and # mean nothing, here as there.
            self.out.push(c);
        } else if c.is_ascii_punctuation() {
            self.out.push('\\');
            self.out.push(c);
        } else if byte < 0x80 {
            self.out.push_str(&format!(r"\x{byte:02x}"));
        } else {
            self.out.push_str("(?:");
            for b in c.to_string().bytes() {
                self.out.push_str(&format!(r"\x{b:02x}"));
            }
            self.out.push(')');
        }
    }

    /// `*`, `+`, `?`, `{n,m}` and what may follow them.
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
                Engine::Linear | Engine::Walking => self.loose = true,
                Engine::Backtracking => self.out.push('+'),
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
            // What follows may repeat the part before; an empty group in between would take that over.
            return Ok(());
        } else if self.take("(") {
            let name = self.take_until(')')?;
            match self.engine {
                Engine::Backtracking if name.bytes().all(|b| b.is_ascii_digit()) => {
                    self.out.push_str(&format!("(?({name})"))
                }
                Engine::Backtracking => self.out.push_str(&format!("(?(<{name}>)")),
                Engine::Walking if name.bytes().all(|b| b.is_ascii_digit()) => {
                    return Err("a condition on a group without a name".into());
                }
                Engine::Walking => {
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
                (Some((kind, _)), Engine::Backtracking) => self.out.push_str(&format!("(?{kind}")),
                (Some((kind, true)), Engine::Walking) => {
                    let mark = self.mark(match *kind {
                        "=" => "ahead",
                        "!" => "notahead",
                        "<=" => "behind",
                        _ => "notbehind",
                    });
                    self.out.push_str(&mark);
                }
                (Some((_, around)), Engine::Linear | Engine::Walking) => {
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

    /// The beginning of a group that means something else than a group; see [`crate::walk`].
    fn mark(&mut self, what: &str) -> String {
        self.marks += 1;
        format!("(?P<_{}_{what}>", self.marks)
    }

    /// Both ways of a condition, each in a group of its own.
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

    /// `?:`, `?i:` or `?i)`; whether a group was opened by it. The flags a, L and u have no meaning for bytes.
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

    fn reference(&mut self, text: &str, name: &str) {
        match self.engine {
            Engine::Backtracking => self.out.push_str(text),
            Engine::Walking if !name.is_empty() => {
                let mark = self.mark(&format!("same_{name}"));
                self.out.push_str(&format!("{mark})"));
            }
            Engine::Linear | Engine::Walking => {
                self.loose = true;
                self.out.push_str("(?s:.*)");
            }
        }
    }
}
