//! Commands of the administrator's own, for any other firewall.

use std::io::{self, ErrorKind};
use std::process::Command;
use std::time::Duration;

use super::program::{failed, not_run, path};
use super::{Ban, Firewall};
use pipeban::address::Address;
use pipeban::program::{Bounds, run};

/// Others wait for the ledger while a command runs, so one that hangs is killed.
const BOUNDS: Bounds = Bounds {
    time: Duration::from_secs(30),
    output: 1 << 20,
};

pub(super) struct Exec {
    ban: Vec<String>,
    lift: Vec<String>,
}

impl Exec {
    /// See [`exec_backend`](super::exec_backend).
    pub(super) fn new(ban: &str, lift: &str) -> io::Result<Self> {
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
    let program = &template[0];
    let mut command = Command::new(program);
    command
        .args(template[1..].iter().map(fill))
        .env("PATH", path());
    let done = match run(&mut command, b"", &BOUNDS) {
        Ok((status, _)) if status.success() => Ok(()),
        Ok((status, output)) => Err(failed(program, status, &output)),
        Err(e) => Err(not_run(program, &e)),
    };
    done.map_err(|e| io::Error::new(e.kind(), format!("{address}: {e}")))
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
