//! Another host: its hello, its bans, and the walk through them where some were lost.

use std::time::{Duration, Instant};

use pipeban::record::Record;
use pipeban::time::Time;

use crate::counts::Reason;
use crate::exempt::Exempt;
use crate::held::{Bounds, Compared, Held, Moment};
use crate::hello::Hello;
use crate::message::End;
use crate::page::{Ask, Page};
use crate::target::Target;

/// A page comes within this time.
const ANSWER: Duration = Duration::from_secs(5);
/// The first pause after a walk that was in vain, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Another host.
pub struct Peer {
    /// Its bans.
    pub held: Held,
    hello: Option<Hello>,
    /// The bans were compared with this hello, and all that can be done is done.
    is_checked: bool,
    walk: Option<Walk>,
    walks: u32,
    pause: Duration,
    /// The next walk begins no earlier.
    not_before: Instant,
}

/// A walk through the bans of the host.
struct Walk {
    number: u32,
    asked: Instant,
    last: Option<Target>,
    told: usize,
    /// Some bans were refused for now, by the limit or the rate.
    in_vain: bool,
}

impl Peer {
    /// Nothing is known yet.
    pub fn new(name: &str, bounds: &Bounds, now: Instant) -> Self {
        Peer {
            held: Held::new(name, bounds, now),
            hello: None,
            is_checked: false,
            walk: None,
            walks: 0,
            pause: PAUSES[0],
            not_before: now,
        }
    }

    /// Whether the host is there.
    pub fn is_here(&self) -> bool {
        self.hello.is_some()
    }

    /// A new connection: what was told before may have changed.
    pub fn begin(&mut self, now: Instant) {
        self.is_checked = false;
        self.walk = None;
        self.not_before = now;
        self.pause = PAUSES[0];
    }

    /// Takes a hello; `None` of a host that has gone.
    pub fn greet(&mut self, hello: Option<Hello>) {
        if hello != self.hello {
            self.is_checked = false;
        }
        if hello.is_none() {
            self.walk = None;
        }
        self.hello = hello;
    }

    /// Compares what the host has with what is here, and begins a walk if they differ; answers the
    /// question for the host.
    pub fn check(
        &mut self,
        now: Instant,
        bounds: &Bounds,
        out: &mut Vec<Record>,
    ) -> Result<Option<Ask>, Reason> {
        let Some(hello) = &self.hello else {
            return Ok(None);
        };
        if self.is_checked || self.walk.is_some() {
            return Ok(None);
        }
        match self.held.compare(hello, bounds.limit, out) {
            Compared::Same => self.is_checked = true,
            Compared::TooMany => {
                self.is_checked = true;
                return Err(Reason::Limit);
            }
            Compared::Differs if now >= self.not_before => {
                self.walks = self.walks.wrapping_add(1);
                self.held.begin_walk();
                self.walk = Some(Walk {
                    number: self.walks,
                    asked: now,
                    last: None,
                    told: 0,
                    in_vain: false,
                });
                let walk = self.walks;
                return Ok(Some(Ask { walk, after: None }));
            }
            Compared::Differs => {}
        }
        Ok(None)
    }

    /// Takes a page; answers the question for the next one. `refused` is told of its bans that
    /// were.
    pub fn turn(
        &mut self,
        page: Page,
        (now, instant): (Time, Instant),
        bounds: &Bounds,
        exempt: &Exempt,
        out: &mut Vec<Record>,
        mut refused: impl FnMut(Reason, &Target),
    ) -> Option<Ask> {
        let walk = self.walk.as_mut().filter(|w| w.number == page.walk)?;
        for ban in &page.bans {
            // Bans are told in order, and none is lifted: else a walk would have no end.
            let is_next = walk.last.is_none_or(|last| ban.target > last);
            let End::Until(until) = ban.end else { continue };
            if !is_next {
                continue;
            }
            walk.last = Some(ban.target);
            walk.told += 1;
            let moment = Moment {
                now,
                instant,
                left: until.map(|until| until.since(page.at)),
            };
            if let Err(reason) = self.held.take(ban, moment, bounds, exempt, out) {
                walk.in_vain |= matches!(reason, Reason::Limit | Reason::Rate);
                refused(reason, &ban.target);
            }
        }
        walk.asked = instant;
        let goes_on = page.more && !page.bans.is_empty() && walk.told <= bounds.limit;
        if goes_on {
            let (number, after) = (walk.number, walk.last);
            return Some(Ask {
                walk: number,
                after,
            });
        }
        let in_vain = walk.in_vain || page.more;
        self.walk = None;
        if in_vain {
            self.pause(instant);
        } else {
            self.held.end_walk(page.at, out);
            self.is_checked = self.hello.as_ref().is_none_or(|hello| hello.at <= page.at);
            self.pause = PAUSES[0];
            self.not_before = instant + self.pause;
        }
        None
    }

