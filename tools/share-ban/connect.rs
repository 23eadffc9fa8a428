//! A new connection to one of the brokers, within a time.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pipeban::complain::{Fault, describe};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::client::{Client, WINDOW};
use crate::config::{Broker, Config};
use crate::hello::GONE;
use crate::mqtt::{Connect, Will};
use crate::resolve::resolve;
use crate::stream::Stream;
use crate::tls;
use crate::topic::Topic;

/// An address is connected within this time, and the broker answers within another.
const TIME: Duration = Duration::from_secs(3);
/// The most addresses of one broker that are tried in one go.
const ADDRESSES: usize = 4;
/// The ports of MQTT over TLS and without (the registry of IANA).
const PORTS: [u16; 2] = [8_883, 1_883];

/// The brokers, tried in turn.
pub struct Brokers {
    tls: Option<Arc<ClientConfig>>,
    /// This client's name. A broker ends the connection of a client whose name another one gives,
    /// so no other host may know it.
    client: String,
    next: usize,
}

impl Brokers {
    /// Reads the certificates that the configuration names.
    pub fn new(config: &Config) -> Result<Self, Fault> {
        Ok(Brokers {
            tls: tls::of_config(config)?,
            client: format!("share-ban-{}-{}", config.name, tls::secret_number(config)?),
            next: 0,
        })
    }

    /// Connects to the next broker; answers the client and the addresses of all brokers. The error
    /// is the broker and a phrase. `suffix` makes another client's name; only without one there is
    /// a will.
    pub fn connect(
        &mut self,
        config: &Config,
        suffix: &str,
    ) -> Result<(Client, Vec<IpAddr>), (String, String)> {
        let broker = &config.brokers[self.next % config.brokers.len()];
        let place = |what| (broker.host.clone(), what);
        let mut wrong = String::new();
        let addresses = resolve(&broker.host)
            .map_err(place)
            .inspect_err(|_| self.next += 1)?;
        for ip in addresses.iter().take(ADDRESSES) {
            match self.try_one(config, broker, *ip, suffix) {
                Ok(client) => {
                    let others = config.brokers.iter().filter(|other| *other != broker);
                    let others = others
                        .filter_map(|other| resolve(&other.host).ok())
                        .flatten();
                    let all = addresses.iter().copied().chain(others).collect();
                    return Ok((client, all));
                }
                Err(what) => wrong = what,
            }
        }
        self.next += 1;
        Err(place(wrong))
    }

    fn try_one(
        &self,
        config: &Config,
        broker: &Broker,
        ip: IpAddr,
        suffix: &str,
    ) -> Result<Client, String> {
        let port = broker.port.unwrap_or(match &self.tls {
            Some(_) => PORTS[0],
            None => PORTS[1],
        });
        // A name may have another address by now.
        if self.tls.is_none() && !config.insecure && !ip.is_loopback() {
            return Err("no TLS to another host".into());
        }
        let tls = match &self.tls {
            Some(tls) => {
                let name = ServerName::try_from(broker.host.clone());
                let name = name.map_err(|_| "no name that a certificate can have".to_string())?;
                Some((tls.clone(), name))
            }
            None => None,
        };
        let address = SocketAddr::new(ip, port);
        let stream = Stream::open(address, tls, TIME).map_err(|e| describe(&e))?;
        let login = config.login.as_ref();
        let topic = Topic::Host(&config.name).text(config);
        let connect = Connect {
            client: &format!("{}{suffix}", self.client),
            keep_alive: config.keep_alive.saturating_mul(2),
            receive_maximum: WINDOW,
            login: login.map(|(user, password)| (user.as_str(), password.as_slice())),
            will: suffix.is_empty().then_some(Will {
                topic: &topic,
                payload: GONE,
            }),
        };
        let pause = Duration::from_secs(config.keep_alive.into());
        Client::connect(stream, &connect, pause, Instant::now() + TIME)
    }
}
