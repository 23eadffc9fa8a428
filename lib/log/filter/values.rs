//! The options of a filter file after `%(name)s` and `<name>` are replaced; the caller's options
//! come first.

use std::collections::{BTreeMap, HashMap};

use super::ini::{DEFAULT, Ini};

/// The depth of `%(…)s` within `%(…)s`, at most.
const MAX_DEPTH: usize = 10;
/// A name that is replaced more often in one value contains itself.
const MAX_REPEATS: usize = 25;
/// The bytes of a value, at most; an honest filter comes nowhere near.
const MAX_VALUE: usize = 1 << 20;

/// The section that holds a filter.
const DEFINITION: &str = "Definition";

/// The options of a filter, with every name replaced.
#[derive(Debug, Default)]
pub(super) struct Values(BTreeMap<String, String>);

const WANTED: [&str; 7] = [
    "usedns",
    "prefregex",
    "failregex",
    "ignoreregex",
    "maxlines",
    "datepattern",
    "journalmatch",
];

impl Values {
    /// Resolves the options of a file, with those of the caller (`[mode=aggressive]`).
    pub(super) fn resolve(ini: &Ini, given: &[(String, String)]) -> Result<Values, String> {
        let mut given: BTreeMap<String, String> = given.iter().cloned().collect();
        if given.get("logtype").is_none_or(String::is_empty)
            && ini.own(DEFINITION, "logtype").is_none()
        {
            given.insert("logtype".into(), "file".into());
        }
        let look = Look { ini, given: &given };
        let mut values = BTreeMap::new();
        for name in WANTED {
            if !given.contains_key(name)
                && let Some(value) = look.option(DEFINITION, name)?
            {
                values.insert(name.to_string(), value);
            }
        }
        // `[Init]` has defaults for the caller's options; they also override the definition.
        for name in ini.options("Init") {
            if let Some(value) = look.plain("Init", name)? {
                values.insert(format!("known/{name}"), value.clone());
                if !given.contains_key(name) {
                    values.insert(name.into(), value);
                }
            }
        }
        for (name, value) in &given {
            values.insert(name.clone(), value.clone());
        }
        look.replace_tags(&mut values)?;
        Ok(Values(values))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The lines of a value that are not empty.
    pub(super) fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        let value = self.get(name).unwrap_or("");
        value.split('\n').filter(|l| !l.trim().is_empty())
    }
}

/// Where names are looked up: the caller's options, the section, `[DEFAULT]`.
struct Look<'a> {
    ini: &'a Ini,
    given: &'a BTreeMap<String, String>,
}

impl Look<'_> {
    /// An option with `%(…)s` replaced; the caller's options count.
    fn option(&self, section: &str, name: &str) -> Result<Option<String>, String> {
        let raw = self.given.get(name).map(String::as_str);
        self.put_in(raw.or_else(|| self.ini.get(section, name)), section, true)
    }

    /// An option with `%(…)s` replaced, from the files alone.
    fn plain(&self, section: &str, name: &str) -> Result<Option<String>, String> {
        self.put_in(self.ini.get(section, name), section, false)
    }

    fn put_in(
        &self,
        raw: Option<&str>,
        section: &str,
        given: bool,
    ) -> Result<Option<String>, String> {
        let Some(raw) = raw else { return Ok(None) };
        let mut out = String::new();
        self.interpolate(raw, section, given, 1, &mut out)?;
        Ok(Some(out))
    }

    fn interpolate(
        &self,
        raw: &str,
        section: &str,
        given: bool,
        depth: usize,
        out: &mut String,
    ) -> Result<(), String> {
        if depth > MAX_DEPTH || out.len() > MAX_VALUE {
            return Err(format!("%(…)s is nested too deep in \"{raw}\""));
        }
        let mut rest = raw;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                out.push('%');
                rest = after;
                continue;
            }
            let name = rest.strip_prefix('(').and_then(|r| r.split_once(")s"));
            let (name, after) =
                name.ok_or_else(|| format!("a single % (write %%) in \"{}\"", first_line(raw)))?;
            rest = after;
            let value = self
                .raw(&name.to_lowercase(), section, given)
                .ok_or_else(|| format!("%({name})s is not defined"))?;
            self.interpolate(value, section, given, depth + 1, out)?;
        }
        out.push_str(rest);
        Ok(())
    }

    /// The raw value of `%(name)s`; `name` may be `section/name` or `known/name`.
    fn raw(&self, name: &str, section: &str, given: bool) -> Option<&str> {
        let own = given.then(|| self.given.get(name)).flatten();
        if let Some(value) = own.map(String::as_str).or(self.ini.get(section, name)) {
            return Some(value);
        }
        match name.split_once('/')? {
            ("known", option) => self.ini.replaced(section, option),
            ("default", option) => self.ini.own(DEFAULT, option),
            (other, option) => self.ini.get(other, option),
        }
    }

    /// The value of `<name>` where no option of the filter has that name.
    fn tag(&self, name: &str) -> Option<String> {
        let found = match name.split_once('/') {
            Some(("known", option)) => {
                let known = self.ini.replaced(DEFINITION, option);
                let raw = known.or_else(|| self.ini.get(DEFINITION, option));
                self.put_in(raw, DEFINITION, false)
            }
            Some((section, option)) => {
                let section = if section.eq_ignore_ascii_case(DEFAULT) {
                    DEFAULT
                } else {
                    section
                };
                self.plain(section, &option.to_lowercase())
            }
            None => self.option(DEFINITION, &name.to_lowercase()),
        };
        found.ok().flatten()
    }

    /// Replaces every `<name>` that has a value, also within a replacement; others stay.
    fn replace_tags(&self, values: &mut BTreeMap<String, String>) -> Result<(), String> {
        let names: Vec<String> = values.keys().cloned().collect();
        for name in names {
            let mut value = values[&name].clone();
            let mut repeats: HashMap<String, usize> = HashMap::new();
            let mut from = 0;
            while let Some((start, end)) = next_tag(&value, from) {
                let tag = value[start + 1..end - 1].to_string();
                let found = values.get(&tag).cloned().or_else(|| self.tag(&tag));
                let Some(found) = found else {
                    // An unknown tag may hold a known one: `<a-<b>>`. The search goes on inside it.
                    from = start + 1;
                    continue;
                };
                let count = repeats.entry(tag.clone()).or_default();
                *count += 1;
                if tag == name || *count > MAX_REPEATS || value.len() > MAX_VALUE {
                    return Err(format!("<{tag}> contains itself"));
                }
                value = value.replace(&format!("<{tag}>"), &found);
                // The text before may have become a tag by this: `<a-<b>>` is now `<a-c>`.
                from = 0;
            }
            values.insert(name, value);
        }
        Ok(())
    }
}

