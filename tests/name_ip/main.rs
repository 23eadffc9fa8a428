//! name-ip: whose network an address is in. The databases are of documentation networks, made here.

#[path = "../common/mod.rs"]
mod common;

mod mmdb; // a writer of MMDB
mod reference; // beside mmdblookup

use std::fs;
use std::io::Write;

use common::{Outcome, Shell, left_out, unshared, wait_until};
use mmdb::{Value, Writer, text};

/// Owners and countries as GeoLite2 has them, and DB-IP, in one.
fn documentation() -> Writer {
    let mut writer = Writer::new();
    let owner = |number, name: &str, code: &str| {
        Value::Map(vec![
            ("autonomous_system_number", Value::Number(number)),
            ("autonomous_system_organization", text(name)),
            ("country", Value::Map(vec![("iso_code", text(code))])),
        ])
    };
    writer.add("203.0.113.0/24", &owner(64500, "Example Hosting", "JP"));
    writer.add("203.0.113.128/25", &owner(64501, "Example Home", "JP"));
    writer.add("2001:db8::/32", &owner(64500, "Example Hosting", "DE"));
    writer
}

/// A shell with databases: own.mmdb, lite.mmdb as IPinfo has it, and tables.
fn shell() -> Shell {
    let shell = Shell::new();
    fs::write(shell.path("own.mmdb"), documentation().bytes()).unwrap();
    let mut lite = Writer::new();
    let fields = [
        ("asn", "AS64502"),
        ("as_name", "Lite"),
        ("country", "Japan"),
        ("country_code", "JP"),
    ];
    let fields = fields.map(|(key, value)| (key, text(value)));
    lite.add("198.51.100.0/24", &Value::Map(fields.to_vec()));
    fs::write(shell.path("lite.mmdb"), lite.bytes()).unwrap();
    let csv = "198.51.100.0,198.51.102.255,64510,\"Range, \"\"Inc.\"\"\"\n2001:db8::,2001:db8::ffff,64511,Six\n";
    fs::write(shell.path("range.csv"), csv).unwrap();
    let tsv =
        "192.0.2.0\t192.0.2.127\t64520\tDE\tTAB\n192.0.2.128\t192.0.2.255\t0\tNone\tNot routed\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(tsv.as_bytes()).unwrap();
    fs::write(shell.path("tab.tsv.gz"), gzip.finish().unwrap()).unwrap();
    let named = "network,country,country_code,asn,as_name\n192.0.2.0/24,Japan,JP,AS64530,Named\n";
    fs::write(shell.path("named.csv"), named).unwrap();
    fs::write(
        shell.path("country.csv"),
        "\u{feff}203.0.113.0,203.0.113.255,fr\n",
    )
    .unwrap();
    shell
}

fn name(shell: &Shell, databases: &str, input: &str) -> Outcome {
    let databases: String = databases
        .split(' ')
        .map(|name| format!(" --db {}", shell.path(name).display()))
        .collect();
    shell.feed(&format!("name-ip{databases}"), input.as_bytes())
}

