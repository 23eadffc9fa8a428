//! When the next mail is due: a while after the last one, or after a pause where that failed.

use std::time::Duration;

use pipeban::time::Time;

/// After this number of failures in a row, some seven hours, the process ends; the outbox stays for
/// the next run.
pub const TRIES: u32 = 36;
/// The pause after a failure. It doubles with each failure, up to the longest.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The mails that went, or failed, so far.
#[derive(Clone, Copy)]
pub struct Tried {
    /// When the last mail went.
    pub sent: Option<Time>,
    /// After a failure, no mail goes before this.
    pub retry: Time,
    /// The number of failures since the last mail.
    pub failures: u32,
}

impl Tried {
    /// The time before which no mail goes, where mails are at least `digest` apart.
    ///
    /// Times from the future are of a clock that was ahead: they hold nothing back for longer than
    /// the same times of a right clock would.
    pub fn due(&self, digest: Duration, now: Time) -> Time {
        let next = self.sent.map_or(now, |sent| sent.min(now) + digest);
        next.max(self.retry.min(now + LONGEST_PAUSE))
    }

    /// The pause after a further failure.
    pub fn pause(&self) -> Duration {
        let doubled = PAUSE * 2u32.saturating_pow(self.failures.min(20));
        doubled.min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_after_mails_failures_and_clocks() {
        let at = |seconds: i64| Time::from_micros(seconds * 1_000_000);
        let now = at(1_000_000);
        let digest = Duration::from_secs(600);
        for (sent, retry, due) in [
            // The first mail goes at once.
            (None, 0, 1_000_000),
            (Some(999_900), 0, 1_000_500),
            (Some(900_000), 0, 900_600),
            (None, 1_000_030, 1_000_030),
            (Some(999_900), 1_000_800, 1_000_800),
            // The clock was set back by a year.
            (Some(32_536_000), 0, 1_000_600),
            (None, 32_536_000, 1_000_900),
        ] {
            let tried = Tried {
                sent: sent.map(at),
                retry: at(retry),
                failures: 0,
            };
            assert_eq!(tried.due(digest, now), at(due), "{sent:?}, {retry}");
        }
        let pauses = [0, 1, 5, 9, 40].map(|failures| {
            let (sent, retry) = (None, at(0));
            let tried = Tried {
                sent,
                retry,
                failures,
            };
            tried.pause().as_secs()
        });
        assert_eq!(pauses, [2, 4, 64, 900, 900]);
    }
}
