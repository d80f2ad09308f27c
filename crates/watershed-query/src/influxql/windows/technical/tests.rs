//! All expected values are computed by hand, from the definitions.

use super::*;

fn of(indicator: Indicator, period: usize, warmup: Warmup) -> Technical {
    Technical {
        indicator,
        period,
        hold: None,
        warmup,
    }
}

#[track_caller]
fn check(technical: Technical, values: &[Option<f64>], expected: &[Option<f64>]) {
    let array: ArrayRef = Arc::new(values.iter().copied().collect::<Float64Array>());
    let times: TimestampNanosecondArray = (0..).take(values.len()).map(Some).collect();
    let mut walk = technical.walk();
    let mut found = Vec::new();
    // Cut after each row, as batches may be.
    for row in 0..values.len() {
        let part = walk.next(&array.slice(row, 1), &times.slice(row, 1));
        found.extend(part.unwrap().as_primitive::<Float64Type>());
    }
    let near = |found: &Option<f64>, expected: &Option<f64>| match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
        (None, None) => true,
        _ => false,
    };
    let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| near(a, b));
    assert!(same, "{technical:?}\n{found:?}\n{expected:?}");
}

fn some<const N: usize>(values: [f64; N]) -> [Option<f64>; N] {
    values.map(Some)
}

const GROWTH: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];

#[test]
fn an_average_warms_up_as_it_is_told() {
    let expected = [
        None,
        None,
        Some(17.0 / 6.0),
        Some(65.0 / 12.0),
        Some(257.0 / 24.0),
    ];
    check(
        of(Indicator::Ema, 3, Warmup::Exponential),
        &some(GROWTH),
        &expected,
    );
    let expected = [
        None,
        None,
        Some(7.0 / 3.0),
        Some(31.0 / 6.0),
        Some(127.0 / 12.0),
    ];
    check(
        of(Indicator::Ema, 3, Warmup::Simple),
        &some(GROWTH),
        &expected,
    );
}

#[test]
fn the_hold_period_is_what_is_left_out_at_the_beginning() {
    let hold = |hold| Technical {
        hold: Some(hold),
        ..of(Indicator::Ema, 3, Warmup::Simple)
    };
    let expected = [Some(1.0), Some(1.5), Some(7.0 / 3.0)];
    check(hold(0), &some([1.0, 2.0, 4.0]), &expected);
    check(hold(9), &some(GROWTH), &[None; 5]);
}

#[test]
fn averages_of_averages_take_away_their_delay() {
    check(
        of(Indicator::Dema, 2, Warmup::Simple),
        &some([1.0, 2.0, 4.0, 8.0]),
        &[None, None, Some(4.0), Some(209.0 / 27.0)],
    );
    check(
        of(Indicator::Tema, 2, Warmup::Exponential),
        &some([0.0, 0.0, 9.0, 9.0]),
        &[None, Some(0.0), Some(26.0 / 3.0), Some(28.0 / 3.0)],
    );
    // A period of one is the value itself.
    check(
        of(Indicator::Tema, 1, Warmup::Simple),
        &some(GROWTH),
        &some(GROWTH),
    );
}

#[test]
fn the_triple_derivative_is_the_change_in_percent() {
    check(
        of(Indicator::Trix, 1, Warmup::Exponential),
        &some([10.0, 11.0, 5.5]),
        &[None, Some(10.0), Some(-50.0)],
    );
    // After nothing there is no change in percent.
    check(
        of(Indicator::Trix, 1, Warmup::Exponential),
        &some([0.0, 11.0, 22.0]),
        &[None, None, Some(100.0)],
    );
    let simple = of(Indicator::Trix, 3, Warmup::Simple);
    assert_eq!(simple.hold(), 7);
}

#[test]
fn relative_strength_compares_rises_and_falls() {
    check(
        of(Indicator::Rsi, 2, Warmup::Exponential),
        &some([10.0, 12.0, 11.0, 14.0]),
        &[None, None, Some(50.0), Some(100.0 - 100.0 / 6.5)],
    );
    // Where nothing moved there is no strength; where nothing fell it is whole.
    check(
        of(Indicator::Rsi, 1, Warmup::Exponential),
        &some([5.0, 5.0, 6.0]),
        &[None, None, Some(100.0)],
    );
}

#[test]
fn the_efficiency_ratio_compares_the_way_with_the_steps() {
    check(
        of(Indicator::Ker, 2, Warmup::None),
        &some([1.0, 2.0, 4.0, 3.0, 3.0]),
        &[None, None, Some(1.0), Some(1.0 / 3.0), Some(1.0)],
    );
    check(
        of(Indicator::Ker, 2, Warmup::None),
        &some([7.0, 7.0, 7.0]),
        &[None, None, Some(0.0)],
    );
}

#[test]
fn the_adaptive_average_follows_what_moves_steadily() {
    let weight = (74.0_f64 / 279.0).powi(2);
    check(
        of(Indicator::Kama, 2, Warmup::None),
        &some([1.0, 2.0, 4.0, 3.0]),
        &[
            None,
            None,
            Some(26.0 / 9.0),
            Some(26.0 / 9.0 + weight / 9.0),
        ],
    );
}

#[test]
fn momentum_sums_up_changes_or_smooths_them() {
    let values = some([1.0, 3.0, 2.0, 6.0]);
    check(
        of(Indicator::Cmo, 2, Warmup::None),
        &values,
        &[None, Some(100.0), Some(100.0 / 3.0), Some(60.0)],
    );
    check(
        of(Indicator::Cmo, 2, Warmup::Simple),
        &values,
        &[None, None, Some(100.0 / 3.0), Some(900.0 / 11.0)],
    );
}

#[test]
fn rounding_leaves_no_momentum_behind() {
    let values = some([0.0, 0.1, 0.3, 0.6, 0.6, 0.6]);
    let flat = [
        None,
        Some(100.0),
        Some(100.0),
        Some(100.0),
        Some(100.0),
        Some(0.0),
    ];
    check(of(Indicator::Cmo, 2, Warmup::None), &values, &flat);
}

#[test]
fn nulls_are_no_values() {
    check(
        of(Indicator::Ker, 2, Warmup::None),
        &[Some(1.0), None, Some(2.0), None, Some(4.0), Some(3.0)],
        &[None, None, None, None, Some(1.0), Some(1.0 / 3.0)],
    );
}
