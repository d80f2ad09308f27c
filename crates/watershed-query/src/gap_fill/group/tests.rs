use super::*;
use crate::gap_fill::{Grid, Step};
use arrow::array::{DictionaryArray, Float64Array, Int64Array};
use arrow::datatypes::{Int32Type, Schema, TimeUnit};
use arrow::util::pretty::pretty_format_batches;

/// Fills rows of (time, value) of one host in buckets of 10, a few rows at a time.
#[track_caller]
fn check(
    rows: &[(Option<i64>, Option<i64>)],
    (first, last): (Option<i64>, Option<i64>),
    fill: Fill,
    expected: &[(Option<i64>, Option<i64>)],
) {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let tag = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let schema = Arc::new(Schema::new(vec![
        Field::new("host", tag, true),
        Field::new("time", time, true),
        Field::new("value", DataType::Int64, true),
    ]));
    let hosts: DictionaryArray<Int32Type> = rows.iter().map(|_| "a").collect();
    let times: TimestampNanosecondArray = rows.iter().map(|row| row.0).collect();
    let values: Int64Array = rows.iter().map(|row| row.1).collect();
    let columns: Vec<ArrayRef> = vec![Arc::new(hosts), Arc::new(times), Arc::new(values)];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let spec = Spec {
        groups: vec![0],
        time: 1,
        grid: Grid {
            first,
            last,
            step: Step::Nanos(10),
        },
        fills: vec![(2, fill)],
        constants: vec![],
        nulls_first: true,
    };
    let mut filling = Filling::new(Arc::new(spec), schema, batch).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = filling.next(2) {
        let batch = batch.unwrap();
        assert!(batch.num_rows() <= 2);
        assert_eq!(
            batch.column(0).null_count(),
            0,
            "{}",
            pretty_format_batches(&[batch]).unwrap()
        );
        let times = batch
            .column(1)
            .as_primitive::<TimestampNanosecondType>()
            .iter();
        found.extend(times.zip(batch.column(2).as_primitive::<Int64Type>().iter()));
    }
    assert_eq!(found, expected);
}

#[test]
fn every_bucket_has_a_row() {
    let rows = [(Some(10), Some(1)), (Some(40), Some(7))];
    let both = (Some(0), Some(50));
    let at =
        |values: [Option<i64>; 6]| -> Vec<_> { (0..6).map(|i| Some(i * 10)).zip(values).collect() };
    check(
        &rows,
        both,
        Fill::Null,
        &at([None, Some(1), None, None, Some(7), None]),
    );
    let previous = at([None, Some(1), Some(1), Some(1), Some(7), Some(7)]);
    check(&rows, both, Fill::Previous, &previous);
    check(
        &rows,
        both,
        Fill::Linear,
        &at([None, Some(1), Some(3), Some(5), Some(7), None]),
    );
    let value = Fill::Value(ScalarValue::Int64(Some(0)));
    check(
        &rows,
        both,
        value,
        &at([Some(0), Some(1), Some(0), Some(0), Some(7), Some(0)]),
    );
}

#[test]
fn open_ends_are_those_of_the_group() {
    let rows = [(Some(10), Some(1)), (Some(30), Some(7))];
    let expected = [(Some(10), Some(1)), (Some(20), None), (Some(30), Some(7))];
    check(&rows, (None, None), Fill::Null, &expected);
}

#[test]
fn nulls_of_the_input_are_filled_too() {
    let rows = [(Some(0), Some(4)), (Some(10), None), (Some(20), Some(6))];
    let filled = |value| {
        [
            (Some(0), Some(4)),
            (Some(10), Some(value)),
            (Some(20), Some(6)),
        ]
    };
    check(&rows, (None, None), Fill::Previous, &filled(4));
    check(&rows, (None, None), Fill::Linear, &filled(5));
    check(
        &rows,
        (None, None),
        Fill::Value(ScalarValue::Int64(Some(9))),
        &filled(9),
    );
}

#[test]
fn rows_without_time_or_off_the_grid_stay() {
    let rows = [
        (None, Some(5)),
        (Some(3), Some(1)),
        (Some(10), Some(2)),
        (Some(77), Some(3)),
    ];
    let expected = [
        (None, Some(5)),
        (Some(0), None),
        (Some(3), Some(1)),
        (Some(10), Some(2)),
        (Some(20), None),
        (Some(77), Some(3)),
    ];
    check(&rows, (Some(0), Some(20)), Fill::Null, &expected);
    check(
        &[(None, Some(5))],
        (Some(0), Some(20)),
        Fill::Null,
        &[(None, Some(5))],
    );
}

#[test]
fn integers_are_interpolated_toward_zero_and_without_overflow() {
    let rows = [(Some(0), Some(i64::MIN)), (Some(20), Some(i64::MAX))];
    let expected = [
        (Some(0), Some(i64::MIN)),
        (Some(10), Some(0)),
        (Some(20), Some(i64::MAX)),
    ];
    check(&rows, (None, None), Fill::Linear, &expected);
    let rows = [(Some(0), Some(0)), (Some(20), Some(-3))];
    let expected = [
        (Some(0), Some(0)),
        (Some(10), Some(-1)),
        (Some(20), Some(-3)),
    ];
    check(&rows, (None, None), Fill::Linear, &expected);
}

#[test]
fn of_a_selector_only_the_value_is_interpolated() {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, None);
    let members: arrow::datatypes::Fields = vec![
        Field::new("value", DataType::Float64, true),
        Field::new("time", time.clone(), true),
    ]
    .into();
    let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 3.0]));
    let chosen: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1, 21]));
    let selected = StructArray::new(members.clone(), vec![values, chosen], None);
    let schema = Arc::new(Schema::new(vec![
        Field::new("time", time, true),
        Field::new("s", DataType::Struct(members), true),
    ]));
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0, 20]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![times, Arc::new(selected)]).unwrap();
    let spec = Spec {
        groups: vec![],
        time: 0,
        grid: Grid {
            first: None,
            last: None,
            step: Step::Nanos(10),
        },
        fills: vec![(1, Fill::Linear)],
        constants: vec![],
        nulls_first: true,
    };
    let mut filling = Filling::new(Arc::new(spec), schema, batch).unwrap();
    let filled = filling.next(10).unwrap().unwrap();
    let filled = filled.column(1).as_struct();
    let values = filled.column(0).as_primitive::<Float64Type>();
    assert_eq!(
        values.iter().collect::<Vec<_>>(),
        [Some(1.0), Some(2.0), Some(3.0)]
    );
    assert!(filled.column(1).is_null(1));
}
