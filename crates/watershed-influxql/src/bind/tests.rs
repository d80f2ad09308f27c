use std::collections::BTreeMap;

use super::{ParamValue, bind, check_all_used};
use crate::{Statement, parse_statements};

fn params() -> BTreeMap<String, ParamValue> {
    BTreeMap::from([
        ("b".to_owned(), ParamValue::Boolean(true)),
        ("i".to_owned(), ParamValue::Integer(-5)),
        ("u".to_owned(), ParamValue::Unsigned(7)),
        ("big".to_owned(), ParamValue::Unsigned(u64::MAX)),
        ("f".to_owned(), ParamValue::Float(2.5)),
        ("nan".to_owned(), ParamValue::Float(f64::NAN)),
        ("a string".to_owned(), ParamValue::String("it's".to_owned())),
    ])
}

fn statements(text: &str) -> Vec<Statement> {
    parse_statements(text).expect("statements")
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let mut bound = statements(text);
    bind(&mut bound, &params()).expect("bound");
    assert_eq!(bound, statements(expected), "{}", bound[0]);
}

#[test]
fn parameters_become_literals() {
    check(
        "SELECT v FROM m WHERE b = $b AND i = $i AND u = $u AND x = $big AND f = $f AND s = $\"a string\"",
        "SELECT v FROM m WHERE b = true AND i = -5 AND u = 7 AND x = 18446744073709551615 AND f = 2.5 AND s = 'it\\'s'",
    );
}

#[test]
fn wherever_an_operand_may_stand() {
    check(
        "SELECT v * $i, percentile(v, $u) FROM m",
        "SELECT v * -5, percentile(v, 7) FROM m",
    );
    check(
        "SELECT v FROM (SELECT v FROM m WHERE a = $i) WHERE b = $u",
        "SELECT v FROM (SELECT v FROM m WHERE a = -5) WHERE b = 7",
    );
    check(
        "SELECT mean(v) FROM m GROUP BY time(1m, $\"a string\")",
        "SELECT mean(v) FROM m GROUP BY time(1m, 'it\\'s')",
    );
    check(
        "EXPLAIN SELECT v FROM m WHERE a = $i",
        "EXPLAIN SELECT v FROM m WHERE a = -5",
    );
    check(
        "SELECT v INTO n FROM m WHERE a = $i",
        "SELECT v INTO n FROM m WHERE a = -5",
    );
    check("SHOW SERIES WHERE a = $i", "SHOW SERIES WHERE a = -5");
    check(
        "SHOW SERIES EXACT CARDINALITY WHERE a = $i GROUP BY time(1m, $u)",
        "SHOW SERIES EXACT CARDINALITY WHERE a = -5 GROUP BY time(1m, 7)",
    );
    check(
        "DROP SERIES FROM m WHERE a = $i",
        "DROP SERIES FROM m WHERE a = -5",
    );
    check(
        "SHOW MEASUREMENTS WHERE a = $i",
        "SHOW MEASUREMENTS WHERE a = -5",
    );
    check("SHOW TAG KEYS WHERE a = $i", "SHOW TAG KEYS WHERE a = -5");
    check(
        "SHOW TAG VALUES WITH KEY = k WHERE a = $i",
        "SHOW TAG VALUES WITH KEY = k WHERE a = -5",
    );
    check("DELETE WHERE a = $i", "DELETE WHERE a = -5");
}

#[test]
fn a_parameter_without_a_value() {
    let error =
        bind(&mut statements("SELECT v FROM m WHERE a = $x"), &params()).expect_err("undefined");
    assert_eq!(
        error.to_string(),
        "Bind parameter '$x' was referenced in the InfluxQL statement but its value is undefined."
    );
    let error =
        bind(&mut statements("SELECT v FROM m WHERE a = $nan"), &params()).expect_err("not finite");
    assert_eq!(
        error.to_string(),
        "Bind parameter '$nan' is not a finite number"
    );
}

#[test]
fn a_value_without_a_parameter() {
    let params = BTreeMap::from([
        ("i".to_owned(), ParamValue::Integer(1)),
        ("x".to_owned(), ParamValue::Integer(2)),
    ]);
    let mut one = statements("SELECT v FROM m WHERE a = $i");
    let error = check_all_used(&one, &params).expect_err("unused");
    assert_eq!(
        error.to_string(),
        "Bind parameter 'x' was provided but not found in the InfluxQL statement"
    );
    assert_eq!(bind(&mut one, &params), Ok(()));
    let two = statements("SELECT v FROM m WHERE a = $i; SELECT f($x) FROM (SELECT v FROM m)");
    assert_eq!(check_all_used(&two, &params), Ok(()));
}

#[test]
fn only_operands_can_be_parameters() {
    for text in [
        "SELECT v FROM $m",
        "SELECT v FROM m LIMIT $n",
        "SELECT v FROM m WHERE a =~ $r",
        "SELECT v FROM m GROUP BY time($d)",
    ] {
        assert!(parse_statements(text).is_err(), "{text}");
    }
}
