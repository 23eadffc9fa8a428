//! The values of --preset and --filter that a shell offers at Tab.

use std::ffi::OsStr;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use pipeban_log::{filter, presets};

/// The services that begin with the last name of a list such as `sshd,dove`.
pub(crate) fn preset(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let (before, name) = current.split_at(current.rfind(',').map_or(0, |comma| comma + 1));
    let mut all = vec![("all", "all services"), ("list", "print the services")];
    if !before.is_empty() {
        all.clear();
    }
    all.extend(presets::list().iter().map(|s| (s.name, s.title)));
    all.retain(|(service, _)| service.starts_with(name));
    let candidate = |(service, title): (&str, &'static str)| {
        CompletionCandidate::new(format!("{before}{service}")).help(Some(title.into()))
    };
    all.into_iter().map(candidate).collect()
}

/// The filters that fail2ban has, and files.
pub(crate) fn filter(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut names = filter::names();
    names.retain(|name| name.starts_with(&*current.to_string_lossy()));
    let names = names.into_iter().map(CompletionCandidate::new);
    names
        .chain(PathCompleter::file().complete(current))
        .collect()
}
