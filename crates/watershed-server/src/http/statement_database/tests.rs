use super::*;
use watershed_influxql::parse_statements;

#[track_caller]
fn check(db: Option<&str>, rp: Option<&str>, text: &str, expected: Result<(&str, &str), &str>) {
    let mut statement = parse_statements(text).unwrap().remove(0);
    let found = lift(&mut statement, Defaults { db, rp });
    match expected {
        Ok((database, rest)) => {
            assert_eq!(found.unwrap().as_str(), database, "{text}");
            assert_eq!(
                statement.to_string(),
                parse_statements(rest).unwrap()[0].to_string()
            );
        }
        Err(message) => assert_eq!(found.unwrap_err().to_string(), message, "{text}"),
    }
}

#[test]
fn the_request_decides_when_the_statement_does_not() {
    let plain = "SELECT v FROM m";
    check(Some("a"), None, plain, Ok(("a", plain)));
    check(Some("a"), Some("b"), plain, Ok(("a/b", plain)));
    check(Some("a"), Some("autogen"), plain, Ok(("a", plain)));
    check(
        None,
        None,
        plain,
        Err("must specify a 'db' parameter, or provide the database in the InfluxQL query"),
    );
}

#[test]
fn the_statement_wins() {
    check(
        Some("a"),
        Some("b"),
        "SELECT v FROM c..m",
        Ok(("c", "SELECT v FROM m")),
    );
    check(
        Some("a"),
        Some("b"),
        "SELECT v FROM c.d.m",
        Ok(("c/d", "SELECT v FROM m")),
    );
    check(
        Some("a"),
        Some("b"),
        "SELECT v FROM d.m",
        Ok(("a/d", "SELECT v FROM m")),
    );
    check(
        None,
        None,
        "SHOW TAG KEYS ON c FROM m",
        Ok(("c", "SHOW TAG KEYS FROM m")),
    );
    check(
        Some("a"),
        None,
        "SHOW MEASUREMENTS ON c.d",
        Ok(("c/d", "SHOW MEASUREMENTS")),
    );
    check(
        Some("a"),
        None,
        "SHOW SERIES ON c FROM m",
        Ok(("c", "SHOW SERIES FROM m")),
    );
    check(
        Some("a"),
        None,
        "SHOW TAG VALUES EXACT CARDINALITY ON c FROM m WITH KEY = k",
        Ok(("c", "SHOW TAG VALUES EXACT CARDINALITY FROM m WITH KEY = k")),
    );
    check(
        Some("a"),
        None,
        "SHOW RETENTION POLICIES ON c",
        Ok(("c", "SHOW RETENTION POLICIES")),
    );
}

#[test]
fn subqueries_are_looked_into() {
    check(
        None,
        None,
        "SELECT v FROM (SELECT v FROM c..m)",
        Ok(("c", "SELECT v FROM (SELECT v FROM m)")),
    );
}

#[test]
fn several_databases_are_refused() {
    let several = Err("can only perform queries on a single database");
    check(Some("a"), None, "SELECT v FROM c..m, d..m", several);
    check(Some("a"), None, "SELECT v FROM c..m, m", several);
    check(Some("a"), None, "SHOW MEASUREMENTS ON *", several);
}
