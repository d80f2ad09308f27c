use super::*;
use arrow::array::{
    DictionaryArray, Int64Array, ListArray, StringArray, StringViewArray, StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Int32Type;
use arrow_flight::decode::FlightRecordBatchStream;

fn dictionary(values: &[&str]) -> ArrayRef {
    Arc::new(DictionaryArray::<Int32Type>::from_iter(
        values.iter().copied(),
    ))
}

fn of(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Lists of so many items each.
fn lists(items: ArrayRef, lengths: &[usize]) -> ArrayRef {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Arc::new(ListArray::new(field, offsets, items, None))
}

fn types(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter();
    fields.map(|field| field.data_type().to_string()).collect()
}

#[test]
fn dictionaries_and_views_are_plain_at_any_depth() {
    let tags = dictionary(&["a", "b"]);
    let views: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "y"]));
    let inside = Field::new("tag", tags.data_type().clone(), true);
    let nested: ArrayRef = Arc::new(StructArray::new(
        vec![inside].into(),
        vec![Arc::clone(&tags)],
        None,
    ));
    let list = lists(Arc::clone(&tags), &[0, 2]);
    let rows = of(vec![("d", tags), ("v", views), ("s", nested), ("l", list)]);
    let plain = schema(&rows.schema(), Wire::default());
    assert_eq!(
        types(&plain),
        ["Utf8", "Utf8", r#"Struct("tag": Utf8)"#, "List(Utf8)"]
    );
    let rows = batch(&rows, &plain).unwrap();
    assert_eq!(rows.column(0).as_string::<i32>().value(1), "b");
    assert_eq!(rows.column(1).as_string::<i32>().value(0), "x");
    let items = rows.column(3).as_list::<i32>().value(1);
    assert_eq!(items.as_string::<i32>(), &StringArray::from(vec!["a", "b"]));

    let kept = Wire {
        dictionaries: true,
        ..Wire::default()
    };
    let kept = schema(&of(vec![("d", dictionary(&["a"]))]).schema(), kept);
    assert_eq!(types(&kept), ["Dictionary(Int32, Utf8)"]);
}

/// The parts of a batch: none beyond the limit but single rows, and all rows in order.
#[track_caller]
fn check_parts(whole: &RecordBatch, max_parts: usize) -> Vec<RecordBatch> {
    let parts = parts(whole.clone()).unwrap();
    let mut start = 0;
    for part in &parts {
        let size: usize = part.columns().iter().map(|c| bytes(c.as_ref())).sum();
        assert!(size <= MESSAGE_BYTES_MAX || part.num_rows() == 1, "{size}");
        let expected = whole.slice(start, part.num_rows());
        assert_eq!(
            batch(part, &schema(&part.schema(), Wire::default())).unwrap(),
            batch(&expected, &schema(&part.schema(), Wire::default())).unwrap()
        );
        start += part.num_rows();
    }
    assert_eq!(start, whole.num_rows());
    assert!(parts.len() <= max_parts, "{} parts", parts.len());
    parts
}

#[test]
fn large_batches_are_cut_into_few_messages() {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..2_000_000));
    // 16 MB in messages of 2 MiB.
    check_parts(&of(vec![("n", Arc::clone(&numbers))]), 8);
    // A slice counts for itself.
    assert_eq!(
        check_parts(&of(vec![("n", numbers.slice(5, 1000))]), 1).len(),
        1
    );
    assert_eq!(
        check_parts(&of(vec![("n", numbers.slice(0, 0))]), 1).len(),
        1
    );
}

#[test]
fn wide_batches_are_cut() {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..8192));
    let names: Vec<String> = (0..500).map(|n| format!("c{n}")).collect();
    let columns = names.iter().map(|n| (n.as_str(), Arc::clone(&column)));
    // 32 MB.
    check_parts(&of(columns.collect()), 17);
}

#[test]
fn a_row_that_is_too_large_goes_alone() {
    let large = "x".repeat(3 << 20);
    let mut texts = vec!["small"; 1000];
    texts[500] = &large;
    let parts = check_parts(&of(vec![("t", Arc::new(StringArray::from(texts)))]), 30);
    let alone = parts.iter().filter(|p| p.num_rows() == 1);
    let sizes = alone.map(|p| p.column(0).as_string::<i32>().value(0).len());
    assert!(sizes.max() == Some(large.len()));
}

#[test]
fn lists_count_the_items_of_their_rows() {
    let items: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000_000));
    let rows = of(vec![("l", lists(items, &vec![100; 10_000]))]);
    let parts = check_parts(&rows, 5);
    assert!(parts.len() >= 4, "8 MB are {} messages", parts.len());
}

#[test]
fn a_large_dictionary_is_cut_with_its_rows() {
    let texts: Vec<String> = (0..8192).map(|n| format!("{n:01000}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let tags = dictionary(&texts);
    check_parts(&of(vec![("d", Arc::clone(&tags))]), 10);
    // A few rows don't carry all values.
    let few = parts(of(vec![("d", tags.slice(10, 2))])).unwrap();
    assert_eq!(few[0].column(0).as_any_dictionary().values().len(), 2);
}

#[tokio::test]
async fn messages_are_read_as_they_were_written() {
    use futures::TryStreamExt as _;
    let whole = of(vec![
        ("d", dictionary(&["a", "b", "a"])),
        ("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef),
    ]);
    for compression in [
        None,
        Some(arrow::ipc::CompressionType::LZ4_FRAME),
        Some(arrow::ipc::CompressionType::ZSTD),
    ] {
        let wire = Wire {
            compression,
            dictionaries: true,
        };
        let mut messages = Messages::new(wire).unwrap();
        let mut sent = vec![messages.schema(&whole.schema())];
        sent.extend(messages.rows(&whole.slice(0, 0)).unwrap());
        sent.extend(messages.rows(&whole).unwrap());
        let sent = futures::stream::iter(sent.into_iter().map(Ok));
        let read = FlightRecordBatchStream::new_from_flight_data(sent);
        let read: Vec<RecordBatch> = read.try_collect().await.unwrap();
        let rows: Vec<usize> = read.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [0, 3], "{compression:?}");
        assert_eq!(
            batch(&read[1], &schema(&whole.schema(), Wire::default())).unwrap(),
            batch(&whole, &schema(&whole.schema(), Wire::default())).unwrap()
        );
    }
}
