//! Commands of the administrator's own, for any other firewall.

use std::io::{self, ErrorKind};
use std::time::Duration;

use super::program::run;
use super::{Ban, Firewall};
use crate::address::Address;

pub struct Exec {
    ban: Vec<String>,
    lift: Vec<String>,
}

impl Exec {
    /// See [`exec_backend`](super::exec_backend).
    pub fn new(ban: &str, lift: &str) -> io::Result<Self> {
        let split = |template: &str| {
            let words: Vec<String> = template.split_whitespace().map(String::from).collect();
            if words.iter().skip(1).any(|w| w.contains("{address}")) {
                return Ok(words);
            }
            let text =
                format!("a command with {{address}} in an argument is wanted, not \"{template}\"");
            Err(io::Error::new(ErrorKind::InvalidInput, text))
        };
        Ok(Exec {
            ban: split(ban)?,
            lift: split(lift)?,
        })
    }
}

fn fill_in(template: &[String], address: &Address) -> io::Result<()> {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    let fill = |word: &String| {
        word.replace("{address}", &address.to_string())
            .replace("{family}", family)
    };
    let words: Vec<String> = template[1..].iter().map(fill).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(&template[0], &words, b"")
        .map(drop)
        .map_err(|e| io::Error::new(e.kind(), format!("{address}: {e}")))
}

impl Firewall for Exec {
    fn ensure(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn restored(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn ban(&mut self, bans: &[Ban]) -> io::Result<()> {
        bans.iter().try_for_each(|(a, _)| fill_in(&self.ban, a))
    }

    fn lift(&mut self, addresses: &[Address]) -> io::Result<()> {
        addresses.iter().try_for_each(|a| fill_in(&self.lift, a))
    }

    fn list(&mut self) -> io::Result<Option<Vec<Ban>>> {
        Ok(None)
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        Err(io::Error::new(
            ErrorKind::Unsupported,
            "only you can tell what your commands do",
        ))
    }

    fn expires(&self, _: Duration) -> bool {
        false
    }
}
