//! The filter: it waits for standard input, for the broker, and for the time of the next step.

use std::io::{stdin, stdout};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pipeban::complain::{self, Fault};
use pipeban::figures;
use pipeban::hints::no_address;
use pipeban::input::{Event, Input};
use pipeban::output::Output;
use pipeban::record::Record;

use crate::connect::Brokers;
use crate::fleet::Fleet;
use crate::session::Session;

/// The list of this host's bans is waited for, before the first connection, for this time.
const LIST: Duration = Duration::from_secs(3);
/// The shortest and the longest pause before another connection.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(3)];
/// A session that lasted for this time was a good one.
const GOOD: Duration = Duration::from_secs(30);
/// At the end of input the rest is sent within this time.
const END: Duration = Duration::from_secs(10);
/// The most lines that are read before the broker is looked at again.
const LINES: usize = 10_000;

/// A filter that runs.
struct Filter {
    fleet: Fleet,
    brokers: Brokers,
    input: Input,
    output: Output,
    session: Option<Session>,
    /// When the session began.
    begun: Instant,
    /// When the next connection is tried, and the pause after it.
    next: Instant,
    pause: Duration,
    /// The reason of the last failure, so that it is told once.
    wrong: String,
    failures: u64,
    /// The end of the run, when standard input has ended.
    end: Option<Instant>,
    done: bool,
}

/// The news for which a filter waits.
struct Ready {
    input: bool,
    socket: bool,
    /// Somebody asked for the figures.
    asked: bool,
    /// Nobody reads the output any more.
    reader_gone: bool,
}

/// Runs until standard input ends or nobody reads; answers whether anything was shared.
pub fn run(fleet: Fleet, brokers: Brokers, output: Output) -> Result<bool, Fault> {
    let now = Instant::now();
    let mut filter = Filter {
        fleet,
        brokers,
        input: Input::new(vec![]),
        output,
        session: None,
        begun: now,
        next: now + LIST,
        pause: PAUSES[0],
        wrong: String::new(),
        failures: 0,
        end: None,
        done: false,
    };
    filter.run()?;
    if let Some(session) = filter.session.take() {
        session.end();
    }
    Ok(filter.done)
}

impl Filter {
    fn run(&mut self) -> Result<(), Fault> {
        loop {
            if self.session.is_none() && Instant::now() >= self.next {
                self.connect();
            }
            if let Some(session) = &mut self.session
                && let Err(what) = session.tick(&mut self.fleet)
            {
                self.lost("the broker", what);
            }
            self.done |= self.fleet.print(&mut self.output)?;
            if let Some(end) = self.end {
                let session = self.session.as_ref();
                if session.is_some_and(|session| session.is_done(&self.fleet)) {
                    return Ok(());
                }
                if Instant::now() >= end {
                    return Err(Fault::new("end of input", "the broker has not taken all"));
                }
            }
            let ready = self.wait()?;
            if ready.asked {
                self.fleet.tell(self.session.is_some());
                figures::tell();
            }
            if ready.reader_gone {
                return Err(Fault::ReaderGone);
            }
            if ready.input {
                self.read()?;
            }
            if let Some(session) = self.session.as_mut().filter(|_| ready.socket)
                && let Err(what) = session.receive(&mut self.fleet)
            {
                self.lost("the broker", what);
            }
        }
    }

    /// Waits for news or the next deadline.
    fn wait(&self) -> Result<Ready, Fault> {
        let deadline = match &self.session {
            Some(session) => session.deadline(&self.fleet),
            None => self.next,
        };
        let deadline = self.end.map_or(deadline, |end| end.min(deadline));
        let left = deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let (stdin, stdout) = (stdin(), stdout());
        let mut fds = vec![PollFd::new(stdout.as_fd(), PollFlags::empty())];
        let mut wait_for = |fd, events| {
            fds.push(PollFd::new(fd, events));
            fds.len() - 1
        };
        // Input that has ended could be read for ever.
        let input = self
            .end
            .is_none()
            .then(|| wait_for(stdin.as_fd(), PollFlags::POLLIN));
        let asked = figures::asked().map(|fd| wait_for(fd, PollFlags::POLLIN));
        let socket = self.session.as_ref().map(|session| {
            let stream = session.client().stream();
            wait_for(stream.socket(), stream.events())
        });
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(Fault::new("poll", e.desc())),
        }
        let is_ready = |i: usize| fds[i].any() == Some(true);
        Ok(Ready {
            input: input.is_some_and(is_ready),
            socket: socket.is_some_and(is_ready),
            asked: asked.is_some_and(is_ready),
            reader_gone: is_ready(0),
        })
    }

    /// Reads the lines that are there.
    fn read(&mut self) -> Result<(), Fault> {
        for _ in 0..LINES {
            let line = match self.input.next(Some(Instant::now()))? {
                Event::Data(line) => line,
                Event::Idle => return Ok(()),
                Event::End => {
                    self.end = Some(Instant::now() + END);
                    self.next = self.next.min(Instant::now());
                    return Ok(());
                }
            };
            if line == b"# now" {
                self.list_is_whole();
                continue;
            }
            let wrong = match Record::parse(line) {
                Ok(None) => continue,
                Ok(Some(record)) => match self.fleet.hear(&record) {
                    Ok(()) => {
                        self.done = true;
                        continue;
                    }
                    Err(_) => format!("not shared: {}: a field can't be read", record.address),
                },
                Err(text) => no_address(text),
            };
            complain::bad_line(self.input.place(), wrong);
        }
        Ok(())
    }

    /// From now on a ban that the broker has and that is not on the list is none.
    fn list_is_whole(&mut self) {
        self.fleet.own.is_whole = true;
        self.next = Instant::now();
        if let Some(session) = self.session.take() {
            session.end();
        }
    }

    fn connect(&mut self) {
        match self.brokers.connect(&self.fleet.config, "") {
            Ok((client, addresses)) => {
                self.fleet.begin(addresses);
                self.session = Some(Session::new(client, &self.fleet));
                self.begun = Instant::now();
                if !self.wrong.is_empty() {
                    complain::note("the broker", "connected");
                    self.wrong.clear();
                }
            }
            Err((broker, what)) => self.lost(&broker, what),
        }
    }

    /// A connection was lost or not made: another is tried later.
    fn lost(&mut self, broker: &str, what: String) {
        // Only the end of a good session is a new beginning.
        if self.session.take().is_some() && self.begun.elapsed() > GOOD {
            self.pause = PAUSES[0];
        }
        self.failures += 1;
        figures::tell_too("failures", self.failures);
        if what != self.wrong {
            complain::note(broker, &what);
            self.wrong = what;
        }
        // All hosts of a fleet lose their broker at once.
        let pause = self.pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.next = Instant::now() + pause;
        self.pause = (self.pause * 2).min(PAUSES[1]);
    }
}
