//! Totals that the state file keeps between runs.

use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::time::{Time, format_duration};

use super::by_field::{FieldTotal, FieldTotals};
use super::counter::Totals;
use super::per_slot::SlotTotals;
use super::total::Total;
use crate::arguments::Arguments;
use crate::hits::{self, Hits, bytes, characters};
use crate::table::counts::Limits;

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
        let totals = totals.rank(Limits {
            least: 1,
            top: usize::MAX,
        });
        let all = totals.all();
        self.add_all(all.map(|(address, total)| (address.to_string(), total)))
    }

    /// The same for the values of a field, each with its addresses: the first of them has all
    /// events.
    pub fn add_fields(&mut self, totals: FieldTotals) -> Result<(), Fault> {
        let named = |of: FieldTotal| {
            let (value, mut sum) = (characters(&of.text), of.sum);
            let addresses: Vec<_> = of.addresses.iter().collect();
            addresses.into_iter().map(move |address| {
                let total = sum;
                sum.count = 0;
                (format!("{address} {value}"), total)
            })
        };
        self.add_all(totals.into_totals().flat_map(named))
    }

    /// The same for addresses by time slot.
    pub fn add_slots(&mut self, totals: SlotTotals) -> Result<(), Fault> {
        let totals = totals.into_totals();
        self.add_all(totals.map(|(start, address, count)| {
            let span = Some((start, start));
            (format!("{address} {}", start.0), Total { count, span })
        }))
    }

    /// Adds the totals by time slot in the file to these.
    pub fn load_slots_into(&self, totals: &mut SlotTotals) -> Result<(), Fault> {
        for (name, hit) in self.hits.all()? {
            if let Some((address, start)) = name.split_once(' ')
                && let Some(address) = Address::parse(address.as_bytes())
                && let Ok(start) = start.parse()
            {
                totals.add(Time(start), address, hit.count);
            }
        }
        Ok(())
    }

    fn add_all(&mut self, totals: impl Iterator<Item = (String, Total)>) -> Result<(), Fault> {
        let most = self.most;
        self.hits.open_if_replaced()?;
        self.hits.write(|table| {
            let mut put = 0;
            for (name, total) in totals {
                put += 1;
                let mut hit = table.get(&name)?.unwrap_or_default();
                hit.add(total.count, total.span);
                table.put(&name, &hit)?;
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

    /// Adds the totals of a field's values in the file to these.
    pub fn load_fields_into(&self, totals: &mut FieldTotals) -> Result<(), Fault> {
        for (name, hit) in self.hits.all()? {
            if let Some((address, value)) = name.split_once(' ')
                && let Some(address) = Address::parse(address.as_bytes())
            {
                totals.add_saved(&bytes(value), address, hit.count, hit.span);
            }
        }
        Ok(())
    }
}

/// The name of the rule by which events are counted; counts of different rules never add up.
fn scope(arguments: &Arguments) -> String {
    if let Some(key) = &arguments.by {
        return format!("totals by {key}");
    }
    let per = arguments
        .per
        .map(|per| format!(" per {}", format_duration(per)));
    let per = per.unwrap_or_default();
    match arguments.sizes() {
        sizes if sizes == [[32], [128]] => format!("totals{per}"),
        [four, six] => format!("totals{per}, prefixes {four:?} {six:?}"),
    }
}
