//! This host's own names, and addresses that are not the banned one, left out of a text that
//! leaves the host.

use std::fs::File;
use std::io::Read;

use pipeban::address::Address;
use pipeban::time::Zone;
use pipeban_log::finder;
use pipeban_log::line::LineReader;

/// The part of a system's file that is read, in bytes.
const READ: u64 = 1 << 20;

/// The names by which log lines may call this host.
pub struct Own {
    /// In small letters. Names below one with a dot are this host's, too.
    names: Vec<String>,
    reader: LineReader,
}

impl Own {
    /// The names of the host `host`: its own, those that `/etc/hosts` gives it beside, and the
    /// domain of its mail.
    pub fn of(host: &str) -> Self {
        Own::with(host, &read("/etc/hosts"), &read("/etc/mailname"))
    }

    fn with(host: &str, hosts: &str, mailname: &str) -> Self {
        let mut own = Own {
            names: vec![],
            reader: LineReader::new(Zone::UTC, None),
        };
        own.add(host);
        for line in hosts.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let names: Vec<_> = line.split_whitespace().skip(1).collect();
            if names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
                names.into_iter().for_each(|name| own.add(name));
            }
        }
        own.add_whole(mailname.trim());
        own
    }

    /// A host's name: with the domain, and without.
    fn add(&mut self, name: &str) {
        self.add_whole(name);
        if let Some((first, domain)) = name.split_once('.') {
            self.add_whole(first);
            if domain.contains('.') {
                self.add_whole(domain);
            }
        }
    }

    fn add_whole(&mut self, name: &str) {
        if !name.is_empty() && !name.eq_ignore_ascii_case("localhost") {
            self.names.push(name.to_ascii_lowercase());
        }
    }

    /// A line of a log without names of this host, nor the one that its head names (`[host]`), and
    /// without addresses outside `banned` (`[address]`). With `words` only the part behind the
    /// head.
    pub fn hidden(&mut self, line: &[u8], banned: &Address, words: bool) -> Vec<u8> {
        self.reader.begin_file();
        let read = self.reader.read(line);
        let text = if words { read.words() } else { line };
        let head = read.host.map(|host| String::from_utf8_lossy(host));
        let mut names = Own {
            names: self.names.clone(),
            reader: LineReader::new(Zone::UTC, None),
        };
        if let Some(host) = &head {
            names.add(host);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut done = 0;
        finder::find_all(text, |found| {
            if !banned.contains(&found.address) {
                names.write(&text[done..found.range.start], &mut out);
                out.extend_from_slice(b"[address]");
                done = found.range.end;
            }
        });
        names.write(&text[done..], &mut out);
        out
    }

    /// Appends a text without the host's names.
    fn write(&self, text: &[u8], out: &mut Vec<u8>) {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"._-".contains(b);
        for piece in text.chunk_by(|a, b| is_part(a) == is_part(b)) {
            let trimmed = piece.trim_ascii_end();
            let end = trimmed
                .iter()
                .rposition(|b| *b != b'.')
                .map_or(0, |i| i + 1);
            if self.has(&trimmed[..end]) {
                out.extend_from_slice(b"[host]");
                out.extend_from_slice(&piece[end..]);
            } else {
                out.extend_from_slice(piece);
            }
        }
    }

    fn has(&self, name: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        self.names.iter().any(|own| {
            let above = name.strip_suffix(own.as_bytes());
            above.is_some_and(|a| a.is_empty() || a.ends_with(b".") && own.contains('.'))
        })
    }
}

/// The beginning of a file; nothing where it can't be read.
fn read(path: &str) -> String {
    let mut text = Vec::new();
    if let Ok(file) = File::open(path) {
        // The part before an error counts.
        let _ = file.take(READ).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1 web1.example.org web1 # us\n192.0.2.9 db db9\n";
        let mut own = Own::with("web1", hosts, "example.net\n");
        let banned = Address::parse(b"203.0.113.7").expect("an address");
        for (line, hidden) in [
            (
                "Mar 30 02:16:17 web1 sshd[12]: Failed password for x from 203.0.113.7 port 22",
                "Mar 30 02:16:17 [host] sshd[12]: Failed password for x from 203.0.113.7 port 22",
            ),
            // A central log: the head names another host.
            (
                "Mar 30 02:16:17 db9.example.com sshd[12]: Connection from 203.0.113.7 \
                 on 192.0.2.1 to db9",
                "Mar 30 02:16:17 [host] sshd[12]: Connection from 203.0.113.7 \
                 on [address] to [host]",
            ),
            (
                "203.0.113.7 - - [30/Mar/2026:02:16:17 +0000] \
                 \"GET http://198.51.100.1/ HTTP/1.1\" 404 1 \"https://WWW.Example.ORG./x\" \
                 \"::ffff:203.0.113.7 [2001:db8::1]:80\"",
                "203.0.113.7 - - [30/Mar/2026:02:16:17 +0000] \"GET http://[address]/ HTTP/1.1\" \
                 404 1 \"https://[host]./x\" \"::ffff:203.0.113.7 [[address]]:80\"",
            ),
            (
                "user=<bob@example.net>, web10 xweb1 myexample.org db localhost web1.",
                "user=<bob@[host]>, web10 xweb1 myexample.org db localhost [host].",
            ),
        ] {
            let out = own.hidden(line.as_bytes(), &banned, false);
            assert_eq!(String::from_utf8_lossy(&out), hidden);
        }
        let line = b"Mar 30 02:16:17 web1 sshd[12]: Failed password for web1 from 203.0.113.7";
        let words = own.hidden(line, &banned, true);
        assert_eq!(words, b"Failed password for [host] from 203.0.113.7");
    }
}
