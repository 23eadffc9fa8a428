//! TIME beside the real at(1): the same minute, or both refuse.

use std::path::PathBuf;
use std::process::Command;

use chrono::NaiveDateTime;
use pipeban::time::{Time, Zone, parse_at_in};

use crate::common::left_out;

/// All forms that at(1) reads, and some that it refuses. Intended differences are described at
/// `parse_at`, and are not here.
const SPECS: &str = "\
    now|NOW|now + 1 minute|now+1minute|now + 1 minutes|now + 2 min|now+1hour|now + 1 hours|\
    now + 36 hours|now + 2 days|now+1day|now + 3 weeks|now + 1 month|now + 12 months|\
    now + 2 years|now + 0 minutes|now - 0 hours|now + 001 hour|now + 12345 minutes|\
    now + 100 days|now - 1 minute|now - 2 days|now - 1 year|now +1|now+1|now + 1 h|now + 2 mins|\
    now + -1 hour|now + 1 hour + 1 hour|now tomorrow|now next week|now 12:00|noon|Noon|midnight|\
    MIDNIGHT|teatime|noon today|midnight today|teatime today|noon tomorrow|midnight tomorrow|\
    teatime tomorrow|noontomorrow|noon monday|midnight friday|teatime next week|noonish|\
    noon noon|0:00|00:00|0:01|1:23|01:23|9:05|09:05|11:59|12:00|12:01|12:59|13:00|16:00|23:58|\
    23:59|24:00|24:30|23:60|9:60|9:61|25:00|9:5|9:|:30|16:00:30|16.00|16,00|16'00|16h00|16H00|\
    16;00|16-00|9:0512|0000|0001|0100|0959|1200|1600|2359|2400|2430|1260|1600 today|\
    1600 tomorrow|1600tomorrow|0100am|1300 pm|12am|12pm|0am|0pm|1am|1 am|4pm|4PM|4 Pm|11pm|13am|\
    13pm|4p|4 p.m.|4:30pm|4:30 PM|4h30pm|4.30 am|12:30am|12:30pm|13:30pm|4pmtomorrow|\
    4 pm tomorrow|today|tomorrow|TOMORROW|tomorrow - 1 hour|tomorrow + 1 week|to morrow|tonight|\
    0:00 tomorrow|23:59 today|0:00 today|4pm today|4am tomorrow|sun|mon|tue|wed|thu|fri|sat|\
    sunday|monday|tuesday|wednesday|thursday|friday|saturday|tues|thurs|sund|0:00 sun|9:00 mon|\
    10am tue|noon wed|1600 thu|4:30pm fri|midnight saturday|next minute|next hour|next day|\
    next week|next month|next year|next weeks|next monday|next sun|noon next day|9:00 next month|\
    9:00 next year|9:00 next friday|next|next 2 weeks|next jan|next week + 1 day|\
    next month - 1 day|jan 1|feb 1|mar 1|apr 1|may 1|jun 1|jul 1|aug 1|sep 1|oct 1|nov 1|dec 1|\
    january 31|february 28|march 31|april 30|june 30|july 31|august 31|september 30|october 31|\
    november 30|december 31|feb 29|feb 30|apr 31|jan 0|jan 32|sept 1|Jul 31|JUL31|31 jul|31jul|\
    10am Jul 31|10:30 31 July|10am jul 31st|noon dec 24|dec 24 2029|dec 24, 2029|dec 24 , 2029|\
    dec 24,2029|dec 24 29|dec 2, 29|24 dec 2029|24 dec 29|24 dec, 2029|6pm dec 24 2029|\
    6pm dec 24, 2029|dec 24 129|dec 24 2019|dec 24 99|feb 29 2028|feb 30 2028|\
    1800 24 december 2029|12/24/29|12/24/2029|1/2/29|01/02/29|1 / 2 / 2029|12/24|24/12/29|0/1/29|\
    1/32/29|2/30/29|6pm 12/24/29|18:00 12/24/2029|12/24/129|12/24/19|24.12.29|24.12.2029|1.2.29|\
    01.02.2029|1.2.029|24.12|30.02.2029|32.1.2029|1.13.2029|29.2.2028|6pm 24.12.29|\
    18.00 24.12.2029|2029-12-24|29-12-24|2029-1-2|29-1-2|2029-02-30|2029-13-01|2028-02-29|\
    129-1-1|1-2-2029|18:00 2029-12-24|18:00 29-12-24|2019-01-01|122429|12242029|10229|1022029|\
    6pm 122429|1800 12242029|20291224 noon|023029|16:00 + 1 day|16:00+1day|4pm + 3 days|\
    11am + 2 hours|noon + 90 minutes|noon - 5 minutes|0:30 + 1 hour|23:30 + 1 hour|\
    midnight + 1 minute|teatime tomorrow - 30 minutes|monday + 1 week|jul 31 + 1 year|\
    6pm dec 24 2029 - 1 month|12/24/29 + 36 hours|2029-12-24 - 1 week|31 dec 2029 + 2 months|\
    jan 30 2029 + 1 month|+ 1 hour|noon +|noon + 1|noon - hour|4pm utc tomorrow|\
    16:00 UTC dec 24 2029|0:00utc 24.12.2029|noon utc next week|now utc|tomorrow utc|4pm gmt|\
    4pm tomorrow utc|16:00 UTC monday|1600 utc 2029-12-24 + 1 day||hello|month|day|am|,|+|-|now.|\
    now,|é|1 tomorrow|160 tomorrow|4 tomorrow";

