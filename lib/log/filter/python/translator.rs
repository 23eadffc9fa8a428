//! The state of a translation: the characters that are left, and the text written so far.

/// The engine that a pattern is translated for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Engine {
    /// An automaton, in linear time. Syntax that it lacks (a look-around, a back reference, a
    /// conditional) becomes a pattern that matches at least as much.
    Linear,
    /// `fancy_regex`, with all of Python's syntax.
    Fancy,
    /// Our own [`crate::backtracker`]: as [`Engine::Linear`], with the rest in named groups.
    Backtracker,
}

pub(super) struct Translator {
    pub(super) rest: Vec<char>,
    pub(super) at: usize,
    pub(super) out: String,
    pub(super) loose: bool,
    pub(super) lines: bool,
    pub(super) engine: Engine,
    marks: usize,
}

impl Translator {
    pub(super) fn new(pattern: &str, lines: bool, engine: Engine) -> Translator {
        Translator {
            rest: pattern.chars().collect(),
            at: 0,
            out: String::new(),
            loose: false,
            lines,
            engine,
            marks: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += usize::from(c.is_some());
        c
    }

    /// Takes `text` if it is next.
    pub(super) fn take(&mut self, text: &str) -> bool {
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

    pub(super) fn take_until(&mut self, end: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next() {
                Some(c) if c == end => return Ok(text),
                Some(c) => text.push(c),
                None => return Err(format!("a group without its {end}")),
            }
        }
    }

    pub(super) fn literal(&mut self, c: char) {
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

    /// The beginning of a group whose name makes it something else; see [`crate::backtracker`].
    pub(super) fn mark(&mut self, what: &str) -> String {
        self.marks += 1;
        format!("(?P<_{}_{what}>", self.marks)
    }

    pub(super) fn reference(&mut self, text: &str, name: &str) {
        match self.engine {
            Engine::Fancy => self.out.push_str(text),
            Engine::Backtracker if !name.is_empty() => {
                let mark = self.mark(&format!("same_{name}"));
                self.out.push_str(&format!("{mark})"));
            }
            Engine::Linear | Engine::Backtracker => {
                self.loose = true;
                self.out.push_str("(?s:.*)");
            }
        }
    }
}
