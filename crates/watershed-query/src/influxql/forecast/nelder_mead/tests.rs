use super::*;

#[test]
fn the_bottom_of_a_bowl_is_found() {
    let bowl = |at: &mut [f64]| (at[0] - 3.0).powi(2) + (at[1] + 1.0).powi(2) * 2.0 + 5.0;
    let (value, at) = minimum(bowl, &[0.0, 0.0]);
    assert!((value - 5.0).abs() < 1e-3, "{value}");
    assert!(
        (at[0] - 3.0).abs() < 0.05 && (at[1] + 1.0).abs() < 0.05,
        "{at:?}"
    );
}

#[test]
fn a_function_may_correct_its_point() {
    // All that is below 1 counts as 1.
    let (value, at) = minimum(
        |at: &mut [f64]| {
            at[0] = at[0].max(1.0);
            at[0]
        },
        &[4.0],
    );
    assert_eq!((value, at), (1.0, vec![1.0]));
}

#[test]
fn a_search_without_bottom_ends() {
    let mut calls = 0;
    let (value, _) = minimum(
        |at: &mut [f64]| {
            calls += 1;
            at[0]
        },
        &[0.0],
    );
    assert!(value < -1000.0);
    assert!(calls < 4 * STEPS_MAX);
}
