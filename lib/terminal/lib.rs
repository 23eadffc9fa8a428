//! Text for people: messages, hints and tables. A remote party may have written some of it.
//!
//! Each module uses only modules that stand above it.

pub mod terminal; // control characters, colours, the width

pub mod complain; // the one way to complain: `tool: where: what`
pub mod hints; // the likely mistake behind a wrong word

pub mod table; // rows in columns
pub mod verdicts; // records as rows
