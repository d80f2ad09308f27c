use super::*;
use arrow::array::{Int64Array, TimestampNanosecondArray, UInt64Array};

const SECOND: i64 = 1_000_000_000;

fn walk(unit_nanos: Option<i64>, non_negative: bool) -> Walk {
    Walk {
        unit_nanos,
        non_negative,
    }
}

fn floats(column: &ArrayRef) -> Vec<Option<f64>> {
    column.as_primitive::<Float64Type>().iter().collect()
}

fn differences_of(values: ArrayRef, non_negative: bool) -> Result<ArrayRef> {
    let rows = values.len();
    walk(None, non_negative).evaluate_all(&[values], rows)
}

fn rates_of(values: ArrayRef, times: Vec<Option<i64>>, non_negative: bool) -> Vec<Option<f64>> {
    let rows = values.len();
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(times));
    let mut walk = walk(Some(SECOND), non_negative);
    floats(&walk.evaluate_all(&[values, times], rows).unwrap())
}

#[test]
fn nulls_are_passed_over() {
    let values = Float64Array::from(vec![None, Some(1.0), None, Some(4.0), Some(2.5)]);
    let values: ArrayRef = Arc::new(values);
    let all = differences_of(Arc::clone(&values), false).unwrap();
    assert_eq!(floats(&all), [None, None, None, Some(3.0), Some(-1.5)]);
    let positive = differences_of(values, true).unwrap();
    assert_eq!(floats(&positive), [None, None, None, Some(3.0), None]);
}

#[test]
fn the_row_after_a_negative_difference_starts_from_its_value() {
    let values: ArrayRef = Arc::new(UInt64Array::from(vec![10, 3, 5]));
    let positive = differences_of(values, true).unwrap();
    let positive: Vec<_> = positive.as_primitive::<UInt64Type>().iter().collect();
    assert_eq!(positive, [None, None, Some(2)]);
}

#[test]
fn differences_that_are_no_value_of_the_type_are_errors() {
    let unsigned = differences_of(Arc::new(UInt64Array::from(vec![2, 1])), false);
    assert!(
        unsigned
            .unwrap_err()
            .to_string()
            .contains("cast the values to BIGINT")
    );
    let wide = vec![i64::MIN, i64::MAX];
    let signed = differences_of(Arc::new(Int64Array::from(wide)), false);
    assert!(signed.unwrap_err().to_string().contains("is no BIGINT"));
}

#[test]
fn rates_are_per_unit_whatever_the_order_of_time() {
    let values: ArrayRef = Arc::new(Int64Array::from(vec![0, 10, 5]));
    let times = vec![Some(0), Some(2 * SECOND), Some(3 * SECOND)];
    let up = rates_of(Arc::clone(&values), times, false);
    assert_eq!(up, [None, Some(5.0), Some(-5.0)]);
    let times = vec![Some(0), Some(-2 * SECOND), Some(-3 * SECOND)];
    let down = rates_of(Arc::clone(&values), times, true);
    assert_eq!(down, [None, None, Some(5.0)]);
    // Neither at one time nor without one is there a rate.
    let times = vec![Some(0), None, Some(0)];
    assert_eq!(rates_of(values, times, false), [None, None, None]);
}

#[test]
fn large_counters_are_subtracted_exactly() {
    let values = vec![u64::MAX - 1, u64::MAX];
    let rates = rates_of(
        Arc::new(UInt64Array::from(values)),
        vec![Some(0), Some(SECOND)],
        false,
    );
    assert_eq!(rates, [None, Some(1.0)]);
}
