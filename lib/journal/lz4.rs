//! LZ4 blocks, as systemd before version 246 packed its data.

/// Unpacks a block, as lz4's "Block Format Description" has it, and appends at most `most` bytes to
/// `out`. `None` if the block is damaged before that.
pub(crate) fn unpack(mut block: &[u8], most: usize, out: &mut Vec<u8>) -> Option<()> {
    let begin = out.len();
    while let Some((token, rest)) = block.split_first() {
        block = rest;
        let literals = length(usize::from(token >> 4), &mut block)?;
        let room = most - (out.len() - begin);
        if literals >= room {
            out.extend_from_slice(block.get(..room)?);
            return Some(());
        }
        out.extend_from_slice(block.get(..literals)?);
        block = &block[literals..];
        if block.is_empty() {
            return Some(());
        }
        let (distance, rest) = block.split_first_chunk::<2>()?;
        block = rest;
        let distance = usize::from(u16::from_le_bytes(*distance));
        let copied = length(usize::from(token & 15), &mut block)?.checked_add(4)?;
        if distance == 0 || distance > out.len() - begin {
            return None;
        }
        let room = most - (out.len() - begin);
        for _ in 0..copied.min(room) {
            out.push(out[out.len() - distance]);
        }
        if copied >= room {
            return Some(());
        }
    }
    None
}

/// A length whose first four bits are `length`; 15 goes on in the bytes that follow.
fn length(mut length: usize, block: &mut &[u8]) -> Option<usize> {
    if length == 15 {
        loop {
            let (more, rest) = block.split_first()?;
            *block = rest;
            length = length.checked_add(usize::from(*more))?;
            if *more != 255 {
                break;
            }
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        for (block, expected) in [
            (&b"\x30abc"[..], Some("abc")),
            // Five more from three back.
            (b"\x31abc\x03\x00\x10z", Some("abcabcabz")),
            (b"\x31abc\x04\x00\x10z", None),
            (b"\x31abc\x00\x00\x10z", None),
            (b"\xf0\x00abcdefghijklmno", Some("abcdefghijklmno")),
            (b"\xf0\x01abc", None),
            (b"", None),
            (b"\x1f", None),
        ] {
            let mut out = Vec::new();
            let got = unpack(block, 100, &mut out).map(|()| String::from_utf8(out).unwrap());
            assert_eq!(got.as_deref(), expected, "{block:?}");
        }
        let mut out = b"before".to_vec();
        // A run of a million bytes, cut.
        let long = [
            b"\x1fa\x01\x00".to_vec(),
            vec![255; 4000],
            b"\x00\x10z".to_vec(),
        ]
        .concat();
        assert_eq!(unpack(&long, 1000, &mut out), Some(()));
        assert_eq!(out.len(), 1006);
    }
}
