//! Puts records into the outbox and starts the process that delivers them. A fault here is
//! reported, and the records pass by all the same.

use std::io::{self, BufRead, BufReader, IsTerminal};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::Builder;
use std::time::Duration;

use pipeban::complain::{self, Fault, describe};
use pipeban::record::Record;

use crate::arguments::Arguments;
use crate::outbox::Outbox;

/// The longest wait at the end of a run for a mail that is due, where a person sees it.
const MOMENT: Duration = Duration::from_secs(1);

/// The outbox, and the delivery started last.
pub struct Queue {
    outbox: Option<Outbox>,
    /// Tells when the delivery process has tried the mail that was due.
    tried: Option<Receiver<()>>,
}

impl Queue {
    /// Opens the outbox, and starts the delivery of mail that an earlier run left in it.
    pub fn open(arguments: &Arguments) -> Self {
        let mut queue = Queue {
            outbox: None,
            tried: None,
        };
        match Outbox::open(arguments.state_file.as_deref(), &arguments.outbox()) {
            Ok(outbox) => queue.outbox = Some(outbox),
            Err(fault) => tell(fault),
        }
        queue.deliver();
        queue
    }

    /// Adds records to the outbox.
    pub fn put(&mut self, records: &[Record]) {
        match self.outbox.as_mut().map(|outbox| outbox.put(records)) {
            Some(Ok(())) => self.deliver(),
            Some(Err(fault)) => tell(fault),
            None => {}
        }
    }

    fn deliver(&mut self) {
        match self.outbox.as_ref().map(start) {
            Some(Ok(Some(tried))) => self.tried = Some(tried),
            Some(Err(fault)) => tell(fault),
            _ => {}
        }
    }

    /// On a terminal, waits until a mail that is due has been tried, so that a person sees a mailer
    /// that fails; but not for long. Otherwise nothing waits: in a chain that is started for each
    /// event, the next event would wait too.
    pub fn wait_before_a_terminal(&mut self) {
        if let Some(tried) = self.tried.take()
            && io::stderr().is_terminal()
        {
            let _ = tried.recv_timeout(MOMENT);
        }
    }
}

/// Starts the delivery process if a mail waits and no such process runs.
///
/// The process takes the outbox's lock itself. One that runs already, and would have ended before
/// it saw the records just put, looks for them after it has released the lock.
///
/// It holds no file of ours: neither a shell nor ssh nor swatch waits for it.
fn start(outbox: &Outbox) -> Result<Option<Receiver<()>>, Fault> {
    if outbox.status()?.waiting == 0 {
        return Ok(None);
    }
    // Root without capabilities may not open the lock of another user; then the process does.
    if matches!(outbox.lock(), Ok(None)) {
        return Ok(None);
    }
    let fault = |e: io::Error| Fault::new("delivery", describe(&e));
    // This very program, even if an upgrade has replaced its file.
    let mut command = Command::new("/proc/self/exe");
    let mut child = command
        .arg0("mail-ban")
        .arg("--deliver")
        .args(std::env::args_os().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(fault)?;
    let messages = child.stderr.take();
    let (tell, tried) = channel();
    let hear = move || {
        let lines = messages.map(|m| BufReader::new(m).lines());
        for line in lines.into_iter().flatten().map_while(Result::ok) {
            match line
                .split_once(": ")
                .and_then(|(_, rest)| rest.split_once(": "))
            {
                Some((place, what)) => complain::error(place, what),
                // An empty line: the mail that was due has been tried.
                None => _ = tell.send(()),
            }
        }
        let _ = child.wait();
    };
    Builder::new().spawn(hear).map_err(fault)?;
    Ok(Some(tried))
}

fn tell(fault: Fault) {
    if let Fault::Error { place, what } = fault {
        complain::error(place, what);
    }
}
