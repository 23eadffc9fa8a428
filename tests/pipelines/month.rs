//! A made-up month of a log of sshd: thirty password sprays amid two thousand users, who mistype.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::common::Shell;

const USERS: u32 = 2_000;
const SPRAYS: u32 = 30;
const DAY: u32 = 86_400;
/// The window of the rules of the test, in seconds.
const HOUR: u32 = 3_600;

/// One login that failed, or not.
struct Login {
    second: u32,
    address: String,
    user: String,
    success: bool,
    /// The process of the connection.
    pid: u32,
}

/// The addresses that tried each name.
type Spray = BTreeMap<String, BTreeSet<String>>;

/// The month, sorted by time, and its sprays.
struct Month {
    logins: Vec<Login>,
    sprays: Vec<Spray>,
}

fn month() -> Month {
    let mut random = fastrand::Rng::with_seed(30);
    let mut logins = Vec::new();
    let mut login = |second, address: &str, user: &str, success, pid| {
        let (address, user) = (address.to_string(), user.to_string());
        logins.push(Login {
            second,
            address,
            user,
            success,
            pid,
        });
    };
    let mut pid = 0;
    for user in 0..USERS {
        let name = format!("user{user}");
        // Some share the address of an office, some have two.
        let home = match random.u32(..4) {
            0 => format!("198.18.255.{}", random.u8(..20)),
            _ => format!("198.18.{}.{}", user / 250, user % 250),
        };
        let other = format!("198.19.{}.{}", user / 250, user % 250);
        for day in 0..30 {
            for _ in 0..random.u32(..4) {
                let mut second = day * DAY + 7 * HOUR + random.u32(..12 * HOUR);
                let address = if random.u32(..5) == 0 { &other } else { &home };
                pid += 1;
                // One in ten mistypes, up to four times; one in fifty of those gives up.
                if random.u32(..10) == 0 {
                    for _ in 0..random.u32(1..5) {
                        login(second, address, &name, false, pid);
                        second += random.u32(3..40);
                    }
                    if random.u32(..50) == 0 {
                        continue;
                    }
                }
                login(second, address, &name, true, pid);
            }
        }
    }
    let mut sprays = Vec::new();
    for number in 0..SPRAYS {
        let begin = number * DAY + random.u32(8 * HOUR..18 * HOUR);
        let mut spray = Spray::new();
        let mut addresses = (0..u8::MAX).flat_map(|a| (0..250).map(move |b| (a, b)));
        // A handful of names; most are real, and their owners work meanwhile.
        for _ in 0..random.u32(1..6) {
            let user = match random.u32(..3) {
                0 => ["root", "admin", "oracle"][random.usize(..3)].into(),
                _ => format!("user{}", random.u32(..USERS)),
            };
            let address = |(a, b)| format!("203.{number}.{a}.{b}");
            let mine = addresses.by_ref().take(random.usize(25..200)).map(address);
            spray.entry(user).or_default().extend(mine);
        }
        for (user, addresses) in &spray {
            for address in addresses {
                pid += 1;
                login(begin + random.u32(..50 * 60), address, user, false, pid);
            }
        }
        sprays.push(spray);
    }
    logins.sort_by_key(|login| login.second);
    Month { logins, sprays }
}

/// The lines that sshd writes.
fn log(logins: &[Login]) -> String {
    let line = |login: &Login| {
        let Login {
            second,
            address,
            user,
            success,
            pid,
        } = login;
        let (day, hour) = (second / DAY + 1, second / HOUR % 24);
        let (minute, second) = (second / 60 % 60, second % 60);
        let head = format!(
            "2026-06-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00 host sshd-session[{pid}]: "
        );
        let port = 1024 + pid % 60_000;
        let from = format!("from {address} port {port}");
        if *success {
            return format!(
                "{head}Accepted password for {user} {from} ssh2\n{head}pam_unix(sshd:session): \
                 session opened for user {user}(uid=1000) by {user}(uid=0)\n"
            );
        }
        match user.starts_with("user") || user == "root" {
            true => format!(
                "{head}pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh \
                 ruser= rhost={address}  user={user}\n\
                 {head}Failed password for {user} {from} ssh2\n"
            ),
            false => format!(
                "{head}Invalid user {user} {from}\n\
                 {head}Failed password for invalid user {user} {from} ssh2\n\
                 {head}Connection closed by invalid user {user} {address} port {port} [preauth]\n"
            ),
        }
    };
    logins.iter().map(line).collect()
}

/// The time of a field `last=`, in seconds of the month.
fn second(time: &str) -> u32 {
    let part = |place: usize| time[place..place + 2].parse::<u32>().unwrap();
    (part(8) - 1) * DAY + part(11) * HOUR + part(14) * 60 + part(17)
}

/// The records that count-ip prints by a rule: address, user, and the time of its last event.
fn printed(shell: &Shell, presets: &str, rule: &str) -> Vec<(String, String, u32)> {
    let outcome = shell.run(&format!(
        "extract-ip --preset {presets} --with user --time {} | count-ip {rule}",
        shell.path("auth.log").display()
    ));
    assert_eq!(outcome.err, "");
    let record = |line: &str| {
        let field = |key: &str| {
            let mut fields = line.split('\t');
            fields
                .find_map(|f| f.strip_prefix(key))
                .unwrap()
                .to_string()
        };
        let address = line.split('\t').next().unwrap().to_string();
        (address, field("user="), second(&field("last=")))
    };
    outcome.out.lines().map(record).collect()
}

