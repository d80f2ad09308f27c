//! Times as text.

use chrono::{DateTime, SecondsFormat};
use watershed_model::Timestamp;

/// RFC 3339 in UTC with 0, 3, 6 or 9 digits of fraction, as few as hold the instant.
pub(super) fn rfc3339(nanos: i64) -> String {
    DateTime::from_timestamp_nanos(nanos).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// RFC 3339 in UTC to the millisecond: the management API.
pub(super) fn rfc3339_millis(time: Timestamp) -> String {
    DateTime::from_timestamp_nanos(time.nanos()).to_rfc3339_opts(SecondsFormat::Millis, true)
}
