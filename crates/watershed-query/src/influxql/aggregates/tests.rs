use super::*;
use arrow::array::{Float64Array, TimestampNanosecondArray};

#[test]
fn percentile_takes_the_nearest_rank() {
    assert_eq!(percentile_rank(10, 50.0), Some(4));
    assert_eq!(percentile_rank(10, 100.0), Some(9));
    assert_eq!(percentile_rank(10, 1.0), None);
    assert_eq!(percentile_rank(10, 120.0), None);
    assert_eq!(percentile_rank(1, 50.0), Some(0));
    assert_eq!(percentile_rank(0, 50.0), None);
}

#[track_caller]
fn check_mode(values: &[(f64, i64)], expected: f64) {
    let mut accumulator = ModeAccumulator {
        kept: Kept::new(vec![DataType::Float64, time_data_type()]),
    };
    for (value, time) in values {
        let value: ArrayRef = Arc::new(Float64Array::from(vec![*value]));
        let time: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![*time]));
        accumulator.update_batch(&[value, time]).unwrap();
    }
    assert_eq!(
        accumulator.evaluate().unwrap(),
        ScalarValue::Float64(Some(expected))
    );
}

#[test]
fn mode_is_the_most_frequent_value() {
    check_mode(&[(2.0, 1), (3.0, 2), (3.0, 3)], 3.0);
    check_mode(&[(5.0, 1), (4.0, 2), (3.0, 3)], 3.0);
    check_mode(&[(2.0, 5), (2.0, 6), (3.0, 1), (3.0, 2)], 3.0);
}

#[test]
fn mode_has_a_state_that_merges() {
    let new = || ModeAccumulator {
        kept: Kept::new(vec![DataType::Float64, time_data_type()]),
    };
    let mut part = new();
    let values: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(1.0),
        None,
        Some(7.0),
        Some(7.0),
    ]));
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1, 2, 3, 4]));
    part.update_batch(&[values, times]).unwrap();
    let state = part.state().unwrap();
    let state: Vec<ArrayRef> = state.iter().map(|s| s.to_array().unwrap()).collect();
    let mut whole = new();
    whole.merge_batch(&state).unwrap();
    assert_eq!(whole.evaluate().unwrap(), ScalarValue::Float64(Some(7.0)));
    assert_eq!(new().evaluate().unwrap(), ScalarValue::Float64(None));
}
