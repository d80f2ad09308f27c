use super::*;
use crate::testing::{Fields, Key, Row, batch, key, rows, schema, table, usage};
use crate::{TagFilter, WriteSettings, arrow_schema, write_parquet};
use arrow::array::Array;
use arrow::datatypes::DataType;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};
use watershed_model::{ColumnName, ColumnType, ErrorKind, TimeRange};

const SMALL: WriteSettings = WriteSettings {
    zstd_level: 1,
    row_group_rows_max: 100,
    page_rows_max: 10,
};

fn path() -> Path {
    Path::from("1/2/day/file.parquet")
}

struct File {
    store: Arc<dyn ObjectStore>,
    bytes: u64,
    reader: ParquetReader,
}

impl File {
    async fn new(rows: &[Row]) -> Self {
        Self::of_batch(batch(rows)).await
    }

    async fn of_batch(batch: RecordBatch) -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let schema = batch.schema();
        let batches = stream::iter([Ok(batch)]);
        let written = write_parquet(store.clone(), &path(), schema, batches, SMALL)
            .await
            .unwrap();
        let reader = ParquetReader::new(store.clone(), 1 << 20);
        Self {
            store,
            bytes: written.bytes,
            reader,
        }
    }

    async fn read(
        &self,
        schema: SchemaRef,
        filter: &ScanFilter,
    ) -> Result<Vec<RecordBatch>, Error> {
        let batches = self
            .reader
            .read(&path(), self.bytes, schema, filter, 64)
            .await?;
        batches.try_collect().await
    }

    async fn rows(&self, filter: &ScanFilter) -> Vec<Row> {
        self.read(schema(), filter)
            .await
            .unwrap()
            .iter()
            .flat_map(rows)
            .collect()
    }

    async fn extent(&self, filter: &ScanFilter) -> (usize, u64) {
        let extent = self
            .reader
            .extent(&path(), self.bytes, filter)
            .await
            .unwrap();
        (extent.row_groups_read, extent.rows_read)
    }
}

fn tag(column: &str, values: &[&str]) -> TagFilter {
    let values = values.iter().map(|value| (*value).to_owned()).collect();
    TagFilter {
        column: ColumnName::from(column),
        values,
    }
}

fn filter(min: i64, max: i64, tags: Vec<TagFilter>) -> ScanFilter {
    ScanFilter {
        times: TimeRange::from_nanos(min, max),
        tags,
    }
}

/// 10 hosts with 100 rows each: one row group a host, 10 pages each.
fn ten_hosts() -> Vec<Row> {
    let host = |host: i64| (0..100).map(move |t| (key(&format!("host_{host}"), t), usage(t)));
    (0..10).flat_map(host).collect()
}

#[tokio::test]
async fn every_type_comes_back_with_its_nulls() {
    let full = Fields {
        flag: Some(true),
        level: Some(-0.1),
        note: Some("ünïcode".to_owned()),
        total: Some(u64::MAX),
        usage: Some(i64::MIN),
    };
    let zoned = |time| Key {
        host: None,
        zone: Some("z".to_owned()),
        time,
    };
    let given = vec![
        (
            key("", 1),
            Fields {
                note: Some(String::new()),
                ..Fields::default()
            },
        ),
        (key("a", 1), full.clone()),
        (zoned(0), Fields::default()),
        (zoned(i64::MAX), full.clone()),
        (
            Key {
                host: None,
                zone: None,
                time: i64::MIN,
            },
            full,
        ),
    ];
    let file = File::new(&given).await;
    assert_eq!(file.rows(&ScanFilter::ALL).await, given);
    let batches = file.read(schema(), &ScanFilter::ALL).await.unwrap();
    assert_eq!(batches[0].schema(), schema());
}

#[tokio::test]
async fn large_files_come_back_whole_in_batches_of_the_wanted_size() {
    let given = ten_hosts();
    let file = File::new(&given).await;
    let batches = file.read(schema(), &ScanFilter::ALL).await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 64));
    assert_eq!(batches.iter().flat_map(rows).collect::<Vec<_>>(), given);
}

