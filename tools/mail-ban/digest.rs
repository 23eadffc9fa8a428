//! The bans as a program gets them: JSON, or the CSV of AbuseIPDB's bulk report.

use pipeban::record::Record;
use pipeban::time::Time;

use crate::arguments::Format;
use crate::outbox::KEYS;
use crate::own::Own;

/// A digest has at most this number of bans, so that a CSV of AbuseIPDB keeps its 10,000 lines; the
/// next one goes on.
pub const ROWS: usize = 9_999;
/// The last lines of evidence that are handed over with a ban.
const EVIDENCE: usize = 5;
/// The greatest lengths in a row of a CSV, in bytes. As 1,000 bans at most have evidence, 2 MB,
/// AbuseIPDB's greatest file, are never reached.
const RULE: usize = 40;
const COMMENT: usize = 500;

/// AbuseIPDB's categories of attacks, by the preset: SSH (22), FTP brute force (5), fraud by VoIP
/// (8), an attack on a web application (21), a port scan (14), brute force (18).
const CATEGORIES: [(&[&str], &str); 5] = [
    (&["sshd", "sshd-preauth", "dropbear"], "18,22"),
    (
        &[
            "bsd-ftpd",
            "proftpd",
            "proftpd-systemlog",
            "pure-ftpd",
            "vsftpd",
        ],
        "5,18",
    ),
    (&["asterisk", "freeswitch"], "8,18"),
    (
        &[
            "apache",
            "nginx",
            "nginx-error",
            "caddy",
            "haproxy",
            "lighttpd",
            "traefik",
        ],
        "21",
    ),
    (&["kernel", "pfsense", "pve-firewall"], "14"),
];
/// Any other preset is about logins; without a rule nothing more is known than hacking (15).
const LOGINS: &str = "18";
const UNKNOWN: &str = "15";

/// The text for the program; `None` where no ban can stand in it.
pub fn digest(records: &[Record], format: Format, own: &mut Own) -> Option<Vec<u8>> {
    match format {
        Format::Json => Some(json(records, own)),
        Format::Abuseipdb => csv(records, own),
    }
}

fn json(records: &[Record], own: &mut Own) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        public(record, own).write_json(&mut out);
        out.push(b'\n');
    }
    out
}

/// The record without the things that tell of this host.
fn public(record: &Record, own: &mut Own) -> Record {
    let mut public = Record::new(record.address);
    for key in KEYS.iter().filter(|k| !["file", "backend"].contains(k)) {
        if let Some(value) = record.get(key) {
            public.push(key, &value);
        }
    }
    let lines: Vec<_> = record.all("line").collect();
    for line in &lines[lines.len().saturating_sub(EVIDENCE)..] {
        public.push("line", &own.hidden(line, &record.address, false));
    }
    public
}

/// Rows of single addresses, for AbuseIPDB takes no networks.
fn csv(records: &[Record], own: &mut Own) -> Option<Vec<u8>> {
    let mut out = b"IP,Categories,ReportDate,Comment\n".to_vec();
    let empty = out.len();
    for record in records.iter().filter(|r| r.address.is_host()) {
        let rule = record.get("rule").unwrap_or_default();
        let dates = ["last", "at", "since"];
        let date = dates.iter().find_map(|key| {
            let text = record.get(key)?;
            Time::parse(&text).map(|_| text)
        });
        let row = format!("{},\"{}\",", record.address, categories(&rule));
        out.extend_from_slice(row.as_bytes());
        match date {
            Some(text) => out.extend_from_slice(&text),
            None => Time::now().write(&mut out),
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(&comment(record, &rule, own));
        out.extend_from_slice(b"\"\n");
    }
    (out.len() > empty).then_some(out)
}

fn categories(rule: &[u8]) -> &'static str {
    let preset = rule.split(|b| *b == b'/').next().unwrap_or_default();
    let of = |(presets, _): &&(&[&str], _)| presets.iter().any(|p| p.as_bytes() == preset);
    match CATEGORIES.iter().find(of) {
        Some((_, categories)) => categories,
        None if preset.is_empty() => UNKNOWN,
        None => LOGINS,
    }
}

