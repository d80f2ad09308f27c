use super::*;
use crate::answer::testing::answer;

#[track_caller]
fn same(ours: &str, reference: &str) {
    assert_eq!(difference(&answer(ours), &answer(reference)), None);
}

#[track_caller]
fn differ(ours: &str, reference: &str, expected: &str) {
    let found = difference(&answer(ours), &answer(reference)).expect("no difference");
    assert!(found.contains(expected), "{found}");
}

#[test]
fn two_errors_say_the_same() {
    same("error: no", "error: never");
    differ("error: no", "m: time\n1", "an error: no");
    differ("m: time\n1", "error: never", "the reference says: never");
    differ("error: no", "", "an error: no");
}

#[test]
fn numbers_agree_up_to_rounding() {
    same("m: time v\n1 0.30000000000000004", "m: time v\n1 0.3");
    same("m: time v\n1 1e-13", "m: time v\n1 0");
    same(
        "m: time v\n1 1333449022509388544",
        "m: time v\n1 1333449022509388500",
    );
    differ(
        "m: time v\n1 0.300000001",
        "m: time v\n1 0.3",
        "(1, 0.300000001) instead of (1, 0.3)",
    );
    differ(
        "m: time v\n1 1333449022509388500",
        "m: time v\n1 1333449022509398500",
        "instead of",
    );
    differ(
        "m: time v\n1 9007199254740992",
        "m: time v\n1 9007199254740991",
        "instead of",
    );
    differ(
        "m: time v\n1 -9007199254740994",
        "m: time v\n1 9007199254740994",
        "instead of",
    );
    differ(
        "m: time v\n1 100000000001",
        "m: time v\n1 100000000000",
        "instead of",
    );
}

#[test]
fn null_agrees_with_null_alone() {
    same("m: time v\n1 null", "m: time v\n1 null");
    for other in ["0", "false", "''"] {
        differ(
            "m: time v\n1 null",
            &format!("m: time v\n1 {other}"),
            "(1, null)",
        );
    }
    differ("m: time v\n1 true", "m: time v\n1 1", "instead of");
}

#[test]
fn rows_of_one_time_are_a_set() {
    same("m: time v\n1 1\n1 2\n2 3", "m: time v\n1 2\n1 1\n2 3");
    differ(
        "m: time v\n1 1\n1 1\n2 3",
        "m: time v\n1 2\n1 1\n2 3",
        "instead of (1, 2)",
    );
    differ("m: time v\n2 3\n1 1", "m: time v\n1 1\n2 3", "instead of");
    differ(
        "m: time v\n1 1",
        "m: time v\n1 1\n1 1",
        "1 rows instead of 2",
    );
}

#[test]
fn series_have_an_order() {
    same("a: time\n1\nb: time\n1", "a: time\n1\nb: time\n1");
    differ(
        "a: time\n1\nb: time\n1",
        "b: time\n1\na: time\n1",
        "the reference has \"b\"",
    );
    differ(
        "m h=a: time\n1\nm h=b: time\n1",
        "m h=b: time\n1\nm h=a: time\n1",
        "the reference has",
    );
    differ(
        "a: time\n1",
        "a: time\n1\nb: time\n1",
        "1 series instead of 2",
    );
}

#[test]
fn an_absent_tag_may_stand_first_or_last() {
    same(
        "m h=: time\n1\nm h=a: time\n2\nm h=b: time\n3",
        "m h=a: time\n2\nm h=b: time\n3\nm h=: time\n1",
    );
    // The others keep their order, and measurements theirs.
    differ(
        "m h=: time\n1\nm h=b: time\n3\nm h=a: time\n2",
        "m h=a: time\n2\nm h=b: time\n3\nm h=: time\n1",
        "the reference has",
    );
    differ(
        "n h=a: time\n1\nm h=: time\n1",
        "m h=: time\n1\nn h=a: time\n1",
        "the reference has",
    );
}

#[test]
fn columns_and_tags_have_to_be_equal() {
    differ("m: time a b\n1 1 1", "m: time b a\n1 1 1", "columns");
    differ("m: time a\n1 1", "m h=: time a\n1 1", "the reference has");
}

#[test]
fn instants_are_compared_with_their_offset() {
    let parse = |time: &str| {
        let body = format!(
            r#"{{"results":[{{"statement_id":0,"series":[{{"name":"m","columns":["time"],"values":[["{time}"]]}}]}}]}}"#
        );
        Answer::parse(200, &body).unwrap()
    };
    let compare = |ours, reference| difference(&parse(ours), &parse(reference));
    assert_eq!(
        compare("2024-01-01T00:00:00.500Z", "2024-01-01T00:00:00.5Z"),
        None
    );
    assert!(compare("2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00Z").is_some());
    assert!(compare("2024-01-01T00:00:01Z", "2024-01-01T00:00:00Z").is_some());
}
