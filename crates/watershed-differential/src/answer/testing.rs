//! Answers and queries from short texts, for tests.

use super::{Answer, Cell, Series};
use crate::data::DataSet;
use crate::generate::Query;
use std::collections::BTreeMap;
use watershed_influxql::parse_statements;
use watershed_line_protocol::parse_points;

/// An answer: `error: TEXT`, or for each series a line `NAME KEY=VALUE…: COLUMN…` and below it the rows, with
/// blanks between the values. Names and values have no blanks here.
pub(crate) fn answer(text: &str) -> Answer {
    let text = text.trim();
    if let Some(error) = text.strip_prefix("error: ") {
        return Answer::Error(error.to_owned());
    }
    let mut series: Vec<Series> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once(':') {
            Some((head, columns)) => series.push(empty_series(head, columns)),
            None => {
                let row: Vec<Cell> = line.split_whitespace().map(cell).collect();
                let last = series.last_mut().expect("a row belongs to a series");
                assert_eq!(row.len(), last.columns.len(), "{line}");
                last.rows.push(row);
            }
        }
    }
    Answer::Series(series)
}

fn empty_series(head: &str, columns: &str) -> Series {
    let mut words = head.split_whitespace();
    let tag = |word: &str| {
        let (key, value) = word.split_once('=').expect("a tag has a value");
        (key.to_owned(), value.to_owned())
    };
    Series {
        name: words.next().expect("a series has a name").to_owned(),
        tags: words.map(tag).collect::<BTreeMap<_, _>>(),
        columns: columns.split_whitespace().map(str::to_owned).collect(),
        rows: Vec::new(),
    }
}

fn cell(word: &str) -> Cell {
    if let Ok(integer) = word.parse() {
        return Cell::Integer(integer);
    }
    match word {
        "null" => Cell::Null,
        "true" => Cell::Boolean(true),
        "false" => Cell::Boolean(false),
        _ => match word.parse() {
            Ok(float) => Cell::Float(float),
            Err(_) => Cell::Text(word.trim_matches('\'').to_owned()),
        },
    }
}

/// The query with this text.
pub(crate) fn query(text: &str) -> Query {
    let mut statements = parse_statements(text).expect(text);
    assert_eq!(statements.len(), 1, "{text}");
    Query {
        statement: statements.remove(0),
        epoch: Some("ns"),
    }
}

/// The set of these lines.
pub(crate) fn data_set(lines: &str, ties: bool) -> DataSet {
    let empty = DataSet {
        measurements: Vec::new(),
        points: Vec::new(),
        step: 1,
        ties,
        recent: false,
        min_time: 0,
        max_time: 0,
    };
    empty.with_points(parse_points(lines).map(Result::unwrap).collect())
}
