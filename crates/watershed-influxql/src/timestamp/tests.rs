use chrono_tz::Tz;

use super::parse_timestamp;

/// Nanoseconds of 2024-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_704_067_200_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

#[track_caller]
fn check(text: &str, zone: Option<Tz>, expected: i64) {
    assert_eq!(parse_timestamp(text, zone), Ok(expected), "{text}");
}

#[test]
fn shapes() {
    check("2024-01-01", None, NEW_YEAR);
    check("2024-01-01 01:00:00", None, NEW_YEAR + HOUR);
    check("2024-01-01 00:00:00.5", None, NEW_YEAR + 500_000_000);
    check(
        "2024-01-01 00:00:00.123456789",
        None,
        NEW_YEAR + 123_456_789,
    );
    check(
        "2024-01-01 00:00:00.1234567899",
        None,
        NEW_YEAR + 123_456_789,
    );
    check("2024-01-01T00:00:00Z", None, NEW_YEAR);
    check("2024-01-01T00:00:00.000001Z", None, NEW_YEAR + 1_000);
    check("2024-01-01T01:30:00+01:30", None, NEW_YEAR);
    check("2023-12-31T19:00:00-05:00", None, NEW_YEAR);
    check("1969-12-31T23:59:59Z", None, -1_000_000_000);
}

#[test]
fn time_zones_apply_to_local_times_only() {
    let berlin = Some(Tz::Europe__Berlin);
    check("2024-01-01", berlin, NEW_YEAR - HOUR);
    check("2024-01-01 01:00:00", berlin, NEW_YEAR);
    check("2024-01-01T00:00:00Z", berlin, NEW_YEAR);
}

#[test]
fn a_local_time_that_occurs_twice_is_the_earlier() {
    let utc = parse_timestamp("2024-10-27T00:30:00Z", None).expect("timestamp");
    check("2024-10-27 02:30:00", Some(Tz::Europe__Berlin), utc);
}

#[test]
fn a_local_time_that_is_skipped_is_read_as_before_the_gap() {
    let utc = parse_timestamp("2024-03-31T01:30:00Z", None).expect("timestamp");
    check("2024-03-31 02:30:00", Some(Tz::Europe__Berlin), utc);
}

#[test]
fn everything_else_is_refused() {
    for text in [
        "",
        "now",
        "2024",
        "2024-1-1",
        "2024-02-30",
        "2024-01-01 ",
        "2024-01-01 00:00",
        "2024-01-01 24:00:00",
        "2024-01-01 00:00:00.",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00+1:00",
        "2024-01-01T00:00:00+00:60",
        "2024-01-01T00:00:00+99:00",
        "2024-01-01x00:00:00",
        "9999-01-01",
        "é024-01-01",
        "2024-01-0é",
        "+024-01-01",
    ] {
        let error = parse_timestamp(text, None).expect_err(text);
        assert_eq!(
            error.to_string(),
            format!("'{text}' is not a valid timestamp")
        );
    }
}
