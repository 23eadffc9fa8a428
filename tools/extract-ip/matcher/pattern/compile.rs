//! Compiles a pattern with `<IP>` in it.

use std::fmt;

use pipeban::complain;
use pipeban_log::search::Search;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// The mark of an address. Its middle byte is in no other place: elsewhere [`OTHER`] replaces it.
/// The digits are for `\b`, which holds at an address's ends.
pub(super) const MARK: &[u8; 3] = b"0\xff0";
pub(super) const OTHER: u8 = 0xfe;

const TAGS: [&str; 3] = ["<IP>", "<HOST>", "<ADDR>"];
/// Tags of fail2ban's filters that are text here.
const OTHER_TAGS: [&str; 6] = [
    "<IP4>",
    "<IP6>",
    "<CIDR>",
    "<SUBNET>",
    "<DNS>",
    "<SKIPLINES>",
];

/// The pattern of `<IP>`: the mark; or, to guess, any text that has the form of an address.
pub(super) const MARKED: &str = r"((?-u:0\xff0))";
pub(super) const GUESSED: &str = r"((?-u:[0-9A-Fa-f:.]+(?:/[0-9]+)?))";

/// Compiles a pattern with this group in place of `<IP>`.
///
/// Logs are bytes, so `.` is any byte. Only if the pattern has classes of other letters, the text
/// is taken for UTF-8.
pub(super) fn compile(text: &str, group: &str) -> Result<(Search, Hir), Wrong> {
    let pattern = &TAGS
        .iter()
        .fold(text.to_string(), |text, tag| text.replace(tag, group));
    let wrong = |what: String, at: Option<usize>| Wrong {
        text: text.into(),
        what,
        at: at.map(|at| place(text, group, at)),
    };
    let parse = |unicode| {
        let mut parser = ParserBuilder::new().utf8(false).unicode(unicode).build();
        let hir = parser.parse(pattern).map_err(|e| match e {
            regex_syntax::Error::Parse(e) => {
                wrong(e.kind().to_string(), Some(e.span().start.offset))
            }
            regex_syntax::Error::Translate(e) => {
                wrong(e.kind().to_string(), Some(e.span().start.offset))
            }
            e => wrong(e.to_string(), None),
        });
        Ok::<_, Wrong>((unicode, hir?))
    };
    let (unicode, hir) = parse(false).or_else(|_| parse(true))?;
    // The backtracker gives groups with such names a meaning of their own.
    let search = if unicode || pattern.contains("<_") {
        Search::by_automaton(pattern, unicode)
    } else {
        Search::new(pattern)
    };
    search.compile().map_err(|e| wrong(e, None))?;
    Ok((search, hir))
}

/// A pattern that is none.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The pattern, as the user wrote it.
    text: String,
    what: String,
    /// The byte at which it goes wrong, if it is known.
    at: Option<usize>,
}

/// The pattern around the place at which it goes wrong is shown in this number of characters.
const SHOWN: usize = 70;

impl Wrong {
    /// Shows the place, to a person at a terminal.
    pub(crate) fn show(&self) {
        if let Some(before) = self.at.and_then(|at| self.text.get(..at)) {
            let column = before.chars().count();
            let start = (column + 1).saturating_sub(SHOWN);
            let shown: String = self.text.chars().skip(start).take(SHOWN).collect();
            let caret = format!("{:1$}^", "", column - start);
            complain::show(&[&format!("    {shown}"), &format!("    {caret}")]);
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Wrong { text, what, at } = self;
        write!(f, "{text}: {what}")?;
        match at.and_then(|at| text.get(..at)) {
            Some(before) => write!(f, ", at column {}", before.chars().count() + 1),
            None => Ok(()),
        }
    }
}

/// The place in the user's text of a byte of the pattern with `group` for each tag.
fn place(text: &str, group: &str, at: usize) -> usize {
    let (mut place, mut expanded) = (0, 0);
    while expanded < at && place < text.len() {
        let tag = TAGS.iter().find(|tag| text[place..].starts_with(**tag));
        let (here, there) = match tag {
            Some(tag) => (tag.len(), group.len()),
            None => {
                let length = text[place..].chars().next().map_or(1, char::len_utf8);
                (length, length)
            }
        };
        (place, expanded) = (place + here, expanded + there);
    }
    place
}

/// A word of a pattern that a user may take for `<IP>`, and that is text.
pub(super) fn mistaken_tag(text: &str) -> Option<&str> {
    let tags = text.match_indices('<').filter_map(|(start, _)| {
        let end = start + text[start..].find('>')?;
        // A name of a group is none: `(?P<ip>`.
        let is_name = text[..start].ends_with("(?P") || text[..start].ends_with("(?");
        (!is_name).then_some(&text[start..=end])
    });
    let alike = |tag: &str, known: &[&str]| known.iter().any(|t| t.eq_ignore_ascii_case(tag));
    tags.into_iter()
        .find(|tag| !TAGS.contains(tag) && (alike(tag, &TAGS) || alike(tag, &OTHER_TAGS)))
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
