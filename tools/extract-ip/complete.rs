//! The values of --preset and --filter that a shell offers at Tab.

use std::ffi::OsStr;

use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use pipeban_log::{filter, presets};

/// The services, or rules of one, that begin with the last name of a list such as `sshd,dove`.
pub(crate) fn preset(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let (before, name) = current.split_at(current.rfind(',').map_or(0, |comma| comma + 1));
    let mut all = vec![("all", "all services"), ("list", "print the services")];
    if !before.is_empty() {
        all.clear();
    }
    let services = presets::list();
    all.extend(services.iter().map(|s| (s.name, s.title)));
    all.retain(|(service, _)| service.starts_with(name));
    let candidate = |(service, title): (&str, &'static str)| {
        CompletionCandidate::new(format!("{before}{service}")).help(Some(title.into()))
    };
    let mut candidates: Vec<_> = all.into_iter().map(candidate).collect();
    // The rules of a service: sshd/.
    for service in services {
        let rules = service
            .rules
            .iter()
            .chain(&service.successes)
            .map(|r| format!("{}/{r}", service.name));
        let rules = rules.filter(|rule| name.contains('/') && rule.starts_with(name));
        candidates.extend(rules.map(|r| CompletionCandidate::new(format!("{before}{r}"))));
    }
    candidates
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
