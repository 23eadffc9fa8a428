//! The default gateways of this host, and whether its kernel has IPv6, asked over netlink
//! (rtnetlink(7), linux/rtnetlink.h, linux/nexthop.h). A service may not see /proc/net.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::SockProtocol;

use super::netlink::{Attributes, NLM_F_DUMP, Request, Socket};
use pipeban::address::Address;

/// The lengths of struct rtmsg, struct nhmsg, struct rtnexthop and an entry of NHA_GROUP.
const RTMSG: usize = 12;
const NHMSG: usize = 8;
const RTNEXTHOP: usize = 8;
const NEXTHOP_GRP: usize = 8;
/// Not in the crate libc for each C library.
const RTA_VIA: u16 = 18;
const RTA_NH_ID: u16 = 30;
const RTM_GETNEXTHOP: u16 = 106;
const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_GATEWAY: u16 = 6;

/// The gateways of all default routes, whichever table they are in, with all their next hops.
///
/// The two halves of everything, as VPNs set them beside the default route, are default routes too.
pub fn gateways() -> io::Result<Vec<Address>> {
    let mut socket = Socket::to(SockProtocol::NetlinkRoute)?;
    let mut hops = Hops::default();
    for family in [libc::AF_INET, libc::AF_INET6] {
        dump(
            &mut socket,
            libc::RTM_GETROUTE,
            family,
            RTMSG,
            |about, a| {
                // The second byte is the length of the destination.
                if about[1] <= 1 {
                    hops.add(a);
                }
            },
        )?;
    }
    if !hops.objects.is_empty() {
        let mut objects = HashMap::new();
        dump(
            &mut socket,
            RTM_GETNEXTHOP,
            libc::AF_UNSPEC,
            NHMSG,
            |_, a| {
                objects.insert(number(a, NHA_ID), Object::read(a));
            },
        )?;
        hops.resolve(&objects);
    }
    hops.found.retain(|ip| !ip.is_unspecified());
    Ok(hops.found.into_iter().map(Address::from).collect())
}

/// Whether the kernel has IPv6.
pub(super) fn has_ipv6() -> bool {
    let asked = Socket::to(SockProtocol::NetlinkRoute).and_then(|mut socket| {
        let family = libc::AF_INET6;
        dump(&mut socket, libc::RTM_GETNETCONF, family, 1, |_, _| ())
    });
    // Without it nobody answers such questions.
    asked != Err(Errno::EOPNOTSUPP)
}

/// Asks for a list, again if it changed meanwhile; then some of it may be given to `each` twice.
fn dump(
    socket: &mut Socket,
    kind: u16,
    family: i32,
    about: usize,
    mut each: impl FnMut(&[u8], Attributes),
) -> Result<(), Errno> {
    let mut header = vec![0; about];
    header[0] = family as u8;
    let request = Request::question(kind, NLM_F_DUMP, &header);
    loop {
        match socket.ask_about(&request, about, |_, about, a| each(about, a)) {
            Err(Errno::EINTR) => (),
            done => return done,
        }
    }
}

/// The next hops of routes.
#[derive(Default)]
struct Hops {
    found: Vec<IpAddr>,
    /// The numbers of next hops that are objects of their own.
    objects: Vec<u32>,
}

impl Hops {
    /// Adds those of a route, or of one of its paths.
    fn add(&mut self, a: Attributes) {
        self.found.extend(a.get(libc::RTA_GATEWAY).and_then(ip));
        // A family, then an address, which may be of another family than the route.
        let via = a.get(RTA_VIA).and_then(|via| via.get(2..));
        self.found.extend(via.and_then(ip));
        if a.get(RTA_NH_ID).is_some() {
            self.objects.push(number(a, RTA_NH_ID));
        }
        let mut paths = a.get(libc::RTA_MULTIPATH).unwrap_or_default();
        while let Some((len, rest)) = paths.split_first_chunk() {
            let len = usize::from(u16::from_ne_bytes(*len));
            let Some(path) = len.checked_sub(2).and_then(|len| rest.get(..len)) else {
                break;
            };
            if let Some(attributes) = path.get(RTNEXTHOP - 2..) {
                self.add(Attributes::new(attributes));
            }
            paths = paths.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
    }

    /// Adds those of the objects, and of the objects that are groups of others.
    fn resolve(&mut self, objects: &HashMap<u32, Object>) {
        for number in std::mem::take(&mut self.objects) {
            let Some(object) = objects.get(&number) else {
                continue;
            };
            // No group holds a group.
            let parts = object.parts.iter().filter_map(|part| objects.get(part));
            self.found.extend(parts.filter_map(|part| part.gateway));
            self.found.extend(object.gateway);
        }
    }
}

/// A next hop with a number, or a group of such.
struct Object {
    gateway: Option<IpAddr>,
    parts: Vec<u32>,
}

impl Object {
    fn read(a: Attributes) -> Self {
        let parts = a.get(NHA_GROUP).unwrap_or_default();
        let first = |part: &[u8]| part.first_chunk().map(|n| u32::from_ne_bytes(*n));
        Object {
            gateway: a.get(NHA_GATEWAY).and_then(ip),
            parts: parts.chunks(NEXTHOP_GRP).filter_map(first).collect(),
        }
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// A number in the byte order of the host; 0 is none.
fn number(a: Attributes, kind: u16) -> u32 {
    let bytes = a.get(kind).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_ne_bytes)
}
