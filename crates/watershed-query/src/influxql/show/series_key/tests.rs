use super::*;
use arrow::array::{DictionaryArray, StringArray};
use arrow::datatypes::{Field, Int32Type};
use datafusion::config::ConfigOptions;

/// What the function gives for rows of tags; `-` is an absent one.
fn invoke(form: Form, names: &[&str], rows: &[&[&str]]) -> ArrayRef {
    let columns = (0..names.len()).map(|at| {
        let values = rows.iter().map(|row| (row[at] != "-").then_some(row[at]));
        let column: DictionaryArray<Int32Type> = values.collect();
        ColumnarValue::Array(Arc::new(column))
    });
    let function = SeriesFunction {
        form,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        signature: Signature::variadic_any(Volatility::Immutable),
    };
    let args = ScalarFunctionArgs {
        args: columns.collect(),
        arg_fields: Vec::new(),
        number_rows: rows.len(),
        return_field: Arc::new(Field::new("f", DataType::Utf8, true)),
        config_options: Arc::new(ConfigOptions::default()),
    };
    match function.invoke_with_args(args).unwrap() {
        ColumnarValue::Array(array) => array,
        ColumnarValue::Scalar(value) => panic!("{value} is no array"),
    }
}

#[track_caller]
fn check_key(measurement: &str, tags: &[(&str, &str)], expected: &str) {
    let (names, values): (Vec<&str>, Vec<&str>) = tags.iter().copied().unzip();
    let form = Form::Key(escaped(measurement, ", "));
    let keys = invoke(form, &names, &[&values]);
    let expected: ArrayRef = Arc::new(StringArray::from(vec![expected]));
    assert_eq!(&keys, &expected);
}

#[test]
fn keys_are_escaped_and_leave_out_absent_tags() {
    check_key("cpu", &[], "cpu");
    check_key("cpu", &[("host", "a"), ("region", "-")], "cpu,host=a");
    check_key("a=b, c", &[("t", "x")], r"a=b\,\ c,t=x");
    check_key("m", &[("t =,", r"ü\ ,=")], r"m,t\ \=\,=ü\\ \,\=");
}

#[test]
fn series_sort_by_their_tags_not_by_the_text_of_their_keys() {
    let names = ["a", "host", "z"];
    // As InfluxDB 1.6 lists them.
    let rows: [&[&str]; 8] = [
        &["-", "-", "-"],
        &["1", "xy", "-"],
        &["-", "x", "-"],
        &["-", "x", "1"],
        &["-", "x a", "1"],
        &["-", "x,a", "-"],
        &["-", "x-", "-"],
        &["-", "-", "1"],
    ];
    let orders = invoke(Form::Order, &names, &rows);
    let orders: Vec<&[u8]> = orders.as_binary::<i32>().iter().flatten().collect();
    assert_eq!(orders.len(), rows.len());
    assert!(orders.is_sorted());
}

#[test]
fn hashes_differ_where_the_same_value_is_in_another_tag() {
    let names = ["a", "b", "c"];
    let rows: [&[&str]; 6] = [
        &["-", "-", "-"],
        &["x", "-", "-"],
        &["-", "x", "-"],
        &["-", "-", "x"],
        &["x", "x", "-"],
        &["x", "x", "x"],
    ];
    let hashes = invoke(Form::Hash, &names, &rows);
    let mut hashes = hashes
        .as_primitive::<arrow::datatypes::UInt64Type>()
        .values()
        .to_vec();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), rows.len());
}
