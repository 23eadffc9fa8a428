//! Tables of millions of addresses, and the bound on the memory that they take.
//!
//! Such a table is larger than any cache, so an access costs a wait for memory. Addresses are
//! therefore looked up in batches: the accesses of a batch are under way at the same time.
//! Rooms, from the lowest to the highest:

pub mod slot; // a key with a value

pub mod key; // addresses as keys, and their seeded hash
pub mod memory; // vectors that grow in place, on large pages

pub mod bound; // which addresses are evicted when memory is full
pub mod open; // open addressing, one cache line at a time

pub mod counts; // counts of bare addresses
pub mod hosts;
pub mod map; // any other value that is kept of an address
pub mod rows; // rows of numbers by address // slots of single IPv4 addresses

pub mod set; // a set of addresses
