//! Every query of the recorded corpora parses, and prints to what parses to the same tree.
//!
//! The corpora live beside the repository. Where they are absent, a line says so.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use watershed_influxql::parse_statements;

/// A moment to stand for the placeholders of the corpora, in nanoseconds.
const NOW: &str = "1700000000000000000";

#[test]
fn golden_examples_parse() {
    check_corpus("spec/examples/influxql.jsonl", |case| vec![case]);
}

#[test]
fn influxdb_1_cases_parse() {
    check_corpus("conformance/v1_influxdb1.jsonl", queries);
}

#[test]
fn influxdb_3_http_cases_parse() {
    check_corpus("conformance/v1_influxdb3.jsonl", queries);
}

#[test]
fn influxdb_3_cases_parse() {
    check_corpus("conformance/influxql_v3.jsonl", queries);
}

fn queries(case: &Value) -> Vec<&Value> {
    case["queries"]
        .as_array()
        .map(|queries| queries.iter().collect())
        .unwrap_or_default()
}

fn check_corpus(name: &str, queries_of: fn(&Value) -> Vec<&Value>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    let Ok(lines) = fs::read_to_string(&path) else {
        eprintln!("left out: {} is not there", path.display());
        return;
    };
    let mut checked = 0;
    let mut failures = Vec::new();
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("a corpus has one JSON object a line");
        for query in queries_of(&case)
            .into_iter()
            .filter(|query| is_answered(query))
        {
            checked += 1;
            failures.extend(check_query(query));
        }
    }
    assert!(checked > 0, "{name} has no queries");
    assert!(
        failures.is_empty(),
        "{} of {checked} queries:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Whether the query is InfluxQL that a server has to answer with rows.
fn is_answered(query: &Value) -> bool {
    let is_influxql = query["language"].as_str().unwrap_or("influxql") == "influxql";
    let is_core = query["class"].as_str().unwrap_or("core") == "core";
    let fails =
        !query["expect_error"].is_null() || query["expect"].to_string().contains("\"error\"");
    is_influxql && is_core && !fails
}

fn check_query(query: &Value) -> Option<String> {
    let text = fill_placeholders(query["q"].as_str()?);
    let statements = match parse_statements(&text) {
        Ok(statements) => statements,
        Err(error) => return Some(format!("{text}\n    {error}")),
    };
    for statement in statements {
        let printed = statement.to_string();
        match parse_statements(&printed) {
            Ok(again) if again == [statement] => {}
            Ok(_) => {
                return Some(format!(
                    "{text}\n    prints as another statement: {printed}"
                ));
            }
            Err(error) => return Some(format!("{text}\n    prints as {printed}\n    {error}")),
        }
    }
    None
}

fn fill_placeholders(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((_, after)) = behind.split_once("}}") else {
            break;
        };
        filled.push_str(before);
        filled.push_str(NOW);
        rest = after;
    }
    filled + rest
}
