//! An IP address or network, and its one canonical text.

pub mod fast; // one address at the beginning of a line
pub mod list; // many addresses, each alone on its line
mod text; // addresses written

mod network; // an address or network

pub mod range; // from one address to another

pub mod net_list; // many networks

pub use net_list::NetList;

pub use network::{Address, mask4, mask6, write_number};
