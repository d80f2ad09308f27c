use super::*;
use arrow::array::{IntervalMonthDayNanoArray, TimestampNanosecondArray};
use arrow::datatypes::IntervalMonthDayNano;
use std::sync::Arc;

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn bytes_of(growth: Growth, arrays: &[ArrayRef], row: usize) -> u64 {
    let measure = growth.measure("f", arrays).unwrap();
    measure.bytes(row).unwrap()
}

#[test]
fn a_range_has_both_ends() {
    assert_eq!(items_between(0, 10, 1), 11);
    assert_eq!(items_between(0, 10, 3), 4);
    assert_eq!(items_between(10, 0, -5), 3);
    assert_eq!(items_between(5, 5, 1), 1);
    assert_eq!(items_between(0, 10, -1), 0);
    assert_eq!(items_between(0, 10, 0), 0);
    let (min, max) = (i64::MIN.into(), i64::MAX.into());
    assert_eq!(items_between(min, max, 1), u64::MAX);
}

#[test]
fn a_constant_stands_for_all_rows() {
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![Some(3), None, Some(-1), Some(100)]));
    let arrays = [texts(&["abc"]), counts];
    let rows = [0, 1, 2, 3].map(|row| bytes_of(Growth::Times, &arrays, row));
    assert_eq!(rows, [9, 0, 0, 300]);
}

#[test]
fn what_is_replaced_is_counted() {
    let long = "a".repeat(1 << 20);
    let many = texts(&[&"xa".repeat(100)]);
    let to = texts(&[&long]);
    let replaced = |growth: Growth, more: &[ArrayRef]| {
        let arrays = [std::slice::from_ref(&many), more].concat();
        let measure = growth.measure("f", &arrays).unwrap();
        assert!(measure.at_most(0).unwrap() >= measure.bytes(0).unwrap());
        bytes_of(growth, &arrays, 0)
    };
    let million = 1 << 20;
    let plain = [texts(&["a"]), to.clone()];
    assert_eq!(replaced(Growth::Replaced, &plain), 200 + 100 * million);
    let empty = [texts(&[""]), to.clone()];
    assert_eq!(replaced(Growth::Replaced, &empty), 200 + 201 * million);
    let first = [texts(&["[ab]"]), to.clone()];
    assert_eq!(replaced(Growth::ReplacedMatches, &first), 200 + million);
    let all = [texts(&["A"]), to.clone(), texts(&["gi"])];
    assert_eq!(replaced(Growth::ReplacedMatches, &all), 200 + 100 * million);
    let wrong = [texts(&["("]), to, texts(&["g"])];
    assert_eq!(replaced(Growth::ReplacedMatches, &wrong), 200);
}

#[test]
fn times_go_in_steps() {
    let times = |nanos| Arc::new(TimestampNanosecondArray::from(vec![nanos])) as ArrayRef;
    let step = |months, days, nanos| {
        let step = IntervalMonthDayNano::new(months, days, nanos);
        Arc::new(IntervalMonthDayNanoArray::from(vec![step])) as ArrayRef
    };
    let arrays = [times(0), times(1_000), step(0, 0, 10)];
    assert_eq!(bytes_of(Growth::Steps, &arrays, 0), 101 * ITEM_BYTES);
    let back_and_forth = [times(0), times(1_000), step(1, -30, 0)];
    let measure = Growth::Steps.measure("range", &back_and_forth).unwrap();
    assert_eq!(
        measure.bytes(0).unwrap_err().strip_backtrace(),
        "Execution error: range expects an interval that goes forward or backward in all its parts"
    );
}
