//! Reading from the middle of the input on, with a guess at what is known of the lines before; and
//! going on behind lines that were read so, elsewhere.

use pipeban_log::line::{self, LineReader};

use super::Extractor;
use super::findings::Findings;
use crate::matcher::{self, Matcher};
use crate::time_window::Window;
use crate::times::Times;
use crate::whole_lines::WholeLines;

/// The facts about the lines before by which the next ones are read and judged: two extractors that
/// know the same find the same in them, where none [depends](Extractor::depends) on more.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    reader: line::Known,
    stamps: line::Known,
    matchers: Vec<matcher::Known>,
    may_skip: bool,
}

/// The facts about lines that another extractor has read.
pub(crate) struct Behind {
    reader: LineReader,
    stamps: LineReader,
    matchers: Vec<matcher::Behind>,
    may_skip: bool,
    follows: bool,
    lines: u64,
    done: bool,
    times: Option<Times>,
    window: Option<Window>,
    whole: Option<WholeLines>,
}

impl Extractor {
    /// The number of lines of this file so far, where each was read.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// Whether other extractors can read parts of the input for this one: in the order of the
    /// matchers nothing comes behind presets, which may not know yet whether a line counts.
    pub(crate) fn can_share(&self) -> bool {
        let matchers = &self.chooser.judge.matchers;
        let presets = matchers
            .iter()
            .position(|m| matches!(m, Matcher::Presets(_)));
        let are_last = presets.is_none_or(|at| at + 1 == matchers.len());
        are_last && !matchers.iter().any(Matcher::remembers)
    }

    /// Whether it is known that the presets have something to judge: until then they need all
    /// lines.
    pub(crate) fn is_settled(&self) -> bool {
        self.silence.is_none()
    }

    /// Begins a piece of the input: blocks of any before it are forgotten.
    pub(crate) fn begin_piece(&mut self) {
        self.dense = 0;
    }

    /// The facts that it knows of the lines before the next.
    pub(crate) fn known(&self) -> Known {
        Known {
            reader: self.reader.known(),
            stamps: self.stamps.known(),
            matchers: self
                .chooser
                .judge
                .matchers
                .iter()
                .map(Matcher::known)
                .collect(),
            may_skip: self.may_skip(),
        }
    }

    /// Begins in the middle of the input, of which this is known. Lines that wait are put into
    /// `findings`.
    pub(crate) fn begin_amid(&mut self, known: &Known, findings: Findings) {
        self.reader.begin_amid(&known.reader);
        self.stamps.begin_amid(&known.stamps);
        let matchers = self.chooser.judge.matchers.iter_mut();
        matchers
            .zip(&known.matchers)
            .for_each(|(m, known)| m.begin_amid(known));
        self.findings = findings;
        (self.may_skip, self.follows) = (known.may_skip, true);
        self.silence = None;
        self.lines = 0;
    }

    /// Begins a whole file, of which all is known.
    pub(crate) fn begin_whole(&mut self) {
        self.silence = None;
        if let Some(presets) = self.chooser.judge.presets_mut() {
            presets.begin_whole();
        }
        self.begin_file(&[]);
    }

    /// The lines that wait.
    pub(crate) fn take_findings(&mut self) -> Findings {
        std::mem::take(&mut self.findings)
    }

    /// Whether a record since [`begin_amid`](Self::begin_amid) depends on more than was known.
    pub(crate) fn depends(&self) -> bool {
        let mut matchers = self.chooser.judge.matchers.iter();
        self.reader.depends() || self.stamps.depends() || matchers.any(Matcher::depends)
    }

    /// The facts about the lines read since [`begin_amid`](Self::begin_amid).
    pub(crate) fn behind(&mut self) -> Behind {
        Behind {
            reader: self.reader.clone(),
            stamps: self.stamps.clone(),
            matchers: self
                .chooser
                .judge
                .matchers
                .iter_mut()
                .map(Matcher::behind)
                .collect(),
            may_skip: self.may_skip,
            follows: self.follows,
            lines: self.lines,
            done: std::mem::take(&mut self.done),
            times: self.times.as_mut().map(Times::take),
            window: self.window.as_mut().map(Window::take),
            whole: self.whole.as_mut().map(WholeLines::take),
        }
    }

    /// Goes on behind lines that another extractor has read, when those that wait are settled.
    pub(crate) fn go_on_behind(&mut self, behind: Behind) {
        self.reader.go_on_behind(&behind.reader);
        self.stamps.go_on_behind(&behind.stamps);
        let matchers = self.chooser.judge.matchers.iter_mut();
        matchers
            .zip(behind.matchers)
            .for_each(|(m, behind)| m.go_on_behind(behind));
        (self.may_skip, self.follows) = (behind.may_skip, behind.follows);
        self.lines += behind.lines;
        self.done |= behind.done;
        if let (Some(times), Some(other)) = (&mut self.times, behind.times) {
            times.join(other);
        }
        if let (Some(window), Some(other)) = (&mut self.window, behind.window) {
            window.join(other);
        }
        if let (Some(whole), Some(other)) = (&mut self.whole, behind.whole) {
            whole.join(other);
        }
    }

    /// Whether lines may be passed over, if there are literals to find the others by.
    fn may_skip(&self) -> bool {
        self.may_skip && self.chooser.literals.is_some()
    }
}
