//! Numbers, texts and properties as they stand in packets (1.5, 2.2.2).

/// A code of this value or above is a refusal (2.4).
pub const REFUSED: u8 = 0x80;

/// The longest packet that is read or written, in bytes.
pub const LONGEST: usize = 16 << 10;

/// A packet that breaks the rules of MQTT. The connection is then of no use.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The rest of a packet.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next bytes of this number.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn two(&mut self) -> Result<u16, Malformed> {
        let bytes = self.take(2)?.try_into().map_err(|_| Malformed)?;
        Ok(u16::from_be_bytes(bytes))
    }

    pub(super) fn four(&mut self) -> Result<u32, Malformed> {
        let bytes = self.take(4)?.try_into().map_err(|_| Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A number in one to four bytes, seven bits in each (1.5.5); `None` if it is cut.
    pub(super) fn variable(&mut self) -> Result<Option<usize>, Malformed> {
        let mut number = 0;
        for (i, byte) in self.0.iter().take(4).enumerate() {
            number |= usize::from(byte & 0x7f) << (7 * i);
            if byte & 0x80 == 0 {
                self.0 = &self.0[i + 1..];
                return Ok(Some(number));
            }
        }
        match self.0.len() {
            0..4 => Ok(None),
            _ => Err(Malformed),
        }
    }

    /// Bytes behind their length, in two bytes (1.5.6).
    pub(super) fn binary(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.two()?;
        self.take(length.into())
    }

    /// The properties that stand here, as pairs of an identifier and a number. Those that are no
    /// number are read and left out.
    pub(super) fn properties(&mut self) -> Result<Vec<(u8, u32)>, Malformed> {
        let length = self.variable()?.ok_or(Malformed)?;
        let mut rest = Bytes(self.take(length)?);
        let mut found = vec![];
        while !rest.0.is_empty() {
            let id = rest.byte()?;
            let number = match id {
                0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28..=0x2a => rest.byte()?.into(),
                0x13 | 0x21..=0x23 => rest.two()?.into(),
                0x02 | 0x11 | 0x18 | 0x27 => rest.four()?,
                0x0b => rest.variable()?.ok_or(Malformed)? as u32,
                0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1a | 0x1c | 0x1f => {
                    rest.binary()?;
                    continue;
                }
                0x26 => {
                    rest.binary()?;
                    rest.binary()?;
                    continue;
                }
                _ => return Err(Malformed),
            };
            found.push((id, number));
        }
        Ok(found)
    }
}

/// Appends a number in one to four bytes (1.5.5).
pub(super) fn push_variable(mut number: usize, out: &mut Vec<u8>) {
    loop {
        let more = if number > 0x7f { 0x80 } else { 0 };
        out.push((number & 0x7f) as u8 | more);
        number >>= 7;
        if number == 0 {
            return;
        }
    }
}

/// Appends bytes behind their length. All that a client sends here is short.
pub(super) fn push_binary(bytes: &[u8], out: &mut Vec<u8>) {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
}
