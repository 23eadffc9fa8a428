//! The same rules for tests: every part of a text is tried, and patterns judge the text beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use regex::bytes::Regex;

use pipeban::address::Address;

/// A decimal number as a port, and the end of a number that is not part of a longer one.
const PORT: &str = r"(0|[1-9][0-9]{0,4})(?:$|[^\w.]|\.(?:$|\W))";

pub(super) struct Slow {
    word: Regex,
    escape: Regex,
    not_before_quad: Regex,
    slash: Regex,
    port: Regex,
    port_in_parentheses: Regex,
    not_after_quad: Regex,
    dotted: Regex,
    dotted_port: Regex,
    pair_before: Regex,
    pair: Regex,
    pairs: Regex,
    name: Regex,
    not_before: Regex,
    closed: Regex,
    end: Regex,
    end_name: Regex,
    colon_port: Regex,
    length: Regex,
}

impl Slow {
    pub(super) fn new() -> Self {
        let regex = |pattern: &str| {
            let pattern = format!("(?s-u){}", pattern.replace("PORT", PORT));
            Regex::new(&pattern).expect("a pattern of this test")
        };
        Slow {
            word: regex(r"\w$"),
            escape: regex(r"(?:\\[tnr]|\[[0-9;]*m)$"),
            not_before_quad: regex(r"(?:(?:^|[^.])\.|[A-Za-z_][0-9.]*-|%|(?:^|\W)rv:)$"),
            slash: regex(r"\w/$"),
            port: regex(r"^[:/]PORT"),
            port_in_parentheses: regex(r"^\((0|[1-9][0-9]{0,4})\)"),
            not_after_quad: regex(r"^(?:\w|[-+~][A-Za-z])"),
            dotted: regex(r"^\.\w"),
            dotted_port: regex(r"^\.PORT"),
            pair_before: regex(r"[0-9A-Fa-f]{2}:$"),
            pair: regex(r"^[0-9A-Fa-f]{2}:"),
            pairs: regex(r"^(?:[0-9A-Fa-f]{2}:){3}"),
            name: regex(r"([g-zG-Z_])(?:[0-9A-Fa-f]{0,2}|[A-Fa-f]{3,}):$"),
            not_before: regex(r"(?:[0-9A-Fa-f:%]|\w\.)$"),
            closed: regex(r#"[\])}>"']$"#),
            end: regex(r"^(?::?($|[^\w:].*)|:[A-Fa-f]*[g-zG-Z_].*)$"),
            end_name: regex(r"^:\w"),
            colon_port: regex(r"^:(0|[1-9][0-9]{0,4})(\W.*|)$"),
            length: regex(r"^/(0|[1-9][0-9]{0,2})(?:$|[^\w./:]|\.(?:$|\W)|:(?:$|[^0-9A-Fa-f:]))"),
        }
    }

    pub(super) fn find_all(&self, text: &[u8]) -> Vec<(Range<usize>, Address)> {
        let mut all = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let ends = (start + 1..=text.len().min(start + 45)).rev();
            let found = ends
                .filter_map(|end| Some((end, self.judge(text, start, end)?)))
                .next();
            match found {
                Some((end, ip)) => {
                    let (end, address) = self.network(text, end, ip);
                    all.push((start..end, address));
                    start = end;
                }
                None => start += 1,
            }
        }
        all
    }

    fn judge(&self, text: &[u8], start: usize, end: usize) -> Option<IpAddr> {
        let (before, behind) = (&text[..start], &text[end..]);
        let candidate = std::str::from_utf8(&text[start..end]).ok()?;
        if let Ok(ip) = candidate.parse::<Ipv4Addr>() {
            let fits = self.before_quad(before, behind) && self.after_quad(behind);
            return fits.then_some(ip.into());
        }
        let ip: Ipv6Addr = candidate.parse().ok()?;
        let after = if candidate.contains('.') {
            self.after_quad(behind)
        } else {
            candidate.contains(|c: char| c.is_ascii_digit()) && self.after_groups(candidate, behind)
        };
        (after && self.before_groups(before, &text[start..])).then_some(ip.into())
    }