/// The next `<name>` at or after `from`: no blank and no further bracket inside.
fn next_tag(value: &str, from: usize) -> Option<(usize, usize)> {
    let mut start = None;
    for (i, c) in value[from..].char_indices() {
        match (c, start) {
            ('<', _) => start = Some(from + i),
            (' ', _) => start = None,
            ('>', Some(s)) if from + i > s + 1 => return Some((s, from + i + 1)),
            ('>', _) => start = None,
            _ => {}
        }
    }
    None
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, given: &[(&str, &str)], name: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("f.conf");
        std::fs::write(&file, text).expect("a file");
        let ini = Ini::read(&file).expect("a good file");
        let given: Vec<_> = given
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect();
        let values = Values::resolve(&ini, &given)?;
        Ok(values.get(name).unwrap_or("-").to_string())
    }

    const FILE: &str = "\
[DEFAULT]
daemon = \\S+
prefix = <lt_<logtype>/prefix>
[lt_file]
prefix = \\s*%(daemon)s:
[lt_journal]
prefix = %(lt_file/prefix)s extra
[Definition]
daemon = sshd
prefregex = ^%(prefix)s<F-CONTENT>.+</F-CONTENT>$
failregex = ^100%% %(one)s <HOST>
            <m-<mode>>
one = 1
m-normal = ^n
m-more = ^more
         %(m-normal)s
mode = normal
[Init]
maxlines = 3
";

    #[test]
    fn names_are_put_in() {
        let get = |given: &[(&str, &str)], name| resolved(FILE, given, name).expect("good values");
        assert_eq!(get(&[], "failregex"), "^100% 1 <HOST>\n^n");
        assert_eq!(
            get(&[("mode", "more")], "failregex"),
            "^100% 1 <HOST>\n^more\n^n"
        );
        assert_eq!(get(&[("one", "2")], "failregex"), "^100% 2 <HOST>\n^n");
        // A section named in a tag sees its own options and the defaults, not the definition's.
        assert_eq!(
            get(&[], "prefregex"),
            "^\\s*\\S+:<F-CONTENT>.+</F-CONTENT>$"
        );
        assert_eq!(
            get(&[("logtype", "journal")], "prefregex"),
            "^\\s*\\S+: extra<F-CONTENT>.+</F-CONTENT>$"
        );
        assert_eq!(get(&[], "maxlines"), "3");
        assert_eq!(get(&[("maxlines", "5")], "maxlines"), "5");
    }

    #[test]
    fn what_cannot_be_resolved() {
        let wrong = |text: &str| resolved(text, &[], "failregex").expect_err("a bad file");
        assert_eq!(
            wrong("[Definition]\nfailregex = %(gone)s\n"),
            "%(gone)s is not defined"
        );
        assert_eq!(
            wrong("[Definition]\nfailregex = 100%\n"),
            "a single % (write %%) in \"100%\""
        );
        assert!(wrong("[Definition]\nfailregex = %(failregex)s\n").contains("too deep"));
        assert_eq!(
            wrong("[Definition]\nfailregex = <a>\na = <b>\nb = <a>\n"),
            "<a> contains itself"
        );
    }
}
