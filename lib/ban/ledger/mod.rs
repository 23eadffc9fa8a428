//! The ledger: the present and past bans with their beginning, end and reason, in the state file.
//!
//! A ban is entered before the firewall is told, and the ledger notes which bans the firewall was
//! told: so a process that is killed in between leaves work that the next one finishes. It notes
//! also which changes have still to be printed. The state file is locked only while it is read or
//! written; a lock of its own for each firewall ([`Ledger::lock`]) keeps two processes from telling
//! one firewall at once.

mod ban; // a ban and its form in records
mod batch; // bans that are entered together
mod changes; // all bans at once, and the changes since
mod enter; // new bans and longer ones
mod forget; // ended bans are forgotten in time
mod insertion; // the statements that enter new bans
mod lifts; // bans that are lifted or end at another time
mod lock; // a lock for each firewall
mod new_ban; // a ban to be entered
mod recent; // the last changes of this process
mod rows; // rows of the tables
mod store; // the open ledger, and questions to it
mod unprinted; // changes that a killed process did not print

mod complete; // the state of a firewall that holds all bans
mod told; // which bans a firewall was told
mod unentered; // bans and lifts that were made without the ledger

pub use ban::{Ban, BanDetails, BanFormatter, seconds};
pub use changes::{Changed, Snapshot};
pub use complete::Complete;
pub use lifts::{HostLift, Whose};
pub use lock::{BackendLock, lock_alone};
pub use new_ban::{Entered, NewBan};
pub use store::Ledger;
pub use told::{Change, Note, Pending};
pub use unprinted::Printing;