#[test]
fn records() {
    let shell = shell();
    let own = "asn=AS64500\torg=Example Hosting\tcountry=JP\tnet=203.0.113.0/25";
    for (databases, record, named) in [
        ("own.mmdb", "203.0.113.7", own),
        (
            "own.mmdb",
            "203.0.113.200",
            "asn=AS64501\torg=Example Home\tcountry=JP\tnet=203.0.113.128/25",
        ),
        (
            "own.mmdb",
            "2001:db8::7",
            "asn=AS64500\torg=Example Hosting\tcountry=DE\tnet=2001:db8::/32",
        ),
        ("own.mmdb", "203.0.113.0/26", own),
        ("own.mmdb", "203.0.113.0/24", ""),
        ("own.mmdb", "192.0.2.1", ""),
        (
            "lite.mmdb",
            "198.51.100.7",
            "asn=AS64502\torg=Lite\tcountry=JP\tnet=198.51.100.0/24",
        ),
        (
            "range.csv",
            "198.51.101.7",
            "asn=AS64510\torg=Range, \"Inc.\"\tnet=198.51.100.0/23",
        ),
        (
            "range.csv",
            "198.51.102.7",
            "asn=AS64510\torg=Range, \"Inc.\"\tnet=198.51.102.0/24",
        ),
        (
            "range.csv",
            "2001:db8::9",
            "asn=AS64511\torg=Six\tnet=2001:db8::/112",
        ),
        (
            "tab.tsv.gz",
            "192.0.2.1",
            "asn=AS64520\torg=TAB\tcountry=DE\tnet=192.0.2.0/25",
        ),
        ("tab.tsv.gz", "192.0.2.129", ""),
        (
            "named.csv",
            "192.0.2.129",
            "asn=AS64530\torg=Named\tcountry=JP\tnet=192.0.2.0/24",
        ),
        (
            "country.csv",
            "203.0.113.7",
            "country=FR\tnet=203.0.113.0/24",
        ),
        (
            "country.csv own.mmdb",
            "203.0.113.7",
            "asn=AS64500\torg=Example Hosting\tcountry=FR\tnet=203.0.113.0/24",
        ),
        ("own.mmdb country.csv", "203.0.113.7", own),
        (
            "range.csv lite.mmdb",
            "198.51.100.7",
            "asn=AS64510\torg=Range, \"Inc.\"\tcountry=JP\tnet=198.51.100.0/23",
        ),
    ] {
        let tab = if named.is_empty() { "" } else { "\t" };
        let outcome = name(&shell, databases, record);
        let expected = format!("{record}{tab}{named}\n");
        assert_eq!(
            (outcome.out, outcome.err.as_str()),
            (expected, ""),
            "{databases}"
        );
        // Other fields pass, and forged ones go.
        let input = format!("{record}\tasn=AS1\tuser=a\\tb\tnet=x\tcountry=\torg=y\tcount=2\n");
        let outcome = name(&shell, databases, &input);
        let expected = format!("{record}\tuser=a\\tb\tcount=2{tab}{named}\n");
        assert_eq!(
            (outcome.out, outcome.status),
            (expected, Some(0)),
            "{databases}"
        );
    }
}

/// A line is read alike by the fast way, which needs more text behind it, and by the other.
#[test]
fn lines() {
    let shell = shell();
    let named = "\tasn=AS64500\torg=Example Hosting\tcountry=JP\tnet=203.0.113.0/25";
    let lines = [
        ("203.0.113.7", "203.0.113.7\t"),
        ("203.0.113.7\r", "203.0.113.7\t"),
        ("::ffff:203.0.113.7\tcount=2", "203.0.113.7\tcount=2\t"),
        (
            "203.0.113.7\tprose\tcount=2\t=x\ta b=c\tline=a b=c\r",
            "203.0.113.7\tcount=2\tline=a b=c\t",
        ),
        ("203.0.113.7 prose\tcount=2", "203.0.113.7\tcount=2\t"),
        ("203.0.113.0-203.0.113.1", "203.0.113.0/31\t"),
        (
            "{\"address\":\"203.0.113.7\",\"count\":2}",
            "203.0.113.7\tcount=2\t",
        ),
    ];
    let padding = format!("{}\n", "#".repeat(99));
    for (line, expected) in lines {
        let expected = format!("{}{named}\n", expected.trim_end());
        let alone = name(&shell, "own.mmdb", line);
        assert_eq!(
            (alone.out, alone.err.as_str()),
            (expected.clone(), ""),
            "{line}"
        );
        let outcome = name(&shell, "own.mmdb", &format!("{line}\n{padding}"));
        assert_eq!(
            (outcome.out, outcome.err.as_str()),
            (expected, ""),
            "{line}"
        );
    }
    let outcome = name(&shell, "own.mmdb", &format!("foo\n{padding}203.0.113.7\n"));
    assert_eq!(outcome.out, format!("203.0.113.7{named}\n"));
    let message = "name-ip: standard input:1: not an address: \"foo\"\n";
    assert_eq!((outcome.err.as_str(), outcome.status), (message, Some(2)));
    assert_eq!(name(&shell, "own.mmdb", "# none\n").status, Some(1));
}

#[test]
fn json_and_the_environment() {
    let shell = shell();
    let path = shell.path("own.mmdb");
    let range = shell.path("range.csv");
    let command = format!(
        "PIPEBAN_DB={}:{} name-ip --json",
        path.display(),
        range.display()
    );
    let outcome = shell.feed(&command, b"203.0.113.7\tcount=2\n");
    let json = r#"{"address":"203.0.113.7","asn":"AS64500","count":2,"country":"JP","net":"203.0.113.0/25","org":"Example Hosting"}"#;
    assert_eq!(outcome.out, format!("{json}\n"), "{outcome:?}");
    let outcome = shell.feed("PIPEBAN_DB= name-ip", b"203.0.113.7\n");
    let message = "name-ip: usage: no database is given, by --db or PIPEBAN_DB (see --help)\n";
    assert_eq!((outcome.err.as_str(), outcome.status), (message, Some(2)));
}

