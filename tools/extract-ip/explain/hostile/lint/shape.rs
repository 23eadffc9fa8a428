//! A pattern as a person reads it: its fixed text, and `…` for each run of free text.

use regex_syntax::hir::{Hir, HirKind, Look};

use super::parts::{Parts, is_escape_aware, is_run, sample};

/// The shape of a pattern: of several branches the first.
pub(super) fn shape(parts: &Parts) -> String {
    let mut out = String::new();
    if !matches!(
        parts.items.first().map(Hir::kind),
        Some(HirKind::Look(Look::Start))
    ) {
        out.push('…');
    }
    for (i, item) in parts.items.iter().enumerate() {
        add(parts, item, i < parts.head, &mut out);
    }
    if !matches!(
        parts.items.last().map(Hir::kind),
        Some(HirKind::Look(Look::End))
    ) {
        out.push('…');
    }
    out
}

fn add(parts: &Parts, hir: &Hir, in_head: bool, out: &mut String) {
    if (parts.is_address)(hir) {
        return out.push_str("<IP>");
    }
    match hir.kind() {
        HirKind::Capture(group) => add(parts, &group.sub, in_head, out),
        HirKind::Concat(all) => all.iter().for_each(|part| add(parts, part, in_head, out)),
        HirKind::Alternation(all) => add(parts, &all[0], in_head, out),
        HirKind::Repetition(run) if !in_head && (is_run(run) || is_escape_aware(&run.sub)) => {
            out.push('…');
        }
        HirKind::Repetition(repeat) if repeat.max != Some(0) => {
            for _ in 0..repeat.min.clamp(1, 4) {
                add(parts, &repeat.sub, in_head, out);
            }
        }
        _ => out.push_str(&String::from_utf8_lossy(&sample(hir))),
    }
}
