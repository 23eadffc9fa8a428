//! A firewall that hangs.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use pipeban::time::Time;
use pipeban_ban::enforce::enforce;
use pipeban_ban::firewall::{About, Backend, Counted, Entry, Firewall};
use pipeban_ban::target::Target;

use crate::retention::{ban, new_ledger};

/// A firewall that takes some addresses, and then hangs.
#[derive(Default)]
struct Hanging {
    takes: usize,
    taken: BTreeSet<Target>,
    calls: usize,
}

impl Firewall for Hanging {
    fn ensure(&mut self) -> io::Result<bool> {
        Ok(false)
    }
    fn restored(&mut self) -> io::Result<bool> {
        Ok(true)
    }
    fn ban(&mut self, entries: &[Entry]) -> io::Result<()> {
        self.calls += 1;
        for (address, _) in entries {
            if self.taken.len() == self.takes {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.taken.insert(*address);
        }
        Ok(())
    }
    fn lift(&mut self, _: &[Target]) -> io::Result<()> {
        Ok(())
    }
    fn counted(&mut self, _: About) -> io::Result<Option<Vec<Counted>>> {
        Ok(None)
    }
    fn verify(&mut self) -> io::Result<Vec<String>> {
        Ok(vec![])
    }
    fn expires(&self, _: Duration) -> bool {
        true
    }
}

#[test]
fn a_firewall_that_hangs_is_waited_for_once() {
    let (_directory, mut ledger) = new_ledger();
    let mut firewall = Hanging::default();
    ban(&mut ledger, 0..3, Time::now(), false);
    let told = enforce(
        &mut ledger,
        &Backend::None,
        &mut firewall,
        None,
        &[],
        &mut |_| Ok(None),
        &mut |_| Ok(()),
    );
    assert!(told.is_err());
    assert_eq!(firewall.calls, 1, "one time-out for all three");
    // The next run tells them all the same.
    firewall.takes = 3;
    assert!(
        enforce(
            &mut ledger,
            &Backend::None,
            &mut firewall,
            None,
            &[],
            &mut |_| Ok(None),
            &mut |_| Ok(())
        )
        .is_ok()
    );
    assert_eq!(firewall.taken.len(), 3);
}
