//! Messages to and from the kernel (RFC 3549; linux/netlink.h, linux/netfilter/nfnetlink.h).

use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket,
};

/// Constants of the crate libc in the type of their field.
macro_rules! flags {
    ($($name:ident)*) => { $(pub(super) const $name: u16 = libc::$name as u16;)* };
}
flags!(NLM_F_REQUEST NLM_F_ACK NLM_F_DUMP NLM_F_EXCL NLM_F_CREATE NLM_F_APPEND);
flags!(NLM_F_DUMP_INTR NLMSG_ERROR NLMSG_DONE NLA_F_NESTED NLA_TYPE_MASK);
flags!(NFNL_MSG_BATCH_BEGIN NFNL_MSG_BATCH_END NFNL_BATCH_GENID);

/// The length of struct nlmsghdr.
const HEADER: usize = 16;
/// The length of netfilter's own header behind it, struct nfgenmsg.
const ABOUT: usize = 4;
/// An error comes with the message that caused it, which has at most this length.
const RECEIVE: usize = 64 << 10;

/// Messages that are sent together.
#[derive(Default)]
pub(super) struct Request {
    bytes: Vec<u8>,
    messages: u32,
    last: usize,
    wants_ack: bool,
    /// The number of messages in the whole answer, of which an error leaves some out.
    answers: usize,
    /// It asks for a list, of any number of messages.
    lists: bool,
}

impl Request {
    /// Appends a message. `kind` is the subsystem's number in the high byte, the message's in the
    /// low one.
    pub(super) fn message(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        body: impl FnOnce(&mut Self),
    ) {
        self.write(kind, flags, &[family, 0, 0, 0], body);
    }

    /// A question to another subsystem than netfilter: a message of a header of its own.
    pub(super) fn question(kind: u16, flags: u16, header: &[u8]) -> Self {
        let mut request = Request::default();
        request.write(kind, flags, header, |_| ());
        request
    }

    /// `body`, messages to `subsystem`, as one transaction: all of it happens, or nothing.
    ///
    /// The kernel refuses it with ERESTART if the subsystem's state is of another generation.
    pub(super) fn batch(subsystem: u8, generation: u32, body: impl FnOnce(&mut Self)) -> Self {
        let mut request = Request::default();
        let about = [0, 0, 0, subsystem];
        request.write(NFNL_MSG_BATCH_BEGIN, 0, &about, |r| {
            r.put_u32(NFNL_BATCH_GENID, generation)
        });
        body(&mut request);
        if request.messages == 1 {
            return Request::default();
        }
        // One answer for all; a kernel before 6.10 gives none to the end of a batch.
        request.bytes[request.last + 6] |= NLM_F_ACK as u8;
        request.write(NFNL_MSG_BATCH_END, 0, &about, |_| ());
        (request.wants_ack, request.answers) = (true, 1);
        request
    }

