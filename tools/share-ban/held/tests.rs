use super::*;
use pipeban::address::Address;

const NOW: Time = Time::from_secs(1_774_804_577);

fn bounds(limit: usize) -> Bounds {
    Bounds {
        limit,
        rate: 1,
        max: Duration::from_secs(1_000),
        widest: (24, 48),
    }
}

fn target(text: &str) -> Target {
    Target::parse(text.as_bytes()).expect("a target")
}

fn at(seconds: i64) -> Time {
    Time::from_secs(NOW.secs() + seconds)
}

fn ban(text: &str, until: Option<i64>) -> Message {
    Message {
        target: target(text),
        since: Some(at(-10)),
        end: End::Until(until.map(at)),
        notes: vec![],
    }
}

fn lift(text: &str, seconds: i64) -> Message {
    Message {
        end: End::Lifted(at(seconds)),
        ..ban(text, None)
    }
}

/// A table with its bounds, and the records that it passes on.
struct Table {
    held: Held,
    bounds: Bounds,
    exempt: Exempt,
    moment: Moment,
}

impl Table {
    fn new(limit: usize) -> Self {
        let instant = Instant::now();
        Table {
            held: Held::new("web1", &bounds(limit), instant),
            bounds: bounds(limit),
            exempt: Exempt::default(),
            moment: Moment {
                now: NOW,
                instant,
                left: None,
            },
        }
    }

    fn take(&mut self, message: &Message) -> Result<String, Reason> {
        let mut out = vec![];
        let (bounds, exempt) = (&self.bounds, &self.exempt);
        self.held
            .take(message, self.moment, bounds, exempt, &mut out)
            .map(|()| shown(&out))
    }

    fn compare(&mut self, bans: &[(&str, Option<i64>)]) -> (Compared, String) {
        let mut sum = Sum::default();
        bans.iter()
            .for_each(|(text, until)| sum.add(&target(text), until.map(at)));
        let hello = Hello {
            at: NOW,
            sum,
            addresses: vec![],
        };
        let mut out = vec![];
        let compared = self.held.compare(&hello, self.bounds.limit, &mut out);
        (compared, shown(&out))
    }
}

/// Records as `ADDRESS since until lifted`, in seconds from now.
fn shown(records: &[Record]) -> String {
    let text = |record: &Record| {
        assert_eq!(record.get("origin").as_deref(), Some(&b"web1"[..]));
        let mut text = record.address.to_string();
        for key in ["since", "until", "lifted"] {
            if let Some(time) = record.get(key).and_then(|text| Time::parse(&text)) {
                text += &format!(" {key}={}", time.secs() - NOW.secs());
            }
        }
        text
    };
    records.iter().map(text).collect::<Vec<_>>().join(", ")
}

#[test]
fn ends() {
    let mut table = Table::new(10);
    let take = |table: &mut Table, until, left: Option<u64>| {
        table.moment.left = left.map(Duration::from_secs);
        table.take(&ban("192.0.2.1", until))
    };
    let good = |text: &str| Ok(text.to_string());
    assert_eq!(
        take(&mut table, Some(60), None),
        good("192.0.2.1 since=-10 until=60")
    );
    assert_eq!(take(&mut table, Some(60), Some(60)), good(""));
    assert_eq!(
        take(&mut table, Some(90), Some(90)),
        good("192.0.2.1 since=-10 until=90")
    );
    assert_eq!(
        take(&mut table, None, None),
        good("192.0.2.1 since=-10 until=1000")
    );
    let shorter = "192.0.2.1 lifted=-10, 192.0.2.1 since=-9 until=30";
    assert_eq!(take(&mut table, Some(30), Some(30)), good(shorter));
    // This clock is behind: the broker's count holds.
    let longer = "192.0.2.1 since=-9 until=70";
    assert_eq!(take(&mut table, Some(600), Some(69)), good(longer));
    // And ahead.
    let mut table = Table::new(10);
    assert_eq!(take(&mut table, Some(-600), Some(60)), Err(Reason::Over));
    assert_eq!(table.held.len(), 0);
}

#[test]
fn lifts() {
    let mut table = Table::new(10);
    assert_eq!(
        table.take(&lift("192.0.2.9", -1)).as_deref(),
        Ok("192.0.2.9 lifted=-1")
    );
    table.take(&ban("192.0.2.1", Some(60))).expect("good");
    assert_eq!(table.compare(&[("192.0.2.1", Some(60))]).0, Compared::Same);
    assert_eq!(
        table.take(&lift("192.0.2.1", -1)).as_deref(),
        Ok("192.0.2.1 lifted=-1")
    );
    assert_eq!(
        table.take(&lift("192.0.2.1", -1)).as_deref(),
        Ok(""),
        "twice"
    );
    assert_eq!(
        table.take(&lift("192.0.2.9", -1)).as_deref(),
        Ok(""),
        "it is known to be none"
    );
}

#[test]
fn refusals() {
    let mut table = Table::new(10);
    let net = Address::parse(b"198.51.100.7").expect("an address");
    table.exempt.set_never(vec![net]);
    for (text, reason) in [
        ("0.0.0.0/1", Reason::Prefix),
        ("192.0.0.0/23", Reason::Prefix),
        ("2000::/3", Reason::Prefix),
        ("198.51.100.0/24", Reason::Exempt),
        ("198.51.100.7", Reason::Exempt),
    ] {
        assert_eq!(table.take(&ban(text, Some(60))), Err(reason), "{text}");
    }
    assert_eq!(table.held.len(), 0);
    table.take(&ban("192.0.2.0/24", Some(60))).expect("good");
    // They were told, so the sum is right.
    let told = [
        ("0.0.0.0/1", Some(60)),
        ("192.0.0.0/23", Some(60)),
        ("2000::/3", Some(60)),
        ("198.51.100.0/24", Some(60)),
        ("198.51.100.7", Some(60)),
        ("192.0.2.0/24", Some(60)),
    ];
    assert_eq!(table.compare(&told).0, Compared::Same);
    // One that is protected later is lifted.
    let net = Address::parse(b"192.0.2.7").expect("an address");
    table.exempt.set_host("web2", &[net]);
    let mut out = vec![];
    table.held.look_at_exempt(&table.exempt, &mut out);
    assert_eq!(shown(&out), "192.0.2.0/24 lifted=-10");
    assert_eq!(table.held.len(), 0);
}

