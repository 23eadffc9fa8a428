//! The same log in every form: whatever carrier and head its lines have, the verdicts of the chain
//! are those of the plain syslog form.

use crate::common::Shell;

/// A line of a log: second of the day, program, process, words.
type Said = (u32, &'static str, u32, String);

/// Yesterday in the zone of the tests: the time of its midnight, and parts of its date.
struct Day {
    midnight: u64,
    iso: String,
    month: String,
    weekday: String,
    year: String,
}

impl Day {
    fn yesterday(shell: &Shell) -> Day {
        let date = shell
            .run("date -d 'yesterday 00:00' '+%s|%F|%b %e|%a|%Y'")
            .out;
        let mut parts = date.trim_end().split('|').map(String::from);
        let mut next = || parts.next().unwrap_or_default();
        Day {
            midnight: next().parse().expect("seconds"),
            iso: next(),
            month: next(),
            weekday: next(),
            year: next(),
        }
    }
}

const PROGRAMS: [&str; 5] = ["sshd", "sshd", "sshd-session", "other", "CRON"];

fn random_log(random: &mut fastrand::Rng) -> Vec<Said> {
    let mut second = random.u32(..3_600);
    let mut log = Vec::new();
    for _ in 0..random.usize(20..120) {
        second += random.u32(..300);
        let address = ["203.0.113.7", "203.0.113.8", "2001:db8::7"][random.usize(..3)];
        let port = random.u32(1_024..65_536);
        let user = [
            "root",
            "x y",
            "a from 198.51.100.66 port 22 ssh2",
            "\"q\" \\ é",
        ][random.usize(..4)];
        let words = match random.usize(..6) {
            0 => format!("Accepted password for {user} from {address} port {port} ssh2"),
            1 => format!("Invalid user {user} from {address} port {port}"),
            2 => format!(
                "message repeated 2 times: [ Failed password for {user} from {address} port {port} ssh2]"
            ),
            3 => format!("Connection closed by {address} port {port} [preauth]"),
            _ => format!("Failed password for {user} from {address} port {port} ssh2"),
        };
        let program = PROGRAMS[random.usize(..5)];
        log.push((second.min(86_399), program, random.u32(2..9) * 1_000, words));
    }
    log
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

const HEADS: usize = 6;
const CARRIERS: usize = 8;

/// A line behind a head.
fn with_head(number: usize, day: &Day, (second, program, pid, words): &Said) -> String {
    let clock = format!(
        "{:02}:{:02}:{:02}",
        second / 3_600,
        second / 60 % 60,
        second % 60
    );
    let Day {
        iso,
        month,
        weekday,
        year,
        ..
    } = day;
    match number {
        0 => format!("{iso}T{clock}+09:00 host {program}[{pid}]: {words}"),
        1 => format!("{month} {clock} host {program}[{pid}]: {words}"),
        2 => format!("<38>{month} {clock} host {program}[{pid}]: {words}"),
        3 => format!("<38>1 {iso}T{clock}.000000+09:00 host {program} {pid} - - {words}"),
        4 => format!("{iso}T{clock}+0900 host {program}[{pid}]: {words}"),
        _ => format!("{weekday} {month} {clock} {year} auth.info {program}[{pid}]: {words}"),
    }
}

/// The same in a carrier.
fn with_carrier(number: usize, day: &Day, said: &Said, line: &str) -> String {
    let second = day.midnight + u64::from(said.0);
    match number {
        0 => line.into(),
        1 => format!("/var/log/auth.log\t{line}"),
        2 => format!("auth.log:{line}"),
        3 => format!("app-1  | {line}"),
        4 => format!(
            r#"{{"log":"{}\n","stream":"stdout","time":{second}}}"#,
            escaped(line)
        ),
        5 => format!(
            r#"x.log:{{"log":"{}\n","stream":"stderr","time":"{second}.5"}}"#,
            escaped(line)
        ),
        6 => format!(
            r#"{{"__REALTIME_TIMESTAMP":"{second}000000","_HOSTNAME":"host","SYSLOG_IDENTIFIER":"{}","_PID":"{}","MESSAGE":"{}"}}"#,
            said.1,
            said.2,
            escaped(&said.3)
        ),
        _ => format!("\u{feff}{line}"),
    }
}

#[test]
fn verdicts_are_those_of_the_plain_form() {
    let shell = Shell::new();
    let day = Day::yesterday(&shell);
    let chain = "extract-ip --preset sshd --time | count-ip --threshold 3 --within 10m";
    // Records without parts of a second, which only some forms have.
    let verdicts = |log: &str| {
        let outcome = shell.feed(&format!("{chain} | sed 's/\\.[0-9]*+/+/g'"), log.as_bytes());
        assert_eq!(outcome.err, "", "{log}");
        outcome.out
    };
    let mut random = fastrand::Rng::with_seed(8);
    let mut bans = 0;
    for round in 0..HEADS * CARRIERS {
        let log = random_log(&mut random);
        let (head, carrier) = (round % HEADS, round / HEADS);
        let write = |head: usize, carrier: usize| -> String {
            let line = |said: &Said| {
                with_carrier(carrier, &day, said, &with_head(head, &day, said)) + "\n"
            };
            log.iter().map(line).collect()
        };
        let plain = verdicts(&write(0, 0));
        let other = write(head, carrier);
        assert_eq!(
            verdicts(&other),
            plain,
            "head {head}, carrier {carrier}:\n{other}"
        );
        bans += plain.lines().count();
    }
    assert!(bans > 50, "{bans}");
}

/// Behind a head, in a carrier or not, a text is never an object; nor is that of logfmt.
#[test]
fn words_are_no_object() {
    let shell = Shell::new();
    let day = Day::yesterday(&shell);
    let object = r#"{"ip":"198.51.100.66","status":401,"time":"2026-03-30T02:16:17Z"}"#;
    let words = ["", " ", "x: ", "\t"].map(|before| format!("{before}{object}"));
    let said = ["other", "sshd"].map(|program| words.clone().map(|words| (7, program, 7, words)));
    // A journal entry has no head: its message is the whole text.
    let carriers = (0..CARRIERS).filter(|carrier| *carrier != 6);
    for (head, carrier) in carriers.flat_map(|carrier| (0..HEADS).map(move |head| (head, carrier)))
    {
        let line = |said: &Said| with_carrier(carrier, &day, said, &with_head(head, &day, said));
        let log: Vec<_> = said.iter().flatten().map(line).collect();
        let outcome = shell.feed("extract-ip --key ip", log.join("\n").as_bytes());
        assert_eq!(outcome.out, "", "{log:#?}");
    }
    let logfmt = |words: &String| format!("time=2026-03-30T02:16:17Z msg=\"{}\"", escaped(words));
    let log = words.each_ref().map(logfmt);
    let outcome = shell.feed("extract-ip --key ip", log.join("\n").as_bytes());
    assert_eq!(
        (outcome.out.as_str(), outcome.status),
        ("", Some(2)),
        "{log:#?}"
    );
}