/// The number of events, the rule and the last line of evidence, as plain ASCII without `"` and
/// `\`: readers of CSV differ on how these two are written.
fn comment(record: &Record, rule: &[u8], own: &mut Own) -> Vec<u8> {
    let count = record.get("count").unwrap_or_else(|| b"1".to_vec());
    let events: &[u8] = if count == b"1" { b" event" } else { b" events" };
    let mut text = [&count, events].concat();
    if !rule.is_empty() {
        text.extend([b" (", &rule[..rule.len().min(RULE)], b")"].concat());
    }
    if let Some(line) = record.all("line").last() {
        text.extend_from_slice(b": ");
        text.extend_from_slice(&own.hidden(&line, &record.address, true));
    }
    text.truncate(COMMENT);
    let plain = |byte: &u8| match byte {
        b'"' => b'\'',
        b'\\' => b'/',
        b' '..=b'~' => *byte,
        _ => b'?',
    };
    text.iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digested(records: &[&str], format: Format) -> Option<String> {
        let parse = |text: &&str| Record::parse(text.as_bytes()).ok().flatten();
        let records: Vec<_> = records.iter().filter_map(parse).collect();
        let text = digest(&records, format, &mut Own::of("web1"))?;
        Some(String::from_utf8(text).expect("UTF-8"))
    }

    #[test]
    fn rows_of_csv() {
        let head = "IP,Categories,ReportDate,Comment\n";
        for (record, row) in [
            (
                "203.0.113.7\tcount=5\trule=sshd/failed\tlast=2026-03-30T02:16:17+09:00\t\
                 line=x\tline=Mar 30 02:16:17 web1 sshd[1]: \"a\\nb\\\\\" é from 203.0.113.7",
                "203.0.113.7,\"18,22\",2026-03-30T02:16:17+09:00,\
                 \"5 events (sshd/failed): 'a?b/' ?? from 203.0.113.7\"\n",
            ),
            (
                "2001:db8::7\tsince=2026-03-30T02:16:17Z\trule==cmd",
                "2001:db8::7,\"18\",2026-03-30T02:16:17Z,\"1 event (=cmd)\"\n",
            ),
            (
                "203.0.113.8\tat=2026-03-30T02:16:17Z",
                "203.0.113.8,\"15\",2026-03-30T02:16:17Z,\"1 event\"\n",
            ),
        ] {
            let text = digested(&[record, "203.0.113.0/24"], Format::Abuseipdb);
            assert_eq!(text, Some(format!("{head}{row}")));
        }
        assert_eq!(digested(&["203.0.113.0/24"], Format::Abuseipdb), None);
    }

    #[test]
    fn a_full_digest_is_a_file_that_abuseipdb_takes() {
        let long = "x".repeat(2_000);
        let evidence = format!("203.0.113.7\trule={long}\tline={long}");
        let bare = format!("203.0.113.7\trule={long}");
        let mut records = vec![evidence.as_str(); 1_000];
        records.resize(ROWS, &bare);
        let text = digested(&records, Format::Abuseipdb).expect("rows");
        assert_eq!(text.lines().count(), 10_000);
        assert!(text.len() < 2_000_000, "{}", text.len());
    }

    #[test]
    fn lines_of_json() {
        let line = "line=Mar 30 02:16:17 web1 sshd[1]: x";
        let record = format!(
            "203.0.113.7\tcount=5\tfile=/var/log/x\tbackend=nft\tother=x\t{}",
            [line; 7].join("\t")
        );
        let text = digested(&[&record, "203.0.113.0/24"], Format::Json);
        let shown = "\"Mar 30 02:16:17 [host] sshd[1]: x\"";
        let expected = format!(
            "{{\"address\":\"203.0.113.7\",\"count\":5,\"line\":[{}]}}\n\
             {{\"address\":\"203.0.113.0/24\"}}\n",
            [shown; 5].join(",")
        );
        assert_eq!(text, Some(expected));
    }
}
