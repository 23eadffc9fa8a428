//! Values of JSON objects (RFC 8259) in lines, by their paths: `request.remote_ip`.
//!
//! A remote party fills strings, and nothing in a string moves a key. An object is walked to its
//! end, once, and nothing is kept of it but the places of the values that were asked for. It is
//! refused, with the reason, where two readers could see two values:
//!
//! - the line is not one whole object: it is cut, or has text behind the object
//! - a key on a path stands twice in its object; keys are compared unescaped
//!
//! Some text that JSON does not allow is read, for services write it: `\xHH`, `\v` (nginx, Apache),
//! an unknown escape as it stands, control characters and bytes that are no UTF-8 inside strings,
//! a number with leading zeros (nginx's status 009). Strings end at the same quote in any case.

mod condition;
mod path;
mod scan;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod walk;

pub use self::condition::Condition;
pub use self::path::Path;
pub(crate) use self::text::unescape;
pub use self::value::{Refused, Value};
pub use self::walk::{Paths, Values};
