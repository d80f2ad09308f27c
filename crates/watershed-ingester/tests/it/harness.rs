//! A data directory, and an ingester that can be started on it, killed, and started again.

use crate::faults::{FaultyCatalog, FaultyStore, Switch};
use crate::testing::{self, FIELDS, Model, Row, TAGS};
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use watershed_catalog::{
    Catalog, ColumnRequest, DatabaseSettings, NewDatabase, SqliteCatalog, TableFiles, TableRequest,
};
use watershed_ingester::{
    AppendError, BufferedPiece, Dependencies, Ingester, Settings, StartError,
};
use watershed_model::{
    ColumnType, DatabaseId, DatabaseName, ManualClock, PartitionKey, TableId, TableSchema,
    TimeRange, Timestamp, WriteBatch,
};
use watershed_storage::{ParquetReader, ScanFilter, arrow_schema, merge, parquet_path};

/// What survives a crash, and the switches for faults.
pub(crate) struct World {
    pub(crate) dir: Arc<TempDir>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) commits: Arc<Switch>,
    pub(crate) puts: Arc<Switch>,
    pub(crate) settings: Settings,
}

/// One life of the process: everything on it ends when it is dropped.
pub(crate) struct Node {
    // Dropped in this order: the tasks first, as in a crash, then what they worked on.
    runtime: Option<Runtime>,
    pub(crate) ingester: Ingester,
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) metrics: Registry,
    pub(crate) database: DatabaseId,
    /// The directory lives as long as anyone works in it.
    _dir: Arc<TempDir>,
}

fn database_name() -> DatabaseName {
    DatabaseName::new("db").unwrap()
}

impl World {
    /// An empty directory; nothing is persisted on its own accord.
    pub(crate) fn new() -> Self {
        let dir = Arc::new(TempDir::new().unwrap());
        let never = Duration::from_secs(1 << 30);
        let settings = Settings {
            persist_age: never,
            persist_idle: never,
            retry_delay_min: Duration::from_millis(1),
            retry_delay_max: Duration::from_millis(20),
            tick: Duration::from_millis(5),
            ..Settings::new(dir.path().join("wal"))
        };
        std::fs::create_dir(dir.path().join("objects")).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
        Self {
            dir,
            clock,
            commits: Switch::new(),
            puts: Switch::new(),
            settings,
        }
    }

    pub(crate) fn start(&self) -> Node {
        self.try_start().unwrap()
    }

    pub(crate) fn try_start(&self) -> Result<Node, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut metrics = Registry::default();
        let started = runtime.block_on(self.parts(&mut metrics));
        let (ingester, catalog, store, database) = started?;
        let _dir = Arc::clone(&self.dir);
        Ok(Node {
            runtime: Some(runtime),
            ingester,
            catalog,
            store,
            metrics,
            database,
            _dir,
        })
    }

    async fn parts(
        &self,
        metrics: &mut Registry,
    ) -> Result<(Ingester, Arc<dyn Catalog>, Arc<dyn ObjectStore>, DatabaseId), StartError> {
        let path = self.dir.path().join("catalog.sqlite");
        let inner: Arc<dyn Catalog> = Arc::new(
            SqliteCatalog::open(&path, self.clock.clone())
                .await
                .unwrap(),
        );
        let catalog: Arc<dyn Catalog> = Arc::new(FaultyCatalog {
            inner,
            commits: Arc::clone(&self.commits),
        });
        let objects = LocalFileSystem::new_with_prefix(self.dir.path().join("objects")).unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(FaultyStore {
            inner: Arc::new(objects),
            puts: Arc::clone(&self.puts),
        });
        let database = prepare(&catalog).await;
        let dependencies = Dependencies {
            catalog: Arc::clone(&catalog),
            store: Arc::clone(&store),
            clock: self.clock.clone(),
            metrics,
        };
        let ingester = Ingester::start(self.settings.clone(), dependencies).await?;
        Ok((ingester, catalog, store, database))
    }
}

/// The database with the table of the tests; the first start creates them.
async fn prepare(catalog: &Arc<dyn Catalog>) -> DatabaseId {
    let known = catalog.databases().await.unwrap();
    if let Some(info) = known.first() {
        return info.id;
    }
    let new = NewDatabase {
        name: database_name(),
        settings: DatabaseSettings::default(),
    };
    let database = catalog.create_database(new).await.unwrap().id;
    create_table(catalog, database, "cpu").await;
    database
}

