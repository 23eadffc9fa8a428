//! A connection to a broker, over TLS or without, that never waits once it is open.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

/// Data that the other side does not acknowledge for this time end the connection (tcp(7)).
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);
/// The most bytes of one look.
const LOOK: usize = 128 << 10;

/// An open connection.
pub struct Stream {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// Bytes that the socket has not taken yet; with TLS they are in `tls`.
    plain: Vec<u8>,
}

impl Stream {
    /// Connects to an address, and shakes hands with the server of this name.
    pub fn open(
        address: SocketAddr,
        tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
        time: Duration,
    ) -> io::Result<Self> {
        let deadline = Instant::now() + time;
        let tcp = TcpStream::connect_timeout(&address, time)?;
        tcp.set_nodelay(true)?;
        setsockopt(
            &tcp,
            sockopt::TcpUserTimeout,
            &(UNACKNOWLEDGED.as_millis() as u32),
        )?;
        tcp.set_nonblocking(true)?;
        let tls = match tls {
            Some((config, name)) => {
                let mut tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
                tls.set_buffer_limit(None);
                Some(Box::new(tls))
            }
            None => None,
        };
        let mut stream = Stream {
            tcp,
            tls,
            plain: vec![],
        };
        let mut early = vec![];
        while stream.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            stream.flush()?;
            stream.wait(deadline)?;
            if !stream.read(&mut early)? {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        stream.flush()?;
        Ok(stream)
    }

    /// Waits until there is something to read, or the socket takes what is to be written.
    pub fn wait(&self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(self.tcp.as_fd(), self.events())];
        match poll(&mut fds, timeout) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// The socket, to wait for the [events](Self::events).
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }

    /// The events to wait for. While the other side takes nothing, nothing is read from it: the
    /// answers would fill the memory.
    pub fn events(&self) -> PollFlags {
        let writes = match &self.tls {
            Some(tls) => tls.wants_write(),
            None => !self.plain.is_empty(),
        };
        match writes {
            true => PollFlags::POLLOUT,
            false => PollFlags::POLLIN,
        }
    }

    /// Appends the bytes that are there, up to a bound; `false` when the other side has closed.
    pub fn read(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let begin = out.len();
        let Some(tls) = &mut self.tls else {
            let mut block = [0; 16 << 10];
            while out.len() - begin < LOOK {
                match self.tcp.read(&mut block) {
                    Ok(0) => return Ok(false),
                    Ok(n) => out.extend_from_slice(&block[..n]),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            return Ok(true);
        };
        while out.len() - begin < LOOK {
            match tls.read_tls(&mut self.tcp) {
                Ok(0) => return Ok(false),
                Ok(_) => {
                    let done = tls.process_new_packets();
                    if let Err(e) = done {
                        // The alert that tells the other side why.
                        let _ = tls.write_tls(&mut self.tcp);
                        return Err(io::Error::other(e));
                    }
                    match tls.reader().read_to_end(out) {
                        Ok(_) => return Ok(false),
                        Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                        Err(e) => return Err(e),
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Takes bytes that [`flush`](Self::flush) sends.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(bytes),
            None => {
                self.plain.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Sends as much as the socket takes.
    pub fn flush(&mut self) -> io::Result<()> {
        loop {
            let written = match &mut self.tls {
                Some(tls) if tls.wants_write() => tls.write_tls(&mut self.tcp),
                None if !self.plain.is_empty() => self.tcp.write(&self.plain),
                _ => return Ok(()),
            };
            match written {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => _ = self.plain.drain(..n.min(self.plain.len())),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}
