//! `--sync`: makes the firewall hold the bans of the ledger, after a reboot or a flush.

use std::collections::HashSet;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::output::Output;
use pipeban::record::Record;
use pipeban::time::Time;
use pipeban_ban::failure::Failure;
use pipeban_ban::firewall::{Backend, name_in};
use pipeban_ban::ledger::{Ban, BanFormatter, Ledger, Printing, seconds};
use pipeban_ban::never::Never;
use pipeban_ban::restore::{Changes, plan, sync};
use pipeban_ban::stored::stored;
use pipeban_ban::target::Target;
use pipeban_ban::waiter;

use crate::arguments::Arguments;
use crate::listing::set_port;

/// Prints a record for each ban that was put back and for each that was let go, with `lifted=`, in
/// `only` one firewall, or in all that the ledger names.
///
/// Answers true also if nothing was to be done: ledger and firewall agree.
///
/// Bans of addresses that must not be banned are lifted for good; that is reported.
pub fn run(
    only: Option<&Backend>,
    arguments: &Arguments,
    output: &mut Output,
) -> Result<bool, Fault> {
    let mut never = Never::new(arguments.protected(), arguments.widest())?;
    let state_file = arguments.state_file.as_deref();
    let ledger = match arguments.dry_run {
        true => Ledger::look(state_file)?,
        false => Some(Ledger::open_or_replace(state_file)?),
    };
    // Without a ledger all would be adopted.
    let Some(mut ledger) = ledger else {
        return Ok(true);
    };
    ledger.prints(Printing::Sync)?;
    let mut all = Changes::default();
    let mut failed = false;
    for key in firewalls(only, &ledger)? {
        // Commands that the caller has just given are not the ledger's.
        let backend = match only {
            Some(backend) => Ok(backend.clone()),
            None => stored(&ledger, &key),
        };
        let backend = match backend {
            Ok(backend) => backend,
            Err(fault) => {
                complain::fault(fault)?;
                continue;
            }
        };
        match sync_one(&mut ledger, &backend, &mut never, arguments.dry_run) {
            Ok(changes) => {
                print(&changes, output)?;
                all.put_back.extend(changes.put_back);
                all.let_go.extend(changes.let_go);
            }
            Err(Failure::Ledger(fault)) => return Err(fault),
            // The others do not wait for it.
            Err(Failure::Firewall { fault, .. }) => {
                failed = true;
                complain::fault(fault)?;
            }
        }
    }
    if !failed && !arguments.dry_run {
        print(&unprinted(&mut ledger, &all)?, output)?;
        output.flush()?;
        ledger.printed();
        ledger.forget_printed()?;
    }
    output.flush()?;
    Ok(true)
}

/// The changes that killed processes have not printed, without those that were `printed` just now.
fn unprinted(ledger: &mut Ledger, printed: &Changes) -> Result<Changes, Fault> {
    let (bans, mut targets) = ledger.take_unprinted()?;
    if bans.is_empty() && targets.is_empty() {
        return Ok(Changes::default());
    }
    let (ended, mut bans): (Vec<Ban>, Vec<Ban>) =
        bans.iter().partition(|ban| ban.has_ended(Time::now()));
    targets.extend(ended.iter().map(|ban| ban.target));
    let put_back: HashSet<Target> = printed.put_back.iter().map(|ban| ban.target).collect();
    let let_go: HashSet<Target> = printed.let_go.iter().copied().collect();
    bans.retain(|ban| !put_back.contains(&ban.target));
    targets.retain(|target| !let_go.contains(target));
    Ok(Changes {
        put_back: bans,
        let_go: targets,
        ..Changes::default()
    })
}

/// The firewalls to be synchronised, as the ledger writes them; those that no program has to tell
/// come first, since a program may hang.
fn firewalls(only: Option<&Backend>, ledger: &Ledger) -> Result<Vec<String>, Fault> {
    if let Some(backend) = only {
        return Ok(vec![backend.to_string()]);
    }
    let mut named = ledger.backends(Time::now())?;
    let usual = Backend::usual().to_string();
    if !named.contains(&usual) && (named.is_empty() || ledger.knows(&usual)?) {
        named.push(usual);
    }
    let place = |key: &String| Backend::NAMES.iter().position(|name| *name == name_in(key));
    named.sort_by_key(|key| place(key).unwrap_or(Backend::NAMES.len()));
    Ok(named)
}

fn sync_one(
    ledger: &mut Ledger,
    backend: &Backend,
    never: &mut Never,
    dry_run: bool,
) -> Result<Changes, Failure> {
    let refuses = &mut |net: &Address| Ok(never.protects(net));
    let opened = backend.open();
    let mut firewall = opened.map_err(|fault| Failure::Firewall { fault, lasts: true })?;
    if dry_run {
        return plan(ledger, backend, firewall.as_mut(), refuses);
    }
    let changes = sync(ledger, backend, firewall.as_mut(), refuses)?;
    if changes.outcome.later {
        waiter::start(ledger.path())?;
    }
    Ok(changes)
}

fn print(changes: &Changes, output: &mut Output) -> Result<(), Fault> {
    let mut formatter = BanFormatter::default();
    for ban in &changes.put_back {
        let mut record = Record::new(ban.target.address);
        // Of `since=` and `until=`.
        record.reserve(64);
        set_port(&ban.target, &mut record);
        formatter.describe(ban, &mut record);
        output.record(&record)?;
    }
    let now = seconds(Time::now());
    for target in &changes.let_go {
        let mut record = Record::new(target.address);
        set_port(target, &mut record);
        record.set("lifted", now.as_bytes());
        output.record(&record)?;
    }
    Ok(())
}