    fn before_quad(&self, before: &[u8], behind: &[u8]) -> bool {
        if self.word.is_match(before) && !self.escape.is_match(before) {
            return false;
        }
        let ports = [&self.port, &self.port_in_parentheses];
        let has_port = ports.iter().any(|p| number(p, behind).is_some());
        if self.slash.is_match(before) && !has_port {
            return false;
        }
        !self.not_before_quad.is_match(before)
    }

    fn after_quad(&self, behind: &[u8]) -> bool {
        let port = number(&self.dotted_port, behind);
        let joined = self.dotted.is_match(behind) && !matches!(port, Some(1024..));
        !joined && !self.not_after_quad.is_match(behind)
    }

    /// `text` begins with the address.
    fn before_groups(&self, before: &[u8], text: &[u8]) -> bool {
        if self.pairs.is_match(text) {
            return false;
        }
        let mut pairs = 0;
        let whole = [before, text].concat();
        let mut before = before;
        loop {
            let next = &whole[before.len()..];
            if (pairs == 0 || pairs >= 3 && !self.pair.is_match(text)) && self.begins(before, next)
            {
                return true;
            }
            if !self.pair_before.is_match(before) {
                return false;
            }
            before = &before[..before.len() - 3];
            pairs += 1;
        }
    }

    /// Whether a chain of groups, `next`, can begin here.
    fn begins(&self, before: &[u8], next: &[u8]) -> bool {
        if let Some(name) = self.name.captures(before) {
            let letter = name.get(1).map_or(0, |m| m.end());
            if !self.escape.is_match(&before[..letter]) {
                return true;
            }
        }
        let edge = |b: &[u8]| {
            let in_word = self.word.is_match(b) && !self.escape.is_match(b);
            !in_word && !self.not_before.is_match(b)
        };
        match before.strip_suffix(b":") {
            Some(b) => edge(b) && (!next.starts_with(b"::") || self.closed.is_match(b)),
            None => edge(before),
        }
    }

    fn after_groups(&self, candidate: &str, behind: &[u8]) -> bool {
        if self.ends(behind) {
            return !(candidate.ends_with(':') && self.end_name.is_match(behind));
        }
        let Some(port) = self.colon_port.captures(behind) else {
            return false;
        };
        let value: u32 = std::str::from_utf8(&port[1]).map_or(0, |p| p.parse().unwrap_or(0));
        value <= 65535 && !candidate.ends_with(':') && self.ends(&port[2])
    }

    /// Whether a chain of groups can end before `behind`.
    fn ends(&self, behind: &[u8]) -> bool {
        self.end.captures(behind).is_some_and(|end| {
            let rest = end.get(1).map_or(&b""[..], |m| m.as_bytes());
            !self.dotted.is_match(rest) || number(&self.dotted_port, rest).is_some()
        })
    }

    fn network(&self, text: &[u8], end: usize, ip: IpAddr) -> (usize, Address) {
        let host = (end, Address::from(ip));
        let Some(length) = self.length.captures(&text[end..]) else {
            return host;
        };
        let value = std::str::from_utf8(&length[1]).map_or(0, |n| n.parse::<u32>().unwrap_or(0));
        match u8::try_from(value)
            .ok()
            .and_then(|n| Address::network(ip, n))
        {
            Some(net) if net.ip() == host.1.ip() && !net.is_host() => {
                (end + 1 + length[1].len(), net)
            }
            _ => host,
        }
    }
}

/// The port that `pattern` finds.
fn number(pattern: &Regex, text: &[u8]) -> Option<u32> {
    let captures = pattern.captures(text)?;
    let value = std::str::from_utf8(&captures[1]).ok()?.parse().ok()?;
    (value <= 65535).then_some(value)
}
