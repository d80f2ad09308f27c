//! Instants, ranges of instants, and the units clients give them in.

use std::fmt;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, negative before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant.
    pub const MIN: Self = Self(i64::MIN);
    /// The last instant.
    pub const MAX: Self = Self(i64::MAX);

    /// Wraps nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All instants from `min` to `max`, both inside. Empty when `min > max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// The first instant inside.
    pub min: Timestamp,
    /// The last instant inside.
    pub max: Timestamp,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        min: Timestamp::MIN,
        max: Timestamp::MAX,
    };

    /// A range from bare nanoseconds, both inside.
    pub const fn from_nanos(min: i64, max: i64) -> Self {
        Self {
            min: Timestamp(min),
            max: Timestamp(max),
        }
    }

    /// Whether no instant is inside.
    pub fn is_empty(&self) -> bool {
        self.min > self.max
    }

    /// Whether some instant is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }

    /// Whether the instant is inside.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.min <= time && time <= self.max
    }

    /// The instants in both.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self {
            min: self.min.max(other.min),
            max: self.max.min(other.max),
        }
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }
}

/// The unit of the timestamps in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Nanosecond,
    /// Microseconds.
    Microsecond,
    /// Milliseconds.
    Millisecond,
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
}

/// A precision no one knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown variant `{value}`, expected one of `s`, `ms`, `us`, `ns`, `m`, `h`")]
pub struct PrecisionError {
    /// The text as given.
    pub value: String,
}

impl Precision {
    /// Reads the precisions of the v2 write endpoint: `ns us ms s m h` and the long words.
    ///
    /// # Errors
    /// [`PrecisionError`] for anything else, upper case included.
    pub fn parse_v2(value: &str) -> Result<Self, PrecisionError> {
        match value {
            "ns" | "nanosecond" => Ok(Self::Nanosecond),
            "us" | "microsecond" => Ok(Self::Microsecond),
            "ms" | "millisecond" => Ok(Self::Millisecond),
            "s" | "second" => Ok(Self::Second),
            "m" => Ok(Self::Minute),
            "h" => Ok(Self::Hour),
            _ => Err(PrecisionError {
                value: value.to_owned(),
            }),
        }
    }

    /// Reads the precisions of the v1 write endpoint: those of v2, and `n`, `u` and `µ`.
    ///
    /// # Errors
    /// [`PrecisionError`] for anything else, upper case included.
    pub fn parse_v1(value: &str) -> Result<Self, PrecisionError> {
        match value {
            "n" => Ok(Self::Nanosecond),
            // Micro sign and Greek small mu look the same and are both typed.
            "u" | "\u{b5}" | "\u{3bc}" => Ok(Self::Microsecond),
            other => Self::parse_v2(other),
        }
    }

    /// Nanoseconds in one unit.
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Nanosecond => 1,
            Self::Microsecond => 1_000,
            Self::Millisecond => 1_000_000,
            Self::Second => 1_000_000_000,
            Self::Minute => 60_000_000_000,
            Self::Hour => 3_600_000_000_000,
        }
    }

    /// The instant that many units after the epoch; `None` when 64 bits can't hold it.
    pub fn timestamp(self, units: i64) -> Option<Timestamp> {
        units.checked_mul(self.nanos()).map(Timestamp)
    }
}
