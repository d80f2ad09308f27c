use super::*;
use arrow::datatypes::{IntervalDayTime, IntervalMonthDayNano};

#[test]
fn intervals_of_fixed_length_are_nanoseconds() {
    let interval = |months, days, nanoseconds| {
        let interval = IntervalMonthDayNano {
            months,
            days,
            nanoseconds,
        };
        interval_nanos(&ScalarValue::IntervalMonthDayNano(Some(interval))).ok()
    };
    assert_eq!(interval(0, 1, 5), Some(NANOS_PER_DAY + 5));
    assert_eq!(interval(1, 0, 0), None);
    assert_eq!(interval(0, 0, 0), None);
    assert_eq!(interval(0, -1, 0), None);
    assert_eq!(interval(0, i32::MAX, 0), None);
    let day_time = IntervalDayTime {
        days: 0,
        milliseconds: 2,
    };
    assert_eq!(
        interval_nanos(&ScalarValue::IntervalDayTime(Some(day_time))).ok(),
        Some(2_000_000)
    );
}
