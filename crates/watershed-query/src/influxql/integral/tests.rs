use super::*;
use arrow::array::TimestampNanosecondArray;

#[test]
fn integral_is_cut_at_the_borders_of_buckets() {
    let values: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(2.0),
        None,
        Some(6.0),
        Some(6.0),
    ]));
    let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0, 5, 20, 24]));
    let areas = |buckets: Option<&Buckets>| {
        let areas = contributions(&values, &times, buckets);
        areas
            .as_primitive::<Float64Type>()
            .iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(areas(None), [Some(0.0), None, Some(80.0), Some(24.0)]);
    let buckets = Buckets::Fixed {
        nanos: 10,
        offset: 0,
    };
    assert_eq!(
        areas(Some(&buckets)),
        [Some(30.0), None, Some(0.0), Some(24.0)]
    );
}
