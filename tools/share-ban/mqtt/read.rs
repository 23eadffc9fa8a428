//! Packets from the broker, which may be hostile.

use super::bytes::{Bytes, LONGEST, Malformed};

/// The answer to a connection (3.2).
#[derive(Debug, PartialEq, Eq)]
pub struct ConnAck {
    /// 0 is success.
    pub code: u8,
    /// The number of publishes that may wait for their acknowledgement.
    pub receive_maximum: u16,
    /// The broker takes publishes with QoS 1 and keeps retained ones.
    pub is_able: bool,
    /// The longest packet that the broker takes.
    pub longest: u32,
}

/// A message (3.3).
#[derive(Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The topic.
    pub topic: &'a str,
    /// 0 is QoS 0: there is nothing to acknowledge.
    pub id: u16,
    /// It was kept by the broker, and is not new.
    pub retained: bool,
    /// The time that is left, in seconds.
    pub expiry: Option<u32>,
    /// The payload.
    pub payload: &'a [u8],
}

/// A packet from the broker.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// The answer to a connection.
    ConnAck(ConnAck),
    /// A message.
    Publish(Publish<'a>),
    /// The acknowledgement of a publish of this identifier, with its code.
    PubAck(u16, u8),
    /// The answer to a subscription: its identifier and the worst of its codes.
    SubAck(u16, u8),
    /// The answer to a ping.
    Pong,
    /// The broker ends the connection, for this reason.
    Disconnect(u8),
}

/// Reads the packet at the beginning of `buffer`, and answers it with its length; `None` if it is
/// not whole yet.
pub fn read(buffer: &[u8]) -> Result<Option<(Packet<'_>, usize)>, Malformed> {
    let mut rest = Bytes(buffer);
    let Ok(first) = rest.byte() else {
        return Ok(None);
    };
    let Some(length) = rest.variable()? else {
        return Ok(None);
    };
    if length > LONGEST {
        return Err(Malformed);
    }
    let Ok(body) = rest.take(length) else {
        return Ok(None);
    };
    let packet = read_body(first, Bytes(body))?;
    Ok(Some((packet, buffer.len() - rest.0.len())))
}

fn read_body(first: u8, mut body: Bytes) -> Result<Packet, Malformed> {
    let packet = match (first >> 4, first & 0xf) {
        (2, 0) => {
            body.byte()?;
            let code = body.byte()?;
            let properties = body.properties()?;
            let get = |id| properties.iter().find(|(i, _)| *i == id).map(|(_, n)| *n);
            Packet::ConnAck(ConnAck {
                code,
                // A maximum of 0 is not allowed (3.2.2.3.3).
                receive_maximum: get(0x21).map_or(u16::MAX, |n| n as u16).max(1),
                is_able: get(0x24) != Some(0) && get(0x25) != Some(0),
                longest: get(0x27).unwrap_or(u32::MAX),
            })
        }
        (3, flags) => return read_publish(flags, body).map(Packet::Publish),
        (4, 0) => Packet::PubAck(body.two()?, rest_code(&mut body)?),
        (9, 0) => {
            let id = body.two()?;
            body.properties()?;
            let codes = body.take(body.0.len())?;
            Packet::SubAck(id, *codes.iter().max().ok_or(Malformed)?)
        }
        (13, 0) => Packet::Pong,
        (14, 0) => Packet::Disconnect(rest_code(&mut body)?),
        _ => return Err(Malformed),
    };
    match body.0.is_empty() {
        true => Ok(packet),
        false => Err(Malformed),
    }
}

/// The code and the properties at the end of a packet; none are success.
fn rest_code(body: &mut Bytes) -> Result<u8, Malformed> {
    if body.0.is_empty() {
        return Ok(0);
    }
    let code = body.byte()?;
    if !body.0.is_empty() {
        body.properties()?;
    }
    Ok(code)
}

