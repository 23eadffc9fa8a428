//! Classes: `[…]`.

use super::escape;
use super::translator::Translator;

impl Translator {
    /// A class in brackets, behind its `[`. Every byte is written so that Rust reads no syntax in
    /// it.
    pub(super) fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.next().ok_or("a [ without its ]")?;
            if c == ']' && !first {
                break;
            }
            first = false;
            let Some(low) = self.class_item(c)? else {
                continue;
            };
            let range =
                self.peek() == Some('-') && self.rest.get(self.at + 1).is_some_and(|c| *c != ']');
            if !range {
                self.class_char(low);
                continue;
            }
            self.at += 1;
            let c = self.next().ok_or("a [ without its ]")?;
            match self.class_item(c)? {
                Some(high) if low.is_ascii_alphanumeric() && high.is_ascii_alphanumeric() => {
                    if low > high {
                        return Err("a range in [ ] that runs backwards".into());
                    }
                    // A shorter pattern is parsed sooner.
                    self.out.extend([low, '-', high]);
                }
                Some(high) if low <= high => {
                    // A range of characters above 127 is one of their bytes.
                    let byte = |c: char| if c.is_ascii() { c as u32 } else { 0xff };
                    let low = if low.is_ascii() { low as u32 } else { 0x80 };
                    self.out
                        .push_str(&format!(r"\x{low:02x}-\x{:02x}", byte(high)));
                }
                _ => return Err("a range in [ ] that runs backwards".into()),
            }
        }
        self.out.push(']');
        Ok(())
    }

    /// One character of a class, or `None` for a class such as `\d`, which is written already.
    fn class_item(&mut self, c: char) -> Result<Option<char>, String> {
        if c != '\\' {
            return Ok(Some(c));
        }
        let c = self.next().ok_or("a \\ at the end")?;
        if let Some(class) = escape::class(c) {
            self.out.push_str(class);
            return Ok(None);
        }
        let c = match c {
            'b' => '\x08',
            c => self.character(c)?,
        };
        Ok(Some(c))
    }

    fn class_char(&mut self, c: char) {
        if c.is_ascii_alphanumeric() {
            self.out.push(c);
        } else {
            for b in c.to_string().bytes() {
                self.out.push_str(&format!(r"\x{b:02x}"));
            }
        }
    }
}