/// Asks at(1) for the time of a job, for each of [`SPECS`] in turn, between two lines that tell its
/// clock.
///
/// An empty directory covers the jobs' directory, in a namespace of its own: at finds no lock file
/// there, so no job is ever queued. Nothing of the host is touched.
const ASK: &str = r#"
    mount -t tmpfs tmpfs /var/spool/cron/atjobs && date +%s || exit 1
    for spec do at -v -f /dev/null "$spec" 2>&1 | head -n 1; done
    date +%s
"#;

/// The answers of at(1) under this clock (libfaketime's), or under the host's; `None` if it can't
/// be asked.
fn ask(zone: &str, clock: Option<&(PathBuf, &str)>) -> Option<(i64, i64, Vec<String>)> {
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", ASK, "sh"])
        .args(SPECS.split('|'));
    command.env("TZ", zone).env("LC_ALL", "C");
    if let Some((library, clock)) = clock {
        command.env("LD_PRELOAD", library).env("FAKETIME", clock);
    }
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let after = lines.pop()?.parse().ok()?;
    let before = lines.remove(0).parse().ok()?;
    Some((before, after, lines))
}

/// The library by which a program sees another clock, if Debian's `libfaketime` is installed.
fn faketime() -> Option<PathBuf> {
    let found = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut libraries = found.map(|e| e.path().join("faketime/libfaketime.so.1"));
    libraries.find(|path| path.exists())
}

/// Compares every specification, `offset` seconds east of UTC, and says how many at read.
fn compare(offset: i32, (now, answers): (i64, &[String])) -> usize {
    assert_eq!(answers.len(), SPECS.split('|').count());
    let mut differ = Vec::new();
    let mut read = 0;
    for (spec, answer) in SPECS.split('|').zip(answers) {
        let at = NaiveDateTime::parse_from_str(answer, "%a %b %e %H:%M:%S %Y")
            .map(|t| (t.and_utc().timestamp() - i64::from(offset)) / 60);
        read += usize::from(at.is_ok());
        let ours = parse_at_in(&Zone::Fixed(offset), spec, Time::from_secs(now));
        if ours.as_ref().ok().map(|t| t.secs() / 60) != at.ok() {
            differ.push(format!("{spec:?}: at says {answer}, we {ours:?}"));
        }
    }
    assert!(differ.is_empty(), "at {now}: {differ:#?}");
    read
}

#[test]
fn same_minute_as_at() {
    let installed = Command::new("at").arg("-V").output();
    if installed.is_err() {
        return left_out("at is not installed");
    }
    // Again if a minute ended meanwhile: at and we would not have meant the same now.
    let asked = (0..9).find_map(|_| ask("UTC0", None).filter(|a| a.0 / 60 == a.1 / 60));
    let Some((now, _, answers)) = asked else {
        return left_out("at can't be asked in a namespace of its own");
    };
    let read = compare(0, (now, &answers));
    println!("at reads {read} of {} specifications", answers.len());
    assert!(read > 200);

    let Some(library) = faketime() else {
        return left_out("libfaketime is not installed: only this minute was tried");
    };
    for clock in [
        "2026-11-22 12:10:30", // a Sunday
        "2026-12-31 23:59:59",
        "2027-01-31 00:00:00",
        "2027-03-01 15:59:00",
        "2028-02-29 16:00:59",
    ] {
        let (now, _, answers) = ask("<+0530>-5:30", Some(&(library.clone(), clock))).unwrap();
        compare(19_800, (now, &answers));
    }
}
