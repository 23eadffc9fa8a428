//! Whose ledger is read: each ordinary user has an own one, and the host's is root's.

use std::path::Path;

use nix::unistd::geteuid;

use pipeban::{complain, state};

/// Tells an ordinary user whose ledger it was, in which nothing was found, unless a flag or
/// `$PIPEBAN_STATE` named it.
pub fn tell(state_file: Option<&Path>) {
    if !geteuid().is_root() && state::is_usual(state_file) {
        let path = state::path(state_file);
        let user = geteuid();
        let text = format!("this is the ledger of user {user} alone; that of the host needs root");
        complain::note(path.display(), text);
    }
}