#[tokio::test]
async fn columns_come_in_the_wanted_order_and_missing_ones_are_null() {
    let file = File::new(&ten_hosts()).await;
    let wanted = arrow_schema(&table(&[
        ("absent", ColumnType::Tag),
        ("host", ColumnType::Tag),
        ("more", ColumnType::String),
        ("time", ColumnType::Time),
        ("usage", ColumnType::I64),
    ]));
    let reordered = Arc::new(wanted.project(&[4, 0, 3, 2, 1]).unwrap());
    for schema in [wanted, reordered] {
        let batches = file.read(schema.clone(), &ScanFilter::ALL).await.unwrap();
        assert_eq!(
            batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
            1000
        );
        let batch = &batches[0];
        assert_eq!(batch.schema(), schema);
        for name in ["absent", "more"] {
            assert_eq!(
                batch.column_by_name(name).unwrap().null_count(),
                batch.num_rows()
            );
        }
        assert_eq!(batch.column_by_name("usage").unwrap().null_count(), 0);
    }
}

#[tokio::test]
async fn only_missing_columns_still_count_rows() {
    let file = File::new(&ten_hosts()).await;
    let wanted = arrow_schema(&table(&[("absent", ColumnType::F64)]));
    let batches = file.read(wanted, &ScanFilter::ALL).await.unwrap();
    assert_eq!(
        batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
        1000
    );
}

#[tokio::test]
async fn times_prune_row_groups_and_pages() {
    let file = File::new(&ten_hosts()).await;
    assert_eq!(file.extent(&ScanFilter::ALL).await, (10, 1000));
    // One page of 10 rows in each of 10 row groups.
    assert_eq!(file.extent(&filter(20, 29, vec![])).await, (10, 100));
    assert_eq!(file.extent(&filter(29, 30, vec![])).await, (10, 200));
    assert_eq!(file.extent(&filter(100, 200, vec![])).await, (0, 0));
    let found = file.rows(&filter(20, 29, vec![])).await;
    assert_eq!(found.len(), 100);
    assert!(found.iter().all(|(key, _)| (20..30).contains(&key.time)));
}

