//! No firewall: bans are in the ledger only.

use std::io;
use std::time::Duration;

use super::interface::{About, Counted, Entry, Firewall};
use crate::target::Target;

pub(super) struct None;

impl Firewall for None {
    fn ensure(&mut self) -> io::Result<bool> {
        Ok(false)
    }

    fn restored(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn ban(&mut self, _: &[Entry]) -> io::Result<()> {
        Ok(())
    }

    fn lift(&mut self, _: &[Target]) -> io::Result<()> {
        Ok(())
    }

    fn counted(&mut self, _: About) -> io::Result<Option<Vec<Counted>>> {
        Ok(Option::None)
    }

    fn verify(&mut self) -> io::Result<Vec<String>> {
        Ok(vec!["there is no firewall: nothing is dropped".into()])
    }

    fn expires(&self, _: Duration) -> bool {
        true
    }
}
