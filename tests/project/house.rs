//! The shape of the code: which file may use which, and how large files are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The module of a file, as the names below the crate's root.
type Module = Vec<String>;

/// A crate or a program: its modules and their text without tests and comments.
struct Source {
    name: String,
    modules: BTreeMap<Module, String>,
}

/// The text without its tests and comments, and the modules below it that are only for tests.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let mut kept = String::new();
    let mut tests = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "#[cfg(test)]" {
            let next = lines.next().unwrap_or_default();
            if let Some((_, name)) = next.split_once("mod ") {
                match name.strip_suffix(';') {
                    Some(name) => tests.push(name.to_owned()),
                    // Tests in the file itself are at its end.
                    None => break,
                }
            }
            continue;
        }
        let code = line.split("//").next().unwrap_or_default();
        kept.push_str(code);
        kept.push('\n');
    }
    (kept, tests)
}

/// All Rust files below a directory.
pub fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files
}

fn sources() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for part in ["lib", "tools"] {
        for entry in fs::read_dir(top.join(part)).unwrap() {
            let directory = entry.unwrap().path();
            let mut modules = BTreeMap::new();
            let mut tests = BTreeSet::new();
            for file in rust_files(&directory) {
                let name = file.strip_prefix(&directory).unwrap().with_extension("");
                let mut module: Module = name.iter().map(|p| p.to_str().unwrap().into()).collect();
                module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
                let (text, below) = without_tests(&fs::read_to_string(file).unwrap());
                tests.extend(
                    below
                        .into_iter()
                        .map(|name| [&module[..], &[name]].concat()),
                );
                modules.insert(module, text);
            }
            let is_test = |module: &Module| tests.iter().any(|t| module.starts_with(t));
            modules.retain(|module, _| !is_test(module));
            let name = directory.strip_prefix(top).unwrap().display().to_string();
            sources.push(Source { name, modules });
        }
    }
    sources
}

/// The paths in a text, each as its names; `{…}` is spelled out.
fn paths(text: &str) -> Vec<Vec<&str>> {
    let mut paths = Vec::new();
    // The path so far, and the length of the path that each open brace continues.
    let mut path: Vec<&str> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut joined = false;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if length > 0 {
            if !joined {
                path.truncate(open.last().copied().unwrap_or(0));
            }
            path.push(&rest[..length]);
            paths.push(path.clone());
            joined = false;
            rest = &rest[length..];
        } else if let Some(after) = rest.strip_prefix("::") {
            joined = true;
            rest = after;
        } else {
            match c {
                '{' => open.push(if joined { path.len() } else { 0 }),
                '}' => _ = open.pop(),
                _ => {}
            }
            if !c.is_whitespace() {
                joined = false;
            }
            rest = &rest[c.len_utf8()..];
        }
    }
    paths
}

/// The `pub use` statements of a text, and the rest of it.
fn split_reexports(text: &str) -> (String, String) {
    let (mut reexports, mut rest) = (String::new(), String::new());
    for statement in text.split_inclusive(';') {
        let start = ["pub use ", "pub(crate) use ", "pub(super) use "].map(|s| statement.find(s));
        let (before, reexport) = statement.split_at(
            start
                .into_iter()
                .flatten()
                .next()
                .unwrap_or(statement.len()),
        );
        rest.push_str(before);
        reexports.push_str(reexport);
    }
    (reexports, rest)
}