    /// The last message gets this number of messages as its answer, and not one.
    pub(super) fn last_gets(&mut self, answers: usize) {
        self.answers += answers - 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends an attribute.
    pub(super) fn put(&mut self, kind: u16, value: &[u8]) {
        self.attribute(kind, |r| r.bytes.extend_from_slice(value));
    }

    /// Appends a number in network byte order.
    pub(super) fn put_u32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// Appends a text, with the NUL that the kernel wants after it.
    pub(super) fn put_text(&mut self, kind: u16, text: &str) {
        self.attribute(kind, |r| {
            r.bytes.extend_from_slice(text.as_bytes());
            r.bytes.push(0);
        });
    }

    /// Appends an attribute made of attributes, at most 64 KiB of them.
    pub(super) fn nest(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        self.attribute(kind | NLA_F_NESTED, body);
    }

    fn attribute(&mut self, kind: u16, body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        body(self);
        let len = u16::try_from(self.bytes.len() - start).expect("callers stay below 64 KiB");
        self.bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn write(&mut self, kind: u16, flags: u16, about: &[u8], body: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        // Of most messages: else the room grows many times.
        self.bytes.reserve(256);
        self.last = start;
        self.messages += 1;
        self.answers += 1;
        self.lists |= flags & NLM_F_DUMP == NLM_F_DUMP;
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes
            .extend_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
        self.bytes.extend_from_slice(&self.messages.to_ne_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(about);
        body(self);
        let len = (self.bytes.len() - start) as u32;
        self.bytes[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    }
}

/// A socket to the kernel, in the network namespace of the process.
pub(super) struct Socket {
    fd: OwnedFd,
    buffer: Vec<u8>,
}

impl Socket {
    /// To netfilter.
    pub(super) fn open() -> Result<Self, Errno> {
        Self::to(SockProtocol::NetlinkNetFilter)
    }

    /// To a subsystem.
    pub(super) fn to(subsystem: SockProtocol) -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, subsystem)?;
        let buffer = vec![0; RECEIVE];
        Ok(Socket { fd, buffer })
    }

    /// Sends `request`, if it is not empty, and gives each message of the answer to `each`: its
    /// kind, family and attributes.
    ///
    /// Fails with the first error of the kernel's; with EINTR if the list that was asked for
    /// changed meanwhile: then `each` gets it all the same, as far as the kernel found it.
    pub(super) fn ask(
        &mut self,
        request: &Request,
        mut each: impl FnMut(u16, u8, Attributes),
    ) -> Result<(), Errno> {
        self.ask_about(request, ABOUT, |kind, about, a| each(kind, about[0], a))
    }

    /// The same of a subsystem whose messages have a header of this length; `each` gets it in place
    /// of the family.
    pub(super) fn ask_about(
        &mut self,
        request: &Request,
        about: usize,
        mut each: impl FnMut(u16, &[u8], Attributes),
    ) -> Result<(), Errno> {
        if request.bytes.is_empty() {
            return Ok(());
        }
        let fd = self.fd.as_raw_fd();
        sendto(
            fd,
            &request.bytes,
            &NetlinkAddr::new(0, 0),
            MsgFlags::empty(),
        )?;
        let mut outcome = Ok(());
        let mut acknowledged = !request.wants_ack;
        let mut answers = 0;
        // The kernel works while the message is sent, and goes on with a dump while it is read: so
        // when there is nothing to read, nothing will come. All is read, also after an error: the
        // acknowledgement of a transaction is its last message.
        while request.lists || !acknowledged || answers < request.answers {
            let len = match recv(fd, &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(len) => len,
                Err(Errno::EAGAIN) if acknowledged => return outcome,
                Err(Errno::EAGAIN) => return outcome.and(Err(Errno::EPROTO)),
                Err(errno) => return outcome.and(Err(errno)),
            };
            let mut rest = &self.buffer[..len];
            while let Some((kind, flags, body)) = next_message(&mut rest) {
                answers += 1;
                let errno = match kind {
                    NLMSG_ERROR | NLMSG_DONE => -i32_at(body, 0),
                    _ => 0,
                };
                acknowledged |= kind == NLMSG_ERROR && errno == 0;
                if flags & NLM_F_DUMP_INTR != 0 {
                    outcome = outcome.and(Err(Errno::EINTR));
                }
                if errno != 0 {
                    outcome = outcome.and(Err(Errno::from_raw(errno)));
                } else if let Some((about, attributes)) = body.split_at_checked(about)
                    && kind > NLMSG_DONE
                {
                    each(kind, about, Attributes(attributes));
                }
            }
        }
        outcome
    }
}

fn next_message<'a>(rest: &mut &'a [u8]) -> Option<(u16, u16, &'a [u8])> {
    let len = usize::try_from(i32_at(rest, 0)).ok()?;
    let message = rest.get(..len).filter(|m| m.len() >= HEADER)?;
    *rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    let half = |at| u16::from_ne_bytes([message[at], message[at + 1]]);
    Some((half(4), half(6), &message[HEADER..]))
}

fn i32_at(bytes: &[u8], at: usize) -> i32 {
    let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    four.map_or(0, i32::from_ne_bytes)
}

/// The attributes of a message, or those nested in one: kind and value.
#[derive(Clone, Copy)]
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let half = |at| Some(u16::from_ne_bytes([*self.0.get(at)?, *self.0.get(at + 1)?]));
        let (len, kind) = (usize::from(half(0)?), half(2)? & NLA_TYPE_MASK);
        let value = self.0.get(4..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

impl<'a> Attributes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Attributes(bytes)
    }

