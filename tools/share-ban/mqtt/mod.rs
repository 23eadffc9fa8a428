//! The packets of MQTT 5 that a client needs which publishes and subscribes with QoS 0 and 1
//! (OASIS, MQTT Version 5.0; the numbers of sections below are its).

mod bytes; // numbers and texts in packets

mod read; // packets from the broker
mod write; // packets to the broker

pub use bytes::{LONGEST, Malformed, REFUSED};
pub use read::{Packet, Publish, read};
pub use write::{Connect, Will, connect, disconnect, ping, publish, publish_ack, subscribe};
