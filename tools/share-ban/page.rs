//! Pages: a host's bans, one after the other, for a host to which some were not delivered.
//!
//! That host asks for each page when it has read the one before, so no queue fills up.

use pipeban::time::Time;

use crate::counts::Reason;
use crate::message::{LONGEST, Message};
use crate::target::Target;

/// The most bytes of a page, so that a packet holds it.
const PAGE: usize = 12 << 10;
/// The longest question, in bytes.
const QUESTION: usize = 256;

/// A question for the page behind a target.
#[derive(Debug, PartialEq)]
pub struct Ask {
    /// The number of the walk, for the answer.
    pub walk: u32,
    /// The last target of the page before; `None` is the first page.
    pub after: Option<Target>,
}

impl Ask {
    /// The payload.
    pub fn bytes(&self) -> Vec<u8> {
        let after = self
            .after
            .map_or(String::new(), |target| format!("\tafter={target}"));
        format!("walk={}{after}", self.walk).into_bytes()
    }

    /// Reads a payload.
    pub fn parse(payload: &[u8]) -> Result<Self, Reason> {
        let text = line(payload)?;
        let after = match get(text, "after") {
            Some(text) => Some(Target::parse(text.as_bytes()).ok_or(Reason::Form)?),
            None => None,
        };
        let walk = get(text, "walk").and_then(|walk| walk.parse().ok());
        walk.map(|walk| Ask { walk, after }).ok_or(Reason::Form)
    }
}

/// An answer.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// The number of the walk that it belongs to.
    pub walk: u32,
    /// The host's clock.
    pub at: Time,
    /// Whether there are bans behind these.
    pub more: bool,
    /// The bans.
    pub bans: Vec<Message>,
}

impl Page {
    /// The payload of the page with the first of these bans that fit.
    pub fn bytes(walk: u32, at: Time, bans: impl Iterator<Item = Message>) -> Vec<u8> {
        let mut lines = vec![];
        let mut more = false;
        for ban in bans {
            if lines.len() + LONGEST > PAGE {
                more = true;
                break;
            }
            lines.push(b'\n');
            lines.extend(ban.bytes());
        }
        let more = if more { "yes" } else { "no" };
        let mut page = format!("walk={walk}\tat={at}\tmore={more}").into_bytes();
        page.extend(lines);
        page
    }

    /// Reads a payload of this host. Lines that are no bans are left out; `refused` is told of
    /// them.
    pub fn parse(
        payload: &[u8],
        origin: &str,
        mut refused: impl FnMut(Reason),
    ) -> Result<Self, Reason> {
        let mut lines = payload.split(|b| *b == b'\n');
        let head = line(lines.next().unwrap_or_default())?;
        let walk = get(head, "walk").and_then(|walk| walk.parse().ok());
        let at = get(head, "at").and_then(|at| Time::parse(at.as_bytes()));
        let (Some(walk), Some(at)) = (walk, at) else {
            return Err(Reason::Form);
        };
        let bans = lines.filter_map(|line| {
            let ban = Message::parse(line, origin);
            ban.map_err(&mut refused).ok()
        });
        Ok(Page {
            walk,
            at,
            bans: bans.collect(),
            more: get(head, "more") == Some("yes"),
        })
    }
}

fn line(payload: &[u8]) -> Result<&str, Reason> {
    let text = std::str::from_utf8(payload).map_err(|_| Reason::Control)?;
    if text.len() > QUESTION {
        return Err(Reason::Form);
    }
    match text.bytes().any(|b| b.is_ascii_control() && b != b'\t') {
        true => Err(Reason::Control),
        false => Ok(text),
    }
}

/// The value of a field.
fn get<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut fields = text.split('\t').filter_map(|field| field.split_once('='));
    fields.find(|(k, _)| *k == key).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::End;

    fn bans(count: u32) -> impl Iterator<Item = Message> {
        (0..count).map(|i| Message {
            target: Target {
                address: std::net::IpAddr::from(i.to_be_bytes()).into(),
                port: 0,
            },
            since: Some(Time::from_secs(1)),
            end: End::Until(None),
            notes: b"\tcount=5".to_vec(),
        })
    }

    #[test]
    fn all_pages() {
        let mut read: Vec<Message> = vec![];
        loop {
            let ask = Ask {
                walk: 7,
                after: read.last().map(|ban| ban.target),
            };
            let ask = Ask::parse(&ask.bytes()).expect("a question");
            let rest = bans(1_000).filter(|ban| ask.after.is_none_or(|after| ban.target > after));
            let bytes = Page::bytes(ask.walk, Time::from_secs(9), rest);
            assert!(bytes.len() < crate::mqtt::LONGEST - 500);
            let page = Page::parse(&bytes, "web1", |reason| panic!("{reason:?}")).expect("a page");
            assert_eq!((page.walk, page.at), (7, Time::from_secs(9)));
            read.extend(page.bans);
            if !page.more {
                break;
            }
        }
        assert!(read.iter().cloned().eq(bans(1_000)));
    }

    #[test]
    fn hostile() {
        for text in [
            "",
            "walk=x",
            "walk=-1",
            "walk=1\tafter=x",
            "after=192.0.2.1",
        ] {
            assert_eq!(Ask::parse(text.as_bytes()), Err(Reason::Form), "{text}");
        }
        assert_eq!(Ask::parse(b"walk=1\n"), Err(Reason::Control));
        for text in ["walk=1", "at=2026-03-30T02:16:17Z", "walk=1\tat=x"] {
            assert_eq!(
                Page::parse(text.as_bytes(), "a", |_| ()),
                Err(Reason::Form),
                "{text}"
            );
        }
        let mut refused = vec![];
        let text = b"walk=1\tat=2026-03-30T02:16:17Z\n192.0.2.1\tuntil=never\torigin=b\n\x1b\n\n";
        let page = Page::parse(text, "a", |reason| refused.push(reason)).expect("a page");
        assert!(page.bans.is_empty() && !page.more);
        assert_eq!(
            refused,
            [Reason::Origin, Reason::Control, Reason::Form, Reason::Form]
        );
    }
}