#[test]
fn networks_of_an_owner() {
    let shell = shell();
    for (databases, choices, expected) in [
        ("own.mmdb", "AS64500", "203.0.113.0/25 2001:db8::/32"),
        ("own.mmdb", "64501", "203.0.113.128/25"),
        ("own.mmdb", "country:jp", "203.0.113.0/25 203.0.113.128/25"),
        ("own.mmdb", "org:Hosting$", "203.0.113.0/25 2001:db8::/32"),
        (
            "own.mmdb",
            "AS64501 country:DE",
            "203.0.113.128/25 2001:db8::/32",
        ),
        (
            "range.csv own.mmdb",
            "org:^Range AS64501",
            "198.51.100.0/23 198.51.102.0/24 203.0.113.128/25",
        ),
        ("own.mmdb", "AS6450", ""),
    ] {
        let flags: String = databases
            .split(' ')
            .map(|name| format!(" --db {}", shell.path(name).display()))
            .chain(
                choices
                    .split(' ')
                    .map(|choice| format!(" --networks '{choice}'")),
            )
            .collect();
        let outcome = shell.run(&format!("name-ip{flags} | cut -f1 | xargs"));
        assert_eq!(outcome.out.trim_end(), expected, "{choices}");
        let status = shell.run(&format!("name-ip{flags}")).status;
        assert_eq!(status, Some(i32::from(expected.is_empty())), "{choices}");
    }
    let path = shell.path("own.mmdb");
    let first = shell.run(&format!(
        "name-ip --db {} --networks AS64501",
        path.display()
    ));
    let record = "203.0.113.128/25\tasn=AS64501\torg=Example Home\tcountry=JP\n";
    assert_eq!(first.out, record);
    for wrong in ["AS0", "country:JPN", "org:(", "Example"] {
        let outcome = shell.run(&format!("name-ip --db x --networks '{wrong}'"));
        assert_eq!(outcome.status, Some(2), "{wrong}");
        assert!(outcome.err.contains("--networks"), "{outcome:?}");
    }
}

/// Lists of networks ban and protect.
#[test]
fn networks_for_ban_ip() {
    let shell = shell();
    let path = shell.path("own.mmdb");
    let script = format!(
        "name-ip --db {} --networks AS64501 >never
        ban-ip --backend none --for 1h --never ./never",
        path.display()
    );
    let script = format!("cd {}; {script}", shell.directory.path().display());
    let outcome = shell.feed(&script, b"203.0.113.7\n203.0.113.200\n");
    assert_eq!(outcome.addresses(), ["203.0.113.7"], "{outcome:?}");
}

/// A database that names nothing, or that can't be read, ends the run before records are read.
#[test]
fn databases_that_are_none() {
    let shell = shell();
    let good = documentation().bytes();
    for (file, bytes, message) in [
        (
            "empty",
            &b""[..],
            "no network with an owner or country is in it",
        ),
        ("zero", b"192.0.2.0,192.0.2.9,0,Not routed\n", "no network"),
        (
            "endless.mmdb",
            &Writer::endless().bytes(),
            "its tree is none",
        ),
        ("cut.mmdb", &good[100..], ""),
    ] {
        fs::write(shell.path(file), bytes).unwrap();
        let outcome = name(&shell, file, "203.0.113.7\n");
        let begin = format!("name-ip: {}: {message}", shell.path(file).display());
        assert!(outcome.err.starts_with(&begin), "{file}: {outcome:?}");
        assert_eq!(
            (outcome.out.as_str(), outcome.status),
            ("", Some(2)),
            "{file}"
        );
    }
    let lines =
        "foo\n192.0.2.0,192.0.2.9,64500,A\n192.0.2.9,192.0.2.0,1,B\n192.0.2.0,2001:db8::,1,C\n";
    fs::write(shell.path("lines.csv"), lines).unwrap();
    let outcome = name(&shell, "lines.csv", "192.0.2.1\n");
    assert_eq!(outcome.addresses(), ["192.0.2.1"]);
    assert!(
        outcome
            .out
            .contains("\tasn=AS64500\torg=A\tnet=192.0.2.0/29\n"),
        "{outcome:?}"
    );
    assert_eq!(
        (outcome.err.lines().count(), outcome.status),
        (3, Some(2)),
        "{outcome:?}"
    );
    let none = shell.run("name-ip --db /nonexistent");
    assert_eq!(
        none.err,
        "name-ip: /nonexistent: No such file or directory\n"
    );
}

