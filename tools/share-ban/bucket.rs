//! A bound on the changes of one host: a burst, then so many a second (a token bucket).

use std::time::Instant;

/// The changes that a host may still make.
pub struct Bucket {
    most: f64,
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub fn new(most: usize, per_second: u32, now: Instant) -> Self {
        Bucket {
            most: most as f64,
            per_second: f64::from(per_second),
            left: most as f64,
            at: now,
        }
    }

    /// Takes one change, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + seconds * self.per_second).min(self.most);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_then_a_rate() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(10, 2, begin);
        let mut taken = |seconds| {
            let now = begin + Duration::from_secs(seconds);
            (0..100).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(taken(0), 10);
        assert_eq!(taken(3), 6);
        assert_eq!(taken(1_000), 10);
    }
}