    /// The value of the first attribute of this kind.
    pub(super) fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(k, _)| *k == kind).map(|(_, value)| value)
    }

    /// The attributes nested in the first one of this kind; none if it is missing.
    pub(super) fn nested(self, kind: u16) -> Attributes<'a> {
        Attributes(self.get(kind).unwrap_or_default())
    }

    /// As a number in network byte order.
    pub(super) fn u32(self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// As a number in network byte order.
    pub(super) fn u64(self, kind: u16) -> Option<u64> {
        Some(u64::from_be_bytes(self.get(kind)?.try_into().ok()?))
    }

    /// As a text, without the NUL after it.
    pub(super) fn text(self, kind: u16) -> Option<&'a str> {
        let text = std::str::from_utf8(self.get(kind)?).ok()?;
        Some(text.trim_end_matches('\0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_message_is_read() {
        let mut request = Request::default();
        request.message(0x0a09, NLM_F_CREATE, 1, |r| {
            r.put_text(1, "pipeban");
            r.nest(3, |r| {
                r.put(1, &[203, 0, 113, 7]);
                r.put_u32(2, 0x01020304);
            });
            r.put(4, &7u64.to_be_bytes());
        });
        let mut rest = &request.bytes[..];
        let (kind, flags, body) = next_message(&mut rest).expect("one message");
        assert_eq!(
            (kind, flags, rest.len()),
            (0x0a09, NLM_F_CREATE | NLM_F_REQUEST, 0)
        );
        let read = Attributes(&body[4..]);
        assert_eq!(read.text(1), Some("pipeban"));
        assert_eq!(read.nested(3).get(1), Some(&[203, 0, 113, 7][..]));
        assert_eq!(read.nested(3).u32(2), Some(0x01020304));
        assert_eq!(read.u64(4), Some(7));
        assert_eq!(read.get(5), None);
    }

    #[test]
    fn a_batch_asks_for_one_answer_at_its_last_message() {
        let request = Request::batch(10, 42, |r| {
            r.message(0x0a00, 0, 1, |_| ());
            r.message(0x0a03, 0, 1, |_| ());
        });
        let mut rest = &request.bytes[..];
        let seen: Vec<_> = std::iter::from_fn(|| next_message(&mut rest))
            .map(|(kind, flags, _)| (kind, flags & NLM_F_ACK != 0))
            .collect();
        let expected = [
            (NFNL_MSG_BATCH_BEGIN, false),
            (0x0a00, false),
            (0x0a03, true),
            (NFNL_MSG_BATCH_END, false),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn cut_and_lying_bytes_end_the_reading() {
        let mut request = Request::default();
        request.message(0x0a09, 0, 1, |r| r.nest(3, |r| r.put_u32(1, 9)));
        for cut in 0..request.bytes.len() {
            assert!(next_message(&mut &request.bytes[..cut]).is_none());
        }
        for bytes in [&[][..], &[4], &[3, 0, 1, 0], &[9, 0, 1, 0, 5], &[0; 8]] {
            assert_eq!(Attributes(bytes).next(), None, "{bytes:?}");
        }
        let huge = [0xff; 32];
        assert!(next_message(&mut &huge[..]).is_none());
    }
}
