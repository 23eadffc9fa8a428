//! Signs in the kernel that ipset or iptables may hold bans: to ask for them is quicker by far than
//! to start those programs.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

use super::netlink::{Request, Socket};

/// The number of ipset among netfilter's subsystems, its question about a set by name, and the
/// attributes of that (linux/netfilter/ipset/ip_set.h).
const IPSET_CMD_HEADER: u16 = (libc::NFNL_SUBSYS_IPSET << 8 | 12) as u16;
const IPSET_ATTR_PROTOCOL: u16 = 1;
const IPSET_ATTR_SETNAME: u16 = 2;
/// The oldest version of its protocol that each kernel understands.
const PROTOCOL: u8 = 6;

const NFT_MSG_GETCHAIN: u16 = (libc::NFNL_SUBSYS_NFTABLES << 8 | libc::NFT_MSG_GETCHAIN) as u16;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;

/// Whether ipset may have one of these sets.
pub(super) fn may_have_set<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    names.into_iter().any(|name| {
        let mut r = Request::default();
        r.message(IPSET_CMD_HEADER, 0, 0, |r| {
            r.put(IPSET_ATTR_PROTOCOL, &[PROTOCOL]);
            r.put_text(IPSET_ATTR_SETNAME, name);
        });
        may_be(&r)
    })
}

/// Whether a table of iptables may have this chain, that of one family or the other. The program is
/// one of two: its tables are nf_tables, or those that /proc names.
pub(super) fn may_have_chain(table: &str, chain: &str) -> bool {
    let families = [libc::NFPROTO_IPV4, libc::NFPROTO_IPV6];
    let in_nf_tables = families.into_iter().any(|family| {
        let mut r = Request::default();
        r.message(NFT_MSG_GETCHAIN, 0, family as u8, |r| {
            r.put_text(NFTA_CHAIN_TABLE, table);
            r.put_text(NFTA_CHAIN_NAME, chain);
        });
        may_be(&r)
    });
    let net = Path::new("/proc/thread-self/net");
    let is_named = |names: &str| match fs::read_to_string(net.join(names)) {
        Ok(tables) => tables.lines().any(|name| name == table),
        // The kernel has no such tables, or /proc is not there.
        Err(e) => e.kind() != ErrorKind::NotFound || !net.exists(),
    };
    in_nf_tables || is_named("ip_tables_names") || is_named("ip6_tables_names")
}

/// Whether the kernel has the thing that is asked for, or does not tell. Without the subsystem it
/// answers EINVAL, without the family EOPNOTSUPP or EAFNOSUPPORT.
fn may_be(question: &Request) -> bool {
    let asked = Socket::open().and_then(|mut socket| socket.ask(question, |_, _, _| ()));
    ![
        Err(Errno::ENOENT),
        Err(Errno::EINVAL),
        Err(Errno::EOPNOTSUPP),
        Err(Errno::EAFNOSUPPORT),
    ]
    .contains(&asked)
}
