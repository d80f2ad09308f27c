//! Timestamps written as strings.

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta,
    TimeZone, Utc,
};
use chrono_tz::Tz;

#[cfg(test)]
mod tests;

/// A string that is compared with `time` and is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid timestamp")]
pub struct TimestampError {
    pub text: String,
}

/// Reads a timestamp as nanoseconds since the Unix epoch.
///
/// Shapes: `2024-01-31`, `2024-01-31 10:20:30`, `2024-01-31 10:20:30.123456789` in the time zone
/// `zone` (UTC if `None`), and RFC 3339, `2024-01-31T10:20:30.5Z` or with an offset such as
/// `+01:00`, which means what it says. Digits behind the ninth of a fraction are dropped. Of a
/// local time that occurs twice the first is meant; one that is skipped is read with the offset
/// that held before the gap.
///
/// # Errors
/// Any other shape, a date or time that does not exist, or one outside 1677 to 2262.
pub fn parse_timestamp(text: &str, zone: Option<Tz>) -> Result<i64, TimestampError> {
    parse(text, zone.unwrap_or(Tz::UTC)).ok_or_else(|| TimestampError {
        text: text.to_owned(),
    })
}

fn parse(text: &str, zone: Tz) -> Option<i64> {
    let date = parse_date(text.get(..10)?)?;
    let rest = &text[10..];
    let instant = match rest.chars().next() {
        None => earliest(zone, date.and_time(NaiveTime::MIN))?,
        Some(' ') => {
            let (time, rest) = parse_time(&rest[1..])?;
            if !rest.is_empty() {
                return None;
            }
            earliest(zone, date.and_time(time))?
        }
        Some('T' | 't') => {
            let (time, rest) = parse_time(&rest[1..])?;
            parse_offset(rest)?
                .from_local_datetime(&date.and_time(time))
                .single()?
                .to_utc()
        }
        Some(_) => return None,
    };
    instant.timestamp_nanos_opt()
}

/// The instant at which clocks of `zone` show `local`.
fn earliest(zone: Tz, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => Some(instant.to_utc()),
        LocalResult::None => {
            // No zone changes its offset twice within a day, so a day before is before the gap.
            let before = local.checked_sub_signed(TimeDelta::days(1))?;
            let offset = zone.offset_from_utc_datetime(&before).fix();
            Some(offset.from_local_datetime(&local).single()?.to_utc())
        }
    }
}

/// `YYYY-MM-DD`.
fn parse_date(text: &str) -> Option<NaiveDate> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    if !rest.is_empty() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// `HH:MM:SS[.fraction]` and what follows it.
fn parse_time(text: &str) -> Option<(NaiveTime, &str)> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (nanosecond, rest) = match rest.strip_prefix('.') {
        Some(fraction) => parse_fraction(fraction)?,
        None => (0, rest),
    };
    Some((
        NaiveTime::from_hms_nano_opt(hour, minute, second, nanosecond)?,
        rest,
    ))
}

/// One or more digits behind a decimal point, as billionths, and what follows them.
fn parse_fraction(text: &str) -> Option<(u32, &str)> {
    let length = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    let (all, rest) = text.split_at(length);
    if all.is_empty() {
        return None;
    }
    let nine: String = all.chars().chain("000000000".chars()).take(9).collect();
    Some((nine.parse().ok()?, rest))
}

/// `Z` or `+HH:MM`.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    if text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, rest) = digits(rest, 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':')?, 2)?;
    if !rest.is_empty() || minutes > 59 {
        return None;
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    FixedOffset::east_opt(sign * seconds)
}

/// Exactly `count` digits and what follows them.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits {
        Some((digits.parse().ok()?, rest))
    } else {
        None
    }
}
