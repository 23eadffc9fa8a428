//! A client of a broker: one connection, its subscriptions and the messages on their way.
//!
//! A connection that is lost is of no use any more: the next one is a new client with a new
//! session, so nothing of an old one can be in its way.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use pipeban::complain::describe;

use crate::mqtt::{self, Connect, Malformed, Packet};
use crate::stream::Stream;

/// The most messages that wait for their acknowledgement, in both directions.
pub const WINDOW: u16 = 100;
/// The broker answers, or says something else, within this time.
const ANSWER: Duration = Duration::from_secs(5);

/// A connection that a broker has accepted.
pub struct Client {
    stream: Stream,
    /// The bytes of a packet that is not whole.
    inbox: Vec<u8>,
    /// The packets that are not handed to the stream.
    outbox: Vec<u8>,
    /// The messages that wait for their acknowledgement, and the topics of those.
    unacknowledged: HashMap<u16, String>,
    /// The subscriptions that wait for their answer.
    subscriptions: HashSet<u16>,
    last_id: u16,
    window: usize,
    longest: usize,
    pause: Duration,
    /// When the last packet was sent.
    sent: Instant,
    /// A ping has no answer yet.
    is_pinged: bool,
    /// The broker has been silent since then, and owes an answer.
    silent: Option<Instant>,
}

/// A message that the broker has not taken.
#[derive(Debug, PartialEq)]
pub struct Refused {
    /// Its topic.
    pub topic: String,
    /// The broker's code.
    pub code: u8,
}

impl Client {
    /// Asks the broker for a session; the error is a phrase.
    /// `pause` is the longest time without a packet to the broker.
    pub fn connect(
        stream: Stream,
        connect: &Connect,
        pause: Duration,
        deadline: Instant,
    ) -> Result<Self, String> {
        let now = Instant::now();
        let mut client = Client {
            stream,
            inbox: vec![],
            outbox: vec![],
            unacknowledged: HashMap::new(),
            subscriptions: HashSet::new(),
            last_id: 0,
            window: WINDOW.into(),
            longest: mqtt::LONGEST,
            pause,
            sent: now,
            is_pinged: false,
            silent: None,
        };
        mqtt::connect(connect, &mut client.outbox);
        let talk = |client: &mut Client| -> io::Result<()> {
            while client.inbox.is_empty() {
                client.flush()?;
                client.stream.wait(deadline)?;
                let is_open = client.stream.read(&mut client.inbox)?;
                if !is_open && client.inbox.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok(())
        };
        talk(&mut client).map_err(|e| describe(&e))?;
        let read = mqtt::read(&client.inbox).map_err(|Malformed| "no MQTT 5".to_string())?;
        let Some((Packet::ConnAck(answer), length)) = read else {
            return Err("no answer of MQTT 5".into());
        };
        if answer.code >= mqtt::REFUSED {
            return Err(refusal(answer.code));
        }
        if !answer.is_able {
            return Err("the broker keeps no messages, or takes none with QoS 1".into());
        }
        client.window = client.window.min(answer.receive_maximum.into());
        client.longest = client.longest.min(answer.longest as usize);
        client.inbox.drain(..length);
        Ok(client)
    }

    /// The stream, to wait for it.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Reads what is there; answers the bytes, of which [`keep`](Self::keep) takes back the rest.
    /// The error is a phrase.
    pub fn receive(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = std::mem::take(&mut self.inbox);
        let before = bytes.len();
        match self.stream.read(&mut bytes) {
            // The reason may be in the bytes before the end.
            Ok(false) if bytes.len() == before => {
                Err("the broker has closed the connection".into())
            }
            Ok(_) => {
                self.silent = self.silent.map(|_| Instant::now());
                Ok(bytes)
            }
            Err(e) => Err(describe(&e)),
        }
    }

    /// Takes back bytes that are no whole packet.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
    }

    /// Notes an answer of the broker's; a message that it has not taken is told.
    pub fn answered(&mut self, packet: &Packet) -> Option<Refused> {
        match packet {
            Packet::Pong => self.is_pinged = false,
            Packet::SubAck(id, code) if self.subscriptions.remove(id) && *code >= mqtt::REFUSED => {
                let topic = "subscription".into();
                return Some(Refused { topic, code: *code });
            }
            Packet::PubAck(id, code) => {
                let topic = self.unacknowledged.remove(id)?;
                return (*code >= mqtt::REFUSED).then_some(Refused { topic, code: *code });
            }
            _ => {}
        }
        None
    }

