//! Escapes, such as `\d` and `\x41`.

use super::translator::Translator;

/// The bytes of a class such as `\d`, as ranges inside brackets.
pub(super) fn class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => r"0-9",
        'D' => r"\x00-\x2f\x3a-\xff",
        's' => r"\x09-\x0d\x1c-\x20",
        'S' => r"\x00-\x08\x0e-\x1b\x21-\xff",
        'w' => r"0-9A-Za-z_\x80-\xff",
        'W' => r"\x00-\x2f\x3a-\x40\x5b-\x5e\x60\x7b-\x7f",
        _ => return None,
    })
}

impl Translator {
    pub(super) fn escape(&mut self) -> Result<(), String> {
        let c = self.next().ok_or("a \\ at the end")?;
        if let Some(class) = class(c) {
            self.out.push_str(&format!("[{class}]"));
            return Ok(());
        }
        match c {
            'A' => self.out.push_str(r"\A"),
            'Z' => self.out.push_str(r"\z"),
            'b' => self.out.push_str(r"\b"),
            'B' => self.out.push_str(r"\B"),
            '1'..='9' => {
                let mut number = c.to_string();
                if let Some(d) = self.peek().filter(char::is_ascii_digit) {
                    number.push(d);
                    self.at += 1;
                }
                self.reference(&format!(r"(?:\{number})"), "");
            }
            c => {
                let c = self.character(c)?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// The character that an escape such as `\t`, `\x41` or `\-` means.
    pub(super) fn character(&mut self, c: char) -> Result<char, String> {
        let digits = |translator: &mut Self, count: usize, radix: u32| -> Result<char, String> {
            let text: String = translator
                .rest
                .iter()
                .skip(translator.at)
                .take(count)
                .collect();
            translator.at += text.chars().count();
            let code = u32::from_str_radix(&text, radix).ok();
            code.and_then(char::from_u32)
                .ok_or_else(|| format!("not a character: \\{c}{text}"))
        };
        Ok(match c {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => digits(self, 2, 16)?,
            'u' => digits(self, 4, 16)?,
            'U' => digits(self, 8, 16)?,
            '0' => {
                let octal = |c: Option<&char>| c.is_some_and(|c| ('0'..='7').contains(c));
                let count = (0..2)
                    .take_while(|i| octal(self.rest.get(self.at + i)))
                    .count();
                if count == 0 {
                    '\0'
                } else {
                    digits(self, count, 8)?
                }
            }
            c if c.is_ascii_alphanumeric() => return Err(format!("an unknown escape: \\{c}")),
            c => c,
        })
    }
}
