//! Messages that were refused, counted by reason.

use pipeban::complain;
use pipeban::figures;

/// The reason why a message of the broker's, or a part of it, is not believed or not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its topic names no target, or none of the hosts of `from`.
    Topic,
    /// A newline: it would be a record of its own.
    Newline,
    /// A control character, or a character beyond ASCII.
    Control,
    /// Too long, no record, or a field that can't be read.
    Form,
    /// It names another origin than its topic.
    Origin,
    /// It names another address than its topic.
    Address,
    /// A network that is too wide.
    Prefix,
    /// An address of the broker, of a host or of the never-list.
    Exempt,
    /// The host has banned as many addresses as it may.
    Limit,
    /// The host changes its bans faster than it may.
    Rate,
    /// A ban that is over.
    Over,
    /// A host's clock differs from this one's by a minute or more.
    Clock,
    /// A pardon that the broker keeps and that does not say when it was given.
    Pardon,
    /// The broker has refused to take a message.
    Broker,
}

/// The names of the figures, in the order of [`Reason`].
const NAMES: [&str; 14] = [
    "refused-topic",
    "refused-newline",
    "refused-control",
    "refused-form",
    "refused-origin",
    "refused-address",
    "refused-prefix",
    "refused-exempt",
    "refused-limit",
    "refused-rate",
    "refused-over",
    "refused-clock",
    "refused-pardon",
    "refused-by-broker",
];

/// The number of refusals for each reason.
#[derive(Default)]
pub struct Counts([u64; NAMES.len()]);

impl Counts {
    /// Counts a refusal. The first of a reason is told, then the tenth, the hundredth and so on.
    pub fn add(&mut self, reason: Reason, place: &str) {
        let place = place.get(..200).unwrap_or(place);
        let name = NAMES[reason as usize];
        let count = &mut self.0[reason as usize];
        *count += 1;
        figures::tell_too(name, *count);
        if 10u64.pow(count.ilog10()) == *count {
            complain::note(place, format_args!("{name}={count}"));
        }
    }
}
