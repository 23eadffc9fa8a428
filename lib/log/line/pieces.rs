//! Pieces of lines that a container's runtime has cut.

/// A piece of at least this many bytes was cut: runtimes cut at 8 or 16 KiB, or where a program's
/// buffer of 1 KiB or more was full.
const CUT: usize = 1000;

/// The last piece of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Last {
    /// The end of a line.
    #[default]
    Whole,
    /// Not the end of a line, but short and with a head.
    Short,
    Cut,
}

/// The streams of a container.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pieces {
    /// Whether a line came from one.
    pub(super) any: bool,
    last: [Last; 2],
}

impl Pieces {
    /// The piece before one of this stream.
    pub(super) fn before(&self, stream: usize) -> Last {
        self.last[stream]
    }

    /// Notes a piece of `length` bytes, and whether its rest follows.
    pub(super) fn note(&mut self, stream: usize, cut: bool, length: usize, has_head: bool) {
        self.any = true;
        self.last[stream] = match cut {
            false => Last::Whole,
            true if has_head && length < CUT => Last::Short,
            true => Last::Cut,
        };
    }
}
