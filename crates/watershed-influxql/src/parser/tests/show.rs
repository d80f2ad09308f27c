//! `SHOW …`.

use super::{check, check_error, check_same, statements};

#[test]
fn show_measurements() {
    check_same("SHOW MEASUREMENTS");
    check_same("SHOW MEASUREMENTS ON db WITH MEASUREMENT = m WHERE host = 'a' LIMIT 1 OFFSET 2");
    check_same("SHOW MEASUREMENTS ON db.rp WITH MEASUREMENT =~ /m/");
    check_same("SHOW MEASUREMENTS ON *");
    check_same("SHOW MEASUREMENTS ON *.*");
    check_error(
        "SHOW MEASUREMENTS WITH MEASUREMENT =~ m",
        "a regular expression is required after =~ at line 1, char 39",
    );
    check_error(
        "SHOW MEASUREMENTS WITH MEASUREMENT = /m/",
        "a name is required after =, use =~ for a regular expression at line 1, char 38",
    );
    check_error(
        "SHOW MEASUREMENTS WITH MEASUREMENT m",
        "found m, expected =, =~ at line 1, char 36",
    );
}

#[test]
fn show_keys_and_values() {
    check_same("SHOW FIELD KEYS");
    check_same("SHOW FIELD KEYS ON db FROM m, /n/ LIMIT 1 OFFSET 2");
    check_same("SHOW TAG KEYS ON db FROM m WHERE host = 'a' LIMIT 1 OFFSET 2");
    check_same("SHOW TAG KEYS WITH KEY = host");
    check_same("SHOW TAG KEYS ON db FROM m WITH KEY IN (a, b) WHERE host = 'a' LIMIT 1 OFFSET 2");
    check_error(
        "SHOW TAG KEYS WHERE host = 'a' WITH KEY = host",
        "found WITH, expected ; (WITH must come before WHERE) at line 1, char 32",
    );
    check_same("SHOW TAG VALUES ON db FROM m WITH KEY = host WHERE a = 'b' LIMIT 1 OFFSET 2");
    for keys in [
        "= host",
        "!= host",
        "=~ /h/",
        "!~ /h/",
        "IN (host, \"a b\")",
    ] {
        check_same(&format!("SHOW TAG VALUES WITH KEY {keys}"));
    }
    check_error(
        "SHOW TAG VALUES",
        "found EOF, expected WITH at line 1, char 16",
    );
    check_error(
        "SHOW TAG VALUES WITH KEY 'host'",
        "found 'host', expected =, !=, =~, !~, IN at line 1, char 26",
    );
    check_error(
        "SHOW FIELD VALUES",
        "found VALUES, expected KEYS, KEY at line 1, char 12",
    );
}

#[test]
fn show_databases_and_retention_policies() {
    check_same("SHOW DATABASES");
    check_same("SHOW RETENTION POLICIES");
    check_same("SHOW RETENTION POLICIES ON \"a b\"");
}

#[test]
fn show_series() {
    check_same("SHOW SERIES");
    check_same("SHOW SERIES ON db FROM m, rp./n/ WHERE host = 'a' LIMIT 1 OFFSET 2");
    check_error(
        "SHOW SERIES SLIMIT 1",
        "found SLIMIT, expected ; (did you mean LIMIT?) at line 1, char 13",
    );
}

#[test]
fn order_by_time_is_taken_by_show_and_changes_nothing() {
    for statement in [
        "SHOW MEASUREMENTS",
        "SHOW FIELD KEYS",
        "SHOW TAG KEYS",
        "SHOW TAG VALUES WITH KEY = host",
        "SHOW SERIES",
    ] {
        check(
            &format!("{statement} ORDER BY time DESC LIMIT 1"),
            &format!("{statement} LIMIT 1"),
        );
        let start = statement.len() + " ORDER BY ".len() + 1;
        check_error(
            &format!("{statement} ORDER BY host"),
            &format!(
                "invalid ORDER BY, expected TIME column (InfluxQL orders by time only) at line 1, char {start}"
            ),
        );
    }
}

#[test]
fn cardinalities() {
    for exact in ["", "EXACT "] {
        for what in ["SERIES", "MEASUREMENT", "TAG KEY", "FIELD KEY"] {
            check_same(&format!("SHOW {what} {exact}CARDINALITY"));
            check_same(&format!(
                "SHOW {what} {exact}CARDINALITY ON db FROM m, /n/ WHERE host = 'a' GROUP BY host, time(1m) LIMIT 1 OFFSET 2"
            ));
        }
        check_same(&format!(
            "SHOW TAG VALUES {exact}CARDINALITY ON db FROM m WITH KEY IN (a, b) WHERE host = 'a' GROUP BY * LIMIT 1 OFFSET 2"
        ));
    }
    for (text, name) in [
        ("SHOW SERIES EXACT CARDINALITY", "SHOW SERIES CARDINALITY"),
        (
            "SHOW MEASUREMENT CARDINALITY",
            "SHOW MEASUREMENT CARDINALITY",
        ),
        ("SHOW TAG KEY CARDINALITY", "SHOW TAG KEY CARDINALITY"),
        (
            "SHOW TAG VALUES CARDINALITY WITH KEY = a",
            "SHOW TAG VALUES CARDINALITY",
        ),
        ("SHOW FIELD KEY CARDINALITY", "SHOW FIELD KEY CARDINALITY"),
    ] {
        assert_eq!(statements(text)[0].name(), name);
    }
    for (text, expected) in [
        (
            "SHOW TAG VALUES CARDINALITY",
            "found EOF, expected WITH at line 1, char 28",
        ),
        (
            "SHOW TAG VALUES CARDINALITY WHERE a = 'b' WITH KEY = a",
            "found WHERE, expected WITH (WITH must come before WHERE) at line 1, char 29",
        ),
        (
            "SHOW SERIES CARDINALITY WITH KEY = a",
            "found WITH, expected ; at line 1, char 25",
        ),
        (
            "SHOW MEASUREMENTS CARDINALITY",
            "found CARDINALITY, expected ; at line 1, char 19",
        ),
        (
            "SHOW SERIES EXACT",
            "found EOF, expected CARDINALITY at line 1, char 18",
        ),
        (
            "SHOW FIELD KEY",
            "found EOF, expected EXACT, CARDINALITY (did you mean KEYS?) at line 1, char 15",
        ),
    ] {
        check_error(text, expected);
    }
}
