//! A session at the broker: what the broker has of this host is made right, and what it has of
//! others is heard.

use std::time::{Duration, Instant};

use pipeban::complain;
use pipeban::time::Time;

use crate::client::{Client, Refused, refusal};
use crate::counts::Reason;
use crate::fleet::{Fleet, own_addresses};
use crate::held::Moment;
use crate::hello::Hello;
use crate::message::{Message, whole};
use crate::mqtt::{self, Packet, Publish};
use crate::page::{Ask, Page};
use crate::target::Target;
use crate::topic::Topic;

/// A marker comes back within this time, or is sent again.
const MARKER: Duration = Duration::from_secs(1);
/// A hello is sent no earlier than this after the last one.
const PAUSE: Duration = Duration::from_secs(1);
/// At each ping of this number the hellos are asked for again: one may have been lost.
const PINGS: u32 = 12;
/// A clock that differs by this is told.
const CLOCK: Duration = Duration::from_secs(60);

/// The steps of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The messages that the broker keeps of this host, and hellos, come.
    Own,
    /// The messages that it keeps of others come.
    Others,
    /// All have come.
    Settled,
}

/// A session.
pub struct Session {
    client: Client,
    step: Step,
    /// The time of the last marker: a message to oneself, behind all that the broker keeps.
    marker: Option<Instant>,
    markers: u32,
    /// The markers that were sent before this step.
    earlier: u32,
    /// The changes of bans that the last hello counts, and when it was sent.
    hello: Option<(u64, Instant)>,
    pings: u32,
}

impl Session {
    /// Begins with the bans of this host; for [`Fleet`], see [`Fleet::begin`].
    pub fn new(client: Client, fleet: &Fleet) -> Self {
        let mut session = Session {
            client,
            step: Step::Own,
            marker: None,
            markers: 0,
            earlier: 0,
            hello: None,
            pings: 0,
        };
        let config = &fleet.config;
        let name = config.name.as_str();
        let mut filters = session.hellos(fleet);
        filters.push(Topic::Ask("+", name).text(config));
        filters.push(Topic::Page("+", name).text(config));
        if config.pardon {
            filters.push(Topic::Pardon("#").text(config));
        }
        session.client.subscribe(&filters, false);
        let own = [Topic::Ban(name, "#").text(config)];
        session.client.subscribe(&own, true);
        session
    }

    /// The client, to wait for it.
    pub fn client(&self) -> &Client {
        &self.client
    }

    fn hellos(&self, fleet: &Fleet) -> Vec<String> {
        let hosts = fleet.config.from.iter();
        hosts
            .map(|host| Topic::Host(host).text(&fleet.config))
            .collect()
    }

    /// Reads what is there. The error is a phrase: the session is of no use any more.
    pub fn receive(&mut self, fleet: &mut Fleet) -> Result<(), String> {
        let bytes = self.client.receive()?;
        let mut rest = bytes.as_slice();
        while let Some((packet, length)) =
            mqtt::read(rest).map_err(|_| "the broker breaks the rules of MQTT 5".to_string())?
        {
            rest = &rest[length..];
            match packet {
                Packet::Publish(publish) => {
                    self.client.acknowledge(publish.id);
                    if let Err(reason) = self.hear(&publish, fleet) {
                        fleet.counts.add(reason, publish.topic);
                    }
                }
                Packet::Disconnect(code) => return Err(refusal(code)),
                Packet::ConnAck(_) => return Err("the broker breaks the rules of MQTT 5".into()),
                answer => {
                    let refused = self.client.answered(&answer);
                    self.refused(refused, fleet);
                }
            }
        }
        self.client.keep(rest);
        Ok(())
    }

    fn refused(&mut self, refused: Option<Refused>, fleet: &mut Fleet) {
        if let Some(Refused { topic, code }) = refused {
            let place = format!("{topic}: {}", refusal(code));
            fleet.counts.add(Reason::Broker, &place);
        }
    }

