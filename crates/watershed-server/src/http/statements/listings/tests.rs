use super::*;

#[test]
fn durations_are_shown_in_their_largest_unit() {
    for (nanos, text) in [
        (-5, "0s"),
        (0, "0s"),
        (999, "999ns"),
        (66_999, "66\u{b5}s"),
        (1_999_999, "1ms"),
        (61_999_999_999, "1m1s"),
        (3_600_000_000_001, "1h0m0s"),
    ] {
        assert_eq!(go_duration(nanos), text, "{nanos}");
    }
}

#[test]
fn policies_are_what_follows_the_name_and_a_slash() {
    let policy = |database: &str, name: &str| {
        let [database, name] = [database, name].map(|name| DatabaseName::new(name).unwrap());
        policy_of(&database, &name).map(str::to_owned)
    };
    assert_eq!(policy("db", "db/week"), Some("week".to_owned()));
    assert_eq!(policy("db", "db/a/b"), Some("a/b".to_owned()));
    assert_eq!(policy("db/a", "db/a/b"), Some("b".to_owned()));
    assert_eq!(policy("db", "db"), None);
    assert_eq!(policy("db", "db/"), None);
    assert_eq!(policy("db", "db2/week"), None);
    assert_eq!(policy("db", "other/db/week"), None);
}
