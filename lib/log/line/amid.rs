//! Reading from the middle of a log on: what is known of the lines before.

use super::LineReader;
use super::pieces::Pieces;

/// The facts about the lines before by which a reader reads the next ones, but for the time of the
/// last: two readers that know the same read on alike, where none of them
/// [depends](LineReader::depends) on that.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    prefixed: Option<bool>,
    headed: bool,
    pieces: Pieces,
    day_first: Option<bool>,
}

impl LineReader {
    /// The facts that it knows of the lines so far.
    pub fn known(&self) -> Known {
        Known {
            prefixed: self.prefixed,
            headed: self.headed,
            pieces: self.pieces.clone(),
            day_first: self.stamps.day_first(),
        }
    }

    /// Begins in the middle of an input, of which this is known.
    pub fn begin_amid(&mut self, known: &Known) {
        self.stamps.begin_amid(known.day_first);
        self.learn(known);
    }

    /// Whether the time of a line, since [`begin_amid`](Self::begin_amid), depends on the line
    /// before those: clocks showed it twice.
    pub fn depends(&self) -> bool {
        self.stamps.depends()
    }

    /// Goes on behind lines of the same input that another reader has read.
    pub fn go_on_behind(&mut self, other: &LineReader) {
        self.stamps.go_on_behind(&other.stamps);
        self.learn(&other.known());
    }

    fn learn(&mut self, known: &Known) {
        self.prefixed = known.prefixed;
        self.headed = known.headed;
        self.pieces = known.pieces.clone();
    }
}