fn read_publish(flags: u8, mut body: Bytes) -> Result<Publish, Malformed> {
    let topic = std::str::from_utf8(body.binary()?).map_err(|_| Malformed)?;
    let id = match flags >> 1 & 3 {
        0 => 0,
        1 => Some(body.two()?).filter(|id| *id != 0).ok_or(Malformed)?,
        // It was not subscribed to.
        _ => return Err(Malformed),
    };
    let properties = body.properties()?;
    let get = |id| properties.iter().find(|(i, _)| *i == id).map(|(_, n)| *n);
    // A topic is empty only with an alias, and none is allowed (3.3.2.3.4).
    if topic.is_empty() || get(0x23).is_some() {
        return Err(Malformed);
    }
    Ok(Publish {
        topic,
        id,
        retained: flags & 1 != 0,
        expiry: get(0x02),
        payload: body.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::write;

    #[test]
    fn a_publish() {
        let mut bytes = Vec::new();
        write::publish(
            "pipeban/ban/a/192.0.2.1",
            b"text",
            7,
            true,
            Some(60),
            &mut bytes,
        );
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), Ok(None), "{cut}");
        }
        let length = bytes.len();
        bytes.extend(b"more");
        let expected = Publish {
            topic: "pipeban/ban/a/192.0.2.1",
            id: 7,
            retained: true,
            expiry: Some(60),
            payload: b"text",
        };
        assert_eq!(read(&bytes), Ok(Some((Packet::Publish(expected), length))));
    }

    #[test]
    fn answers() {
        for (bytes, expected) in [
            (&[0x20, 3, 0, 0, 0][..], Ok((u16::MAX, true))),
            (&[0x20, 6, 0, 0, 3, 0x21, 0, 20], Ok((20, true))),
            (&[0x20, 6, 0, 0, 3, 0x21, 0, 0], Ok((1, true))),
            (&[0x20, 5, 0, 0, 2, 0x25, 0], Ok((u16::MAX, false))),
            (&[0x20, 5, 0, 0, 2, 0x24, 0], Ok((u16::MAX, false))),
            (&[0x20, 5, 0, 0, 2, 0x99, 0], Err(Malformed)),
            (&[0x20, 5, 0, 0, 9, 0x25, 0], Err(Malformed)),
            (&[0x20, 4, 0, 0, 0, 0], Err(Malformed)),
            (&[0x20, 0], Err(Malformed)),
            (&[0x20, 0x80, 0x80, 0x80, 0x80], Err(Malformed)),
            (&[0x20, 0xff, 0xff, 0x7f], Err(Malformed)),
            (&[0x10, 0], Err(Malformed)),
            (&[0x34, 5, 0, 1, b'a', 0, 1], Err(Malformed)),
            (&[0x32, 6, 0, 1, b'a', 0, 0, 0], Err(Malformed)),
            (&[0x30, 6, 0, 0, 3, 0x23, 0, 1], Err(Malformed)),
        ] {
            let found = read(bytes).map(|found| match found {
                Some((Packet::ConnAck(ack), _)) => (ack.receive_maximum, ack.is_able),
                other => panic!("{bytes:?}: {other:?}"),
            });
            assert_eq!(found, expected, "{bytes:?}");
        }
        let packet = |bytes| read(bytes).map(|found| found.map(|(packet, _)| packet));
        assert_eq!(packet(&[0x40, 2, 0, 9]), Ok(Some(Packet::PubAck(9, 0))));
        assert_eq!(
            packet(&[0x40, 4, 0, 9, 0x87, 0]),
            Ok(Some(Packet::PubAck(9, 0x87)))
        );
        assert_eq!(
            packet(&[0x90, 5, 0, 9, 0, 1, 0x87]),
            Ok(Some(Packet::SubAck(9, 0x87)))
        );
        assert_eq!(packet(&[0x90, 3, 0, 9, 0]), Err(Malformed));
        assert_eq!(packet(&[0xd0, 0]), Ok(Some(Packet::Pong)));
        assert_eq!(packet(&[0xe0, 0]), Ok(Some(Packet::Disconnect(0))));
        assert_eq!(packet(&[0xe0, 1, 0x8e]), Ok(Some(Packet::Disconnect(0x8e))));
    }

    /// Any bytes are read as a packet that lies within them, wait for more, or are refused.
    #[test]
    fn any_bytes() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200_000 {
            let mut bytes: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
            if random.bool() && bytes.len() > 2 {
                bytes[0] = [0x20, 0x30, 0x31, 0x32, 0x40, 0x90, 0xe0][random.usize(..7)];
                bytes[1] = (bytes.len() - 2) as u8;
            }
            if let Ok(Some((_, length))) = read(&bytes) {
                assert!((2..=bytes.len()).contains(&length));
            }
        }
    }
}
