//! Lists of networks, as they are published or written by hand.

mod forms; // the text behind an address

mod line; // one line

mod protected; // a list that is read whole or not at all

pub use line::{Form, Line, networks, parse};
pub use protected::{Protected, read, read_networks};

#[cfg(test)]
mod tests;