#[test]
fn sprays_are_found_and_users_are_not() {
    let month = month();
    let shell = Shell::new();
    fs::write(shell.path("auth.log"), log(&month.logins)).unwrap();
    let both = "sshd,sshd/accepted";
    let forgive = "--forgive rule=sshd/accepted";
    let spray = "--by user --distinct address -n 20 -w 1h";
    let found = printed(&shell, both, &format!("{spray} {forgive}"));
    let named: BTreeSet<_> = found.iter().map(|(a, user, _)| (user, a)).collect();
    let all = |spray: &&Spray| {
        let mut names = spray.iter();
        names.all(|(user, addresses)| addresses.iter().all(|a| named.contains(&(user, a))))
    };
    let sprays = month.sprays.iter().filter(all).count();
    // A user's address is printed at a failure, or when a spray's twentieth address comes.
    let twentieths = |user: &String| {
        let of = month.sprays.iter().filter_map(|spray| spray.get(user));
        let of_one = |addresses: &BTreeSet<String>| {
            let mut of = month
                .logins
                .iter()
                .filter(|l| addresses.contains(&l.address));
            of.nth(19).map(|login| login.second)
        };
        of.filter_map(of_one).collect::<Vec<_>>()
    };
    let is_real = |record: &&(String, String, u32)| record.0.starts_with("198.");
    let hit: Vec<_> = found.iter().filter(is_real).collect();
    let logged_in = |(address, user, last): &(String, String, u32)| {
        let own = month.logins.iter();
        let own = own.filter(|l| l.success && l.address == *address && l.user == *user);
        let own: Vec<_> = own.map(|login| login.second).collect();
        let within = |time: u32| own.iter().any(|at| *at <= time && time - at < HOUR);
        let later = twentieths(user).into_iter().filter(|time| time >= last);
        let mut printed = later.filter(|time| time - last < HOUR).chain([*last]);
        printed.any(within)
    };
    let wrong: Vec<_> = hit.iter().filter(|record| logged_in(record)).collect();
    let real = |records: Vec<(String, String, u32)>| {
        let real = records.iter().filter(is_real).map(|(address, ..)| address);
        real.cloned().collect::<BTreeSet<_>>()
    };
    // By address alone: five failures in an hour, with and without successes that forgive.
    let five = "-n 5 -w 1h";
    let forgiving = real(printed(&shell, both, &format!("{five} {forgive}")));
    let plain = real(printed(&shell, "sshd", five));
    // Five names from one address: people of one office.
    let names = real(printed(
        &shell,
        both,
        &format!("--distinct user {five} {forgive}"),
    ));
    let failures = month.logins.iter().filter(|login| !login.success).count();
    println!(
        "{} logins, {failures} failures; sprays found {sprays} of {SPRAYS}; users' addresses \
         banned by --by user: {}, of them with a login before: {}; by five failures in an hour: {} \
         without --forgive, {} with it, {} by five names",
        month.logins.len(),
        hit.len(),
        wrong.len(),
        plain.len(),
        forgiving.len(),
        names.len(),
    );
    assert_eq!(sprays, SPRAYS as usize);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(hit.len() < 5, "{hit:?}");
    // The successes were read: without them more are banned.
    assert!(
        plain.len() > 2 * forgiving.len(),
        "{} {}",
        plain.len(),
        forgiving.len()
    );
}

/// One line of sshd for each word: `f:NAME` a failure, `a:NAME` a login, `d:TEXT` a farewell.
fn lines(events: &[String]) -> String {
    let line = |(second, event): (usize, &String)| {
        let (kind, text) = event.split_once(':').unwrap();
        let words = match kind {
            "f" => format!("Failed password for {text} from 203.0.113.7 port 5 ssh2"),
            "a" => format!("Accepted password for {text} from 203.0.113.7 port 5 ssh2"),
            _ => format!("Received disconnect from 203.0.113.7 port 5:11: {text}"),
        };
        format!("2026-06-01T00:00:{second:02}Z host sshd[{second}]: {words}\n")
    };
    events.iter().enumerate().map(line).collect()
}

/// The figures of count-ip(1), from a log: one valid account is worth nothing for other names, and
/// for its own eight failures in a window in place of four; the words of a success nothing at all.
#[test]
fn an_adversary_in_a_log() {
    let shell = Shell::new();
    let printed = |events: &[String], presets: &str, rule: &str| {
        fs::write(shell.path("auth.log"), lines(events)).unwrap();
        let rule = format!("-n 5 -w 10m {rule} --forgive rule=sshd/accepted");
        printed(&shell, presets, &rule).len()
    };
    let both = "sshd,sshd/accepted";
    let others = (0..5).flat_map(|i| [format!("f:victim{i}"), "a:own".into()]);
    let others: Vec<_> = others.collect();
    assert_eq!(printed(&others, both, ""), 1);
    assert_eq!(printed(&others, both, "--distinct user"), 1);
    let own = |after: usize| {
        let events = ["f:own"; 4].iter().chain(&["a:own"]);
        let events = events.chain(["f:own"; 5].iter().take(after));
        events.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        (printed(&own(4), both, ""), printed(&own(5), both, "")),
        (0, 1)
    );
    let success = "Accepted password for victim from 203.0.113.7 port 5 ssh2";
    let forged = [
        "f:victim".into(),
        format!("d:{success}"),
        format!("f:invalid user {success}"),
    ];
    let forged: Vec<_> = forged.iter().cycle().take(15).cloned().collect();
    // Five failures of each name, ten in all.
    assert_eq!(printed(&forged, both, ""), 2);
    assert_eq!(printed(&forged, "sshd/accepted", ""), 0);
}
