//! Totals that the state file keeps between runs.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};

use super::counter::Totals;
use crate::arguments::Arguments;
use crate::hits::{self, Hits};

/// The longest time that counted events stay out of the state file.
pub const BEHIND: Duration = Duration::from_secs(1);

/// The totals in the state file.
pub struct Saved {
    hits: Hits,
    /// The highest number of addresses.
    most: usize,
}

impl Saved {
    /// Opens the totals of earlier runs that counted networks of the same size.
    pub fn open(arguments: &Arguments) -> Result<Self, Fault> {
        Ok(Saved {
            hits: Hits::open(arguments.state_file.as_deref(), &scope(arguments))?,
            most: arguments.max_addresses.unwrap_or(hits::ADDRESSES),
        })
    }

    /// Adds these totals to those in the file.
    pub fn add(&mut self, totals: Totals) -> Result<(), Fault> {
        let most = self.most;
        self.hits.write(|table| {
            let mut put = 0;
            for (address, total) in totals.rank(1, usize::MAX) {
                put += 1;
                let address = address.to_string();
                let mut hit = table.get(&address)?.unwrap_or_default();
                hit.add(total.count, total.span);
                table.put(&address, &hit)?;
            }
            if table.evict_beyond(most, put)? > 0 {
                complain::error(
                    "state",
                    format_args!("{most} addresses are held; those silent for longest were let go"),
                );
            }
            Ok(())
        })
    }

    /// Adds the totals in the file to these.
    pub fn load_into(&self, totals: &mut Totals) -> Result<(), Fault> {
        for (address, hit) in self.hits.all()? {
            if let Some(address) = Address::parse(address.as_bytes()) {
                totals.count_other(address, hit.count, hit.span);
            }
        }
        Ok(())
    }
}

/// The name of the rule by which events are counted; counts of different rules never add up.
fn scope(arguments: &Arguments) -> String {
    match arguments.sizes() {
        sizes if sizes == [[32], [128]] => "totals".into(),
        [four, six] => format!("totals, prefixes {four:?} {six:?}"),
    }
}
