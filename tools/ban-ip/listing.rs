//! Records of bans, one for all ports of a ban.

use pipeban::address::write_number;
use pipeban::complain::Fault;
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban_ban::firewall::Dropped;
use pipeban_ban::ports;
use pipeban_ban::target::Target;

/// A record in two parts, between which its ports stand; its counters stand behind both.
pub type Parts = (Record, Record);

/// Prints records in the order of their addresses. Those of one address that differ in their ports
/// and counters alone become one.
pub struct Listing<'a> {
    output: &'a mut Output,
    /// The records of one address, each with its ports and the packets dropped.
    waiting: Vec<(Parts, Vec<u16>, Option<Dropped>)>,
    found: bool,
}

impl<'a> Listing<'a> {
    /// Nothing is printed yet.
    pub fn new(output: &'a mut Output) -> Self {
        Listing {
            output,
            waiting: vec![],
            found: false,
        }
    }

    /// Prints a record for this port; 0 is all.
    pub fn add(&mut self, parts: Parts, port: u16, dropped: Option<Dropped>) -> Result<(), Fault> {
        if self
            .waiting
            .first()
            .is_some_and(|((waiting, _), ..)| waiting.address != parts.0.address)
        {
            self.print()?;
        }
        let of_ports = self
            .waiting
            .iter_mut()
            .filter(|(_, ports, _)| port != 0 && !ports.is_empty());
        match of_ports.into_iter().find(|(waiting, ..)| *waiting == parts) {
            Some((_, ports, sum)) => {
                ports.push(port);
                if let (Some(sum), Some(dropped)) = (sum, dropped) {
                    sum.packets += dropped.packets;
                    sum.bytes += dropped.bytes;
                }
            }
            None => {
                let ports = (port != 0).then_some(port).into_iter().collect();
                self.waiting.push((parts, ports, dropped));
            }
        }
        Ok(())
    }

    /// Prints all; answers whether there was any.
    pub fn finish(mut self) -> Result<bool, Fault> {
        self.print()?;
        Ok(self.found)
    }

    fn print(&mut self) -> Result<(), Fault> {
        for ((mut record, times), of_ports, dropped) in self.waiting.drain(..) {
            if !of_ports.is_empty() {
                record.set("port", ports::text(&of_ports).as_bytes());
            }
            record.append(&times);
            dropped
                .iter()
                .for_each(|dropped| count(dropped, &mut record));
            self.output.record(&record)?;
            self.found = true;
        }
        Ok(())
    }
}

/// Puts `port=` into the record of a ban for a single port.
pub fn set_port(target: &Target, record: &mut Record) {
    if target.port != 0 {
        record.set("port", target.port.to_string().as_bytes());
    }
}

/// Puts `packets=` and `bytes=` into a record.
pub fn count(dropped: &Dropped, record: &mut Record) {
    for (key, number) in [("packets", dropped.packets), ("bytes", dropped.bytes)] {
        let mut text = Vec::with_capacity(20);
        write_number(number, &mut text);
        record.set(key, &text);
    }
}
