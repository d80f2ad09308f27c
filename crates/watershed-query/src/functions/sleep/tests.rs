use super::*;
use arrow::array::IntervalMonthDayNanoArray;
use arrow::datatypes::IntervalMonthDayNano;

const SECOND: i64 = 1_000_000_000;

fn outcome(intervals: &[Option<(i32, i32, i64)>]) -> Result<(Duration, Vec<Option<bool>>), String> {
    let intervals = intervals.iter().map(|interval| {
        interval.map(|(months, days, nanos)| IntervalMonthDayNano::new(months, days, nanos))
    });
    let intervals: ArrayRef = Arc::new(IntervalMonthDayNanoArray::from_iter(intervals));
    let (time, slept) = sleep_of(&intervals).map_err(|e| e.to_string())?;
    Ok((time, slept.as_boolean().iter().collect()))
}

#[test]
fn a_batch_sleeps_as_long_as_its_longest_interval() {
    assert_eq!(
        outcome(&[Some((0, 0, SECOND)), None, Some((0, 0, 3 * SECOND))]),
        Ok((Duration::from_secs(3), vec![Some(true), None, Some(true)]))
    );
    assert_eq!(outcome(&[]), Ok((Duration::ZERO, vec![])));
    // A day less almost a day.
    assert_eq!(
        outcome(&[Some((0, 1, -86_399 * SECOND))]),
        Ok((Duration::from_secs(1), vec![Some(true)]))
    );
}

#[test]
fn sleep_is_bounded() {
    assert!(outcome(&[Some((0, 0, 600 * SECOND))]).is_ok());
    for interval in [(0, 0, 600 * SECOND + 1), (0, 0, -1), (1, 0, 0), (0, 1, 0)] {
        let error = outcome(&[Some(interval)]).unwrap_err();
        assert_eq!(
            error, "Execution error: sleep takes an interval from 0 to 600 seconds, without months",
            "{interval:?}"
        );
    }
}
