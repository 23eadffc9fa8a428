//! The text behind the first address of a line: is it prose, or does it make the address a network?
//!
//! A form counts only where the whole line has it. In a line of a log or of awk(1) a remote party
//! may have written the second word, and must not choose who is banned by it.

use std::net::{IpAddr, Ipv4Addr};

use crate::address::{Address, range};

/// A line that means something else than its first address.
#[derive(Debug, PartialEq)]
pub struct Form {
    /// The networks to ban.
    pub banned: Vec<Address>,
    /// The networks to protect; `None` where the line can't be understood.
    pub protected: Option<Vec<Address>>,
    /// The reading that the line suggests, where `banned` is less: `14.160.0.0/11?`.
    pub doubt: Option<String>,
}

impl Form {
    /// A line that means these networks and nothing else.
    fn clear(networks: Vec<Address>) -> Self {
        Form {
            banned: networks.clone(),
            protected: Some(networks),
            doubt: None,
        }
    }

    /// A line that can't be understood beyond its first address.
    fn unclear(first: Address, doubt: String) -> Self {
        Form {
            banned: vec![first],
            protected: None,
            doubt: Some(doubt),
        }
    }
}

/// DShield's columns, with a TAB between them: first address, last address, prefix length. They
/// must agree; other columns follow. `rest` is the text behind the first column.
pub(super) fn columns(first: Address, rest: &[u8]) -> Option<Form> {
    let mut columns = rest.strip_prefix(b"\t")?.split(|b| *b == b'\t');
    let last = host(columns.next()?)?;
    let len = number(columns.next()?)?;
    let network = Address::network(first.ip(), len)?;
    let agree = first.is_host() && network.ip() == first.ip() && network.last() == last.ip();
    agree.then(|| Form::clear(vec![network]))
}

/// Reads the text behind the first address; `None` where it is prose, and the address stands alone.
pub(super) fn read(first: Address, rest: &[u8]) -> Option<Form> {
    let text = before_comment(rest).trim_ascii();
    let (word, tail) = first_word(text);
    let form = match text.first()? {
        b'-' => range(first, &text[1..], true),
        b'/' => slash(first, word, tail),
        _ => mask(first, word, tail),
    };
    form.or_else(|| several(first, text))
}

/// A range `a - b` or, without `blank`, `a-b`; `text` is the part behind the dash.
pub(super) fn range(first: Address, text: &[u8], blank: bool) -> Option<Form> {
    let (word, tail) = first_word(before_comment(text).trim_ascii());
    let last = host(word)?;
    // `a -b` may be an address, and a word that a client wrote.
    let is_even = text.first().is_some_and(u8::is_ascii_whitespace) == blank;
    let networks = range::networks(first.ip(), last.ip());
    let networks = networks.filter(|_| first.is_host() && is_even && is_end(tail));
    Some(match networks {
        Some(networks) => Form::clear(networks.collect()),
        None => Form::unclear(first, format!("{first}-{last}?")),
    })
}

/// `net /len`. Whoever typed the blank means the network; a log's second word may be a path.
fn slash(first: Address, word: &[u8], tail: &[u8]) -> Option<Form> {
    let len = number(word.strip_prefix(b"/")?)?;
    let network = Address::network(first.ip(), len).filter(|_| first.is_host())?;
    let doubt = format!("{}/{len}?", first.ip());
    if is_end(tail) {
        return Some(Form {
            banned: vec![first],
            protected: Some(vec![network]),
            doubt: Some(doubt),
        });
    }
    Some(Form::unclear(first, doubt))
}

/// `net mask`.
fn mask(first: Address, word: &[u8], tail: &[u8]) -> Option<Form> {
    let (IpAddr::V4(ip), IpAddr::V4(mask)) = (first.ip(), host(word)?.ip()) else {
        return None;
    };
    let len = mask.to_bits().leading_ones();
    let is_mask = mask.to_bits().count_ones() == len && (len > 0 || ip.is_unspecified());
    if !is_mask || !first.is_host() {
        return None;
    }
    let no_host_bits = Ipv4Addr::from_bits(ip.to_bits() & mask.to_bits()) == ip;
    let network = Address::network(ip.into(), len as u8);
    Some(match network {
        Some(network) if no_host_bits && is_end(tail) => Form::clear(vec![network]),
        _ => Form::unclear(first, format!("{ip}/{len}?")),
    })
}

/// Other addresses in the line: all of them are protected, the first is banned. A mask among them
/// makes a network of which nobody knows the length here.
fn several(first: Address, text: &[u8]) -> Option<Form> {
    let words = text.split(|b| b" \t,\"[]".contains(b));
    let mut all = vec![first];
    all.extend(words.filter_map(Address::parse).filter(|a| *a != first));
    let second = *all.get(1)?;
    let has_mask = first.is_host() && all[1..].iter().any(is_mask);
    Some(Form {
        banned: vec![first],
        doubt: Some(format!("{first} and {second}?")),
        protected: Some(all).filter(|_| !has_mask),
    })
}

/// Whether this is no address of a host, but a mask, or the inverse of one (RFC 1112, 4; RFC 791,
/// 3.2).
fn is_mask(address: &Address) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => address.is_host() && (ip.octets()[0] >= 240 || ip.octets()[0] == 0),
        IpAddr::V6(_) => false,
    }
}

/// Whether the line has ended, but for a comma and more columns.
fn is_end(tail: &[u8]) -> bool {
    matches!(tail.trim_ascii_start().first(), None | Some(b','))
}

fn before_comment(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| b"#;".contains(b));
    &text[..end.unwrap_or(text.len())]
}

/// The word with which `text` begins, up to a blank or a comma, and the text behind it.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = text.iter().position(|b| b" \t,".contains(b));
    text.split_at(end.unwrap_or(text.len()))
}

/// A single address.
fn host(text: &[u8]) -> Option<Address> {
    Address::parse(text).filter(|a| a.is_host() && !text.contains(&b'/'))
}

/// A prefix length: decimal digits without leading zeros.
fn number(text: &[u8]) -> Option<u8> {
    let zero = text.len() > 1 && text[0] == b'0';
    let digits = !zero && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text)
        .ok()?
        .parse()
        .ok()
        .filter(|_| digits)
}
