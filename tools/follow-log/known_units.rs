//! The units that this system has, by their files: systemd.unit(5). A name that is none is told,
//! and an alias means the unit itself, whose name the entries of the journal have.

use std::fs;
use std::path::Path;

use pipeban::complain;
use pipeban::hints::did_you_mean;

use crate::glob::is_pattern;
use crate::units::names;

/// Where the files of units are.
const DIRECTORIES: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/transient",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
];

/// The names of units as the journal has them, those of aliases added.
pub fn with_aliases(units: &[String]) -> Vec<String> {
    let mut all = names(units);
    let aliases = all.iter().filter_map(|unit| alias(&DIRECTORIES, unit));
    all.extend(aliases.collect::<Vec<_>>());
    all
}

/// The unit that a name is an alias of: its file is a link to the other's.
fn alias(directories: &[&str], unit: &str) -> Option<String> {
    directories.iter().find_map(|directory| {
        let target = fs::read_link(Path::new(directory).join(unit)).ok()?;
        let name = target.file_name()?.to_str()?;
        // A masked unit is a link to /dev/null.
        (name.contains('.') && name != unit).then(|| name.to_string())
    })
}

/// Tells of names that no unit of this system has.
pub fn tell_unknown(units: &[String]) {
    for unit in names(units).iter().filter(|u| !is_pattern(u.as_ref())) {
        if let Some(guess) = unknown(&DIRECTORIES, unit) {
            let what = format!("no unit of this name is installed here: {unit}{guess}");
            complain::note("--unit", what);
        }
    }
}

/// A guess at the unit that is meant by a name that is none; empty where none is like it. `None` if
/// it is one, or if there are no units at all.
fn unknown(directories: &[&str], unit: &str) -> Option<String> {
    let mut all = Vec::new();
    for directory in directories {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        all.extend(entries.filter_map(|entry| entry.file_name().into_string().ok()));
    }
    // `ssh@3.service` is one of `ssh@.service`.
    let template = unit.split_once('@').and_then(|(name, instance)| {
        let (_, kind) = instance.rsplit_once('.')?;
        Some(format!("{name}@.{kind}"))
    });
    let is_it = |name: &String| name == unit || Some(name) == template.as_ref();
    if all.is_empty() || all.iter().any(is_it) {
        return None;
    }
    let (wrong, kind) = unit.rsplit_once('.')?;
    let alike = all.iter().filter_map(|name| {
        let (name, other) = name.rsplit_once('.')?;
        (other == kind).then_some(name)
    });
    let mut alike: Vec<_> = alike.collect();
    alike.sort_unstable();
    Some(did_you_mean(wrong, alike))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn units_of_a_system() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().to_str().expect("a name of UTF-8");
        let directories = [path, "/nonexistent"];
        assert_eq!(unknown(&directories, "shh.service"), None);
        for name in ["ssh.service", "ssh@.service", "ssh.socket", "cron.service"] {
            fs::write(home.path().join(name), "").expect("a file");
        }
        symlink("/x/ssh.service", home.path().join("sshd.service")).expect("a link");
        symlink("/dev/null", home.path().join("at.service")).expect("a link");
        for (unit, expected) in [
            ("ssh.service", None),
            ("sshd.service", None),
            ("ssh@3-10.0.0.1:22.service", None),
            ("shh.service", Some("; did you mean \"ssh\"?")),
            ("cronn.service", Some("; did you mean \"cron\"?")),
            ("nginx.service", Some("")),
        ] {
            assert_eq!(unknown(&directories, unit).as_deref(), expected, "{unit}");
        }
        let alias = |unit| alias(&directories, unit);
        assert_eq!(alias("sshd.service").as_deref(), Some("ssh.service"));
        assert_eq!(alias("ssh.service"), None);
        assert_eq!(alias("at.service"), None);
    }
}
