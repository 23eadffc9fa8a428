//! The peer of the SSH session that runs this.

use std::fs::File;
use std::io::Read;

use pipeban::address::Address;

/// The clients of the SSH sessions that this process runs in.
///
/// sshd(8) puts the client's address first in `SSH_CONNECTION` and `SSH_CLIENT`. sudo removes them,
/// but not from the shell that ran it: so the environment of each ancestor is read, as far as that
/// is permitted.
pub fn peers() -> Vec<Address> {
    let mut peers = Vec::new();
    let mut pid = "self".to_owned();
    // The chain ends at process 0, or at a process that ends meanwhile.
    while pid != "0" {
        let environment = read(&format!("/proc/{pid}/environ")).unwrap_or_default();
        peers.extend(environment.split(|b| *b == 0).filter_map(client));
        let Some(parent) = parent(&pid) else { break };
        pid = parent;
    }
    peers
}

fn client(variable: &[u8]) -> Option<Address> {
    let value = variable
        .strip_prefix(b"SSH_CONNECTION=")
        .or_else(|| variable.strip_prefix(b"SSH_CLIENT="))?;
    // A link-local client has its interface after a percent sign.
    Address::parse(value.split(|b| b" %".contains(b)).next()?)
}

/// The parent of a process: the second field after the name, which is in parentheses and may have
/// any bytes in it.
fn parent(pid: &str) -> Option<String> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    let name_ends = stat.iter().rposition(|b| *b == b')')?;
    let rest = String::from_utf8_lossy(&stat[name_ends + 1..]);
    rest.split_whitespace().nth(1).map(String::from)
}

/// A file of proc(5), which has no size in its metadata: most fit into the first read.
fn read(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(8 << 10);
    File::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