    /// Acknowledges a message.
    pub fn acknowledge(&mut self, id: u16) {
        if id != 0 {
            mqtt::publish_ack(id, &mut self.outbox);
        }
    }

    /// Whether another message may be published now.
    pub fn has_room(&self) -> bool {
        self.unacknowledged.len() < self.window
    }

    /// Whether the broker has acknowledged all.
    pub fn is_done(&self) -> bool {
        self.unacknowledged.is_empty() && self.subscriptions.is_empty()
    }

    /// Whether all subscriptions are answered.
    pub fn is_subscribed(&self) -> bool {
        self.subscriptions.is_empty()
    }

    /// Publishes a message with QoS 1; `expiry` is in seconds. One that is too long for the broker
    /// is answered.
    pub fn publish(
        &mut self,
        topic: String,
        payload: &[u8],
        retain: bool,
        expiry: Option<u32>,
    ) -> Option<Refused> {
        // The rest of a packet is no longer than this.
        if topic.len() + payload.len() + 32 > self.longest {
            return Some(Refused { topic, code: 0x95 });
        }
        let id = self.next_id();
        mqtt::publish(&topic, payload, id, retain, expiry, &mut self.outbox);
        self.unacknowledged.insert(id, topic);
        None
    }

    /// Subscribes to topics; with `others_only` this client's own messages don't come back.
    pub fn subscribe(&mut self, filters: &[String], others_only: bool) {
        // A filter has at most 200 bytes, and a packet 65 filters.
        for filters in filters.chunks(50) {
            let id = self.next_id();
            let filters: Vec<&str> = filters.iter().map(String::as_str).collect();
            mqtt::subscribe(id, &filters, others_only, &mut self.outbox);
            self.subscriptions.insert(id);
        }
    }

    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            let id = self.last_id;
            if !self.unacknowledged.contains_key(&id) && !self.subscriptions.contains(&id) {
                return id;
            }
        }
    }

    /// Whether an answer of the broker's is to come.
    fn owes(&self) -> bool {
        self.is_pinged || !self.is_done()
    }

    /// When [`tick`](Self::tick) is to be called.
    pub fn deadline(&self) -> Instant {
        let ping = self.sent + self.pause;
        match self.silent.filter(|_| self.owes()) {
            Some(since) if self.is_pinged => since + ANSWER,
            Some(since) => ping.min(since + ANSWER),
            None => ping,
        }
    }

    /// Pings the broker if it is time; answers whether it did. The error is a phrase.
    pub fn tick(&mut self, now: Instant) -> Result<bool, String> {
        match self.silent {
            Some(_) if !self.owes() => self.silent = None,
            Some(since) if now >= since + ANSWER => {
                return Err("the broker does not answer".into());
            }
            _ => {}
        }
        if now < self.sent + self.pause || self.is_pinged {
            return Ok(false);
        }
        mqtt::ping(&mut self.outbox);
        self.is_pinged = true;
        Ok(true)
    }

    /// Ends the connection; the broker publishes the will.
    pub fn disconnect(&mut self) -> io::Result<()> {
        mqtt::disconnect(&mut self.outbox);
        self.flush()
    }

    /// Sends what the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.outbox.is_empty() {
            self.sent = Instant::now();
            if self.owes() {
                self.silent.get_or_insert(self.sent);
            }
            self.stream.write(&self.outbox)?;
            self.outbox.clear();
            // A burst does not hold its memory for ever.
            self.outbox.shrink_to(64 << 10);
        }
        self.stream.flush()
    }
}

/// A broker's code in words (2.4).
pub fn refusal(code: u8) -> String {
    let words = match code {
        0x85 => "the client's name is refused",
        0x86 => "wrong user or password",
        0x87 => "not authorised",
        0x88 | 0x89 => "the broker is busy or away",
        0x8a => "banned at the broker",
        0x8b => "the broker shuts down",
        0x8d => "this host was silent for too long",
        0x8e => "another client has this name",
        0x95 => "the message is too long",
        0x97 => "more than the broker's quota",
        _ => return format!("refused by the broker: {code:#04x}"),
    };
    words.into()
}
