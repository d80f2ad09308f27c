use super::*;
use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::util::pretty::pretty_format_batches;
use std::sync::Arc;

fn batch(texts: &[Option<&str>], first: i64) -> RecordBatch {
    let numbers = first..first + i64::try_from(texts.len()).unwrap();
    let columns: [(&str, ArrayRef); 2] = [
        ("text", Arc::new(StringArray::from(texts.to_vec()))),
        ("n", Arc::new(Int64Array::from_iter_values(numbers))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn written(batches: &[RecordBatch]) -> String {
    let mut table = TextTable::new(&batches[0].schema());
    let mut out = Vec::new();
    for batch in batches {
        table.batch(batch, &mut out).unwrap();
    }
    table.end(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_short_table_looks_as_that_of_arrow() {
    let batches = [
        batch(&[Some("a"), None, Some("äöü and more")], 9),
        batch(&[Some(""), Some("two\nlines")], 1000),
    ];
    let expected = pretty_format_batches(&batches).unwrap();
    assert_eq!(written(&batches), format!("{expected}\n"));
    let none = [batch(&[], 0)];
    assert_eq!(
        written(&none),
        "+------+---+\n| text | n |\n+------+---+\n+------+---+\n"
    );
}

#[test]
fn a_long_table_is_written_before_it_ends() {
    let rows = vec![Some("x"); MEASURED_ROWS_MAX];
    let first = batch(&rows, 0);
    let mut table = TextTable::new(&first.schema());
    let mut out = Vec::new();
    table
        .batch(&first.slice(1, MEASURED_ROWS_MAX - 1), &mut out)
        .unwrap();
    assert!(out.is_empty());
    table.batch(&first.slice(0, 1), &mut out).unwrap();
    // Three rules and names, and all rows so far, of one width.
    let lines = String::from_utf8(std::mem::take(&mut out)).unwrap();
    assert_eq!(lines.lines().count(), 3 + MEASURED_ROWS_MAX);
    assert!(
        lines
            .lines()
            .all(|line| line.len() == "| text | 1234 |".len())
    );
    table
        .batch(&batch(&[Some("longer than the first")], 7), &mut out)
        .unwrap();
    table.end(&mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "| longer than the first | 7    |\n+------+------+\n"
    );
}

#[test]
fn a_long_cell_does_not_make_others_as_long() {
    let long = "x".repeat(100_000);
    let out = written(&[batch(&[Some("a"), Some(&long), Some("b\nc")], 0)]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 8);
    let width = WIDTH_MAX + 8;
    for line in [0, 1, 2, 3, 5, 6, 7] {
        assert_eq!(lines[line].len(), width, "{}", lines[line]);
    }
    assert_eq!(lines[4], format!("| {long} | 1 |"));
}

#[test]
fn few_long_cells_are_not_held() {
    let long = "x".repeat(MEASURED_BYTES_MAX / 2);
    let mut table = TextTable::new(&batch(&[], 0).schema());
    let mut out = Vec::new();
    table.batch(&batch(&[Some(&long)], 0), &mut out).unwrap();
    assert!(out.is_empty());
    table.batch(&batch(&[Some(&long)], 1), &mut out).unwrap();
    assert!(out.len() > MEASURED_BYTES_MAX);
}
