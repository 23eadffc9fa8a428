//! The topics of a fleet, below the one that the configuration names.

use crate::config::Config;

/// A kind of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic<'a> {
    /// A ban or a lift of this host; behind it the target.
    Ban(&'a str, &'a str),
    /// That this host is there or has gone.
    Host(&'a str),
    /// A lift for all hosts, of this target.
    Pardon(&'a str),
    /// A question of the first host for the second.
    Ask(&'a str, &'a str),
    /// An answer of the first host for the second.
    Page(&'a str, &'a str),
    /// A trial of this host's; behind it a name.
    Verify(&'a str, &'a str),
}

impl<'a> Topic<'a> {
    /// Reads a topic.
    pub fn parse(config: &Config, topic: &'a str) -> Option<Self> {
        let rest = topic
            .strip_prefix(config.topic.as_str())?
            .strip_prefix('/')?;
        let (kind, rest) = rest.split_once('/')?;
        let two = || rest.split_once('/');
        Some(match kind {
            "ban" => two().map(|(host, target)| Topic::Ban(host, target))?,
            "host" => Topic::Host(rest),
            "pardon" => Topic::Pardon(rest),
            "ask" => two().map(|(from, to)| Topic::Ask(from, to))?,
            "page" => two().map(|(from, to)| Topic::Page(from, to))?,
            "verify" => two().map(|(host, name)| Topic::Verify(host, name))?,
            _ => return None,
        })
    }

    /// The whole topic, or a filter of topics.
    pub fn text(&self, config: &Config) -> String {
        let topic = &config.topic;
        match self {
            Topic::Ban(host, target) => format!("{topic}/ban/{host}/{target}"),
            Topic::Host(host) => format!("{topic}/host/{host}"),
            Topic::Pardon(target) => format!("{topic}/pardon/{target}"),
            Topic::Ask(from, to) => format!("{topic}/ask/{from}/{to}"),
            Topic::Page(from, to) => format!("{topic}/page/{from}/{to}"),
            Topic::Verify(host, name) => format!("{topic}/verify/{host}/{name}"),
        }
    }
}
