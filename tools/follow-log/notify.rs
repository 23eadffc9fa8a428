//! The line that `systemctl status` shows of a service: sd_notify(3).

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use pipeban::figures;

/// The line is sent at most this often.
const PAUSE: Duration = Duration::from_secs(5);

/// Tells the service manager how far the reading is, where there is one.
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The line that was sent last, and when.
    sent: Option<(String, Instant)>,
}

impl Notifier {
    /// To the socket that NOTIFY_SOCKET names: a path, or `@` and an abstract name.
    pub fn new() -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET").and_then(address);
        let socket = address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address)));
        Notifier { socket, sent: None }
    }

    /// Sends the line if it has changed; `logs` is the number of logs that are read. Tells when a
    /// line that has to wait is due.
    pub fn tell(&mut self, logs: usize, now: Instant) -> Option<Instant> {
        let (socket, address) = self.socket.as_ref()?;
        let line = line(logs);
        if let Some((known, when)) = &self.sent {
            if *known == line {
                return None;
            }
            if now < *when + PAUSE {
                return Some(*when + PAUSE);
            }
        }
        // Without a reader nothing is lost but this line.
        let _ = socket.send_to_addr(format!("STATUS={line}").as_bytes(), address);
        self.sent = Some((line, now));
        None
    }
}

/// The address of a socket; `None` where the name can't be one.
fn address(name: OsString) -> Option<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        _ => SocketAddr::from_pathname(name).ok(),
    }
}

/// `1204 lines read, the last at 2026-03-30T02:16:17+09:00`.
fn line(logs: usize) -> String {
    let (printed, last) = figures::printed();
    let lines = match (printed, last) {
        (1, Some(last)) => format!("1 line read, at {last}"),
        (printed, Some(last)) => format!("{printed} lines read, the last at {last}"),
        (_, None) => "no line yet".into(),
    };
    match logs {
        0 => format!("no log; {lines}"),
        _ => lines,
    }
}
