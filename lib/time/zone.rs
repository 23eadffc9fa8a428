//! Time zones: the local one, one by its IANA name, UTC, or a fixed offset.

use std::env;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use nix::fcntl::OFlag;
use tz::timezone::TransitionRule;
use tz::{LocalTimeType, TimeZone, TimeZoneSettings};

/// The greatest size of a zone's file, in bytes; the largest of today has 5 KB.
const MAX_FILE: u64 = 1 << 20;
const DATABASE: &str = "/usr/share/zoneinfo";
const DAY: i64 = 86_400;

/// The rule by which clocks are set somewhere.
#[derive(Clone, Debug)]
pub enum Zone {
    /// Always this many seconds east of UTC.
    Fixed(i32),
    /// As the system's database of time zones says.
    Rules(Box<TimeZone>),
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Zone = Zone::Fixed(0);

    /// The zone that libc would use: the variable `TZ`, else `/etc/localtime`; UTC where that can't
    /// be read.
    pub fn local() -> Self {
        let name = env::var("TZ");
        by_variable(name.as_deref().unwrap_or("localtime")).unwrap_or(Zone::UTC)
    }

    /// The name in the variable `TZ` if nothing can be read by it.
    pub fn unread_local() -> Option<String> {
        let name = env::var_os("TZ").filter(|name| !name.is_empty())?;
        let name = name.to_string_lossy();
        by_variable(&name).is_none().then(|| name.into())
    }

    /// Reads `UTC`, an offset such as `+09:00`, `+0900` or `-3`, or a name from the system's
    /// database such as `Asia/Tokyo`.
    ///
    /// POSIX strings (`JST-9`) are not read: their sign is the reverse of what `UTC+9` suggests.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("UTC") || text == "Z" {
            return Ok(Zone::UTC);
        }
        if let Some(seconds) = offset(text) {
            return Ok(Zone::Fixed(seconds));
        }
        let wrong = |why: String| {
            format!("not a time zone such as Asia/Tokyo or +09:00: \"{text}\": {why}")
        };
        let name = |c: char| c.is_ascii_alphanumeric() || "/_+-".contains(c);
        if text.is_empty() || text.starts_with('/') || !text.chars().all(name) {
            return Err(wrong("not a name".into()));
        }
        let data = read_file(&format!("{DATABASE}/{text}")).map_err(|e| {
            // Without Rust's "(os error 2)".
            let text = e.to_string();
            wrong(text.split(" (os error").next().unwrap_or_default().into())
        })?;
        let rules = TimeZone::from_tz_data(&data).map_err(|e| wrong(e.to_string()))?;
        Ok(Zone::Rules(Box::new(rules)))
    }

    /// The seconds by which clocks are ahead of UTC at a moment, given in seconds since 1970.
    pub fn offset_at(&self, moment: i64) -> i32 {
        match self {
            Zone::Fixed(offset) => *offset,
            Zone::Rules(rules) => rules
                .find_local_time_type(moment)
                .map_or(0, |kind| kind.ut_offset()),
        }
    }

    /// The seconds east of UTC of an abbreviation (`CEST`) that clocks here use or used; its last
    /// meaning.
    pub fn offset_named(&self, name: &str) -> Option<i32> {
        let Zone::Rules(rules) = self else {
            return None;
        };
        let rules = rules.as_ref().as_ref();
        let named = |kind: &&LocalTimeType| kind.time_zone_designation() == name;
        let ruled = match rules.extra_rule() {
            Some(TransitionRule::Fixed(kind)) => [Some(kind), None],
            Some(TransitionRule::Alternate(kinds)) => [Some(kinds.std()), Some(kinds.dst())],
            None => [None, None],
        };
        let kind = ruled.into_iter().flatten().find(named);
        let kind = kind.or_else(|| rules.local_time_types().iter().rfind(named))?;
        Some(kind.ut_offset())
    }

    /// The first and the last moment at which clocks show `local`, given in seconds since clocks
    /// showed 1970-01-01 00:00.
    ///
    /// The two differ where clocks are set back and show a time twice. A time that clocks leave out
    /// when they are set forward is read by the offset before the change, as mktime(3) does: 02:30
    /// becomes 03:30.
    pub fn moments(&self, local: i64) -> (i64, i64) {
        let before = local.saturating_sub(self.offset_at(local.saturating_sub(DAY)).into());
        let after = local.saturating_sub(self.offset_at(local.saturating_add(DAY)).into());
        let shows = |moment: i64| moment.saturating_add(self.offset_at(moment).into()) == local;
        match (shows(before), shows(after)) {
            (true, true) => (before.min(after), before.max(after)),
            (false, true) => (after, after),
            _ => (before, before),
        }
    }
}

/// The zone of a value of the variable `TZ` (POSIX.1, tzset(3)).
fn by_variable(name: &str) -> Option<Zone> {
    let system = TimeZoneSettings::new(TimeZoneSettings::DEFAULT_DIRECTORIES, |path| {
        Ok(read_file(path)?)
    });
    let rules = system.parse_posix_tz(name).ok()?;
    Some(Zone::Rules(Box::new(rules)))
}