impl Source {
    /// The module that a path in `module` leads to, and the names that are left: an item in it, or
    /// none where the path means the module.
    fn resolve<'a>(&self, module: &Module, path: &'a [&'a str]) -> Option<(Module, &'a [&'a str])> {
        let (mut from, mut names) = match path {
            ["crate", after @ ..] => (Module::new(), after),
            ["self", after @ ..] => (module.clone(), after),
            ["super", ..] => (module.clone(), path),
            // A module below this one goes without `self`.
            [name, _, ..] if self.has(module, name) => (module.clone(), path),
            _ => return None,
        };
        while let ["super", after @ ..] = names {
            from.pop();
            names = after;
        }
        while let [name, after @ ..] = names
            && self.has(&from, name)
        {
            from.push((*name).to_owned());
            names = after;
        }
        if names == ["self"] {
            names = &[];
        }
        Some((from, names))
    }

    /// The module in which an item stands, wherever it is named.
    fn home(&self, (module, names): (Module, &[&str])) -> Module {
        let (reexports, _) = split_reexports(&self.modules[&module]);
        let paths = paths(&reexports);
        let mut found = paths.iter().filter_map(|path| self.resolve(&module, path));
        match found.find(|(_, item)| !item.is_empty() && *item == &names[..1]) {
            Some(there) => self.home(there),
            None => module,
        }
    }

    /// The modules that one uses; to name others' items is no use of them.
    fn used_by(&self, module: &Module) -> BTreeSet<&Module> {
        let (reexports, rest) = split_reexports(&self.modules[module]);
        // To be seen from above is no use of what is there.
        let rest = rest.replace("pub(in super::super)", "pub");
        let mut paths_used = paths(&rest);
        let items: BTreeSet<&str> = paths_used
            .iter()
            .filter_map(|p| p.first())
            .copied()
            .collect();
        let own = paths(&reexports)
            .into_iter()
            .filter(|p| items.contains(p.last().unwrap()));
        paths_used.extend(own);
        let mut used = BTreeSet::new();
        for (i, path) in paths_used.iter().enumerate() {
            let goes_on = paths_used
                .get(i + 1)
                .is_some_and(|next| next.starts_with(path));
            let home = match self.resolve(module, path) {
                // A module as a whole, whose items are named by it.
                Some((whole, [])) => Some(whole).filter(|_| !goes_on && path.len() > 1),
                there => there.map(|there| self.home(there)),
            };
            used.extend(home.and_then(|home| Some(self.modules.get_key_value(&home)?.0)));
        }
        used.remove(module);
        used
    }

    fn has(&self, module: &Module, name: &str) -> bool {
        self.modules
            .contains_key(&[module, &[name.to_owned()][..]].concat())
    }

    /// A circle that can be reached from the end of this way, and lies in none of those done.
    fn circle(&self, way: &mut Vec<Module>, done: &mut BTreeSet<Module>) -> Option<String> {
        let last = way.last()?.clone();
        for next in self.used_by(&last) {
            if let Some(start) = way.iter().position(|m| m == next) {
                let circle = way[start..].iter().chain([next]);
                let circle: Vec<_> = circle
                    .map(|m| format!("{}/{}", self.name, m.join("/")))
                    .collect();
                return Some(circle.join(" → "));
            }
            if !done.contains(next) {
                way.push(next.clone());
                let found = self.circle(way, done);
                if found.is_some() {
                    return found;
                }
                way.pop();
            }
        }
        done.insert(last);
        None
    }
}

#[test]
fn no_circle_between_files() {
    let mut circles = Vec::new();
    for source in sources() {
        assert!(source.modules.len() > 2, "{}", source.name);
        let mut done = BTreeSet::new();
        for module in source.modules.keys().filter(|m| !m.is_empty()) {
            let circle = source.circle(&mut vec![module.clone()], &mut done);
            circles.extend(circle);
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

/// In the map of a crate, its lib.rs, each module stands below those that it uses.
#[test]
fn no_arrow_up() {
    let mut up = Vec::new();
    for source in sources().iter().filter(|s| s.name.starts_with("lib/")) {
        let map = &source.modules[&Module::new()];
        let place = |m: &Module| map.find(&format!("mod {};", m.first()?));
        for module in source.modules.keys().filter(|m| !m.is_empty()) {
            for used in source.used_by(module).into_iter().filter(|m| !m.is_empty()) {
                if place(used) > place(module) {
                    let (user, used) = (module.join("::"), used.join("::"));
                    up.push(format!("{}: {user} → {used}", source.name));
                }
            }
        }
    }
    assert!(up.is_empty(), "{up:#?}");
}

#[test]
fn log_and_ban_are_strangers() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let uses = |name: &str| {
        let manifest = fs::read_to_string(top.join("lib").join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest
            .split_once("\n[dependencies]")
            .unwrap()
            .1
            .to_owned();
        let is_used = |other: &&&str| dependencies.contains(&format!("pipeban-{other}"));
        [
            "time", "terminal", "journal", "process", "common", "log", "ban",
        ]
        .iter()
        .filter(is_used)
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
    };
    let crates = [
        "time", "terminal", "journal", "process", "common", "log", "ban",
    ];
    let all = "time terminal journal process";
    let expected = ["", "time", "", "", all, "common", "common"];
    assert_eq!(crates.map(uses), expected);
}

#[test]
fn files_are_small() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let mut all = Vec::new();
    let mut large = Vec::new();
    for part in ["lib", "tools"] {
        for path in rust_files(&top.join(part)) {
            let most = if path.ends_with("main.rs") { 70 } else { 450 };
            let length = lines(&path);
            all.push(length);
            if length > most {
                large.push(format!("{}: {length} lines", path.display()));
            }
        }
    }
    assert!(large.is_empty(), "{large:#?}");
    all.sort_unstable();
    let median = all[all.len() / 2];
    assert!(median <= 170, "median of all files: {median} lines");
    let common: usize = sources()
        .iter()
        .filter(|s| s.name == "lib/common")
        .flat_map(|s| s.modules.values())
        .map(|text| text.lines().count())
        .sum();
    assert!(
        (1..4_500).contains(&common),
        "lib/common: {common} lines without tests"
    );
}

/// A comment fits into 100 columns, and begins with a noun or a verb where it could begin with
/// "what" or "who".
#[test]
fn comments_are_read_once() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for path in ["lib", "tools", "tests"]
        .iter()
        .flat_map(|part| rust_files(&top.join(part)))
    {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let comment = line.trim_start();
            let Some(words) = ["/// ", "//! ", "// "]
                .iter()
                .find_map(|s| comment.strip_prefix(s))
            else {
                continue;
            };
            let begins = ["What ", "Who ", "Whoever ", "So many "]
                .iter()
                .any(|w| words.starts_with(w));
            // A question of one line begins so; and a paragraph that goes on may.
            if begins && !words.ends_with('?') || line.chars().count() > 100 {
                faults.push(format!("{}:{}: {comment}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
