//! Expected values are answers of InfluxDB 1.6.7.

use super::*;

const WAVE: [f64; 15] = [
    10.0, 12.0, 15.0, 11.0, 13.0, 18.0, 12.0, 14.0, 19.0, 15.0, 16.0, 21.0, 14.0, 18.0, 24.0,
];

#[track_caller]
fn check(values: &[f64], season: usize, from: usize, expected: &[f64]) {
    let count = (from + expected.len()).saturating_sub(values.len());
    let forecast = forecast(values, season, count).unwrap();
    let found = &forecast[from..from + expected.len()];
    let near = |(found, expected): (&f64, &f64)| (found - expected).abs() < 1e-9 * expected.abs();
    assert!(found.iter().zip(expected).all(near), "{found:?}");
}

#[test]
fn a_trend_goes_on() {
    check(&WAVE, 0, 15, &[23.940166031282, 26.74920082527069]);
    check(&WAVE, 1, 15, &[23.940166031282, 26.74920082527069]);
    check(&[1.0, 4.0], 0, 2, &[9.289255775719528, 17.8240270362434]);
}

#[test]
fn seasons_come_again() {
    let expected = [
        21.531558769785093,
        20.809600525367483,
        24.293654731759016,
        24.368646635841678,
        23.551560169934927,
    ];
    check(&WAVE, 3, 15, &expected);
    check(&WAVE, 3, 1, &[11.067218266396472, 13.046085510865177]);
}

#[test]
fn the_first_value_and_a_constant_are_kept() {
    check(&[3.0; 5], 2, 0, &[3.0; 8]);
}

#[test]
fn unknown_values_are_passed_over() {
    let mut values: Vec<f64> = (0..12)
        .map(|at| 5.0 + f64::from(at) * 1.5 + f64::from(at % 3))
        .collect();
    values[3] = f64::NAN;
    values[7] = f64::NAN;
    check(&values, 0, 12, &[25.404819533396264, 27.865422728245008]);
    check(
        &values,
        4,
        1,
        &[8.06093948413266, 9.47731393518241, 11.250654018384676],
    );
}

#[test]
fn too_few_values_have_no_forecast() {
    assert_eq!(forecast(&[], 0, 3), None);
    assert_eq!(forecast(&[1.0], 0, 3), None);
    assert_eq!(forecast(&[1.0, 2.0, 3.0], 4, 3), None);
    assert_eq!(forecast(&[1.0, f64::NAN, 3.0], 3, 3), None);
}