/// Reads a file of a time zone (RFC 9636). It is a regular file of some kilobytes: `TZ` may name
/// another, such as a device that never ends.
fn read_file(path: &str) -> io::Result<Vec<u8>> {
    // Without O_NONBLOCK the opening of a FIFO would wait for its writer.
    let mut options = File::options();
    let mut file = options
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(io::Error::other("not a file of a time zone"));
    }
    let mut data = Vec::new();
    file.by_ref().take(MAX_FILE).read_to_end(&mut data)?;
    Ok(data)
}

/// Seconds of `+HH`, `+HHMM` or `+HH:MM`, where the hour may be one digit if it stands alone.
fn offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        1 | 2 => (digits, "0"),
        4 => digits.split_at_checked(2)?,
        5 => (digits.get(..2)?, digits.get(2..)?.strip_prefix(':')?),
        _ => return None,
    };
    let number = |text: &str, most: i32| -> Option<i32> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|n| digits && *n <= most)
    };
    Some(sign * (number(hours, 23)? * 3_600 + number(minutes, 59)? * 60))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;

    include!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/common/left_out.rs"
    ));

    /// A zone by its POSIX rule, which needs no database.
    pub(crate) fn posix(rule: &str) -> Zone {
        Zone::Rules(Box::new(TimeZone::from_posix_tz(rule).unwrap()))
    }

    pub(crate) const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";

    #[test]
    fn read() {
        let database = Path::new(DATABASE).join("Asia/Tokyo").exists();
        if !database {
            left_out("names of zones: tzdata is not installed");
        }
        for (text, seconds) in [
            ("UTC", Some(0)),
            ("Z", Some(0)),
            ("+09:00", Some(32_400)),
            ("-0330", Some(-12_600)),
            ("+9", Some(32_400)),
            ("-03", Some(-10_800)),
            ("Asia/Tokyo", Some(32_400)),
            ("Etc/GMT+3", Some(-10_800)),
            ("", None),
            ("UTC+9", None),
            ("JST-9", None),
            ("+24:00", None),
            ("+9:000", None),
            ("++9", None),
            ("+é", None),
            ("../../../etc/localtime", None),
            ("/etc/localtime", None),
            ("Asia", None),
            ("zone.tab", None),
        ] {
            if database || !text.contains('/') {
                let read = Zone::parse(text).ok().map(|zone| zone.offset_at(0));
                assert_eq!(read, seconds, "{text}");
            }
        }
    }

    #[test]
    fn a_device_is_no_zone() {
        for path in ["/dev/zero", "/usr/share", "/nonexistent"] {
            assert!(read_file(path).is_err(), "{path}");
        }
    }

    /// Seconds of 2026-`month`-`day` `hour`:`minute` as if in UTC.
    fn clock(month: u32, day: u32, hour: u32, minute: u32) -> i64 {
        let date = chrono::NaiveDate::from_ymd_opt(2026, month, day).unwrap();
        let time = date.and_hms_opt(hour, minute, 0).unwrap();
        time.and_utc().timestamp()
    }

    #[test]
    fn clocks_set_forward_and_back() {
        const H: i64 = 3_600;
        const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
        const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
        for (zone, local, first, last) in [
            // No change near: one moment.
            (NEW_YORK, clock(7, 1, 12, 0), 4 * H, 4 * H),
            (NEW_YORK, clock(12, 31, 23, 59), 5 * H, 5 * H),
            (NEW_YORK, clock(3, 8, 1, 59), 5 * H, 5 * H),
            (NEW_YORK, clock(3, 8, 3, 0), 4 * H, 4 * H),
            // Left out: by the offset before.
            (NEW_YORK, clock(3, 8, 2, 0), 5 * H, 5 * H),
            (NEW_YORK, clock(3, 8, 2, 59), 5 * H, 5 * H),
            // Shown twice.
            (NEW_YORK, clock(11, 1, 0, 59), 4 * H, 4 * H),
            (NEW_YORK, clock(11, 1, 1, 0), 4 * H, 5 * H),
            (NEW_YORK, clock(11, 1, 1, 59), 4 * H, 5 * H),
            (NEW_YORK, clock(11, 1, 2, 0), 5 * H, 5 * H),
            // East of Greenwich, and a change of half an hour.
            (BERLIN, clock(3, 29, 2, 30), -H, -H),
            (BERLIN, clock(10, 25, 2, 30), -2 * H, -H),
            (LORD_HOWE, clock(4, 5, 1, 45), -11 * H, -21 * H / 2),
            (LORD_HOWE, clock(10, 4, 2, 15), -21 * H / 2, -21 * H / 2),
        ] {
            let moments = posix(zone).moments(local);
            assert_eq!(moments, (local + first, local + last), "{zone} {local}");
        }
        for moment in [i64::MIN, i64::MAX] {
            posix(NEW_YORK).moments(moment); // no panic
        }
        // Samoa left out the 30th of December 2011.
        if let Ok(apia) = Zone::parse("Pacific/Apia") {
            let noon = 1_325_246_400; // of that day as if in UTC
            assert_eq!(apia.moments(noon), (noon + 10 * H, noon + 10 * H));
        }
    }
}
