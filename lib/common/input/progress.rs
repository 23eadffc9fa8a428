//! A bar for a person who waits: the part of the operands that is read.

use std::ffi::OsString;
use std::fs;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::complain;

/// Shorter runs show no bar.
const SHORT: Duration = Duration::from_secs(2);
/// The time between two updates of the bar.
const EVERY: Duration = Duration::from_millis(200);
/// Characters of the bar itself.
const WIDTH: u64 = 30;

pub(super) struct Progress {
    /// In bytes, as they stand on disk.
    total: u64,
    read: Arc<AtomicU64>,
    begin: Instant,
    next: Instant,
}

impl Progress {
    /// `None` where standard error is no terminal, where the bar would stand between records, and
    /// where the total is unknown.
    pub(super) fn of<'a>(operands: impl Iterator<Item = &'a OsString>) -> Option<Self> {
        if !io::stderr().is_terminal() || io::stdout().is_terminal() {
            return None;
        }
        let mut total = 0;
        for operand in operands {
            if operand == "-" {
                return None;
            }
            // A file that can't be read is reported when its turn comes.
            if let Ok(data) = fs::metadata(operand) {
                total += data.is_file().then_some(data.len())?;
            }
        }
        let begin = Instant::now();
        Some(Progress {
            total,
            read: Arc::default(),
            begin,
            next: begin + SHORT,
        })
    }

    /// The counter to which readers add the bytes that they read.
    pub(super) fn counter(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// Shows the bar if its time has come. To be called now and then.
    pub(super) fn show(&mut self) {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + EVERY;
            let read = self.read.load(Relaxed);
            complain::show_bar(Some(&bar(read, self.total, now - self.begin)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        complain::show_bar(None);
    }
}

fn bar(read: u64, total: u64, elapsed: Duration) -> String {
    // A file may have grown meanwhile.
    let total = total.max(read).max(1);
    let full = (read * WIDTH / total) as usize;
    let left = elapsed.as_secs_f64() * (total - read) as f64 / read.max(1) as f64;
    format!(
        "[{:<width$}] {:3} % of {:.1} GB, {left:.0} s left",
        "#".repeat(full),
        read * 100 / total,
        total as f64 / 1e9,
        width = WIDTH as usize
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars() {
        let second = Duration::from_secs(1);
        let half = "[###############               ]  50 % of 4.0 GB, 1 s left";
        assert_eq!(bar(2_000_000_000, 4_000_000_000, second), half);
        let grown = "[##############################] 100 % of 0.0 GB, 0 s left";
        assert_eq!(bar(7, 5, second), grown);
        assert!(bar(0, 0, second).starts_with("[                              ]   0 %"));
    }
}
