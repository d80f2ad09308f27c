use super::*;

#[track_caller]
fn check(counts: (u64, u64, u64), expected: (u64, u64, u64), remark: &str) {
    let floors = Floors::parse("golden = 10").unwrap();
    let new = |(p, f, s)| Counts::new(p, f, s);
    assert_eq!(
        floors.weigh("golden", new(counts)),
        (new(expected), remark.to_owned())
    );
}

#[test]
fn at_the_floor_the_rest_is_known() {
    check((10, 4, 1), (10, 0, 5), "4 known gaps");
}

#[test]
fn above_the_floor_it_asks_to_be_raised() {
    check(
        (12, 2, 0),
        (12, 0, 2),
        "2 known gaps; raise the floor in xtask/floors.toml from 10 to 12",
    );
}

#[test]
fn below_the_floor_what_is_missing_failed() {
    check((7, 7, 0), (7, 3, 4), "7 passed, the floor is 10");
}

#[test]
fn what_was_skipped_is_not_missing() {
    check((7, 1, 3), (7, 1, 3), "7 passed, the floor is 10");
}

#[test]
fn a_stage_without_a_floor_has_to_pass_in_full() {
    let floors = Floors::parse("golden = 10").unwrap();
    let counts = Counts::new(1, 1, 0);
    assert_eq!(floors.weigh("clients", counts), (counts, String::new()));
}

#[test]
fn the_floors_of_the_repository_can_be_read() {
    let floors = Floors::load().unwrap();
    assert!(
        floors.0.keys().all(|stage| crate::test::is_stage(stage)),
        "{floors:?}"
    );
}
