//! The two sides that can fail while bans are enforced.

use std::io;

use crate::firewall::{Backend, lasts};
use pipeban::complain::Fault;

/// An error of the ledger's or of a firewall's.
#[derive(Debug)]
pub enum Failure {
    /// The ledger can't be read or written.
    Ledger(Fault),
    /// The firewall fails.
    Firewall {
        /// The error.
        fault: Fault,
        /// It will come again, whatever the firewall is told.
        lasts: bool,
    },
}

impl Failure {
    /// An error of this firewall's.
    pub fn of(backend: &Backend, e: &io::Error) -> Self {
        Failure::Firewall {
            fault: backend.fault(e),
            lasts: lasts(e),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure::Ledger(fault)
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ledger(fault) | Failure::Firewall { fault, .. } => fault,
        }
    }
}
