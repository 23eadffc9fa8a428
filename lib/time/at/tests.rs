use chrono::DateTime;

use super::super::zone::tests::{NEW_YORK, posix};
use super::*;

/// Reads RFC 3339, here without Time's own reader.
fn time(text: &str) -> Time {
    Time(
        DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp_micros(),
    )
}

/// The meaning of each TIME in `zone` at `now`; an empty moment is an error.
fn check(zone: &Zone, now: &str, rows: &[(&str, &str)]) {
    for (text, when) in rows {
        let read = parse_at_in(zone, text, time(now));
        let wanted = if when.is_empty() {
            None
        } else {
            Some(time(when))
        };
        assert_eq!(read.clone().ok(), wanted, "{text} at {now}: {read:?}");
    }
}

#[test]
fn exact_to_the_second() {
    let rows = [
        ("now", "2026-11-22T12:10:30.5Z"),
        ("now + 1 minute", "2026-11-22T12:11:30.5Z"),
        ("now+1hour", "2026-11-22T13:10:30.5Z"),
        ("next week", "2026-11-29T12:10:30.5Z"),
        ("Jul 31", "2027-07-31T12:10:30.5Z"),
        ("90", "2026-11-22T12:12:00.5Z"),
        ("16:00", "2026-11-22T16:00:00Z"),
        ("12:11", "2026-11-22T12:11:00Z"),
        // This minute is still now, but a ban can't end before it.
        ("12:10 today", "2026-11-22T12:10:30.5Z"),
        ("12:09 today", ""),
        // As a time of day alone, this minute is past.
        ("12:10", "2026-11-23T12:10:00Z"),
    ];
    check(&Zone::UTC, "2026-11-22T12:10:30.5Z", &rows);
}

#[test]
fn more_than_at_reads() {
    let rows = [
        ("2026-12-24 18:00", "2026-12-24T18:00:00Z"),
        ("24.12.2026 6pm", "2026-12-24T18:00:00Z"),
        ("tomorrow noon", "2026-11-23T12:00:00Z"),
        ("monday 9:00 + 1 week", "2026-11-30T09:00:00Z"),
        ("Jul 31 10am", "2027-07-31T10:00:00Z"),
        ("31 Jul 1800 10am", ""), // the year 1800
        ("tomorrow noon 9:00", ""),
        ("1h30m", "2026-11-22T13:40:30Z"),
        ("2d", "2026-11-24T12:10:30Z"),
        ("1800", "2026-11-22T18:00:00Z"),
        ("1800s", "2026-11-22T12:40:30Z"),
        ("3600", "2026-11-22T13:10:30Z"),
        ("86400", "2026-11-23T12:10:30Z"),
        ("112426", "2026-11-24T12:10:30Z"),
        ("1h30", "2026-11-23T01:30:00Z"),
        ("2026-12-24T18:00:00+09:00", "2026-12-24T09:00:00Z"),
        ("2026-11-22T12:10:29Z", "2026-11-22T12:10:30Z"),
        ("2026-11-22T12:09:59Z", ""),
    ];
    check(&Zone::UTC, "2026-11-22T12:10:30Z", &rows);
}

#[test]
fn not_a_time() {
    let rows = [
        "",
        " ",
        "never",
        "+ 1 hour",
        "now + 1",
        "now +",
        "now + 1 fortnight",
        "now + 2 mins",
        "now + -1 hour",
        "now + 1 hour + 1 hour",
        "now tomorrow",
        "25:00",
        "12:61",
        "13pm",
        "9:5",
        "4p",
        "noonish",
        "tues",
        "sept 1",
        "jan 32",
        "13/1/27",
        "2027-02-30",
        "30.02.2027",
        "7/31",
        "16:00:30",
        "nov 22,",
        "next",
        "1 2",
        "é",
        "１６:00",
        "now + 999999999999999999 years",
        "now + 99999999999999999999 minutes",
        "now + 8000 years",
        "noon - 1 year",
        "10am Nov 21 2026",
        "now - 1 minute",
        "99999999w",
    ]
    .map(|text| (text, ""));
    check(&Zone::UTC, "2026-11-22T12:10:30Z", &rows);
}

#[test]
fn clocks_set_forward() {
    let zone = posix(NEW_YORK); // 02:00 becomes 03:00 on 2026-03-08
    let rows = [
        ("2:30", "2026-03-08T03:30:00-04:00"),
        ("3:30", "2026-03-08T03:30:00-04:00"),
        ("3:30 - 1 hour", "2026-03-08T01:30:00-05:00"),
        ("now + 14 hours", "2026-03-08T03:10:30-04:00"),
        ("now + 1 day", "2026-03-08T12:10:30-04:00"),
        ("now + 24 hours", "2026-03-08T13:10:30-04:00"),
    ];
    check(&zone, "2026-03-07T12:10:30-05:00", &rows);
    let rows = [("now + 1 hour", "2026-03-08T03:30:10-04:00")];
    check(&zone, "2026-03-08T01:30:10-05:00", &rows);
}

#[test]
fn clocks_set_back() {
    let zone = posix(NEW_YORK); // 02:00 becomes 01:00 on 2026-11-01
    let rows = [
        ("1:30", "2026-11-01T01:30:00-04:00"),
        ("1:30 Nov 1 + 1 hour", "2026-11-01T01:30:00-05:00"),
        ("2:30", "2026-11-01T02:30:00-05:00"),
        ("now + 1 day", "2026-11-01T12:10:30-05:00"),
        ("now + 24 hours", "2026-11-01T11:10:30-05:00"),
    ];
    check(&zone, "2026-10-31T12:10:30-04:00", &rows);
    // In the first hour and in the second.
    let rows = [
        ("now", "2026-11-01T01:40:10-04:00"),
        ("today", "2026-11-01T01:40:10-04:00"),
        ("1:50", "2026-11-01T01:50:00-04:00"),
        ("1:30", "2026-11-01T01:30:00-05:00"),
    ];
    check(&zone, "2026-11-01T01:40:10-04:00", &rows);
    let rows = [
        ("now", "2026-11-01T01:40:10-05:00"),
        ("today", "2026-11-01T01:40:10-05:00"),
        ("1:50", "2026-11-01T01:50:00-05:00"),
        ("1:30", "2026-11-02T01:30:00-05:00"),
    ];
    check(&zone, "2026-11-01T01:40:10-05:00", &rows);
}

#[test]
fn utc_elsewhere() {
    let rows = [
        ("16:00 UTC", "2026-11-23T16:00:00Z"),
        ("18:00utc", "2026-11-22T18:00:00Z"),
        ("midnight utc", "2026-11-23T00:00:00Z"),
        ("16:00 utc nov 25", "2026-11-25T16:00:00Z"),
        ("1am utc tomorrow", "2026-11-23T01:00:00Z"),
        ("now utc", ""),
    ];
    check(&posix(NEW_YORK), "2026-11-22T12:10:30-05:00", &rows);
}
