//! This process and the programs that it runs.

pub mod detach; // a process that outlives its caller
pub mod privilege; // capabilities given up
pub mod program; // another program, run within bounds of time and output
pub mod threads; // the number of threads that a run may use