pub(crate) async fn create_table(catalog: &Arc<dyn Catalog>, database: DatabaseId, name: &str) {
    let tags = TAGS.iter().rev().map(|(name, _)| (*name, ColumnType::Tag));
    let fields = FIELDS
        .iter()
        .rev()
        .map(|(name, _, column_type)| (*name, *column_type));
    let columns = tags
        .chain(fields)
        .map(|(name, column_type)| ColumnRequest {
            name: name.into(),
            column_type,
        })
        .collect();
    let request = TableRequest {
        table: name.into(),
        columns,
    };
    catalog
        .ensure_columns(database, vec![request])
        .await
        .unwrap();
}

impl Node {
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().unwrap().block_on(future)
    }

    /// The process is gone: no task runs to its end, nothing is flushed.
    pub(crate) fn crash(self) {
        drop(self);
    }

    pub(crate) fn table(&self) -> Arc<TableSchema> {
        self.table_named("cpu")
    }

    pub(crate) fn table_named(&self, name: &str) -> Arc<TableSchema> {
        let database = self
            .block_on(self.catalog.database(&database_name()))
            .unwrap();
        Arc::clone(database.table(name).unwrap())
    }

    pub(crate) fn delete_database(&self) {
        self.block_on(self.catalog.delete_database(&database_name()))
            .unwrap();
    }

    pub(crate) fn batch(&self, partition: &str, rows: &[Row]) -> WriteBatch {
        let tables = vec![testing::batch(&self.table(), partition, rows)];
        WriteBatch {
            database: self.database,
            tables,
        }
    }

    pub(crate) fn append(&self, partition: &str, rows: &[Row]) -> Result<(), AppendError> {
        let batch = self.batch(partition, rows);
        self.block_on(self.ingester.append(batch))
    }

    pub(crate) fn persist_all(&self) {
        self.block_on(self.ingester.persist_all());
    }

    pub(crate) fn buffered(&self) -> Vec<BufferedPiece> {
        self.ingester.rows(self.table().id(), TimeRange::ALL)
    }

    pub(crate) fn files(&self) -> TableFiles {
        let files = self.catalog.table_files(self.table().id(), TimeRange::ALL);
        self.block_on(files).unwrap()
    }

    /// What a query sees, in key order: buffer first, files second, pieces that the files hold left
    /// out, each partition merged.
    pub(crate) fn visible(&self) -> Vec<Row> {
        let table = self.table();
        let buffered = self.buffered();
        self.block_on(visible(self, &table, buffered))
    }

    /// The text of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        text
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Ends every task at its next await and waits for blocking work.
        drop(self.runtime.take());
    }
}

type Pieces = BTreeMap<PartitionKey, Vec<Vec<arrow::array::RecordBatch>>>;

async fn visible(node: &Node, table: &TableSchema, buffered: Vec<BufferedPiece>) -> Vec<Row> {
    let files = node
        .catalog
        .table_files(table.id(), TimeRange::ALL)
        .await
        .unwrap();
    let schema = arrow_schema(table);
    let reader = ParquetReader::new(Arc::clone(&node.store), 1 << 20);
    let mut pieces = Pieces::new();
    for row in &files.files {
        let path = parquet_path(row.database, row.table, &row.partition, row.file.id);
        let batches = reader
            .read(
                &path,
                row.file.bytes,
                Arc::clone(&schema),
                &ScanFilter::ALL,
                1_000,
            )
            .await
            .unwrap();
        let batches = batches.try_collect().await.unwrap();
        pieces
            .entry(row.partition.clone())
            .or_default()
            .push(batches);
    }
    for piece in buffered {
        let is_persisted = files.progress.iter().any(|progress| {
            progress.writer == piece.writer
                && progress.partition == piece.partition
                && progress.counter >= piece.counters.max
        });
        if !is_persisted {
            let batches = piece.to_batches(table, &schema, &ScanFilter::ALL).unwrap();
            pieces
                .entry(piece.partition.clone())
                .or_default()
                .push(batches);
        }
    }
    let mut model = Model::default();
    for inputs in pieces.into_values() {
        let inputs = inputs
            .into_iter()
            .map(|batches| stream::iter(batches.into_iter().map(Ok)).boxed());
        let merged = merge(Arc::clone(&schema), inputs.collect(), 1_000);
        let rows = testing::read(&merged.try_collect::<Vec<_>>().await.unwrap());
        let count = rows.len();
        let before = model.0.len();
        model.write(&rows);
        assert_eq!(model.0.len() - before, count, "a key came twice");
    }
    model.rows()
}

/// A row of the table with a host and a count.
pub(crate) fn row(host: &str, time: i64, count: i64) -> Row {
    let key = ([None, Some(host.to_owned()), None], time);
    Row {
        key,
        fields: [None, Some(testing::Value::I64(count)), None, None, None],
    }
}

/// The id of the table `cpu` as the first start gives it.
pub(crate) fn table_id(node: &Node) -> TableId {
    node.table().id()
}
