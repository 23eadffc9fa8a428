//! A stamp in its parts, before it meets a calendar and a time zone.

use super::zones::Named;

/// How far a stamp's clock is ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Offset {
    /// Seconds east of UTC.
    East(i32),
    /// A zone by its name, which may have another meaning in the reader's own zone.
    Named(Named),
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fields {
    pub year: Option<i32>,
    /// 1 to 12; 0 where `day` is the day of the year.
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    /// Up to 60, a leap second.
    pub second: u32,
    pub micros: u32,
    pub offset: Option<Offset>,
    /// Whole seconds since 1970, in place of all but `micros`.
    pub epoch: Option<i64>,
    /// How many bytes of the text are left where the seconds begin, for a stamp that has them
    /// behind a colon.
    pub seconds_from_end: Option<usize>,
}

impl Fields {
    /// Whether these are hours, minutes and seconds of a day.
    pub(super) fn has_clock(&self) -> bool {
        self.hour < 24 && self.minute < 60 && self.second < 61
    }

    /// Puts an hour of a clock face before or after noon; `None` if there is no such hour.
    pub(super) fn set_half(&mut self, after_noon: bool) -> Option<()> {
        self.hour = match (self.hour, after_noon) {
            (12, false) => 0,
            (hour @ 1..=11, true) => hour + 12,
            (hour @ 1..=12, _) => hour,
            _ => return None,
        };
        Some(())
    }
}

/// The year that two digits mean: from 1969 to 2068, as strptime(3) reads them.
pub(super) fn century(year: u32) -> i32 {
    let year = year as i32;
    if year < 69 { 2000 + year } else { 1900 + year }
}
