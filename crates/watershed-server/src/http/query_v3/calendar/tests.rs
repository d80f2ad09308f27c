use super::*;
use arrow::array::{
    Date32Array, DurationSecondArray, Int64Array, ListArray, TimestampNanosecondArray,
    TimestampSecondArray,
};
use std::sync::Arc;

fn refused(column: ArrayRef) -> Option<String> {
    let batch = RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap();
    check(&batch).err().map(|error| error.to_string())
}

#[test]
fn every_nanosecond_is_a_time() {
    let times = TimestampNanosecondArray::from(vec![i64::MIN, 0, i64::MAX]);
    assert_eq!(refused(Arc::new(times)), None);
    assert_eq!(refused(Arc::new(Int64Array::from(vec![i64::MIN]))), None);
}

#[test]
fn what_is_outside_is_named() {
    let dates = Date32Array::from(vec![Some(0), None, Some(i32::MIN)]);
    let text = refused(Arc::new(dates)).unwrap();
    assert!(
        text.starts_with("column c: -2147483648 of type Date32 is outside of the calendar"),
        "{text}"
    );
    let dates = Date32Array::from(vec![Some(0), None, Some(2_932_896)]);
    assert_eq!(refused(Arc::new(dates)), None);
    let seconds = TimestampSecondArray::from(vec![0, i64::MAX]).with_timezone("Europe/Oslo");
    let text = refused(Arc::new(seconds)).unwrap();
    assert!(
        text.contains("9223372036854775807 of type Timestamp(s, \"Europe/Oslo\")"),
        "{text}"
    );
    let durations = DurationSecondArray::from(vec![i64::MAX]);
    assert!(refused(Arc::new(durations)).is_some());
}

#[test]
fn lists_are_looked_into() {
    let items = [Some(vec![Some(1)]), None, Some(vec![None, Some(i32::MAX)])];
    let dates = ListArray::from_iter_primitive::<Date32Type, _, _>(items);
    assert!(
        refused(Arc::new(dates))
            .unwrap()
            .contains("2147483647 of type Date32")
    );
}
