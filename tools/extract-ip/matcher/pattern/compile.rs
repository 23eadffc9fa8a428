//! Compiles a pattern with `<IP>` in it.

use pipeban_log::search::Search;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// The mark of an address. Its middle byte is in no other place: elsewhere [`OTHER`] replaces it.
/// The digits are for `\b`, which holds at an address's ends.
pub(super) const MARK: &[u8; 3] = b"0\xff0";
pub(super) const OTHER: u8 = 0xfe;

const TAGS: [&str; 3] = ["<IP>", "<HOST>", "<ADDR>"];

/// The pattern of `<IP>`: the mark; or, to guess, any text that has the form of an address.
pub(super) const MARKED: &str = r"((?-u:0\xff0))";
pub(super) const GUESSED: &str = r"((?-u:[0-9A-Fa-f:.]+(?:/[0-9]+)?))";

/// Compiles a pattern with this group in place of `<IP>`.
///
/// Logs are bytes, so `.` is any byte. Only if the pattern has classes of other letters, the text
/// is taken for UTF-8.
pub(super) fn compile(text: &str, group: &str) -> Result<(Search, Hir), String> {
    let pattern = &TAGS
        .iter()
        .fold(text.to_string(), |text, tag| text.replace(tag, group));
    let parse = |unicode| {
        let mut parser = ParserBuilder::new().utf8(false).unicode(unicode).build();
        let hir = parser.parse(pattern).map_err(|e| match e {
            regex_syntax::Error::Parse(e) => e.kind().to_string(),
            regex_syntax::Error::Translate(e) => e.kind().to_string(),
            e => e.to_string(),
        });
        Ok::<_, String>((unicode, hir?))
    };
    let (unicode, hir) = parse(false).or_else(|_| parse(true))?;
    // The backtracker gives groups with such names a meaning of their own.
    let search = if unicode || pattern.contains("<_") {
        Search::by_automaton(pattern, unicode)
    } else {
        Search::new(pattern)
    };
    search.compile()?;
    Ok((search, hir))
}

/// Whether this is the pattern of `<IP>`.
pub(crate) fn is_mark(hir: &Hir) -> bool {
    matches!(hir.kind(), HirKind::Literal(literal) if *literal.0 == *MARK)
}

/// Appends the groups that are an `<IP>`.
pub(super) fn collect_tags(hir: &Hir, tags: &mut Vec<usize>) {
    match hir.kind() {
        HirKind::Capture(group) if is_mark(&group.sub) => tags.push(group.index as usize),
        HirKind::Capture(group) => collect_tags(&group.sub, tags),
        HirKind::Repetition(repetition) => collect_tags(&repetition.sub, tags),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|p| collect_tags(p, tags))
        }
        _ => {}
    }
}

/// Whether nothing matches without an `<IP>`.
pub(crate) fn needs_tag(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Capture(group) => is_mark(&group.sub) || needs_tag(&group.sub),
        HirKind::Repetition(repetition) => repetition.min > 0 && needs_tag(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().any(needs_tag),
        HirKind::Alternation(parts) => parts.iter().all(needs_tag),
        _ => false,
    }
}

/// The longest text that is part of every match.
pub(super) fn longest_literal(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) if !is_mark(hir) => Some(literal.0.to_vec()),
        HirKind::Capture(group) => longest_literal(&group.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => longest_literal(&repetition.sub),
        HirKind::Concat(parts) => parts
            .iter()
            .filter_map(longest_literal)
            .max_by_key(Vec::len),
        _ => None,
    }
}
