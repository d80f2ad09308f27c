use super::*;
use arrow::array::{Int64Array, StringArray};

fn columns(times: std::ops::Range<i64>) -> Vec<ArrayRef> {
    let hosts = times
        .clone()
        .map(|time| if time % 2 == 0 { Some("a") } else { None });
    vec![
        Arc::new(Int64Array::from_iter_values(times.clone())),
        Arc::new(hosts.collect::<StringArray>()),
    ]
}

#[test]
fn a_key_does_not_depend_on_the_batch() {
    let whole = keys(7, &columns(0..100)).unwrap();
    let part = keys(7, &columns(40..60)).unwrap();
    assert_eq!(whole.values()[40..60], part.values()[..]);
    assert_ne!(whole, keys(8, &columns(0..100)).unwrap());
}

#[test]
fn every_row_is_as_likely_as_the_others() {
    // The row with the least of 10 keys, over 4000 seeds: 400 times each, give or take 6 times the
    // standard deviation of 19.
    let mut chosen = [0; 10];
    for seed in 0..4000 {
        let keys = keys(seed, &columns(0..10)).unwrap();
        let least = (0..10).min_by_key(|row| keys.value(*row)).unwrap();
        chosen[least] += 1;
    }
    assert!(
        chosen.iter().all(|count| (286..=514).contains(count)),
        "{chosen:?}"
    );
}
