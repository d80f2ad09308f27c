use super::*;

#[track_caller]
fn check(function: WindowFunction, points: &[(i64, Option<f64>)], expected: &[Option<f64>]) {
    let values: ArrayRef = Arc::new(points.iter().map(|p| p.1).collect::<Float64Array>());
    let times: Vec<i64> = points.iter().map(|p| p.0).collect();
    let times = TimestampNanosecondArray::from(times);
    // In one batch, and cut after each row.
    for rows in [points.len(), 1] {
        let mut walk = function.walk(&DataType::Float64).unwrap();
        let mut found = Vec::new();
        for from in (0..points.len()).step_by(rows) {
            let part = walk.next(&values.slice(from, rows), &times.slice(from, rows));
            let part = cast(&part.unwrap(), &DataType::Float64).unwrap();
            found.extend(part.as_primitive::<Float64Type>());
        }
        assert_eq!(found, expected, "{rows} rows at a time");
    }
}

const POINTS: [(i64, Option<f64>); 5] = [
    (0, None),
    (10, Some(4.0)),
    (20, None),
    (30, Some(10.0)),
    (35, Some(9.0)),
];

#[test]
fn nulls_are_skipped() {
    let nothing = None;
    check(
        WindowFunction::Difference {
            non_negative: false,
        },
        &POINTS,
        &[nothing, nothing, nothing, Some(6.0), Some(-1.0)],
    );
    check(
        WindowFunction::Difference { non_negative: true },
        &POINTS,
        &[nothing, nothing, nothing, Some(6.0), nothing],
    );
    check(
        WindowFunction::Derivative {
            unit: 10,
            non_negative: false,
        },
        &POINTS,
        &[nothing, nothing, nothing, Some(3.0), Some(-2.0)],
    );
    check(
        WindowFunction::Elapsed { unit: 3 },
        &POINTS,
        &[nothing, nothing, nothing, Some(6.0), Some(1.0)],
    );
    check(
        WindowFunction::CumulativeSum,
        &POINTS,
        &[nothing, Some(4.0), nothing, Some(14.0), Some(23.0)],
    );
    check(
        WindowFunction::MovingAverage { points: 2 },
        &POINTS,
        &[nothing, nothing, nothing, Some(7.0), Some(9.5)],
    );
}

#[test]
fn descending_order_turns_the_change_round() {
    let mut points = POINTS;
    points.reverse();
    let nothing = None;
    let rate = WindowFunction::Derivative {
        unit: 10,
        non_negative: false,
    };
    check(
        rate,
        &points,
        &[nothing, Some(2.0), nothing, Some(-3.0), nothing],
    );
    check(
        WindowFunction::Elapsed { unit: 1 },
        &points,
        &[nothing, Some(-5.0), nothing, Some(-20.0), nothing],
    );
}
