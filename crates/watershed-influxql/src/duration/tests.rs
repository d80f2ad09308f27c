use super::{evaluate_duration, format_duration, format_go_duration};
use crate::parse_expr;

const SECOND: i64 = 1_000_000_000;

#[test]
fn durations_as_influxql() {
    for (nanoseconds, text) in [
        (0, "0s"),
        (1, "1ns"),
        (90 * 60 * SECOND, "1h30m"),
        (-5 * SECOND, "-5s"),
        (8 * 86_400 * SECOND, "1w1d"),
        (1_002_003, "1ms2u3ns"),
        (i64::MIN, "-15250w1d23h47m16s854ms775u808ns"),
    ] {
        assert_eq!(format_duration(nanoseconds), text);
    }
}

#[test]
fn durations_as_go_prints_them() {
    for (nanoseconds, text) in [
        (0, "0s"),
        (168 * 3600 * SECOND, "168h0m0s"),
        (90 * SECOND, "1m30s"),
        (90 * SECOND + 500_000_000, "1m30.5s"),
        (3600 * SECOND + 1, "1h0m0.000000001s"),
        (250_000_000, "250ms"),
        (1_500, "1.5µs"),
        (999, "999ns"),
        (-SECOND, "-1s"),
        (i64::MIN, "-2562047h47m16.854775808s"),
    ] {
        assert_eq!(format_go_duration(nanoseconds), text);
    }
}

#[test]
fn constant_durations() {
    for (text, nanoseconds) in [
        ("1m", Some(60 * SECOND)),
        ("1m + 30s - 10s", Some(80 * SECOND)),
        ("2 * 1m", Some(120 * SECOND)),
        ("1m * 1.5", Some(90 * SECOND)),
        ("1h / 3", Some(1200 * SECOND)),
        ("(1 + 2) * 1s", Some(3 * SECOND)),
        ("1m / 0", None),
        ("60", None),
        ("1m * 1m", None),
        ("1m + 1", None),
        ("100w * 1000000", None),
        ("now()", None),
        ("'1m'", None),
    ] {
        let expr = parse_expr(text).expect("expression");
        assert_eq!(evaluate_duration(&expr), nanoseconds, "{text}");
    }
}
