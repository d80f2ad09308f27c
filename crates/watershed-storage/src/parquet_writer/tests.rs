use super::*;
use crate::testing::{Row, batch, key, schema, usage};
use futures::stream;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

fn path() -> Path {
    Path::from("1/2/day/file.parquet")
}

async fn written(pieces: Vec<Vec<Row>>) -> (Arc<InMemory>, Result<WrittenFile, Error>) {
    let store = Arc::new(InMemory::new());
    let batches = stream::iter(
        pieces
            .iter()
            .map(|rows| Ok(batch(rows)))
            .collect::<Vec<_>>(),
    );
    let shared: Arc<dyn ObjectStore> = store.clone();
    let result = write_parquet(shared, &path(), schema(), batches, WriteSettings::default()).await;
    (store, result)
}

#[tokio::test]
async fn a_file_is_described_as_it_is() {
    let rows = |times: std::ops::Range<i64>| times.map(|t| (key("a", t), usage(t))).collect();
    let (store, result) = written(vec![rows(-5..0), vec![], rows(0..7)]).await;
    let file = result.unwrap();
    let object = store.get(&path()).await.unwrap().bytes().await.unwrap();
    assert_eq!(file.bytes, object.len() as u64);
    assert_eq!(
        (file.rows, file.time_range),
        (12, TimeRange::from_nanos(-5, 6))
    );

    let reader = ParquetRecordBatchReaderBuilder::try_new(object).unwrap();
    let metadata = reader.metadata();
    assert!(
        metadata
            .file_metadata()
            .created_by()
            .unwrap()
            .starts_with("watershed version ")
    );
    assert!(metadata.column_index().is_none(), "not asked for here");
    let sorting = metadata.row_group(0).sorting_columns().unwrap();
    let columns: Vec<i32> = sorting.iter().map(|column| column.column_idx).collect();
    // host, zone, time of the columns in name order.
    assert_eq!(columns, [1, 7, 4]);
    assert!(
        sorting
            .iter()
            .all(|column| !column.nulls_first && !column.descending)
    );
}

#[tokio::test]
async fn columns_are_encoded_as_the_table_says() {
    let rows = (0..50).map(|t| (key("a", t), usage(t))).collect();
    let (store, result) = written(vec![rows]).await;
    result.unwrap();
    let object = store.get(&path()).await.unwrap().bytes().await.unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(object).unwrap();
    let has = |column: usize, encoding: Encoding| {
        let column = reader.metadata().row_group(0).column(column);
        assert!(matches!(column.compression(), Compression::ZSTD(_)));
        column.encodings().any(|found| found == encoding)
    };
    for (column, encoding) in [
        (1, Encoding::RLE_DICTIONARY),
        (2, Encoding::BYTE_STREAM_SPLIT),
        (3, Encoding::RLE_DICTIONARY),
        (4, Encoding::DELTA_BINARY_PACKED),
        (5, Encoding::DELTA_BINARY_PACKED),
        (6, Encoding::DELTA_BINARY_PACKED),
        (7, Encoding::RLE_DICTIONARY),
    ] {
        assert!(has(column, encoding), "column {column} in {encoding}");
    }
    assert!(!has(4, Encoding::RLE_DICTIONARY));
}

#[tokio::test]
async fn nothing_is_stored_for_no_rows() {
    let (store, result) = written(vec![vec![]]).await;
    assert_eq!(result.unwrap().rows, 0);
    assert!(store.head(&path()).await.is_err());
}

#[track_caller]
fn check_refused(result: &Result<WrittenFile, Error>) {
    assert!(
        matches!(result, Err(Error::OutOfOrder { .. })),
        "{result:?}"
    );
}

#[tokio::test]
async fn rows_out_of_order_are_not_written() {
    let row = |host: &str, time: i64| (key(host, time), usage(1));
    let inside = written(vec![vec![row("b", 1), row("a", 2)]]).await;
    check_refused(&inside.1);
    assert!(inside.0.head(&path()).await.is_err());
    check_refused(&written(vec![vec![row("a", 2)], vec![row("a", 1)]]).await.1);
    check_refused(&written(vec![vec![row("a", 1)], vec![row("a", 1)]]).await.1);
    check_refused(&written(vec![vec![row("a", 1), row("a", 1)]]).await.1);
}

#[tokio::test]
async fn an_error_of_the_input_stores_nothing() {
    let store = Arc::new(InMemory::new());
    let shared: Arc<dyn ObjectStore> = store.clone();
    let items = vec![
        Ok(batch(&[(key("a", 1), usage(1))])),
        Err(Error::OutOfOrder { input: 3 }),
    ];
    let settings = WriteSettings::default();
    let result = write_parquet(shared, &path(), schema(), stream::iter(items), settings).await;
    assert!(matches!(result, Err(Error::OutOfOrder { input: 3 })));
    assert!(store.head(&path()).await.is_err());
}

#[tokio::test]
async fn a_store_that_refuses_the_file_is_an_error_and_leaves_nothing() {
    let dir = tempfile::TempDir::new().unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(dir.path()).unwrap();
    // A file where a directory would have to be.
    std::fs::write(dir.path().join("1"), "").unwrap();
    let rows: Vec<Row> = vec![(key("a", 1), usage(1))];
    let batches = stream::iter([Ok(batch(&rows))]);
    let settings = WriteSettings::default();
    let result = write_parquet(Arc::new(store), &path(), schema(), batches, settings).await;
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Store { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
