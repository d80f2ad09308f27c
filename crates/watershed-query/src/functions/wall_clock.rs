//! Time buckets that begin at round times on the wall clock of a zone.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::fmt;

/// How far apart the places are in which the next bucket is looked for when clocks went back.
const PROBE_NANOS: i64 = 15 * 60 * 1_000_000_000;

/// The most probes: no zone ever moved its clocks by more than two days.
const PROBES_MAX: i64 = 2 * 24 * 4;

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

/// Buckets of a fixed length on the wall clock of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WallClock {
    /// Whose clock.
    pub(crate) zone: Tz,
    /// The length of a bucket, above zero.
    pub(crate) nanos: i64,
    /// A time on the wall clock at which a bucket begins, as nanoseconds since 1970 on that clock.
    pub(crate) origin: i64,
}

impl WallClock {
    /// The start of the bucket that holds the instant; `None` when 64 bits can't hold it.
    ///
    /// A start that the clocks skip is moved by as much as they do. One that they show twice is the
    /// first of the two if a bucket is longer than the jump, and else the one with the offset that holds
    /// at the instant.
    pub(crate) fn bin(&self, instant: i64) -> Option<i64> {
        let offset = self.offset_at(instant);
        let local = instant.checked_add(offset)?;
        let start = local.checked_sub(local.checked_sub(self.origin)?.rem_euclid(self.nanos))?;
        match self.zone.from_local_datetime(&naive(start)) {
            LocalResult::Single(start) => start.timestamp_nanos_opt(),
            LocalResult::Ambiguous(first, second) => {
                let (first, second) = (first.timestamp_nanos_opt()?, second.timestamp_nanos_opt()?);
                if self.nanos > second - first {
                    Some(first)
                } else {
                    start.checked_sub(offset)
                }
            }
            LocalResult::None => self.skipped(start),
        }
    }

    /// The instant as far from local midnight as the wall clock says, though it never says so.
    fn skipped(&self, local: i64) -> Option<i64> {
        let since_midnight = local.rem_euclid(NANOS_PER_DAY);
        let midnight = local.checked_sub(since_midnight)?;
        let midnight = match self.zone.from_local_datetime(&naive(midnight)) {
            LocalResult::Single(midnight) => midnight.timestamp_nanos_opt()?,
            LocalResult::Ambiguous(first, _) => first.timestamp_nanos_opt()?,
            // Midnight is skipped too: what the clock showed before the jump still tells the offset.
            LocalResult::None => midnight.checked_sub(self.offset_at(midnight - NANOS_PER_DAY))?,
        };
        midnight.checked_add(since_midnight)
    }

    /// The start of the bucket after the one that starts at `start`.
    pub(crate) fn next(&self, start: i64) -> Option<i64> {
        let after = start.checked_add(self.nanos)?;
        // When clocks go back, a whole length later can still be in the same bucket.
        let probe = PROBE_NANOS.min(self.nanos);
        let probes = PROBES_MAX * (PROBE_NANOS / probe.max(1)).max(1);
        for count in 0..=probes {
            let next = self.bin(after.checked_add(count * probe)?)?;
            if next > start {
                return Some(next);
            }
        }
        None
    }

    /// Nanoseconds the clock is ahead of UTC.
    fn offset_at(&self, instant: i64) -> i64 {
        let utc = naive(instant);
        let offset = self.zone.offset_from_utc_datetime(&utc).fix();
        i64::from(offset.local_minus_utc()) * 1_000_000_000
    }
}

fn naive(nanos: i64) -> NaiveDateTime {
    DateTime::from_timestamp_nanos(nanos).naive_utc()
}

impl fmt::Display for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns in {}", self.nanos, self.zone)
    }
}

#[cfg(test)]
mod tests;
