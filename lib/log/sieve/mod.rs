//! A prefilter: decides by literals which of many patterns a line can match at all.
//!
//! Most lines have no literal of any pattern. They are passed over at the speed of a search for a
//! few words, however many patterns there are.

mod any;
mod prefixes;
mod required;
mod table;

pub use self::any::AnyOf;
pub use self::prefixes::{Prefixes, beginnings};
pub use self::required::{behind, parsed, required, untorn};
pub use self::table::Sieve;