#[test]
fn limit_and_rate() {
    let mut table = Table::new(5);
    for i in 0..5 {
        table
            .take(&ban(&format!("192.0.2.{i}"), Some(60)))
            .expect("good");
    }
    assert_eq!(table.take(&ban("192.0.2.9", Some(60))), Err(Reason::Limit));
    assert_eq!(table.take(&lift("192.0.2.0", 0)), Err(Reason::Rate));
    table.moment.instant += Duration::from_secs(2);
    assert_eq!(
        table.take(&lift("192.0.2.0", 0)).as_deref(),
        Ok("192.0.2.0 lifted=0")
    );
    table
        .take(&ban("192.0.2.9", Some(60)))
        .expect("there is room");
    assert_eq!(table.held.len(), 5);
    let bans = [("192.0.2.1", None); 6];
    assert_eq!(table.compare(&bans).0, Compared::TooMany);
    // Bans that are over make room.
    table.moment.instant += Duration::from_secs(2);
    table.held.clock = at(61);
    assert!(table.take(&ban("192.0.2.10", Some(90))).is_ok());
    assert_eq!(table.held.bans.len(), 1);
}

#[test]
fn walks() {
    let mut table = Table::new(10);
    table.take(&ban("192.0.2.1", Some(60))).expect("good");
    table.take(&ban("192.0.2.2", Some(60))).expect("good");
    table
        .held
        .inherit(&ban("192.0.2.3", Some(60)), &table.bounds);
    table
        .held
        .inherit(&ban("192.0.2.4", Some(60)), &table.bounds);
    let all = [
        ("192.0.2.2", Some(60)),
        ("192.0.2.4", Some(60)),
        ("192.0.2.5", None),
    ];
    assert_eq!(table.compare(&all).0, Compared::Differs);
    table.held.begin_walk();
    for (text, until) in all {
        table.take(&ban(text, until)).expect("good");
    }
    let mut out = vec![];
    table.held.end_walk(at(5), &mut out);
    let mut lifted: Vec<String> = out.iter().map(|r| shown(std::slice::from_ref(r))).collect();
    lifted.sort();
    assert_eq!(lifted, ["192.0.2.1 lifted=5", "192.0.2.3 lifted=5"]);
    assert_eq!(table.compare(&all), (Compared::Same, String::new()));
    // Bans of an earlier run that their host does not have are lifted without a walk.
    table
        .held
        .inherit(&ban("192.0.2.6", Some(60)), &table.bounds);
    assert_eq!(
        table.compare(&all),
        (Compared::Same, "192.0.2.6 lifted=0".into())
    );
}

/// Whatever is told in whatever order, the table has no more than its limit, and after a walk all
/// that was passed on and not lifted is what its host has.
#[test]
fn random_changes() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..300 {
        let mut table = Table::new(200);
        table.bounds.rate = 1_000_000;
        table.held.bucket = Bucket::new(1_000_000, 1, table.moment.instant);
        let mut theirs: HashMap<Target, Option<i64>> = HashMap::new();
        let mut here: HashMap<String, i64> = HashMap::new();
        let mut lifts: HashMap<String, i64> = HashMap::new();
        let mut note = |here: &mut HashMap<String, i64>, text: String| {
            let number = |text: &str| text.parse::<i64>().expect("a number");
            for record in text.split(", ").filter(|record| !record.is_empty()) {
                let (address, times) = record.split_once(' ').expect("two words");
                if let Some(lifted) = times.strip_prefix("lifted=") {
                    lifts.insert(address.into(), number(lifted));
                    here.remove(address);
                    continue;
                }
                let times = times.strip_prefix("since=").expect("a ban");
                let (since, until) = times.split_once(" until=").expect("a ban");
                // To ban-ip a ban that began no later than its lift is lifted.
                let lift = lifts.get(address).copied().unwrap_or(i64::MIN);
                assert!(number(since) > lift, "{record} after {lift}");
                here.insert(address.into(), number(until));
            }
        };
        for _ in 0..random.usize(1..200) {
            let text = format!("192.0.2.{}", random.u8(..40));
            let until = random.bool().then(|| random.i64(1..900));
            let message = match random.u8(..3) {
                0 => {
                    theirs.remove(&target(&text));
                    lift(&text, 0)
                }
                _ => {
                    theirs.insert(target(&text), until);
                    ban(&text, until)
                }
            };
            // Some are lost.
            if random.u8(..4) > 0 {
                let records = table.take(&message).expect("good");
                note(&mut here, records);
            }
        }
        table.held.begin_walk();
        for (target, until) in &theirs {
            let records = table.take(&ban(&target.to_string(), *until)).expect("good");
            note(&mut here, records);
        }
        let mut out = vec![];
        table.held.end_walk(at(0), &mut out);
        note(&mut here, shown(&out));
        let theirs = theirs
            .iter()
            .map(|(target, until)| (target.to_string(), until.unwrap_or(1_000)));
        assert_eq!(here, theirs.collect::<HashMap<_, _>>());
    }
}
