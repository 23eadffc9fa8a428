//! A pattern in parts, and the parts that are free text: those that a remote party chooses.

use regex_syntax::hir::{Class, Dot, Hir, HirKind, Look, Repetition};

/// A set of bytes.
pub(super) type Bytes = [bool; 256];

/// A pattern in parts.
pub(in super::super) struct Parts {
    pub(super) items: Vec<Hir>,
    /// The number of items at the beginning that are the head of the line: the texts there are the
    /// writer's own.
    pub(super) head: usize,
    /// Says which part is the address.
    pub(super) is_address: fn(&Hir) -> bool,
}

impl Parts {
    /// Takes a pattern apart.
    pub(in super::super) fn new(hir: &Hir, is_address: fn(&Hir) -> bool) -> Parts {
        let mut parts = Parts::none(is_address);
        parts.take_apart(hir, None);
        parts.head = parts.head_length().max(parts.common_prefix());
        parts
    }

    /// Takes a pattern apart that is searched in the group `content` of another. In front of that
    /// all is the writer's own, up to the address.
    pub(in super::super) fn behind(
        prefix: &Hir,
        pattern: &Hir,
        is_address: fn(&Hir) -> bool,
    ) -> Parts {
        let mut parts = Parts::none(is_address);
        let whole = Hir::concat(vec![from_its_beginning(pattern), any_text()]);
        parts.take_apart(prefix, Some(&whole));
        let head = &parts.items[..parts.head];
        let address = head.iter().position(|item| parts.has_address(item));
        parts.head = address.unwrap_or(parts.head);
        parts
    }

    fn none(is_address: fn(&Hir) -> bool) -> Parts {
        Parts {
            items: Vec::new(),
            head: 0,
            is_address,
        }
    }

    fn take_apart(&mut self, hir: &Hir, content: Option<&Hir>) {
        if (self.is_address)(hir) {
            return self.items.push(hir.clone());
        }
        match (hir.kind(), content) {
            (HirKind::Concat(all), _) => {
                all.iter().for_each(|part| self.take_apart(part, content));
            }
            (HirKind::Capture(group), Some(content))
                if group.name.as_deref() == Some("content") =>
            {
                self.head = self.items.len();
                self.take_apart(content, None);
            }
            (HirKind::Capture(group), _) => self.take_apart(&group.sub, content),
            (HirKind::Literal(literal), _) => {
                let bytes = literal.0.iter().map(|b| Hir::literal([*b]));
                self.items.extend(bytes);
            }
            _ => self.items.push(hir.clone()),
        }
    }

    /// Whether there is an address.
    pub(in super::super) fn have_address(&self) -> bool {
        self.items.iter().any(|item| self.has_address(item))
    }

    /// Whether there is an address in a part.
    pub(super) fn has_address(&self, hir: &Hir) -> bool {
        (self.is_address)(hir) || hir.kind().subs().iter().any(|sub| self.has_address(sub))
    }
}

/// A pattern that may begin anywhere in a text, as one that begins where the text does.
fn from_its_beginning(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(Look::Start | Look::StartLF) => Hir::empty(),
        HirKind::Concat(all) => match &all[..] {
            [first, rest @ ..] => {
                let first = [from_its_beginning(first)];
                Hir::concat(first.into_iter().chain(rest.iter().cloned()).collect())
            }
            [] => Hir::empty(),
        },
        HirKind::Alternation(all) => Hir::alternation(all.iter().map(from_its_beginning).collect()),
        _ => Hir::concat(vec![any_text(), hir.clone()]),
    }
}

fn any_text() -> Hir {
    Hir::repetition(Repetition {
        min: 0,
        max: None,
        greedy: false,
        sub: Box::new(Hir::dot(Dot::AnyByte)),
    })
}

/// A text that a pattern matches.
pub(super) fn sample(hir: &Hir) -> Vec<u8> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => literal.0.to_vec(),
        HirKind::Class(class) => {
            let set = bytes(class);
            let order = b"1x X".iter().copied().chain(b'!'..=b'~');
            let mut order = order.chain(0..=255);
            order.find(|b| set[usize::from(*b)]).into_iter().collect()
        }
        HirKind::Capture(group) => sample(&group.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(sample).collect(),
        HirKind::Alternation(parts) => parts.first().map(sample).unwrap_or_default(),
        HirKind::Repetition(repeat) => match repeat.max {
            Some(0) => Vec::new(),
            _ => sample(&repeat.sub).repeat(repeat.min.max(1) as usize),
        },
    }
}

/// Whether a repetition is free text: of a class of bytes that has letters beyond those of numbers.
pub(super) fn is_run(repetition: &Repetition) -> bool {
    let HirKind::Class(class) = without_groups(&repetition.sub).kind() else {
        return false;
    };
    repetition.max.is_none_or(|max| max > 1) && is_text(&bytes(class))
}

fn is_text(set: &Bytes) -> bool {
    (b'g'..=b'z')
        .chain(b'G'..=b'Z')
        .any(|b| set[usize::from(b)])
}

/// Whether this is a byte of a text in which the service escapes some: `[^"\\]|\\.`.
pub(super) fn is_escape_aware(sub: &Hir) -> bool {
    let HirKind::Alternation(parts) = without_groups(sub).kind() else {
        return false;
    };
    let is_escape = |part: &Hir| match part.kind() {
        HirKind::Concat(pair) => matches!(
            pair.iter().map(Hir::kind).collect::<Vec<_>>()[..],
            [HirKind::Literal(first), _] if *first.0 == *b"\\"
        ),
        _ => false,
    };
    let is_other = |part: &Hir| match part.kind() {
        HirKind::Class(class) => !bytes(class)[usize::from(b'\\')],
        HirKind::Repetition(run) => match run.sub.kind() {
            HirKind::Class(class) => !bytes(class)[usize::from(b'\\')],
            _ => false,
        },
        _ => false,
    };
    parts.iter().any(|part| is_escape(without_groups(part)))
        && parts
            .iter()
            .map(without_groups)
            .all(|part| is_escape(part) || is_other(part))
}

fn without_groups(hir: &Hir) -> &Hir {
    match hir.kind() {
        HirKind::Capture(group) => without_groups(&group.sub),
        _ => hir,
    }
}

/// The bytes of a class. Letters beyond ASCII are any bytes beyond it.
pub(super) fn bytes(class: &Class) -> Bytes {
    let mut set = [false; 256];
    match class {
        Class::Bytes(class) => {
            for range in class.ranges() {
                set[usize::from(range.start())..=usize::from(range.end())].fill(true);
            }
        }
        Class::Unicode(class) => {
            for range in class.ranges() {
                let end = u32::from(range.end());
                for code in u32::from(range.start())..=end.min(127) {
                    set[code as usize] = true;
                }
                if end > 127 {
                    set[128..].fill(true);
                }
            }
        }
    }
    set
}
