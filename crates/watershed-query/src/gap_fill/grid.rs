//! The buckets of a gap-filled query.

use crate::functions::wall_clock::WallClock;
use std::fmt;

/// Every bucket from the first to the last, both by their start and both inside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Grid {
    /// The start of the first bucket; `None` for that of the group's first row.
    pub(crate) first: Option<i64>,
    /// The start of the last bucket; `None` for that of the group's last row.
    pub(crate) last: Option<i64>,
    /// From one to the next.
    pub(crate) step: Step,
}

/// How the start of the next bucket is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// That many nanoseconds later.
    Nanos(i64),
    /// At the next beginning on the wall clock.
    WallClock(WallClock),
}

impl Step {
    /// The start of the bucket after the one that starts at `start`; `None` at the end of time.
    pub(crate) fn next(&self, start: i64) -> Option<i64> {
        match self {
            Self::Nanos(nanos) if *nanos > 0 => start.checked_add(*nanos),
            Self::Nanos(_) => None,
            Self::WallClock(clock) => clock.next(start),
        }
    }
}

impl Grid {
    /// How many buckets there are from the first to the last, by the ordinary length of one.
    pub(super) fn buckets(&self, first: i64, last: i64) -> u64 {
        let nanos = match &self.step {
            Step::Nanos(nanos) => *nanos,
            Step::WallClock(clock) => clock.nanos,
        };
        match first <= last {
            true => last.abs_diff(first) / nanos.unsigned_abs().max(1) + 1,
            false => 0,
        }
    }

    /// The first and the last bucket for a group whose rows reach from `first` to `last`.
    pub(super) fn ends(&self, first: i64, last: i64) -> (i64, i64) {
        (self.first.unwrap_or(first), self.last.unwrap_or(last))
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |time: Option<i64>| match time {
            Some(nanos) => chrono::DateTime::from_timestamp_nanos(nanos)
                .to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true),
            None => String::new(),
        };
        write!(f, "range={}..{}, step=", end(self.first), end(self.last))?;
        match &self.step {
            Step::Nanos(nanos) => write!(f, "{nanos}ns"),
            Step::WallClock(clock) => write!(f, "{clock}"),
        }
    }
}
