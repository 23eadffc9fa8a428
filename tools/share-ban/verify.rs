//! `--verify`: a broker is tried with messages of its own kind, which are cleared afterwards.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::time::Time;

use crate::client::{Client, Refused, refusal};
use crate::config::Config;
use crate::connect::Brokers;
use crate::hello::Hello;
use crate::mqtt::{self, Packet};
use crate::page::{Ask, Page};
use crate::topic::Topic;

/// The number of messages that the broker has to keep and to give back.
const MESSAGES: usize = 3_000;
/// The time that they are kept, in seconds.
const KEPT: u32 = 300;
/// They are asked for after this time, which the broker has to have counted down.
const WAIT: Duration = Duration::from_millis(2_100);
/// A broker that is silent for this time has sent all.
const SILENCE: Duration = Duration::from_secs(3);
/// A clock that differs by this is a finding.
const CLOCK: Duration = Duration::from_secs(60);

/// A broker on trial.
struct Trial<'a> {
    config: &'a Config,
    client: Client,
    refused: Vec<Refused>,
    /// The messages that came: of each topic whether it was retained, the time left and the
    /// payload.
    came: HashMap<String, (bool, Option<u32>, Vec<u8>)>,
}

/// Tries the broker, and prints each finding; answers whether there was none.
pub fn run(config: &Config, mut brokers: Brokers, mut output: Output) -> Result<bool, Fault> {
    let connected = brokers.connect(config, "-verify");
    let (client, _) = connected.map_err(|(broker, what)| Fault::new(broker, what))?;
    let mut trial = Trial {
        config,
        client,
        refused: vec![],
        came: HashMap::new(),
    };
    let mut findings = vec![];
    let tried = trial
        .retained(&mut findings)
        .and_then(|()| trial.rights(&mut findings))
        .and_then(|()| trial.clocks(&mut findings));
    tried.map_err(|what| Fault::new("the broker", what))?;
    for finding in &findings {
        output.line(finding.as_bytes())?;
    }
    output.flush()?;
    Ok(findings.is_empty())
}

