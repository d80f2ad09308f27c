//! Cases recorded from other servers and test suites. They are kept beside the repository, not in
//! it; where they are missing there is nothing to compare with, and the tests beside the sources
//! cover the same rules.

use std::fs;
use std::path::Path;

use serde_json::{Value as Json, json};
use watershed_line_protocol::{FieldValue, LineError, Point, Reason, parse_points};

/// The objects of a file of JSON lines, or `None` when the file is not there.
fn recorded(file: &str) -> Option<Vec<Json>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(file);
    let Ok(text) = fs::read_to_string(path) else {
        eprintln!("recorded vectors left out: no {file} beside the repository");
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn parse(body: &str) -> Vec<Result<Point, LineError>> {
    parse_points(body).collect()
}

#[test]
fn golden_vectors() {
    let Some(cases) = recorded("spec/examples/lineprotocol.jsonl") else {
        return;
    };
    assert!(cases.len() >= 126, "only {} vectors", cases.len());
    for case in &cases {
        let results = parse(case["lp"].as_str().unwrap());
        match case["ours"].as_str() {
            Some(ours) => check_ours(case, ours, &results),
            None => check_golden(case, &results),
        }
    }
}

/// Points equal, errors equal to the letter.
fn check_golden(case: &Json, results: &[Result<Point, LineError>]) {
    let expected = case["points"].as_array().unwrap();
    assert_eq!(results.len(), expected.len(), "{case}\n{results:?}");
    for (result, expected) in results.iter().zip(expected) {
        match result {
            Ok(point) => assert_eq!(&golden_point(point), expected, "{case}"),
            Err(error) => assert_eq!(expected["error"], error.error.to_string(), "{case}"),
        }
    }
}

fn check_ours(case: &Json, ours: &str, results: &[Result<Point, LineError>]) {
    if ours.starts_with("reject") {
        assert!(results.iter().all(Result::is_err), "{case}\n{results:?}");
        return;
    }
    assert!(
        !results.is_empty() && results.iter().all(Result::is_ok),
        "{case}\n{results:?}"
    );
}

fn golden_point(point: &Point) -> Json {
    let fields: Vec<Json> = point
        .fields
        .iter()
        .map(|(key, value)| golden_field(key, value))
        .collect();
    json!({ "measurement": point.measurement, "tags": point.tags, "fields": fields, "ts": point.timestamp })
}

fn golden_field(key: &str, value: &FieldValue) -> Json {
    match value {
        FieldValue::Float(value) => json!([key, "f64", format!("{value:?}")]),
        FieldValue::Integer(value) => json!([key, "i64", value.to_string()]),
        FieldValue::Unsigned(value) => json!([key, "u64", value.to_string()]),
        FieldValue::Boolean(value) => json!([key, "bool", value.to_string()]),
        FieldValue::String(value) => json!([key, "string", value]),
    }
}

/// Accepted lines give the recorded points; refused ones give an error, unless only a table could
/// refuse them.
#[test]
fn conformance_corpus() {
    let Some(cases) = recorded("conformance/line_protocol.jsonl") else {
        return;
    };
    let mut checked = 0;
    for case in cases
        .iter()
        .filter(|case| case.get("class").is_none_or(|class| class == "core"))
    {
        checked += 1;
        let results = parse(case["lp"].as_str().unwrap());
        match case["ok"].as_bool() {
            Some(true) => check_accepted(case, &results),
            _ => check_refused(case, &results),
        }
    }
    assert!(checked >= 300, "only {checked} cases");
}

fn check_accepted(case: &Json, results: &[Result<Point, LineError>]) {
    let points: Vec<&Point> = results
        .iter()
        .map(|result| result.as_ref().unwrap_or_else(|e| panic!("{case}\n{e}")))
        .collect();
    let expected = case["points"].as_array().unwrap();
    assert_eq!(points.len(), expected.len(), "{case}\n{points:?}");
    let nanoseconds = nanoseconds(case["precision"].as_str().unwrap());
    for (point, expected) in points.into_iter().zip(expected) {
        assert_eq!(
            point.measurement,
            expected["measurement"].as_str().unwrap(),
            "{case}"
        );
        let tags: Json = point
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), json!(value)))
            .collect();
        assert_eq!(tags, expected["tags"], "{case}");
        let fields: Json = point
            .fields
            .iter()
            .map(|(key, value)| (key.clone(), typed(value)))
            .collect();
        assert_eq!(fields, expected["fields"], "{case}");
        assert_eq!(
            json!(point.timestamp.map(|time| time * nanoseconds)),
            expected["time"],
            "{case}"
        );
    }
}

fn check_refused(case: &Json, results: &[Result<Point, LineError>]) {
    let hint = case["error_hint"].as_str().unwrap();
    // These lines are good one by one; what clashes is their types.
    if hint == "field type conflict inside the batch" {
        assert!(results.iter().all(Result::is_ok), "{case}\n{results:?}");
        return;
    }
    let first = results.iter().find_map(|result| result.as_ref().err());
    let error = first.unwrap_or_else(|| panic!("accepted: {case}"));
    if !matches!(error.error.reason(), Reason::TagAndField { .. }) {
        assert_eq!(error.error.to_string(), hint, "{case}");
    }
    if let Some(good) = case["good_lines"].as_u64() {
        assert_eq!(
            results.iter().filter(|result| result.is_ok()).count() as u64,
            good,
            "{case}\n{results:?}"
        );
    }
}

fn typed(value: &FieldValue) -> Json {
    match value {
        FieldValue::Float(value) => json!({ "t": "f", "v": value }),
        FieldValue::Integer(value) => json!({ "t": "i", "v": value }),
        FieldValue::Unsigned(value) => json!({ "t": "u", "v": value }),
        FieldValue::Boolean(value) => json!({ "t": "b", "v": value }),
        FieldValue::String(value) => json!({ "t": "s", "v": value }),
    }
}

fn nanoseconds(precision: &str) -> i64 {
    match precision {
        "n" | "ns" => 1,
        "u" | "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        other => panic!("precision {other}"),
    }
}
