use super::*;
use arrow::array::{ArrayRef, Int64Array, ListArray, StringArray};
use arrow::datatypes::Int64Type;
use std::sync::Arc;

fn written(columns: Vec<(&str, ArrayRef)>) -> String {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let mut out = Vec::new();
    header(batch.schema_ref(), &mut out);
    rows(&batch, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn texts(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn an_empty_text_is_not_null() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None, Some(-3)]));
    let columns = vec![
        ("s", texts(&[Some(""), None, Some("x")])),
        ("n", numbers),
        ("t", texts(&[None, None, Some("")])),
    ];
    assert_eq!(written(columns), "s,n,t\n\"\",1,\n,,\nx,-3,\"\"\n");
}

#[test]
fn what_would_end_a_cell_is_quoted() {
    let columns = vec![
        (
            "a,b",
            texts(&[Some("x,y"), Some("say \"hi\""), Some("two\nlines\r")]),
        ),
        ("", texts(&[Some("'"), Some(" "), Some(";")])),
    ];
    assert_eq!(
        written(columns),
        "\"a,b\",\"\"\n\"x,y\",'\n\"say \"\"hi\"\"\", \n\"two\nlines\r\",;\n"
    );
}

#[test]
fn no_line_is_empty() {
    let column = texts(&[None, Some(""), Some("x")]);
    assert_eq!(written(vec![("s", column)]), "s\n\"\"\n\"\"\nx\n");
}

#[test]
fn lists_have_no_place() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1)])]);
    let batch = RecordBatch::try_from_iter([("l", Arc::new(lists) as ArrayRef)]).unwrap();
    let error = rows(&batch, &mut Vec::new()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Csv error: column l: List(Int64) is not supported in CSV; "),
        "{text}"
    );
}
