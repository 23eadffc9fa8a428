//! The lists of `--never`: read whole before anything is banned, and again when they change.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use pipeban::complain::{self, Fault, describe};
use pipeban::lists::{self, Protected};
use pipeban::netset::NetSet;

use super::names::{Answers, Names};
use super::watch::Watch;

/// The list of all runs on this host, if it is there; `$PIPEBAN_NEVER` names another one.
const USUAL: &str = "/etc/pipeban/never";
/// At the start a list that somebody writes is tried this number of times, with pauses.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// The values of `--never`, with their present contents.
pub(super) struct Lists {
    lists: Vec<List>,
    /// The lists that are files, by their place in `lists`.
    files: Vec<usize>,
    watch: Option<Watch>,
    names: Option<Names>,
    answers: Answers,
    set: NetSet,
    state_file: Option<PathBuf>,
    keep: bool,
}

struct List {
    value: String,
    contents: Protected,
}

impl Lists {
    /// Reads the lists; fails if one can't be understood whole. With `keep` the answers for host
    /// names are kept in the state.
    pub(super) fn open(
        values: &[String],
        state_file: Option<&Path>,
        keep: bool,
    ) -> Result<Self, Fault> {
        let mut values = values.to_vec();
        match env::var("PIPEBAN_NEVER") {
            Ok(list) if !list.is_empty() => values.push(list),
            // One that can't be looked at may be there: to read it fails then.
            _ if !matches!(Path::new(USUAL).try_exists(), Ok(false)) => values.push(USUAL.into()),
            _ => (),
        }
        let is_file =
            |v: &String| lists::networks(v.as_bytes()).is_none() && Path::new(v).is_file();
        let files: Vec<usize> = (0..values.len()).filter(|i| is_file(&values[*i])).collect();
        let paths: Vec<PathBuf> = files.iter().map(|i| PathBuf::from(&values[*i])).collect();
        let mut lists = Lists {
            lists: vec![],
            files,
            watch: None,
            names: None,
            answers: Answers::new(),
            set: NetSet::default(),
            state_file: state_file.map(PathBuf::from),
            keep,
        };
        if !paths.is_empty() {
            match Watch::new(&paths) {
                Ok(watch) => lists.watch = Some(watch),
                Err(e) => {
                    let what = format!("changes of lists are not seen: {}", describe(&e));
                    complain::error("--never", what);
                }
            }
        }
        for value in values {
            let contents = lists.read_whole(&value)?;
            lists.lists.push(List { value, contents });
        }
        lists.ask();
        lists.collect();
        Ok(lists)
    }

    /// Reads a list at the start; one that is being written is waited for.
    fn read_whole(&mut self, value: &str) -> Result<Protected, Fault> {
        let file = self.files.iter().position(|i| *i == self.lists.len());
        for _ in 0..TRIES {
            let contents = lists::read(value);
            let Some((watch, file)) = self.watch.as_mut().zip(file) else {
                return contents;
            };
            if watch.is_same(file) {
                return contents;
            }
            sleep(PAUSE);
            // The next one is read as it is then.
            watch.forget(file);
        }
        Err(Fault::new(value, "it is written again and again"))
    }

    /// The networks of all lists and names.
    pub(super) fn set(&self) -> &NetSet {
        &self.set
    }

    /// Reads the lists that have changed, and takes newer answers for names.
    pub(super) fn look_again(&mut self) {
        let mut news = false;
        while let Some(watch) = &mut self.watch {
            let changed = watch.changed();
            if changed.is_empty() {
                break;
            }
            for file in changed {
                let list = &mut self.lists[self.files[file]];
                let contents = lists::read(&list.value);
                if !watch.is_same(file) {
                    // It was changed while it was read: it comes again.
                    continue;
                }
                match contents {
                    Ok(contents) => {
                        list.contents = contents;
                        news = true;
                    }
                    Err(Fault::Error { place, what }) => {
                        complain::error(place, format!("{what}; the list as it was before counts"));
                    }
                    Err(Fault::ReaderGone) => (),
                }
            }
        }
        if news {
            self.ask();
        }
        if let Some(answers) = self.names.as_ref().and_then(Names::news) {
            self.answers = answers;
            news = true;
        }
        if news {
            self.collect();
        }
    }

    /// Asks for the host names of the lists; the first time it waits for the answers.
    fn ask(&mut self) {
        let names = self.lists.iter().flat_map(|list| &list.contents.names);
        let names: BTreeSet<String> = names.cloned().collect();
        match &self.names {
            Some(thread) => thread.ask(names),
            None if names.is_empty() => (),
            None => {
                let state_file = self.state_file.as_deref();
                let (thread, answers) = Names::start(names, state_file, self.keep);
                (self.names, self.answers) = (Some(thread), answers);
            }
        }
    }

    fn collect(&mut self) {
        let mut set = NetSet::default();
        for list in &self.lists {
            set.extend(list.contents.networks.iter());
        }
        set.extend(self.answers.values().flatten().copied());
        self.set = set;
    }
}
