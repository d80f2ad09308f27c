use super::*;

#[test]
fn reads_series_with_tags_and_all_kinds_of_values() {
    let body = r#"{"results":[{"statement_id":0,"series":[{"name":"m","tags":{"host":""},
        "columns":["time","a","b","c","d","e"],
        "values":[["1970-01-01T01:00:00.5+01:00",1,1.5,true,"1970-01-01T00:00:00Z",null]]}]}]}"#;
    let Answer::Series(series) = Answer::parse(200, body).unwrap() else {
        panic!("an error");
    };
    assert_eq!(
        series[0].tags,
        BTreeMap::from([("host".to_owned(), String::new())])
    );
    let time = Cell::Time {
        nanos: 500_000_000,
        offset_seconds: 3600,
    };
    let text = Cell::Text("1970-01-01T00:00:00Z".to_owned());
    let row = [
        time,
        Cell::Integer(1),
        Cell::Float(1.5),
        Cell::Boolean(true),
        text,
        Cell::Null,
    ];
    assert_eq!(series[0].rows, [row]);
}

#[test]
fn no_series_is_an_empty_answer() {
    let answer = Answer::parse(200, r#"{"results":[{"statement_id":0}]}"#).unwrap();
    assert_eq!(answer, Answer::Series(Vec::new()));
}

#[test]
fn errors_come_from_everywhere() {
    let error = |status, body| match Answer::parse(status, body).unwrap() {
        Answer::Error(error) => error,
        Answer::Series(_) => panic!("{body}"),
    };
    assert_eq!(error(400, r#"{"error":"parse"}"#), "parse");
    assert_eq!(
        error(200, r#"{"results":[{"statement_id":0,"error":"plan"}]}"#),
        "plan"
    );
    let late = r#"{"results":[{"statement_id":0,"error":"late","series":[{"name":"m","columns":["time"],"values":[]}]}]}"#;
    assert_eq!(error(200, late), "late");
    assert_eq!(
        error(200, "json: unsupported value: +Inf\n"),
        "json: unsupported value: +Inf"
    );
}

#[test]
fn what_is_no_answer_is_refused() {
    for (status, body) in [
        (200, ""),
        (200, "<html>"),
        (500, "{}"),
        (200, "{}"),
        (200, r#"{"results":[]}"#),
        (200, r#"{"results":[{},{}]}"#),
        (200, r#"{"results":[{"series":1}]}"#),
        (200, r#"{"results":[{"series":[{"name":"m"}]}]}"#),
        (
            200,
            r#"{"results":[{"series":[{"columns":["time","v"],"values":[[1]]}]}]}"#,
        ),
        (
            200,
            r#"{"results":[{"series":[{"columns":["time"],"values":[["yesterday"]]}]}]}"#,
        ),
        (
            200,
            r#"{"results":[{"series":[{"columns":["time","v"],"values":[[1,[]]]}]}]}"#,
        ),
    ] {
        assert!(Answer::parse(status, body).is_err(), "{status} {body}");
    }
}
