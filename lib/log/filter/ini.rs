//! fail2ban's configuration files: the format of Python's `configparser`, with includes and local
//! overrides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pipeban::complain::Fault;

/// The depth of nested includes, at most; a file that includes itself is read once.
const MAX_DEPTH: usize = 16;

type Section = BTreeMap<String, String>;

/// The options of all files read; a later file's value replaces an earlier one's.
#[derive(Debug, Default)]
pub(super) struct Ini {
    sections: BTreeMap<String, Section>,
    /// The values that a later file replaced: `%(known/name)s` refers to them.
    known: BTreeMap<String, Section>,
}

/// The options of this section hold for every other section, too.
pub(super) const DEFAULT: &str = "DEFAULT";

impl Ini {
    /// Reads `FILE.conf` with its includes, then `FILE.d/*.conf`, `FILE.local` and `FILE.d/*.local`
    /// if there are such.
    pub(super) fn read(file: &Path) -> Result<Ini, Fault> {
        let mut files = vec![file.to_path_buf()];
        let extras = file.with_extension("d");
        files.extend(directory(&extras, "conf"));
        let local = file.with_extension("local");
        if local != file && local.is_file() {
            files.push(local);
        }
        files.extend(directory(&extras, "local"));
        let mut order = Vec::new();
        for file in files {
            collect(&file, true, &mut Vec::new(), &mut order)?;
        }
        let mut ini = Ini::default();
        for sections in order {
            ini.merge(sections);
        }
        Ok(ini)
    }

    /// The raw value, of this section or else of `[DEFAULT]`.
    pub(super) fn get(&self, section: &str, option: &str) -> Option<&str> {
        self.own(section, option)
            .or_else(|| self.own(DEFAULT, option))
    }

    /// The raw value, of this section only.
    pub(super) fn own(&self, section: &str, option: &str) -> Option<&str> {
        Some(self.sections.get(section)?.get(option)?)
    }

    /// The value that a later file replaced, or else the one of `[DEFAULT]`.
    pub(super) fn replaced(&self, section: &str, option: &str) -> Option<&str> {
        let known = self.known.get(section).and_then(|s| s.get(option));
        known
            .map(String::as_str)
            .or_else(|| self.own(DEFAULT, option))
    }

    /// The names of this section's own options.
    pub(super) fn options(&self, section: &str) -> impl Iterator<Item = &str> {
        let options = self.sections.get(section).into_iter();
        options.flat_map(|s| s.keys().map(String::as_str))
    }

    fn merge(&mut self, sections: BTreeMap<String, Section>) {
        for (name, options) in sections {
            let (name, condition) = match name.split_once('?') {
                Some((name, condition)) => (name.to_string(), format!("?{condition}")),
                None => (name, String::new()),
            };
            let merged = self.sections.entry(name.clone()).or_default();
            for (option, value) in options {
                let option = option + &condition;
                if let Some(before) = merged.insert(option.clone(), value)
                    && name != DEFAULT
                {
                    let known = self.known.entry(name.clone()).or_default();
                    known.insert(option, before);
                }
            }
        }
    }
}

/// The files of a directory with this extension, sorted; none if there is no directory.
fn directory(path: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}

/// Reads one file and its includes into `order`. An included file need not exist.
fn collect(
    file: &Path,
    must: bool,
    above: &mut Vec<PathBuf>,
    order: &mut Vec<BTreeMap<String, Section>>,
) -> Result<(), Fault> {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(_) if !must => return Ok(()),
        Err(e) => return Err(Fault::new(file.display(), e)),
    };
    let sections = parse(&String::from_utf8_lossy(&bytes))
        .map_err(|(line, what)| Fault::new(format_args!("{}:{line}", file.display()), what))?;
    if above.len() >= MAX_DEPTH {
        return Err(Fault::new(file.display(), "includes are nested too deep"));
    }
    let included = |when: &str| -> Vec<PathBuf> {
        let list = sections.get("INCLUDES").and_then(|s| s.get(when));
        let names = list.into_iter().flat_map(|l| l.lines());
        let folder = file.parent().unwrap_or(Path::new("."));
        names
            .map(str::trim)
            .filter(|n| !n.is_empty())
            .map(|n| folder.join(n))
            .collect()
    };
    let (before, after) = (included("before"), included("after"));
    above.push(file.to_path_buf());
    let mut include = |list: Vec<PathBuf>, order: &mut Vec<_>| {
        for path in list {
            if above.contains(&path) {
                continue;
            }
            collect(&path, false, above, order)?;
            let local = path.with_extension("local");
            if local != path && !above.contains(&local) {
                collect(&local, false, above, order)?;
            }
        }
        Ok(())
    };
    include(before, order)?;
    order.push(sections);
    include(after, order)?;
    above.pop();
    Ok(())
}

