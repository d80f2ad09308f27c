use super::*;
use watershed_influxql::parse_statements;

fn name(text: &str) -> DatabaseName {
    DatabaseName::new(text).unwrap()
}

#[track_caller]
fn check(text: &str, expected: Target) {
    let mut statement = parse_statements(text).unwrap().remove(0);
    let defaults = Defaults {
        db: Some("db"),
        rp: Some("rp"),
    };
    assert_eq!(Target::of(&mut statement, defaults), expected, "{text}");
}

#[test]
fn statements_name_what_they_read_and_write() {
    let into = |from: &str, into: &str| Target::Into {
        from: name(from),
        into: name(into),
    };
    check("SELECT v FROM m", Target::Database(name("db/rp")));
    check("SHOW SERIES ON a FROM m", Target::Database(name("a")));
    check("SHOW SERIES CARDINALITY ON a", Target::Database(name("a")));
    check("SELECT v INTO t FROM m", into("db/rp", "db/rp"));
    check("SELECT v INTO t FROM a..m", into("a", "db/rp"));
    check("SELECT v INTO a.b.t FROM m", into("db/rp", "a/b"));
    check("SELECT v INTO a..:MEASUREMENT FROM c..m", into("c", "a"));
    check("SELECT v INTO b.t FROM m", into("db/rp", "db/b"));
    check(
        "SELECT v INTO t FROM a..m, b..m",
        Target::Failed("can only perform queries on a single database".to_owned()),
    );
    check("SHOW QUERIES", Target::Server);
    check("SHOW SUBSCRIPTIONS", Target::Server);
    check("KILL QUERY 3", Target::Operator);
    check("DROP DATABASE a", Target::Operator);
}

#[test]
fn what_is_not_there_is_refused_with_advice() {
    #[track_caller]
    fn refused(text: &str, begin: &str) {
        let mut statement = parse_statements(text).unwrap().remove(0);
        match Target::of(&mut statement, Defaults::default()) {
            Target::Failed(error) => assert!(error.starts_with(begin), "{text}: {error}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    refused(
        "DELETE FROM m WHERE time < 5",
        "not implemented: DELETE: rows can't be deleted by a condition; ",
    );
    refused(
        "DROP SERIES FROM m WHERE host = 'a'",
        "not implemented: DROP SERIES: rows can't be deleted by a condition; ",
    );
    refused(
        "DROP SERIES FROM m WHERE host = 'a' AND Time < 5",
        "DROP SERIES doesn't support time in WHERE clause",
    );
    refused(
        "SHOW USERS",
        "not implemented: SHOW USERS: there are no users but tokens",
    );
    refused(
        "SHOW SHARDS",
        "not implemented: SHOW SHARDS: there are no shards;",
    );
    refused(
        "DROP CONTINUOUS QUERY q ON db",
        "not implemented: DROP CONTINUOUS QUERY: there are no continuous queries;",
    );
}