impl Trial<'_> {
    /// Whether messages are kept, counted down and given back whole.
    fn retained(&mut self, findings: &mut Vec<String>) -> Result<(), String> {
        let config = self.config;
        let name = |i: usize| Topic::Verify(&config.name, &i.to_string()).text(config);
        self.publish_all((0..MESSAGES).map(|i| (name(i), b"verify".to_vec())), true)?;
        if let Some(refused) = self.refused.pop() {
            let (topic, why) = (refused.topic, refusal(refused.code));
            findings.push(format!("{topic}: the broker does not take it: {why}"));
            self.refused.clear();
            return Ok(());
        }
        let begin = Instant::now();
        while begin.elapsed() < WAIT {
            self.listen(begin + WAIT)?;
        }
        let all = Topic::Verify(&config.name, "#").text(config);
        self.client.subscribe(&[all], true);
        let mut last = (0, Instant::now());
        while self.came.len() < MESSAGES && last.1.elapsed() < SILENCE {
            self.listen(last.1 + SILENCE)?;
            if self.came.len() > last.0 {
                last = (self.came.len(), Instant::now());
            }
        }
        let came = self.came.len();
        if came < MESSAGES {
            findings.push(format!(
                "{came} of {MESSAGES} messages come back: the queue of the broker is too short, \
                 mosquitto's max_queued_messages"
            ));
        }
        let kept = self.came.values();
        if kept.clone().any(|(retained, ..)| !retained) {
            findings.push("messages come back as new ones".into());
        }
        let counted = |left: &Option<u32>| left.is_some_and(|left| left < KEPT);
        if kept.clone().any(|(_, left, _)| !counted(left)) {
            findings.push("the time of a message is not counted down".into());
        }
        self.came.clear();
        self.publish_all((0..MESSAGES).map(|i| (name(i), vec![])), true)?;
        self.refused.clear();
        Ok(())
    }

    /// Whether this host may write as another one, or lift for all.
    fn rights(&mut self, findings: &mut Vec<String>) -> Result<(), String> {
        let config = self.config;
        let other = config.from.first().map_or("another-host", String::as_str);
        // No host takes these for a ban or a pardon.
        let topics = [
            (
                Topic::Ban(other, "verify"),
                "this host may write as another one",
            ),
            (Topic::Host(other), "this host may write as another one"),
            (Topic::Pardon("verify"), "this host may lift for all hosts"),
        ];
        for (topic, finding) in topics {
            let topic = topic.text(config);
            let message = (topic.clone(), b"verify".to_vec());
            self.publish_all(std::iter::once(message), false)?;
            if self.refused.drain(..).all(|refused| refused.topic != topic) {
                findings.push(format!("{topic}: {finding}"));
            }
        }
        Ok(())
    }

    /// Whether the clocks of the hosts that are there are as this one.
    fn clocks(&mut self, findings: &mut Vec<String>) -> Result<(), String> {
        let config = self.config;
        let me = config.name.as_str();
        let mut filters = vec![Topic::Page("+", me).text(config)];
        filters.extend(
            config
                .from
                .iter()
                .map(|host| Topic::Host(host).text(config)),
        );
        self.client.subscribe(&filters, false);
        let begin = Instant::now();
        while begin.elapsed() < SILENCE && !self.client.is_subscribed() {
            self.listen(begin + SILENCE)?;
        }
        let walk = u32::MAX;
        let asks = config.from.iter().map(|host| {
            let ask = Ask { walk, after: None };
            (Topic::Ask(me, host).text(config), ask.bytes())
        });
        self.publish_all(asks, false)?;
        let begin = Instant::now();
        let page = |host: &str| Topic::Page(host, me).text(config);
        loop {
            let is_here = |host: &&String| {
                let hello = self.came.get(&Topic::Host(host).text(config));
                hello.is_some_and(|(.., text)| matches!(Hello::parse(text), Ok(Some(_))))
            };
            let here = config.from.iter().filter(is_here);
            let silent: Vec<&String> = here.filter(|h| !self.came.contains_key(&page(h))).collect();
            if silent.is_empty() {
                break;
            }
            if begin.elapsed() >= SILENCE {
                findings.extend(silent.iter().map(|host| format!("{host}: does not answer")));
                break;
            }
            self.listen(begin + SILENCE)?;
        }
        for host in &config.from {
            let Some((.., text)) = self.came.get(&page(host)) else {
                continue;
            };
            let Ok(page) = Page::parse(text, host, |_| ()) else {
                continue;
            };
            let now = Time::now();
            let difference = now.since(page.at).max(page.at.since(now));
            if page.walk == walk && difference >= CLOCK {
                let seconds = difference.as_secs();
                findings.push(format!("{host}: its clock differs by {seconds} seconds"));
            }
        }
        Ok(())
    }

    /// Publishes messages and waits until the broker has answered for all.
    fn publish_all(
        &mut self,
        messages: impl Iterator<Item = (String, Vec<u8>)>,
        retain: bool,
    ) -> Result<(), String> {
        for (topic, payload) in messages {
            while !self.client.has_room() {
                self.listen(Instant::now() + SILENCE)?;
            }
            let expiry = (retain && !payload.is_empty()).then_some(KEPT);
            let refused = self.client.publish(topic, &payload, retain, expiry);
            self.refused.extend(refused);
        }
        while !self.client.is_done() {
            self.listen(Instant::now() + SILENCE)?;
        }
        Ok(())
    }

    /// Reads what comes until then.
    fn listen(&mut self, deadline: Instant) -> Result<(), String> {
        let words = |e: std::io::Error| pipeban::complain::describe(&e);
        self.client.tick(Instant::now())?;
        self.client.flush().map_err(words)?;
        let until = deadline.min(self.client.deadline());
        match self.client.stream().wait(until) {
            Err(e) if e.kind() == std::io::ErrorKind::TimedOut => return Ok(()),
            done => done.map_err(words)?,
        }
        let bytes = self.client.receive()?;
        let mut rest = bytes.as_slice();
        let wrong = |_| "the broker breaks the rules of MQTT 5".to_string();
        while let Some((packet, length)) = mqtt::read(rest).map_err(wrong)? {
            rest = &rest[length..];
            match packet {
                Packet::Publish(publish) => {
                    self.client.acknowledge(publish.id);
                    // Memory has its bound, whatever the broker sends.
                    if self.came.len() <= 2 * MESSAGES {
                        let message = (publish.retained, publish.expiry, publish.payload.to_vec());
                        self.came.insert(publish.topic.into(), message);
                    }
                }
                Packet::Disconnect(code) => return Err(refusal(code)),
                packet => self.refused.extend(self.client.answered(&packet)),
            }
        }
        self.client.keep(rest);
        self.client.flush().map_err(words)
    }
}
