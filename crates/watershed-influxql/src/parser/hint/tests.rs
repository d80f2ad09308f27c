use crate::parse_statements;

/// `text` is refused with this hint.
#[track_caller]
fn check(text: &str, hint: &str) {
    match parse_statements(text) {
        Ok(statements) => panic!("{text}: parsed as {statements:?}"),
        Err(error) => assert_eq!(error.hint(), Some(hint), "{text}: {error}"),
    }
}

/// `text` is refused, and nothing is suggested.
#[track_caller]
fn check_none(text: &str) {
    let error = parse_statements(text).expect_err(text);
    assert_eq!(error.hint(), None, "{text}: {error}");
}

#[test]
fn misspelled_keywords() {
    for (text, meant) in [
        ("SELEC v FROM m", "SELECT"),
        ("SLECT v FROM m", "SELECT"),
        ("SELECT v FORM m", "FROM"),
        ("SELECT v FROM m WEHRE a = 1", "WHERE"),
        ("SELECT v FROM m WHERE a = 1 ADN b = 2", "AND"),
        ("SELECT v FROM (SELECT w FROM m WEHRE a = 1)", "WHERE"),
        ("SELECT (v) FROM m GRUOP BY host", "GROUP"),
        ("SELECT v FROM m WHERE a = 'x' LIMT 1", "LIMIT"),
        ("SELECT v FROM m LIMIT 1 OFSET 2", "OFFSET"),
        ("SELECT v FROM m FIL(none)", "FILL"),
        ("SELECT v FROM m FILL(nul)", "NULL"),
        ("SELECT v FROM m FILL(prevoius)", "PREVIOUS"),
        ("SELECT v FROM m ORDER BY time DSEC", "DESC"),
        ("SELECT v::flaot FROM m", "float"),
        ("SELECT v::int FROM m", "integer"),
        ("SHOW MESUREMENTS", "MEASUREMENTS"),
        ("SHOW DATABASE", "DATABASES"),
        ("SHOW TAG VALEUS WITH KEY = a", "VALUES"),
        ("SHOW TAG VALUES WITH KYE = a", "KEY"),
        ("SHOW MEASUREMENT", "MEASUREMENTS"),
        ("SHOW FIELD KEY", "KEYS"),
        ("CREATE DATBASE x", "DATABASE"),
        ("DROP MESUREMENT x", "MEASUREMENT"),
        ("DROP TABLE x", "DROP MEASUREMENT"),
        ("SHOW TABLES", "SHOW MEASUREMENTS"),
        ("DELETE FORM m", "FROM"),
        ("DELETE FROM m WERE a = 'b'", "WHERE"),
        ("SELECT v FROM m GROUP TIME(1m)", "GROUP BY"),
        ("SELECT v FROM m ORDER time", "ORDER BY"),
        (
            "CREATE RETENTION POLICY r ON d DURATON 1d REPLICATION 1",
            "DURATION",
        ),
    ] {
        check(text, &format!("did you mean {meant}?"));
    }
}

#[test]
fn clauses_out_of_order() {
    for (text, hint) in [
        (
            "SELECT v FROM m LIMIT 1 WHERE a = 1",
            "WHERE must come before LIMIT",
        ),
        (
            "SELECT v FROM m LIMIT 1 GROUP BY host",
            "GROUP BY must come before LIMIT",
        ),
        (
            "SELECT v FROM m GROUP BY host LIMIT 1 WHERE a = 1",
            "WHERE must come before GROUP BY",
        ),
        (
            "SELECT v FROM m ORDER BY time FILL(none)",
            "FILL must come before ORDER BY",
        ),
        (
            "SELECT v FROM m TZ('UTC') LIMIT 1",
            "LIMIT must come before TZ",
        ),
        ("SELECT v WHERE a = 1", "FROM must come before WHERE"),
        (
            "SELECT v FROM (SELECT w FROM m LIMIT 1 WHERE a = 1) LIMIT 2",
            "WHERE must come before LIMIT",
        ),
        ("SHOW SERIES LIMIT 1 FROM m", "FROM must come before LIMIT"),
        ("SHOW TAG KEYS FROM m ON db", "ON must come before FROM"),
        (
            "SELECT v FROM m WHERE a = 1 WHERE b = 2",
            "there is one WHERE, join its conditions with AND",
        ),
        ("SELECT v FROM m LIMIT 1 LIMIT 2", "LIMIT is given twice"),
        (
            "SELECT v FROM m GROUP BY a GROUP BY b",
            "GROUP BY is given twice",
        ),
    ] {
        check(text, hint);
    }
}

