//! An engine with everything it needs.

use crate::rows::Rows;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::util::pretty::pretty_format_batches;
use async_trait::async_trait;
use futures::{TryStreamExt, stream};
use object_store::memory::InMemory;
use std::collections::HashMap;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;
use watershed_catalog::{
    Catalog, ColumnRequest, DatabaseSettings, NewDatabase, ParquetFile, PersistCommit,
    SqliteCatalog, TableRequest,
};
use watershed_model::{
    Clock, ColumnType, Counter, CounterRange, DatabaseName, Epoch, FileId, ManualClock,
    PartitionKey, TableId, TableSchema, Timestamp, WriterId,
};
use watershed_query::{
    Params, QueryEngine, QueryError, QueryOptions, QueryOutput, Settings, UnpersistedError,
    UnpersistedPiece, UnpersistedRows,
};
use watershed_storage::{ScanFilter, WriteSettings, arrow_schema, parquet_path, write_parquet};

/// The time the clock of a new world shows: 2024-01-03T00:00:00Z.
pub(crate) const NOW: i64 = 1_704_240_000_000_000_000;

const EPOCH: Epoch = Epoch::new(1);

pub(crate) struct World {
    pub(crate) catalog: Arc<SqliteCatalog>,
    pub(crate) engine: QueryEngine,
    pub(crate) database: DatabaseName,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) clock: Arc<ManualClock>,
    writer: WriterId,
    store: Arc<InMemory>,
    counter: parking_lot::Mutex<u64>,
    _directory: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(DatabaseSettings::default(), settings()).await
    }

    pub(crate) async fn with(database: DatabaseSettings, settings: Settings) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(NOW)));
        let time: Arc<dyn Clock> = clock.clone();
        let path = directory.path().join("catalog.sqlite");
        let catalog = Arc::new(SqliteCatalog::open(&path, time.clone()).await.unwrap());
        let name = DatabaseName::new("db").unwrap();
        let new = NewDatabase {
            name: name.clone(),
            settings: database,
        };
        catalog.create_database(new).await.unwrap();
        let writer = catalog.start_writer().await.unwrap().writer;
        let store = Arc::new(InMemory::new());
        let buffer = Arc::new(Buffer::default());
        let engine = QueryEngine::new(
            settings,
            catalog.clone(),
            store.clone(),
            buffer.clone(),
            time,
        )
        .unwrap();
        Self {
            catalog,
            engine,
            database: name,
            buffer,
            clock,
            writer,
            store,
            counter: parking_lot::Mutex::new(0),
            _directory: directory,
        }
    }

    /// Makes sure of columns, given as `host:tag usage:f64`.
    pub(crate) async fn table(&self, table: &str, columns: &str) -> Arc<TableSchema> {
        let columns = columns.split(' ').filter(|c| !c.is_empty()).map(|column| {
            let (name, kind) = column.split_once(':').unwrap();
            ColumnRequest {
                name: name.into(),
                column_type: ColumnType::parse(kind).unwrap(),
            }
        });
        let request = TableRequest {
            table: table.into(),
            columns: columns.collect(),
        };
        let database = self.catalog.database(&self.database).await.unwrap();
        let schema = self
            .catalog
            .ensure_columns(database.id, vec![request])
            .await
            .unwrap();
        schema.table(table).unwrap().clone()
    }

    /// Writes rows that stay in memory, one piece a day.
    pub(crate) async fn buffer(&self, table: &str, rows: &str) {
        self.buffer_rows(table, Rows::parse(rows)).await;
    }

    pub(crate) async fn buffer_rows(&self, table: &str, rows: Rows) {
        let schema = self.table(table, "").await;
        for (partition, rows) in days(rows) {
            self.buffer_piece(&schema, partition, rows);
        }
    }

    /// Writes rows into files, one a day.
    pub(crate) async fn file(&self, table: &str, rows: &str) {
        self.file_rows(table, Rows::parse(rows)).await;
    }

    pub(crate) async fn file_rows(&self, table: &str, rows: Rows) {
        let schema = self.table(table, "").await;
        for (partition, rows) in days(rows) {
            self.file_piece(&schema, partition, rows).await;
        }
    }

    pub(crate) fn next_counter(&self) -> Counter {
        let mut counter = self.counter.lock();
        *counter += 1;
        Counter::new(*counter)
    }

    pub(crate) fn buffer_piece(&self, table: &TableSchema, partition: PartitionKey, rows: Rows) {
        let counter = self.next_counter();
        self.buffer_piece_at(
            table,
            partition,
            rows,
            CounterRange {
                min: counter,
                max: counter,
            },
        );
    }

    pub(crate) fn buffer_piece_at(
        &self,
        table: &TableSchema,
        partition: PartitionKey,
        rows: Rows,
        counters: CounterRange,
    ) {
        let batch = rows.batch(&arrow_schema(table));
        let piece = UnpersistedPiece {
            partition,
            writer: self.writer,
            epoch: EPOCH,
            counters,
            times: rows.times(),
            batches: vec![batch],
        };
        self.buffer
            .pieces
            .lock()
            .entry(table.id())
            .or_default()
            .push(piece);
    }

    pub(crate) async fn file_piece(
        &self,
        table: &TableSchema,
        partition: PartitionKey,
        rows: Rows,
    ) {
        let counter = self.next_counter();
        self.file_piece_at(
            table,
            partition,
            rows,
            CounterRange {
                min: counter,
                max: counter,
            },
        )
        .await;
    }

    pub(crate) async fn file_piece_at(
        &self,
        table: &TableSchema,
        partition: PartitionKey,
        rows: Rows,
        counters: CounterRange,
    ) {
        let database = self.catalog.database(&self.database).await.unwrap().id;
        let id = FileId::new(Uuid::now_v7());
        let path = parquet_path(database, table.id(), &partition, id);
        let schema = arrow_schema(table);
        let batches = stream::iter([Ok(rows.batch(&schema))]);
        let written = WriteSettings {
            page_rows_max: 4,
            row_group_rows_max: 8,
            ..Default::default()
        };
        let written = write_parquet(self.store.clone(), &path, schema, batches, written)
            .await
            .unwrap();
        let file = ParquetFile {
            id,
            time_range: written.time_range,
            rows: written.rows,
            bytes: written.bytes,
        };
        let commit = PersistCommit {
            database,
            table: table.id(),
            partition,
            writer: self.writer,
            epoch: EPOCH,
            counters,
            file: Some(file),
        };
        self.catalog.commit_persist(commit).await.unwrap();
    }

    pub(crate) async fn sql(&self, text: &str) -> Result<Vec<RecordBatch>, QueryError> {
        self.sql_with(text, Params::new()).await
    }

    pub(crate) async fn sql_with(
        &self,
        text: &str,
        params: Params,
    ) -> Result<Vec<RecordBatch>, QueryError> {
        let output = self.output(text, params).await?;
        let schema = output.schema.clone();
        let batches: Vec<RecordBatch> = output
            .stream
            .try_collect()
            .await
            .map_err(QueryError::execution)?;
        assert!(
            batches.iter().all(|batch| batch.schema() == schema),
            "batches keep the schema"
        );
        if batches.is_empty() {
            return Ok(vec![RecordBatch::new_empty(schema)]);
        }
        Ok(batches)
    }

    pub(crate) async fn output(
        &self,
        text: &str,
        params: Params,
    ) -> Result<QueryOutput, QueryError> {
        self.engine
            .sql(&self.database, text, params, QueryOptions::default())
            .await
    }

    /// The result as a table, each line trimmed; compare with [`check`](Self::check).
    pub(crate) async fn shown(&self, text: &str) -> String {
        match self.sql(text).await {
            Ok(batches) => pretty_format_batches(&batches).unwrap().to_string(),
            Err(error) => format!("{:?}: {error}", error.kind()),
        }
    }

    /// Compares the result (or the error, as `Kind: text`) with what is expected.
    #[track_caller]
    pub(crate) fn check<'a>(
        &'a self,
        text: &'a str,
        expected: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let shown = self.shown(text).await;
            assert_eq!(
                trimmed(&shown),
                trimmed(expected),
                "{text} at {at}\n{shown}"
            );
        }
    }
}

