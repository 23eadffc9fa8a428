//! ban-ip as its users meet it, on a real kernel in a namespace, and the backends and the ledger
//! below it.
//!
//! The faults between firewall and ledger, and the firewalls on which each is tried:
//!
//! | fault | nft | ipset | iptables | exec | in |
//! | --- | --- | --- | --- | --- | --- |
//! | a flush, an element deleted; the next record puts it back | x | x | x | `--sync` | `both` |
//! | a lift that the ledger knows nothing of | x | x | x | | `both` |
//! | the state file is gone, a ledger without bans | x | x | x | | `both` |
//! | an older ruleset is loaded | x | | | | `both` |
//! | bans are lost while they are restored | x | x | x | | `restore` |
//! | a full disk, a ledger that can't be written | x | x | refused | refused | `no_ledger` |
//! | the same, and the process has ended | x | x | | | `no_ledger` |
//! | the same, and a ban gets another end | x | x | refused | | `other_ends` |
//! | the same, while bans are restored | x | x | | | `meanwhile`, `no_ledger` |
//! | one firewall, one ban or one row fails | x | x | | x | `one_fails` |
//! | a firewall that hangs or is slow | | | | x | `hanging`, `one_fails` |
//! | the clock is set | x | x | `storm` | | `both`, `no_ledger`, `storm` |
//! | the first ban of an address that is there; two at once | x | | | | `first` |
//! | networks and their addresses | x | x | x | | `both` |
//! | killed at any system call (tests/kills.sh: all) | x | all | x | | `kills` |
//! | sixteen at once, killed and flushed (tests/storm.sh) | x | x | x | | `storm` |
//! | commands and files of others | | | | x | `trust` |

mod backends;
mod both;
#[path = "../common/mod.rs"]
mod common;
mod counters;
mod faults;
mod firewall;
mod first;
mod follow;
mod hanging;
mod kills;
mod ledger;
mod lists;
mod meanwhile;
mod never;
mod no_ledger;
mod older_backends;
mod one_fails;
mod origins;
mod other_ends;
mod packets;
mod ports;
mod refusals;
mod restore;
mod retention;
mod state;
mod storm;
mod times;
mod trust;
