//! Partition keys.
//!
//! The default template has one part, the day (`%Y-%m-%d`, UTC). A key is a function of tags and
//! time, so two rows with the same tags and time always fall into the same partition: duplicates
//! never have to be looked for across partitions.

use crate::{TimeRange, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Nanoseconds in a day.
pub const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// The key of a partition, as the partition template writes it, for example `2026-11-22`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey(Arc<str>);

impl PartitionKey {
    /// Wraps a key read from the catalog or the log.
    pub fn new(key: &str) -> Self {
        Self(key.into())
    }

    /// The number of the day that holds `time`: days since 1970-01-01, negative before it.
    pub const fn day_of(time: Timestamp) -> i64 {
        time.nanos().div_euclid(NANOS_PER_DAY)
    }

    /// The key of a day under the default template.
    pub fn for_day(day: i64) -> Self {
        let (year, month, day) = civil_from_days(day);
        Self(format!("{year:04}-{month:02}-{day:02}").into())
    }

    /// The instants of a day, clipped to what a timestamp can hold.
    pub const fn day_range(day: i64) -> TimeRange {
        let start = day.saturating_mul(NANOS_PER_DAY);
        // From the next day's start: that of the first day is clipped, its end is not.
        let end = match day.saturating_add(1).checked_mul(NANOS_PER_DAY) {
            Some(next) => next - 1,
            None => i64::MAX,
        };
        TimeRange::from_nanos(start, end)
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Year, month and day of a day number in the proleptic Gregorian calendar.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, so that the
/// leap day is the last of the year and 400 years are always 146,097 days.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

#[cfg(test)]
mod tests;
