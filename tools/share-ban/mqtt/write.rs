//! Packets to the broker.

use super::bytes::{LONGEST, push_binary, push_variable};

/// The message that the broker publishes when the connection is lost; it is retained.
pub struct Will<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload.
    pub payload: &'a [u8],
}

/// A connection.
pub struct Connect<'a> {
    /// The name of the client at the broker.
    pub client: &'a str,
    /// The broker takes the client for gone after 1.5 times this many seconds of silence.
    pub keep_alive: u16,
    /// The number of messages that the broker may send before they are acknowledged.
    pub receive_maximum: u16,
    /// User and password.
    pub login: Option<(&'a str, &'a [u8])>,
    /// The will.
    pub will: Option<Will<'a>>,
}

/// Appends a connection with a new session that ends with it (3.1).
pub fn connect(connect: &Connect, out: &mut Vec<u8>) {
    let mut body = vec![];
    push_binary(b"MQTT", &mut body);
    let will = if connect.will.is_some() { 0x2c } else { 0 };
    let login = if connect.login.is_some() { 0xc0 } else { 0 };
    // Version 5, a clean start; a will with QoS 1 that is retained.
    body.extend([5, 0x02 | will | login]);
    body.extend(connect.keep_alive.to_be_bytes());
    // Receive Maximum and Maximum Packet Size; the maximum of aliases is 0 (3.1.2.11).
    body.extend([8, 0x21]);
    body.extend(connect.receive_maximum.to_be_bytes());
    body.push(0x27);
    body.extend((LONGEST as u32).to_be_bytes());
    push_binary(connect.client.as_bytes(), &mut body);
    if let Some(will) = &connect.will {
        body.push(0);
        push_binary(will.topic.as_bytes(), &mut body);
        push_binary(will.payload, &mut body);
    }
    if let Some((user, password)) = connect.login {
        push_binary(user.as_bytes(), &mut body);
        push_binary(password, &mut body);
    }
    packet(0x10, &body, out);
}

/// Appends a message with QoS 1; `expiry` is in seconds (3.3).
pub fn publish(
    topic: &str,
    payload: &[u8],
    id: u16,
    retain: bool,
    expiry: Option<u32>,
    out: &mut Vec<u8>,
) {
    let mut body = vec![];
    push_binary(topic.as_bytes(), &mut body);
    body.extend(id.to_be_bytes());
    match expiry {
        Some(seconds) => {
            body.extend([5, 0x02]);
            body.extend(seconds.to_be_bytes());
        }
        None => body.push(0),
    }
    body.extend(payload);
    packet(0x32 | u8::from(retain), &body, out);
}

/// Appends the acknowledgement of a message (3.4).
pub fn publish_ack(id: u16, out: &mut Vec<u8>) {
    packet(0x40, &id.to_be_bytes(), out);
}

/// Appends a subscription with QoS 1 (3.8). With `others_only` the client's own messages don't come
/// back.
pub fn subscribe(id: u16, filters: &[&str], others_only: bool, out: &mut Vec<u8>) {
    let mut body = id.to_be_bytes().to_vec();
    body.push(0);
    for filter in filters {
        push_binary(filter.as_bytes(), &mut body);
        body.push(0x01 | if others_only { 0x04 } else { 0 });
    }
    packet(0x82, &body, out);
}

/// Appends a ping (3.12).
pub fn ping(out: &mut Vec<u8>) {
    packet(0xc0, &[], out);
}

/// Appends the end of a connection, after which the broker publishes the will all the same
/// (3.14.2.1).
pub fn disconnect(out: &mut Vec<u8>) {
    packet(0xe0, &[0x04], out);
}

fn packet(first: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    push_variable(body.len(), out);
    out.extend(body);
}
