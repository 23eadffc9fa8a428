//! The head of the line in a pattern: a time stamp, and a host before the tag of a program.

use regex_syntax::hir::{Hir, HirKind, Look};

use super::machine::{Found, Machine};
use super::parts::{Parts, sample};

/// Time stamps as services write them. A part of a pattern that matches one is no free text.
const STAMPS: &[&str] = &[
    "Mar 30 02:16:17 ",
    "Mar  3 02:16:17 ",
    "Mon Mar 30 02:16:17 2026 ",
    "2026-03-30T02:16:17Z ",
    "2026-03-30T02:16:17+09:00 ",
    "2026-03-30T02:16:17.123456+09:00 ",
    "2026-03-30T02:16:17.123Z ",
    "2026-03-30 02:16:17 ",
    "2026-03-30 02:16:17,123 ",
    "2026-03-30 02:16:17.123 ",
    "2026/03/30 02:16:17 ",
    "[2026-03-30 02:16:17] ",
    "[2026-03-30T02:16:17+09:00] ",
    "[30/Mar/2026:02:16:17 +0900] ",
    "30/Mar/2026:02:16:17 +0900 ",
    "[Mon Mar 30 02:16:17 2026] ",
    "[Mon Mar 30 02:16:17.123456 2026] ",
    "02:16:17 ",
    "1774804577 ",
    "1774804577.123 ",
];

/// A text without a stamp. A part that matches it may be a message as well.
const WORDS: &str = "a b c d e f g h ";

/// The items of a head, at most.
const MAX_HEAD: usize = 120;

impl Parts {
    /// The length of the head, in items.
    pub(super) fn head_length(&self) -> usize {
        let is_begin = matches!(self.items.first().map(Hir::kind), Some(HirKind::Look(_)));
        if !is_begin {
            return 0;
        }
        let stamp = self.stamp();
        let tagged = self.ends().into_iter().rev().find(|end| {
            if !self.has_tag(*end, stamp.is_none()) {
                return false;
            }
            let Some(mut machine) = self.machine(*end) else {
                return false;
            };
            let mut heads = [""].into_iter().chain(STAMPS.iter().copied());
            heads.any(|stamp| takes(&mut machine, &format!("{stamp}host ")))
                && !takes(&mut machine, WORDS)
        });
        tagged.or(stamp).unwrap_or_default()
    }

    /// The length of the prefix in fail2ban's `common.conf`: optional parts, of which one is known.
    pub(super) fn common_prefix(&self) -> usize {
        let is_optional = |item: &&Hir| match item.kind() {
            HirKind::Look(Look::Start | Look::StartLF) => true,
            HirKind::Repetition(repetition) => repetition.min == 0 && !self.has_address(item),
            _ => false,
        };
        let length = self.items.iter().take_while(is_optional).count();
        let is_known = |item: &Hir| sample(item).starts_with(b"@vserver_");
        let known = self.items[..length].iter().any(is_known);
        if known { length } else { 0 }
    }

    /// The ends of parts that may be the head.
    fn ends(&self) -> Vec<usize> {
        let ends = (1..=self.items.len()).take_while(|end| {
            let before = &self.items[..*end];
            !before.iter().any(|item| self.has_address(item))
        });
        ends.take(MAX_HEAD).collect()
    }

    /// The end of the time stamp at the beginning, if there is one.
    fn stamp(&self) -> Option<usize> {
        self.ends().into_iter().rev().find(|end| {
            let Some(mut machine) = self.machine(*end) else {
                return false;
            };
            // A part that takes letters for the numbers may be a name as well.
            let letters = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "x");
            let mut stamps = STAMPS.iter().copied();
            stamps.any(|text| takes(&mut machine, text) && !takes(&mut machine, &letters(text)))
        })
    }

    fn machine(&self, end: usize) -> Option<Machine> {
        let items = self.items[..end].iter().cloned();
        let whole = items.chain([Hir::look(Look::End)]);
        let part = Parts {
            items: whole.collect(),
            head: 0,
            is_address: self.is_address,
        };
        Machine::new(&part).ok()
    }

    /// Whether the tag of a program begins at `at`: `name[1]: `, or `name: ` unless `with_pid`.
    fn has_tag(&self, at: usize, with_pid: bool) -> bool {
        let items = self.items[at.min(self.items.len())..].iter().take(80);
        let text: Vec<u8> = items.flat_map(sample).collect();
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-./@".contains(b);
        let name = text.iter().take_while(|b| is_name(b)).count();
        let rest = &text[name..];
        let pid = match rest.strip_prefix(b"[") {
            Some(inner) => {
                let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
                if digits == 0 || inner.get(digits) != Some(&b']') {
                    return false;
                }
                digits + 2
            }
            None => 0,
        };
        name > 0 && (pid > 0 || !with_pid) && rest[pid..].starts_with(b": ")
    }
}

fn takes(machine: &mut Machine, text: &str) -> bool {
    let mut state = machine.start();
    for byte in text.bytes() {
        state = machine.step(state, byte);
    }
    machine.end(state) != Found::Nothing
}
