//! The kinds of compressed files, by their first bytes, and the bounds of their decoders.

/// The first bytes of compressed files: RFC 1952 2.3.1, RFC 8878 3.1.1, the .xz format 2.1.1.1,
/// bzip2's magic.
pub(crate) const GZIP: &[u8] = b"\x1f\x8b\x08";
pub(crate) const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
pub(crate) const XZ: &[u8] = b"\xfd7zXZ\0";
const BZIP2: &[u8] = b"BZh";

/// The greatest memory of xz's decoder, in bytes: twice the need of `xz -9`. A file may ask for 4
/// GB. The other decoders take less: zstd's windows are bounded by its library to 128 MB.
pub(crate) const XZ_MEMORY: u64 = 128 << 20;

/// Compressed input is read in pieces of this size, in bytes.
pub(crate) const PIECE: usize = 64 << 10;

/// Whether a file that begins with these bytes is a compressed one; six bytes are enough to tell.
pub fn is_packed(first: &[u8]) -> bool {
    Kind::of(first).is_some()
}

/// Whether these are the first bytes of a frame of zstd. pzstd begins with one to be skipped.
fn is_zstd(first: &[u8]) -> bool {
    first.starts_with(ZSTD) || is_skipped(first)
}

/// Whether these are the first bytes of a frame without text (RFC 8878 3.1.2).
pub(crate) fn is_skipped(first: &[u8]) -> bool {
    first.len() >= 4 && first[0] & 0xf0 == 0x50 && first[1..4] == *b"\x2a\x4d\x18"
}

/// The kind of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Kind {
    /// That of a member that begins with these bytes.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        let kinds = [(Kind::Gzip, GZIP), (Kind::Xz, XZ), (Kind::Bzip2, BZIP2)];
        let kind = kinds.iter().find(|(_, magic)| first.starts_with(magic));
        let kind = kind.map(|(kind, _)| *kind);
        kind.or_else(|| is_zstd(first).then_some(Kind::Zstd))
    }

    /// Whether a member of this kind begins with these bytes, which may be cut.
    pub(crate) fn begins(self, first: &[u8]) -> bool {
        let magic = match self {
            Kind::Gzip => GZIP,
            Kind::Zstd => ZSTD,
            Kind::Xz => XZ,
            Kind::Bzip2 => BZIP2,
        };
        Kind::of(first) == Some(self) || magic.starts_with(first)
    }

    /// Whether so many zeros may end a file of this kind, and others before `more` members. gzip
    /// files were padded on tapes; in those of xz a padding is a multiple of four bytes.
    pub(crate) fn may_have(self, zeros: u64, more: bool) -> bool {
        match self {
            Kind::Gzip => !more || zeros == 0,
            Kind::Xz => zeros.is_multiple_of(4),
            Kind::Zstd | Kind::Bzip2 => zeros == 0,
        }
    }
}
