//! Moments and durations: the one clock of all tools, and the forms in which people write time.

mod duration; // 90, 10m, 1h30m
mod read; // RFC 3339 read
mod zone; // time zones

mod write; // RFC 3339 written

mod moment; // a moment, in microseconds

mod reader; // the times of records that follow one another

mod recent; // the number of events in the last while

mod at; // TIME as at(1) reads it

pub use at::{parse_at, parse_at_in, parse_past, parse_past_in};
pub use duration::{format_duration, parse_duration};
pub use moment::Time;
pub use reader::TimeReader;
pub use recent::Recent;
pub use zone::Zone;
