//! The packets that a ban drops.

use std::fmt;
use std::ops::Deref;

use pipeban::address::Address;

/// All packets from an address or network, or those of TCP and UDP to one port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The address or network.
    pub address: Address,
    /// The port; 0 is all packets.
    pub port: u16,
}

impl From<Address> for Target {
    fn from(address: Address) -> Self {
        Target { address, port: 0 }
    }
}

impl Deref for Target {
    type Target = Address;

    fn deref(&self) -> &Address {
        &self.address
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.address.fmt(f)?;
        match self.port {
            0 => Ok(()),
            port => write!(f, " port {port}"),
        }
    }
}