#[test]
fn the_clauses_of_a_subquery_are_its_own() {
    check(
        "SELECT v FROM (SELECT w FROM m LIMIT 1) LIMIT 2 WHERE a = 1",
        "WHERE must come before LIMIT",
    );
    check_none("SELECT v FROM (SELECT w FROM m LIMIT 1) WHERE (a = 1 LIMIT 1)");
    // Field keys have no WHERE to come before LIMIT.
    check_none("SHOW FIELD KEYS LIMIT 1 WHERE a = 1");
    check_none("SHOW FIELD KEYS LIMIT 1; SHOW FIELD KEYS WHERE a = 1");
}

#[test]
fn what_other_languages_have() {
    for (text, hint) in [
        (
            "SELECT mean(v) FROM m GROUP BY a HAVING mean(v) > 1",
            "InfluxQL has no HAVING, put the SELECT into a subquery and use WHERE",
        ),
        (
            "SELECT v FROM m JOIN n ON m.a = n.a",
            "InfluxQL has no joins, name several measurements with commas or use SQL",
        ),
        (
            "SELECT v FROM m LEFT JOIN n ON m.a = n.a",
            "InfluxQL has no joins, name several measurements with commas or use SQL",
        ),
        (
            "SELECT v FROM m UNION SELECT v FROM n",
            "InfluxQL has no set operations, send several statements or use SQL",
        ),
        (
            "SELECT v FROM m WHERE a LIKE 'x%'",
            "InfluxQL has no LIKE, use =~ and a regular expression",
        ),
        (
            "SELECT v FROM m WHERE a IN ('x', 'y')",
            "InfluxQL has no IN, join comparisons with OR or use =~ and a regular expression",
        ),
        (
            "SELECT v FROM m WHERE a NOT IN ('x', 'y')",
            "InfluxQL has no NOT, use != or !~",
        ),
        (
            "SELECT v FROM m WHERE NOT a = 'x'",
            "InfluxQL has no NOT, use != or !~",
        ),
        (
            "SELECT v FROM m WHERE !(a = 'x')",
            "InfluxQL has no NOT, use != or !~",
        ),
        (
            "SELECT v FROM m WHERE v BETWEEN 1 AND 2",
            "InfluxQL has no BETWEEN, use >= and <= joined with AND",
        ),
        (
            "SELECT v FROM m WHERE a IS NULL",
            "InfluxQL has no IS NULL, a tag that is absent equals ''",
        ),
        (
            "SELECT CASE WHEN v > 1 THEN 1 END FROM m",
            "InfluxQL has no CASE, use SQL",
        ),
        (
            "SELECT CAST(v AS float) FROM m",
            "a cast is written name::float",
        ),
        ("SELECT v FROM m AS n", "measurements have no alias"),
        ("SELECT v FROM m WHERE a == 1", "equality is written ="),
        (
            "SELECT v FROM m WHERE a = 1 && b = 2",
            "conditions are joined with AND",
        ),
        (
            "SELECT v FROM m WHERE a = 1 || b = 2",
            "conditions are joined with OR",
        ),
        (
            "INSERT INTO m VALUES (1)",
            "points are written as line protocol over HTTP",
        ),
        ("USE db", "the database is named with the request"),
        (
            "WITH t AS (SELECT v FROM m) SELECT v FROM t",
            "InfluxQL has no WITH, use a subquery",
        ),
        (
            "CREATE TABLE t (a int)",
            "a measurement comes into being with its first point",
        ),
        ("SELECT v FROM m LIMIT 5, 10", "write LIMIT n OFFSET m"),
        ("SELECT v FROM m ORDER BY v", "InfluxQL orders by time only"),
        (
            "SELECT v FROM m ORDER BY time, v",
            "InfluxQL orders by time only",
        ),
        ("SELECT 1", "a query reads from a measurement, FROM name"),
        (
            "SELECT now(); SHOW DATABASES",
            "a query reads from a measurement, FROM name",
        ),
        (
            "SELECT v FROM m FILL none",
            "the option stands in parentheses: FILL(none)",
        ),
    ] {
        check(text, hint);
    }
}