#[tokio::test]
async fn tags_prune_row_groups_and_pages() {
    let file = File::new(&ten_hosts()).await;
    let host = |values: &[&str]| vec![tag("host", values)];
    assert_eq!(
        file.extent(&filter(i64::MIN, i64::MAX, host(&["host_3"])))
            .await,
        (1, 100)
    );
    assert_eq!(
        file.extent(&filter(0, 99, host(&["host_3", "host_9"])))
            .await,
        (2, 200)
    );
    assert_eq!(
        file.extent(&filter(95, 300, host(&["host_3"]))).await,
        (1, 10)
    );
    assert_eq!(
        file.extent(&filter(0, 99, host(&["host_33"]))).await,
        (0, 0)
    );
    assert_eq!(file.extent(&filter(0, 99, host(&[]))).await, (0, 0));
    let found = file.rows(&filter(95, 300, host(&["host_3"]))).await;
    let expected: Vec<Row> = (90..100).map(|t| (key("host_3", t), usage(t))).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn rows_that_lack_a_tag_match_only_the_empty_value() {
    let file = File::new(&ten_hosts()).await;
    for column in ["zone", "absent"] {
        let one = |value| filter(0, 99, vec![tag(column, &[value])]);
        assert_eq!(file.extent(&one("a")).await, (0, 0), "{column}");
        assert_eq!(file.extent(&one("")).await, (10, 1000), "{column}");
    }
    // A page with both.
    let absent = Key {
        host: None,
        zone: None,
        time: 1,
    };
    let file = File::new(&[(key("b", 1), usage(2)), (absent, usage(1))]).await;
    let one = |value| filter(0, 99, vec![tag("host", &[value])]);
    assert_eq!(file.extent(&one("")).await, (1, 2));
    assert_eq!(file.extent(&one("b")).await, (1, 2));
    assert_eq!(file.extent(&one("c")).await, (0, 0));
}

#[tokio::test]
async fn long_tag_values_are_not_pruned_by_their_cut_statistics() {
    let long = |end: &str| format!("{}{end}", "ÿ".repeat(200));
    let given = vec![
        (key(&long("a"), 1), usage(1)),
        (key(&long("b"), 1), usage(2)),
    ];
    let file = File::new(&given).await;
    for end in ["a", "b"] {
        let found = file
            .rows(&filter(0, 9, vec![tag("host", &[&long(end)])]))
            .await;
        assert_eq!(found, given);
    }
}

#[tokio::test]
async fn another_type_in_the_file_is_told() {
    let file = File::new(&ten_hosts()).await;
    let wanted = arrow_schema(&table(&[("usage", ColumnType::F64)]));
    let error = file.read(wanted, &ScanFilter::ALL).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::FileType {
                found: DataType::Int64,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_file_of_another_size_is_damaged() {
    let file = File::new(&ten_hosts()).await;
    for bytes in [file.bytes + 1, file.bytes * 1000, file.bytes - 1, u64::MAX] {
        let read = file
            .reader
            .read(&path(), bytes, schema(), &ScanFilter::ALL, 10)
            .await;
        let error = read.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{bytes}: {error}");
    }
}

#[tokio::test]
async fn rows_in_the_order_of_early_builds_are_refused() {
    let given = batch(&ten_hosts());
    let early = SortingColumn {
        column_idx: 0,
        descending: false,
        nulls_first: true,
    };
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_sorting_columns(Some(vec![early]))
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, given.schema(), Some(properties)).unwrap();
    writer.write(&given).unwrap();
    writer.close().unwrap();
    let size = bytes.len() as u64;
    let file = File::new(&ten_hosts()).await;
    file.store
        .put(&path(), PutPayload::from(bytes))
        .await
        .unwrap();
    let reader = ParquetReader::new(Arc::clone(&file.store), 1 << 20);
    let read = reader
        .read(&path(), size, schema(), &ScanFilter::ALL, 10)
        .await;
    let error = read.err().unwrap();
    assert!(
        error.to_string().contains("order of an early build"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_missing_file_is_told() {
    let file = File::new(&ten_hosts()).await;
    file.store.delete(&path()).await.unwrap();
    let error = file.read(schema(), &ScanFilter::ALL).await.unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

/// Reads damaged bytes as a file; the number of rows, or the kind of the error.
async fn read_damaged(bytes: Vec<u8>) -> Result<usize, ErrorKind> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let size = bytes.len() as u64;
    store.put(&path(), PutPayload::from(bytes)).await.unwrap();
    let reader = ParquetReader::new(store.clone(), 0);
    let file = File {
        store,
        bytes: size,
        reader,
    };
    let filter = filter(20, 80, vec![tag("host", &["host_1", "host_2"])]);
    match file.read(schema(), &filter).await {
        Ok(batches) => Ok(batches.iter().map(RecordBatch::num_rows).sum()),
        Err(error) => Err(error.kind()),
    }
}

#[tokio::test]
async fn damaged_files_are_errors_and_never_panics() {
    let rows: Vec<Row> = ten_hosts().into_iter().step_by(7).collect();
    let file = File::new(&rows).await;
    let bytes = file
        .store
        .get(&path())
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap()
        .to_vec();
    for length in [0, 3, 8, bytes.len() / 2, bytes.len() - 1] {
        let result = read_damaged(bytes[..length].to_vec()).await;
        assert_eq!(result, Err(ErrorKind::Corrupt), "{length} bytes left");
    }
    let mut errors = 0;
    for at in (0..bytes.len()).step_by(11) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        // A flipped bit inside a value has no checksum to tell it.
        if let Err(kind) = read_damaged(damaged).await {
            assert_eq!(kind, ErrorKind::Corrupt, "byte {at}");
            errors += 1;
        }
    }
    assert!(errors > 0);
}
