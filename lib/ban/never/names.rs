//! Host names on a list: their addresses are asked for at the start and every few minutes.
//!
//! getent(1) asks, in a process without any capability: a resolver reads foreign bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, Builder};
use std::time::Duration;

use pipeban::address::Address;
use pipeban::complain::{self, Fault};
use pipeban::privilege::renounce;
use pipeban::program::{self, Bounds};
use pipeban::state::State;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS name (       -- host names that protect
    name TEXT PRIMARY KEY,
    addresses TEXT NOT NULL             -- the last answer, separated by blanks
) WITHOUT ROWID;
";
/// The time between two questions, and after one that got no answer.
const FRESH: Duration = Duration::from_secs(300);
const AGAIN: Duration = Duration::from_secs(30);
/// The greatest number of addresses that a name protects: whoever answers for it chooses them.
const MOST: usize = 16;
/// The number of names that are asked for at once.
const AT_ONCE: usize = 16;
const QUESTION: Bounds = Bounds {
    time: Duration::from_secs(10),
    output: 64 << 10,
};

/// The last answer for each name.
pub(super) type Answers = BTreeMap<String, Vec<Address>>;

/// The thread that asks.
pub(super) struct Names {
    ask: Sender<BTreeSet<String>>,
    answered: Receiver<Answers>,
}

impl Names {
    /// Asks for these names, and waits for the answers. For a name without one the last answer in
    /// the state counts; with `keep` the answers are kept there.
    pub(super) fn start(
        names: BTreeSet<String>,
        state_file: Option<&Path>,
        keep: bool,
    ) -> (Self, Answers) {
        let state = match keep {
            true => State::open(state_file, SCHEMA).map(Some),
            false => State::look(state_file),
        };
        // If the state can't be used, the ledger reports that.
        let state = state.ok().flatten();
        let (ask, asked) = channel();
        let (answer, answered) = channel();
        let last = state.as_ref().map(load).unwrap_or_default();
        let work = move || run(&asked, &answer, state, keep);
        let thread = Builder::new().spawn(work);
        let started = Names { ask, answered };
        if let Err(e) = thread {
            let what = format!("can't be asked for, their last answers are used: {e}");
            complain::error("host names", what);
            return (started, last);
        }
        started.ask(names);
        let answers = started.answered.recv().unwrap_or_default();
        (started, answers)
    }

    /// From here on asks for these names.
    pub(super) fn ask(&self, names: BTreeSet<String>) {
        // The thread lives as long as this.
        let _ = self.ask.send(names);
    }

    /// The answers, if there are newer ones.
    pub(super) fn news(&self) -> Option<Answers> {
        self.answered.try_iter().last()
    }
}

/// Asks again and again, until nobody wants to know.
fn run(
    asked: &Receiver<BTreeSet<String>>,
    answer: &Sender<Answers>,
    mut state: Option<State>,
    keep: bool,
) {
    if let Err(e) = renounce() {
        complain::error("capabilities", e);
        return;
    }
    let mut answers = state.as_ref().map(load).unwrap_or_default();
    let mut names = BTreeSet::new();
    let mut silent = BTreeSet::new();
    let mut wait = FRESH;
    loop {
        match asked.recv_timeout(wait) {
            Ok(wanted) => names = wanted,
            Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => return,
        }
        answers.retain(|name, _| names.contains(name));
        wait = FRESH;
        for (name, found) in resolve_all(&names) {
            if !found.is_empty() {
                silent.remove(&name);
                answers.insert(name, found);
                continue;
            }
            wait = AGAIN;
            if silent.insert(name.clone()) {
                let what = match answers.contains_key(&name) {
                    true => "no answer for this name; its last addresses are used",
                    false => "no answer for this name: it protects nothing until there is one",
                };
                complain::note(name, what);
            }
        }
        if let Some(state) = state.as_mut().filter(|_| keep) {
            // Without it only the next start is poorer.
            let _ = store(state, &answers);
        }
        if answer.send(answers.clone()).is_err() {
            return;
        }
    }
}

/// Asks for names, some at once.
fn resolve_all(names: &BTreeSet<String>) -> Vec<(String, Vec<Address>)> {
    let names: Vec<&String> = names.iter().collect();
    let mut all = Vec::new();
    for some in names.chunks(AT_ONCE) {
        thread::scope(|scope| {
            let ask = |name| Builder::new().spawn_scoped(scope, move || resolve(name));
            let asked: Vec<_> = some.iter().map(|name| (*name, ask(*name))).collect();
            for (name, asked) in asked {
                let found = match asked {
                    Ok(asked) => asked.join().unwrap_or_default(),
                    Err(_) => resolve(name),
                };
                all.push((name.clone(), found));
            }
        });
    }
    all
}

/// The addresses of a name, at most [`MOST`]; none if nobody answers.
fn resolve(name: &str) -> Vec<Address> {
    let answer = program::output("getent", &["ahosts", name], b"", &QUESTION);
    let mut found = Vec::new();
    for line in answer.unwrap_or_default().lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        let address = Address::parse(word.as_bytes()).filter(|a| !found.contains(a));
        found.extend(address.filter(Address::is_host));
    }
    if found.len() > MOST {
        let what = format!("{} addresses: only the first {MOST} protect", found.len());
        complain::note(name, what);
        found.truncate(MOST);
    }
    found
}

fn load(state: &State) -> Answers {
    let load = state.run(|db| {
        let mut answers = Answers::new();
        if !db.table_exists(None, "name")? {
            return Ok(answers);
        }
        let mut query = db.prepare("SELECT name, addresses FROM name")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let addresses: String = row.get(1)?;
            let addresses = addresses.split(' ');
            let addresses = addresses.filter_map(|a| Address::parse(a.as_bytes()));
            answers.insert(row.get(0)?, addresses.collect());
        }
        Ok(answers)
    });
    load.unwrap_or_default()
}

fn store(state: &mut State, answers: &Answers) -> Result<(), Fault> {
    state.write(|db| {
        let mut insert = db.prepare_cached("INSERT OR REPLACE INTO name VALUES (?, ?)")?;
        for (name, addresses) in answers {
            let addresses: Vec<String> = addresses.iter().map(Address::to_string).collect();
            insert.execute([name, &addresses.join(" ")])?;
        }
        Ok(())
    })
}