#[test]
fn quotes_of_the_wrong_kind() {
    let names = "names stand in double quotes";
    for text in [
        "SELECT v FROM 'm'",
        "SELECT v FROM m GROUP BY 'host'",
        "SELECT v AS 'w' FROM m",
        "SELECT v FROM `m`",
        "SELECT `v` FROM m",
        "SHOW TAG KEYS ON 'db'",
        "CREATE DATABASE 'db'",
        "DROP MEASUREMENT 'm'",
        "SHOW TAG VALUES WITH KEY = 'host'",
    ] {
        check(text, names);
    }
    let strings = "strings stand in single quotes";
    for text in [
        "SELECT v FROM m TZ(\"UTC\")",
        "SELECT v FROM m TZ(UTC)",
        "SHOW STATS FOR \"indexes\"",
    ] {
        check(text, strings);
    }
    check(
        "SELECT v FROM m WHERE a =~ 'x'",
        "a regular expression stands between slashes",
    );
    let other = "a name with other characters than letters, digits and _ stands in double quotes";
    for text in [
        "SELECT v FROM my-measurement",
        "SELECT v FROM a:b",
        "SELECT v FROM m GROUP BY my-tag",
        "SELECT grö FROM m",
        "SHOW TAG KEYS ON my-db",
    ] {
        check(text, other);
    }
}

#[test]
fn names_that_are_keywords() {
    let hint = "a keyword; as a name it stands in double quotes";
    for text in [
        "SELECT on FROM m",
        "SELECT v FROM user",
        "SELECT v FROM m WHERE key = 'x'",
        "CREATE DATABASE name",
    ] {
        check(text, hint);
    }
    // The name has been forgotten.
    for text in [
        "SELECT FROM m",
        "SELECT v FROM WHERE a = 1",
        "SELECT v AS FROM m",
    ] {
        check_none(text);
    }
}

#[test]
fn numbers() {
    check(
        "SELECT v FROM m LIMIT -1",
        "a negative number cannot stand here",
    );
    check("SELECT v FROM m LIMIT $n", "a parameter cannot stand here");
    check("SELECT v FROM m LIMIT '5'", "numbers have no quotes");
    check("SELECT v FROM m WHERE v > 1e3", "numbers have no exponent");
    check(
        "SELECT v FROM m WHERE v > 1.5E-3",
        "numbers have no exponent",
    );
    let blank = "no blank between a number and its unit";
    check("SELECT v FROM m WHERE time > now() - 1 h", blank);
    check("SELECT mean(v) FROM m GROUP BY time(5 m)", blank);
    let units = "the units of durations are ns, u, ms, s, m, h, d and w";
    for text in [
        "SELECT v FROM m WHERE time > now() - 5min",
        "SELECT v FROM m WHERE time > now() - 1hour",
        "SELECT v FROM m WHERE time > now() - 1y",
        "SELECT v FROM m WHERE time > now() - 1mo",
    ] {
        check(text, units);
    }
}

#[test]
fn nothing_is_suggested_where_nothing_is_near() {
    for text in [
        "SELECT v FROM m nonsense",
        "nonsense",
        "SELECT v FROM m )",
        "SELECT v FROM m GROUP BY-tag",
        "SELECT v FROM m WHERE",
        "SELECT v,, w FROM m",
        "SHOW",
        "",
        ";",
    ] {
        if let Err(error) = parse_statements(text) {
            assert_eq!(error.hint(), None, "{text}: {error}");
        }
    }
}