    fn hear(&mut self, publish: &Publish, fleet: &mut Fleet) -> Result<(), Reason> {
        let me = fleet.config.name.clone();
        let topic = Topic::parse(&fleet.config, publish.topic).ok_or(Reason::Topic)?;
        match topic {
            Topic::Ban(host, name) if host == me => {
                fleet.own.look_at(name, publish.payload, host, Time::now());
                Ok(())
            }
            Topic::Ban(host, name) => ban(host, name, publish, fleet),
            Topic::Host(host) => self.greet(host, publish, fleet),
            Topic::Pardon(name) if fleet.config.pardon => {
                if publish.payload.is_empty() {
                    return Ok(());
                }
                let target = Target::parse(name.as_bytes()).ok_or(Reason::Topic)?;
                fleet.pardon(&target, publish.payload, publish.retained)
            }
            Topic::Ask(from, to) if to == me => {
                let ask = Ask::parse(publish.payload)?;
                // One that finds no room is asked again.
                if self.client.has_room() {
                    let now = whole(Time::now());
                    let bans = fleet.own.after(ask.after, now);
                    let page = Page::bytes(ask.walk, now, bans);
                    self.publish(Topic::Page(&me, from), &page, fleet);
                }
                Ok(())
            }
            Topic::Page(from, to) if from == me && to == me => {
                self.marker_came(publish.payload, fleet);
                Ok(())
            }
            Topic::Page(from, to) if to == me => self.turn(from, publish.payload, fleet),
            _ => Err(Reason::Topic),
        }
    }

    fn greet(&mut self, host: &str, publish: &Publish, fleet: &mut Fleet) -> Result<(), Reason> {
        let hello = Hello::parse(publish.payload)?;
        let peer = fleet.peers.get_mut(host).ok_or(Reason::Topic)?;
        let addresses = hello.as_ref().map_or(&[][..], |hello| &hello.addresses);
        let is_changed = fleet.exempt.set_host(host, addresses);
        let mut wrong = false;
        if let Some(hello) = &hello {
            let now = Time::now();
            let difference = now.since(hello.at).max(hello.at.since(now));
            wrong = !publish.retained && difference >= CLOCK;
        }
        peer.greet(hello);
        if is_changed {
            fleet.look_at_exempt();
        }
        self.check(host, fleet)?;
        match wrong {
            true => Err(Reason::Clock),
            false => Ok(()),
        }
    }

    /// Compares what a host has with what is here.
    fn check(&mut self, host: &str, fleet: &mut Fleet) -> Result<(), Reason> {
        let Some(peer) = fleet.peers.get_mut(host) else {
            return Ok(());
        };
        if self.step != Step::Settled || !self.client.has_room() {
            return Ok(());
        }
        let ask = peer.check(Instant::now(), &fleet.bounds, &mut fleet.out)?;
        if let Some(ask) = ask {
            self.ask(host, &ask, fleet);
        }
        Ok(())
    }

    fn ask(&mut self, host: &str, ask: &Ask, fleet: &mut Fleet) {
        let me = fleet.config.name.clone();
        self.publish(Topic::Ask(&me, host), &ask.bytes(), fleet);
    }

    fn turn(&mut self, host: &str, payload: &[u8], fleet: &mut Fleet) -> Result<(), Reason> {
        let Fleet {
            peers,
            bounds,
            exempt,
            counts,
            out,
            ..
        } = fleet;
        let peer = peers.get_mut(host).ok_or(Reason::Topic)?;
        let page = Page::parse(payload, host, |reason| counts.add(reason, host))?;
        let now = (Time::now(), Instant::now());
        let ask = peer.turn(page, now, bounds, exempt, out, |reason, target| {
            counts.add(reason, &format!("{host}: {target}"));
        });
        match ask {
            Some(ask) => self.ask(host, &ask, fleet),
            None => self.check(host, fleet)?,
        }
        Ok(())
    }

    fn publish(&mut self, topic: Topic, payload: &[u8], fleet: &mut Fleet) {
        let topic = topic.text(&fleet.config);
        let refused = self.client.publish(topic, payload, false, None);
        self.refused(refused, fleet);
    }

    fn marker_came(&mut self, payload: &[u8], fleet: &mut Fleet) {
        // Any of this step will do: on a slow line the next one is sent before the first is back.
        let number = std::str::from_utf8(payload)
            .ok()
            .and_then(|text| text.parse().ok());
        if !number.is_some_and(|number| (self.earlier + 1..=self.markers).contains(&number)) {
            return;
        }
        self.marker = None;
        self.earlier = self.markers;
        match self.step {
            Step::Own => {
                self.step = Step::Others;
                let config = &fleet.config;
                let bans = config.from.iter();
                let bans: Vec<String> = bans.map(|h| Topic::Ban(h, "#").text(config)).collect();
                self.client.subscribe(&bans, false);
            }
            _ => {
                self.step = Step::Settled;
                for host in fleet.config.from.clone() {
                    if let Err(reason) = self.check(&host, fleet) {
                        fleet.counts.add(reason, &host);
                    }
                }
            }
        }
    }

