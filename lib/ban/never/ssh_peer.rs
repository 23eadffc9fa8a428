//! The peer of the SSH session that runs this.

use std::env;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use pipeban::address::Address;

/// The variables that begin with the client's address (sshd(8)).
const VARIABLES: [&str; 2] = ["SSH_CONNECTION", "SSH_CLIENT"];

/// The clients of the SSH sessions that this process runs in.
#[derive(Clone)]
pub(super) struct Peers {
    /// The addresses that could be found.
    pub found: Vec<Address>,
    /// There is a session, and no address of its client.
    pub unknown: bool,
}

/// Looks at the environment of this process; at that of each ancestor, as far as that is permitted,
/// because sudo removes these variables, but not from the shell that ran it; and at logind's
/// session, which has the client's address whoever runs this.
pub(super) fn peers() -> Peers {
    // Not by /proc: of a program with file capabilities that is root's alone.
    let own = VARIABLES.iter().filter_map(env::var_os);
    let mut found: Vec<Address> = own.filter_map(|v| client(v.as_bytes())).collect();
    let mut is_there = false;
    let mut pid = "self".to_owned();
    // The chain ends at process 0, or at a process that ends meanwhile.
    while pid != "0" {
        let environment = read(&format!("/proc/{pid}/environ")).unwrap_or_default();
        found.extend(environment.split(|b| *b == 0).filter_map(variable));
        let Some((name, parent)) = stat(&pid) else {
            break;
        };
        is_there |= name.starts_with("sshd") || name == "dropbear";
        pid = parent;
    }
    if let Some(session) = login_session() {
        let value = |key: &[u8]| {
            let mut lines = session.split(|b| *b == b'\n');
            lines.find_map(|line| line.strip_prefix(key))
        };
        is_there |= value(b"REMOTE=") == Some(b"1");
        found.extend(value(b"REMOTE_HOST=").and_then(client));
    }
    let unknown = is_there && found.is_empty();
    Peers { found, unknown }
}

/// The client in a variable of an environment.
fn variable(variable: &[u8]) -> Option<Address> {
    let of = |name: &&str| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=");
    client(VARIABLES.iter().find_map(of)?)
}

/// The client at the beginning of a value. A link-local client has its interface after a percent
/// sign.
fn client(value: &[u8]) -> Option<Address> {
    Address::parse(value.split(|b| b" %".contains(b)).next()?)
}

/// The name and the parent of a process (proc(5)). The name is in parentheses and may have any
/// bytes in it; the parent is the second field after it.
fn stat(pid: &str) -> Option<(String, String)> {
    let stat = read(&format!("/proc/{pid}/stat"))?;
    let begin = stat.iter().position(|b| *b == b'(')?;
    let end = stat.iter().rposition(|b| *b == b')')?;
    let name = String::from_utf8_lossy(stat.get(begin + 1..end)?).into_owned();
    let rest = String::from_utf8_lossy(&stat[end + 1..]);
    let parent = rest.split_whitespace().nth(1)?.to_owned();
    Some((name, parent))
}

/// The session of this process as systemd-logind keeps it; sd_session_get_remote_host(3) reads the
/// same file. A process is in a session if it is in its control group (systemd.scope(5)).
fn login_session() -> Option<Vec<u8>> {
    let groups = read("/proc/self/cgroup")?;
    let groups = String::from_utf8_lossy(&groups);
    let name = groups.lines().find_map(|line| {
        let scope = line
            .split('/')
            .find_map(|part| part.strip_prefix("session-"));
        scope?.strip_suffix(".scope")
    })?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric());
    is_name.then(|| read(&format!("/run/systemd/sessions/{name}")))?
}

/// A file of proc(5), which has no size in its metadata: most fit into the first read.
fn read(path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(8 << 10);
    File::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