/// A database with any byte changed names, or is refused with one message.
#[test]
fn a_broken_mmdb_breaks_nothing() {
    let shell = shell();
    let good = documentation().bytes();
    let mut random = fastrand::Rng::with_seed(19);
    let mut refused = 0;
    for round in 0..300 {
        let mut bytes = good.clone();
        for _ in 0..random.usize(1..8) {
            // The tree is long and uniform; the rest is at the end.
            let end = bytes.len();
            let from = if random.bool() { 0 } else { end - 500.min(end) };
            bytes[random.usize(from..end)] = random.u8(..);
        }
        if round % 10 == 0 {
            bytes.truncate(random.usize(..bytes.len()));
        }
        fs::write(shell.path("broken.mmdb"), bytes).unwrap();
        let outcome = name(&shell, "broken.mmdb", "203.0.113.7\n2001:db8::1\n");
        let status = outcome.status;
        assert!(matches!(status, Some(0 | 2)), "{round}: {outcome:?}");
        assert!(!outcome.err.contains("panicked"), "{round}: {outcome:?}");
        refused += u32::from(status == Some(2));
    }
    assert!((10..290).contains(&refused), "{refused}");
}

/// A name is cut, and neither a line of the output nor a terminal obeys it.
#[test]
fn hostile_names() {
    let shell = shell();
    let mut writer = Writer::new();
    let name = format!("\u{1b}]0;x\u{7}\n203.0.113.9\tb\\{}", "é".repeat(400));
    let fields = vec![
        ("autonomous_system_organization", text(&name)),
        ("country_code", text("J\n")),
    ];
    writer.add("203.0.113.0/24", &Value::Map(fields));
    fs::write(shell.path("hostile.mmdb"), writer.bytes()).unwrap();
    let outcome = self::name(&shell, "hostile.mmdb", "203.0.113.7\n");
    assert_eq!(outcome.out.lines().count(), 1);
    let org = common::field(&outcome, "org")[0].to_owned();
    assert!(
        org.starts_with("\u{1b}]0;x\u{7}\\n203.0.113.9\\tb\\\\é"),
        "{org}"
    );
    assert!((255..=259).contains(&org.len()), "{}", org.len());
    assert!(!outcome.out.contains("country="), "{outcome:?}");
    let Some(screen) = on_terminal(&shell, "hostile.mmdb", "203.0.113.7\\n") else {
        return;
    };
    assert!(
        !screen.contains('\u{1b}') && screen.contains("\\u{1b}]0;x"),
        "{screen}"
    );
}

/// The output on a terminal, which script(1) makes.
fn on_terminal(shell: &Shell, database: &str, input: &str) -> Option<String> {
    let path = shell.path(database);
    let command = format!("printf '{input}' | name-ip --db {}", path.display());
    let output = shell
        .command("script")
        .args(["-qec", &command, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .output();
    match output {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap().replace('\r', "")),
        Err(_) => {
            left_out("script is not installed");
            None
        }
    }
}

#[test]
fn columns_for_a_person() {
    let shell = shell();
    let input = "203.0.113.7\\tcount=12\\n2001:db8::7\\tcount=3\\n192.0.2.1\\n";
    let Some(screen) = on_terminal(&shell, "own.mmdb", input) else {
        return;
    };
    let expected = "\
address      count  asn      org              country  net
203.0.113.7     12  AS64500  Example Hosting  JP       203.0.113.0/25
2001:db8::7      3  AS64500  Example Hosting  DE       2001:db8::/32
192.0.2.1        -  -        -                -        -
";
    assert_eq!(screen, expected);
}

#[test]
fn root_gives_up_its_rights() {
    unshared("-r", "root_gives_up_its_rights", || {
        let shell = shell();
        let path = shell.path("own.mmdb");
        let mut child = shell
            .command(env!("CARGO_BIN_EXE_name-ip"))
            .arg("--db")
            .arg(path)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let status = format!("/proc/{}/status", child.id());
        wait_until("no capability is left", || {
            let text = fs::read_to_string(&status).unwrap();
            let none = |set: &str| text.contains(&format!("{set}:\t0000000000000000"));
            none("CapPrm") && none("CapEff")
        });
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(1));
    });
}