    /// Gives up a walk whose page does not come; answers whether a [check](Self::check) is due.
    pub fn tick(&mut self, now: Instant) -> bool {
        if self
            .walk
            .as_ref()
            .is_some_and(|walk| now >= walk.asked + ANSWER)
        {
            self.walk = None;
            self.pause(now);
        }
        self.deadline().is_some_and(|at| now >= at)
    }

    /// When [`tick`](Self::tick) is to be called next, if ever.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.walk {
            Some(walk) => Some(walk.asked + ANSWER),
            None if self.is_checked || self.hello.is_none() => None,
            None => Some(self.not_before),
        }
    }

    fn pause(&mut self, now: Instant) {
        self.not_before = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSES[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hello::Sum;
    use crate::message::Message;

    const NOW: Time = Time::from_secs(1_774_804_577);

    fn ban(last: u8) -> Message {
        Message {
            target: Target {
                address: std::net::IpAddr::from([192, 0, 2, last]).into(),
                port: 0,
            },
            since: Some(NOW),
            end: End::Until(None),
            notes: vec![],
        }
    }

    fn hello(bans: std::ops::Range<u8>) -> Option<Hello> {
        let mut sum = Sum::default();
        bans.for_each(|last| sum.add(&ban(last).target, None));
        let addresses = vec![];
        Some(Hello {
            at: NOW,
            sum,
            addresses,
        })
    }

    fn page(walk: u32, bans: std::ops::Range<u8>, more: bool) -> Page {
        let bans = bans.map(ban).collect();
        Page {
            walk,
            at: NOW,
            more,
            bans,
        }
    }

    #[test]
    fn lost_bans_are_asked_for() {
        let begin = Instant::now();
        let bounds = Bounds {
            limit: 100,
            rate: 1,
            max: Duration::from_secs(60),
            widest: (24, 48),
        };
        let exempt = Exempt::default();
        let mut out = vec![];
        let mut peer = Peer::new("web1", &bounds, begin);
        assert_eq!(peer.deadline(), None);
        peer.greet(hello(0..20));
        let ask = peer.check(begin, &bounds, &mut out);
        assert_eq!(
            ask,
            Ok(Some(Ask {
                walk: 1,
                after: None
            }))
        );
        assert_eq!(peer.check(begin, &bounds, &mut out), Ok(None), "once");
        let mut turn = |peer: &mut Peer, page| {
            let now = (NOW, begin);
            peer.turn(page, now, &bounds, &exempt, &mut out, |reason, _| {
                panic!("{reason:?}")
            })
        };
        assert_eq!(
            turn(&mut peer, page(7, 0..9, true)),
            None,
            "of another walk"
        );
        let after = Some(ban(9).target);
        assert_eq!(
            turn(&mut peer, page(1, 0..10, true)),
            Some(Ask { walk: 1, after })
        );
        assert_eq!(turn(&mut peer, page(1, 10..20, false)), None);
        assert_eq!((peer.held.len(), peer.deadline()), (20, None));
        // The same hello again is no question; another one is.
        peer.greet(hello(0..20));
        assert_eq!(peer.deadline(), None);
        peer.greet(hello(0..19));
        assert!(peer.deadline().is_some());
        // A host that does not answer is asked again, later and later.
        let mut now = begin + PAUSES[0];
        let mut pauses = vec![];
        for _ in 0..9 {
            assert!(
                peer.check(now, &bounds, &mut vec![])
                    .is_ok_and(|ask| ask.is_some())
            );
            now += ANSWER;
            assert!(!peer.tick(now));
            pauses.push(
                peer.deadline()
                    .expect("again")
                    .duration_since(now)
                    .as_secs(),
            );
            now = peer.deadline().expect("again");
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        peer.greet(None);
        assert_eq!(peer.deadline(), None);
        peer.greet(hello(0..101));
        assert_eq!(peer.check(now, &bounds, &mut vec![]), Err(Reason::Limit));
        assert_eq!(peer.deadline(), None);
    }

    /// A host that tells without end.
    #[test]
    fn a_walk_has_an_end() {
        let now = Instant::now();
        let bounds = Bounds {
            limit: 10,
            rate: 1,
            max: Duration::from_secs(60),
            widest: (24, 48),
        };
        let mut peer = Peer::new("web1", &bounds, now);
        peer.greet(hello(0..10));
        let mut ask = peer.check(now, &bounds, &mut vec![]).expect("an answer");
        let mut pages = 0;
        while ask.is_some() && pages < 100 {
            let page = page(1, pages..pages + 1, true);
            ask = peer.turn(
                page,
                (NOW, now),
                &bounds,
                &Exempt::default(),
                &mut vec![],
                |_, _| (),
            );
            pages += 1;
        }
        assert!(pages < 20, "{pages}");
        assert!(peer.held.len() <= 10);
    }
}
