//! Groups: events that are counted by a field, by distinct values of one, or with successes that
//! forgive.

pub mod events; // the events of a group that count
pub mod printed; // the addresses of a group that were printed

pub mod group; // one group: its threshold, and the addresses that are printed

pub mod encode; // a group as the state file keeps it
