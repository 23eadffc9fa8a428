//! A made-up month of logins: thirty password sprays amid two thousand users, who mistype.

use std::collections::{BTreeMap, BTreeSet};

use crate::count_ip;

const USERS: u32 = 2_000;
const SPRAYS: u32 = 30;
const DAY: u32 = 86_400;
/// The window of both rules of the test, in seconds.
const HOUR: u32 = 3_600;

/// One login that failed, or not.
struct Login {
    second: u32,
    address: String,
    user: String,
    success: bool,
}

/// The month, sorted by time, and the addresses of the sprays, each with its user.
struct Month {
    logins: Vec<Login>,
    sprays: Vec<(String, BTreeSet<String>)>,
}

fn month() -> Month {
    let mut random = fastrand::Rng::with_seed(30);
    let mut logins = Vec::new();
    let mut login = |second, address: &str, user: &str, success| {
        let (address, user) = (address.to_string(), user.to_string());
        logins.push(Login {
            second,
            address,
            user,
            success,
        });
    };
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
                // One in ten mistypes, up to four times; one in fifty of those gives up.
                if random.u32(..10) == 0 {
                    for _ in 0..random.u32(1..5) {
                        login(second, address, &name, false);
                        second += random.u32(3..40);
                    }
                    if random.u32(..50) == 0 {
                        continue;
                    }
                }
                login(second, address, &name, true);
            }
        }
    }
    let mut sprays = Vec::new();
    for spray in 0..SPRAYS {
        // Most names are real, and their owners work meanwhile.
        let user = match random.u32(..3) {
            0 => "root".into(),
            _ => format!("user{}", random.u32(..USERS)),
        };
        let begin = spray * DAY + random.u32(8 * HOUR..18 * HOUR);
        let number = random.u32(25..200);
        let address = |i| format!("203.{}.{}.{}", spray, i / 250, i % 250);
        let addresses: BTreeSet<_> = (0..number).map(address).collect();
        for address in &addresses {
            login(begin + random.u32(..50 * 60), address, &user, false);
        }
        sprays.push((user, addresses));
    }
    logins.sort_by_key(|login| login.second);
    Month { logins, sprays }
}

fn records(logins: &[Login]) -> String {
    let record = |login: &Login| {
        let Login {
            second,
            address,
            user,
            success,
        } = login;
        let (day, hour) = (second / DAY + 1, second / HOUR % 24);
        let (minute, second) = (second / 60 % 60, second % 60);
        let rule = if *success {
            "sshd/accepted\tsuccess=yes"
        } else {
            "sshd/failed"
        };
        format!(
            "{address}\tat=2026-06-{day:02}T{hour:02}:{minute:02}:{second:02}Z\t\
             user={user}\trule={rule}\n"
        )
    };
    logins.iter().map(record).collect()
}

/// The addresses that the rule prints, with the user of each record.
fn printed(rule: &[&str], input: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (output, error, _) = count_ip(rule, input.as_bytes());
    assert_eq!(error, "");
    let mut printed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in output.lines() {
        let (address, fields) = line.split_once('\t').unwrap();
        let user = fields.split('\t').find_map(|f| f.strip_prefix("user="));
        let users = printed.entry(address.into()).or_default();
        users.insert(user.unwrap().into());
    }
    printed
}

#[test]
fn sprays_are_found_and_users_are_not() {
    let month = month();
    let input = records(&month.logins);
    let forgive = ["--forgive", "rule=sshd/accepted"];
    let spray = [
        "--by",
        "user",
        "--distinct",
        "address",
        "-n",
        "20",
        "-w",
        "1h",
    ];
    let found = printed(&[&spray[..], &forgive[..]].concat(), &input);
    let all = |(user, addresses): &&(String, BTreeSet<String>)| {
        let has = |address| found.get(address).is_some_and(|users| users.contains(user));
        addresses.iter().all(has)
    };
    let sprays = month.sprays.iter().filter(all).count();
    let real = |found: &BTreeMap<String, BTreeSet<String>>| {
        let real = found.keys().filter(|address| address.starts_with("198."));
        real.cloned().collect::<Vec<_>>()
    };
    let hit = real(&found);
    // An address of a user who had logged in there within the hour before it could be printed: at
    // a failure, or when the spray's twentieth address came.
    let twentieth = |user: &String| {
        let (_, addresses) = month.sprays.iter().find(|(name, _)| name == user)?;
        let of_spray = month
            .logins
            .iter()
            .filter(|l| addresses.contains(&l.address));
        of_spray.map(|login| login.second).nth(19)
    };
    let logged_in = |address: &String| {
        let of = |login: &&Login| login.address == *address && found[address].contains(&login.user);
        let at: Vec<_> = month.logins.iter().filter(of).collect();
        at.iter().filter(|login| !login.success).any(|failure| {
            let printed = failure.second.max(twentieth(&failure.user).unwrap_or(0));
            let before = |login: &&Login| {
                let since = printed.checked_sub(login.second);
                login.success && since.is_some_and(|since| since < HOUR)
            };
            failure.second + HOUR > printed && at.iter().copied().any(|login| before(&login))
        })
    };
    let wrong: Vec<_> = hit.iter().filter(|address| logged_in(address)).collect();
    // By address alone: five failures in an hour, with and without successes that forgive.
    let five = ["-n", "5", "-w", "1h"];
    let forgiving = real(&printed(&[&five[..], &forgive[..]].concat(), &input));
    let failures = month.logins.iter().filter(|login| !login.success);
    let failures: Vec<_> = failures.map(|l| (l.second, &l.address)).collect();
    println!(
        "{} logins, {} failures; sprays found {sprays} of {SPRAYS}; users' addresses banned by \
         --by user: {}, of them with a login before: {}; by five failures in an hour: {}",
        month.logins.len(),
        failures.len(),
        hit.len(),
        wrong.len(),
        forgiving.len(),
    );
    assert_eq!(sprays, SPRAYS as usize);
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(hit.len() < 5, "{hit:?}");
}