    /// When [`tick`](Self::tick) is to be called, if nothing comes before.
    pub fn deadline(&self, fleet: &Fleet) -> Instant {
        let mut deadline = self.client.deadline();
        if let Some(marker) = self.marker {
            deadline = deadline.min(marker + MARKER);
        }
        if let Some((_, at)) = self.hello.filter(|_| self.is_news(fleet)) {
            deadline = deadline.min(at + PAUSE);
        }
        if self.step == Step::Settled {
            let peers = fleet.peers.values().filter_map(|peer| peer.deadline());
            deadline = peers.fold(deadline, Instant::min);
        }
        deadline
    }

    /// Does what is due. The error is a phrase: the session is of no use any more.
    pub fn tick(&mut self, fleet: &mut Fleet) -> Result<(), String> {
        let now = Instant::now();
        if self.client.tick(now)? {
            self.pings += 1;
            if self.pings.is_multiple_of(PINGS) {
                let hellos = self.hellos(fleet);
                self.client.subscribe(&hellos, false);
            }
        }
        self.mark(now, fleet);
        if self.step == Step::Settled {
            let due = fleet
                .peers
                .iter_mut()
                .filter_map(|(name, peer)| peer.tick(now).then(|| name.clone()));
            for host in due.collect::<Vec<_>>() {
                if let Err(reason) = self.check(&host, fleet) {
                    fleet.counts.add(reason, &host);
                }
            }
        }
        if self.step != Step::Own {
            self.send(fleet);
            self.greet_all(now, fleet);
        }
        self.client.flush().map_err(|e| complain::describe(&e))
    }

    /// Sends a marker behind the answers to the subscriptions. It is sent again until it comes: a
    /// broker whose queue is full drops it.
    fn mark(&mut self, now: Instant, fleet: &mut Fleet) {
        let is_due = self.marker.is_none_or(|at| now >= at + MARKER);
        let wanted = self.step != Step::Settled && self.client.is_subscribed();
        if is_due && wanted && self.client.has_room() {
            self.marker = Some(now);
            self.markers += 1;
            let me = fleet.config.name.clone();
            let text = self.markers.to_string();
            self.publish(Topic::Page(&me, &me), text.as_bytes(), fleet);
        }
    }

    /// Sends the broker what it lacks, as far as the window goes.
    fn send(&mut self, fleet: &mut Fleet) {
        while self.client.has_room() {
            let Some(kept) = fleet.own.next(Time::now()) else {
                break;
            };
            let topic = Topic::Ban(&fleet.config.name, &kept.name).text(&fleet.config);
            let refused = self.client.publish(topic, &kept.payload, true, kept.expiry);
            self.refused(refused, fleet);
        }
    }

    /// Whether the broker's hello of this host is old.
    fn is_news(&self, fleet: &Fleet) -> bool {
        let changes = fleet.own.changes();
        fleet.own.is_sent() && self.hello.is_none_or(|(told, _)| told != changes)
    }

    /// Sends the hello, behind all bans that it counts.
    fn greet_all(&mut self, now: Instant, fleet: &mut Fleet) {
        let is_early = self.hello.is_some_and(|(_, at)| now < at + PAUSE);
        if is_early || !self.is_news(fleet) || !self.client.has_room() {
            return;
        }
        let at = whole(Time::now());
        let hello = Hello {
            at,
            sum: fleet.own.sum(at),
            addresses: own_addresses(&fleet.config),
        };
        let topic = Topic::Host(&fleet.config.name).text(&fleet.config);
        let refused = self.client.publish(topic, &hello.bytes(), true, None);
        self.refused(refused, fleet);
        self.hello = Some((fleet.own.changes(), now));
    }

    /// Whether the broker has all that this host has to tell.
    pub fn is_done(&self, fleet: &Fleet) -> bool {
        self.step != Step::Own && fleet.own.is_sent() && self.client.is_done()
    }

    /// Ends the session; the broker tells that this host has gone.
    pub fn end(mut self) {
        // The broker finds out by itself too.
        let _ = self.client.disconnect();
    }
}

/// Takes a message about a ban of another host.
fn ban(host: &str, name: &str, publish: &Publish, fleet: &mut Fleet) -> Result<(), Reason> {
    let target = Target::parse(name.as_bytes()).ok_or(Reason::Topic)?;
    let peer = fleet.peers.get_mut(host).ok_or(Reason::Topic)?;
    if publish.payload.is_empty() {
        // Somebody has cleared it by hand. The sums of the next hello tell whether it is gone.
        return Ok(());
    }
    let message = Message::parse(publish.payload, host)?;
    if message.target != target {
        return Err(Reason::Address);
    }
    let moment = Moment {
        now: Time::now(),
        instant: Instant::now(),
        left: publish.expiry.map(|left| Duration::from_secs(left.into())),
    };
    peer.held.take(
        &message,
        moment,
        &fleet.bounds,
        &fleet.exempt,
        &mut fleet.out,
    )
}