/// Splits a file into its sections; the error is a line number and a phrase.
fn parse(text: &str) -> Result<BTreeMap<String, Section>, (usize, String)> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut section: Option<String> = None;
    let mut option: Option<String> = None;
    let mut indent = 0;
    for (number, line) in text.lines().enumerate() {
        let (content, comment) = without_comment(line);
        let value = content.trim();
        // A value continues in lines that are indented more than its name; an empty line among them
        // is kept.
        let open = section.as_ref().zip(option.as_ref());
        let open = open.and_then(|(s, o)| sections.get_mut(s)?.get_mut(o));
        let depth = line.len() - line.trim_start().len();
        if value.is_empty() {
            if let (Some(open), false) = (open, comment) {
                open.push('\n');
            }
            continue;
        }
        if let Some(open) = open
            && depth > indent
        {
            open.push('\n');
            open.push_str(value);
            continue;
        }
        indent = depth;
        if let Some(name) = value.strip_prefix('[').and_then(|v| v.rsplit_once(']')) {
            section = Some(name.0.to_string());
            option = None;
            sections.entry(name.0.to_string()).or_default();
            continue;
        }
        let wrong = |what: &str| (number + 1, what.to_string());
        let at = value
            .find(['=', ':'])
            .ok_or_else(|| wrong("neither a section nor an option"))?;
        let name = value[..at].trim().to_lowercase();
        let section = section
            .as_ref()
            .ok_or_else(|| wrong("an option before the first section"))?;
        let options = sections.entry(section.clone()).or_default();
        options.insert(name.clone(), value[at + 1..].trim().to_string());
        option = Some(name);
    }
    for value in sections.values_mut().flat_map(|s| s.values_mut()) {
        value.truncate(value.trim_end().len());
    }
    Ok(sections)
}

/// Cuts a comment off: `#` or `;` at the line's beginning, `;` after a blank.
fn without_comment(line: &str) -> (&str, bool) {
    if line.trim_start().starts_with(['#', ';']) {
        return ("", true);
    }
    let mut blank = false;
    for (i, c) in line.char_indices() {
        if c == ';' && blank {
            return (&line[..i], true);
        }
        blank = c.is_whitespace();
    }
    (line, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_their_lines() {
        let text = "\
[A]
one = 1 ; a comment
Two: a
   # not this
   b;c

   d
three =
[B]
one=x=y
";
        let sections = parse(text).expect("a good file");
        let get = |s: &str, o: &str| sections[s][o].as_str();
        assert_eq!(get("A", "one"), "1");
        assert_eq!(get("A", "two"), "a\nb;c\n\nd");
        assert_eq!(get("A", "three"), "");
        assert_eq!(get("B", "one"), "x=y");
        assert_eq!(
            parse("a = 1"),
            Err((1, "an option before the first section".into()))
        );
        assert_eq!(
            parse("[A]\nfoo"),
            Err((2, "neither a section nor an option".into()))
        );
    }

    #[test]
    fn files_in_their_order() {
        let folder = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("a file");
        };
        write(
            "main.conf",
            "[INCLUDES]\nbefore = base.conf\n  gone.conf\nafter = late.conf\n\
             [Definition]\nx = main\ny = main\n",
        );
        write(
            "base.conf",
            "[DEFAULT]\nd = base\n[Definition]\nx = base\nz = base\n",
        );
        write("base.local", "[Definition]\nz = base.local\n");
        write(
            "late.conf",
            "[INCLUDES]\nbefore = main.conf\n[Definition]\ny = late\n",
        );
        write("main.local", "[Definition]\nx = local\n");
        let ini = Ini::read(&folder.path().join("main.conf")).expect("good files");
        assert_eq!(ini.get("Definition", "x"), Some("local"));
        assert_eq!(ini.replaced("Definition", "x"), Some("main"));
        assert_eq!(ini.get("Definition", "y"), Some("late"));
        assert_eq!(ini.get("Definition", "z"), Some("base.local"));
        assert_eq!(ini.get("Definition", "d"), Some("base"));
        assert_eq!(ini.own("Definition", "d"), None);
        assert!(Ini::read(&folder.path().join("none.conf")).is_err());
    }
}