/// Few partitions in every test, whatever the machine.
pub(crate) fn settings() -> Settings {
    Settings {
        target_partitions: 2,
        ..Settings::default()
    }
}

pub(crate) fn trimmed(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Rows by partition of the default template.
pub(crate) fn days(rows: Rows) -> HashMap<PartitionKey, Rows> {
    let mut days: HashMap<PartitionKey, Rows> = HashMap::new();
    for (key, fields) in rows.0 {
        let day = PartitionKey::day_of(Timestamp::from_nanos(key.1));
        days.entry(PartitionKey::for_day(day))
            .or_default()
            .write(key, fields);
    }
    days
}

/// Rows in no file.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(crate) pieces: parking_lot::Mutex<HashMap<TableId, Vec<UnpersistedPiece>>>,
    pub(crate) failure: parking_lot::Mutex<Option<UnpersistedError>>,
    /// Whoever holds it keeps all others waiting.
    pub(crate) door: tokio::sync::Mutex<()>,
}

#[async_trait]
impl UnpersistedRows for Buffer {
    async fn rows(
        &self,
        table: &Arc<TableSchema>,
        schema: SchemaRef,
        _filter: &ScanFilter,
    ) -> Result<Vec<UnpersistedPiece>, UnpersistedError> {
        let _passed = self.door.lock().await;
        if let Some(failure) = self.failure.lock().clone() {
            return Err(failure);
        }
        let pieces = self.pieces.lock();
        let pieces = pieces.get(&table.id()).into_iter().flatten().cloned();
        Ok(pieces.map(|piece| projected(piece, &schema)).collect())
    }
}

fn projected(mut piece: UnpersistedPiece, schema: &SchemaRef) -> UnpersistedPiece {
    for batch in &mut piece.batches {
        let columns =
            schema
                .fields()
                .iter()
                .map(|field| match batch.column_by_name(field.name()) {
                    Some(column) => column.clone(),
                    None => arrow::array::new_null_array(field.data_type(), batch.num_rows()),
                });
        *batch = RecordBatch::try_new(schema.clone(), columns.collect()).unwrap();
    }
    piece
}
