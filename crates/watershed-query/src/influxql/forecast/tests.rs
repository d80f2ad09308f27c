use super::*;

const MINUTE: i64 = 60_000_000_000;

fn minutes(with_fit: bool) -> Forecast {
    Forecast {
        points: 2,
        season: 0,
        interval: MINUTE,
        with_fit,
    }
}

fn rows(values: &[Option<f64>], times: &[i64], forecast: Forecast) -> Vec<bool> {
    let values: Float64Array = values.iter().copied().collect();
    let results = forecast.evaluate(&values, times).unwrap();
    results.iter().map(|result| result.is_some()).collect()
}

#[test]
fn a_forecast_begins_behind_the_last_value() {
    let values = [None, Some(3.0), None, Some(3.0), None, None, None];
    let times: Vec<i64> = (0..7).map(|at| at * MINUTE).collect();
    let forecast = rows(&values, &times, minutes(false));
    assert_eq!(forecast, [false, false, false, false, true, true, false]);
    let fitted = rows(&values, &times, minutes(true));
    assert_eq!(fitted, [false, true, true, true, true, true, false]);
}

#[test]
fn a_bucket_moved_by_the_clocks_is_still_the_next() {
    let times = [
        0,
        MINUTE,
        2 * MINUTE + 2_000_000_000,
        3 * MINUTE - 2_000_000_000,
    ];
    let values = [Some(3.0), Some(3.0), None, None];
    assert_eq!(
        rows(&values, &times, minutes(false)),
        [false, false, true, true]
    );
}

#[test]
fn one_value_and_none_have_no_forecast() {
    let times = [0, MINUTE, 2 * MINUTE];
    assert_eq!(
        rows(&[Some(1.0), None, None], &times, minutes(true)),
        [false; 3]
    );
    assert_eq!(rows(&[None; 3], &times, minutes(true)), [false; 3]);
}

#[test]
fn too_many_buckets_are_refused() {
    let values: Float64Array = [Some(1.0), Some(2.0)].into_iter().collect();
    let buckets = i64::try_from(BUCKETS_MAX).unwrap();
    let error = minutes(false).evaluate(&values, &[0, buckets * MINUTE]);
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("use longer ones or a shorter range"),
        "{text}"
    );
}
