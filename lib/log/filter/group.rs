//! The groups of a match from which a verdict is made.

/// A group from which a verdict is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Group {
    Ip4,
    Ip6,
    Dns,
    Cidr,
    /// The identity that fail2ban counts where there is no address.
    Id,
    Session,
    User,
    NoFail,
    Forget,
    Gained,
    Content,
}

/// The number of groups.
pub(super) const COUNT: usize = 11;

/// The groups by their names in patterns.
pub(super) const GROUPS: [(&str, Group); COUNT] = [
    ("ip4", Group::Ip4),
    ("ip6", Group::Ip6),
    ("dns", Group::Dns),
    ("cidr", Group::Cidr),
    ("fid", Group::Id),
    ("mlfid", Group::Session),
    ("user", Group::User),
    ("nofail", Group::NoFail),
    ("mlfforget", Group::Forget),
    ("mlfgained", Group::Gained),
    ("content", Group::Content),
];

/// The groups that identify the client; the first that took part counts.
pub(super) const IDENTITY: [Group; 4] = [Group::Ip4, Group::Ip6, Group::Dns, Group::Id];

/// The texts of a match's groups.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups<'t>(pub(super) [Option<&'t [u8]>; COUNT]);

impl<'t> Groups<'t> {
    pub(super) fn get(&self, group: Group) -> Option<&'t [u8]> {
        self.0[group as usize]
    }

    /// Whether the group took part and is not empty.
    pub(super) fn has(&self, group: Group) -> bool {
        self.get(group).is_some_and(|text| !text.is_empty())
    }

    pub(super) fn take(&mut self, group: Group) -> Option<&'t [u8]> {
        self.0[group as usize].take()
    }

    pub(super) fn set(&mut self, group: Group, text: &'t [u8]) {
        self.0[group as usize] = Some(text);
    }

    /// Replaces these groups by those of `other` that took part.
    pub(super) fn replace_by(&mut self, other: Groups<'t>) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = theirs.or(*mine);
        }
    }
}
