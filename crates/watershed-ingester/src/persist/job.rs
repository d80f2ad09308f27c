//! One attempt to persist the oldest piece of a partition.
//!
//! 1. Freeze: new rows go to a new piece.
//! 2. Sort, settle duplicates, encode, upload.
//! 3. One catalog transaction: the file is listed, and the partition's progress moves.
//! 4. Drop the piece.
//!
//! A crash after 2 leaves an object nobody lists, which gc removes; after 3, replay leaves out what the
//! progress covers.

use crate::buffer::{Buffer, BufferedPiece, PartitionId};
use crate::error::MaterialiseError;
use crate::metrics::Metrics;
use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use futures::stream;
use object_store::ObjectStore;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;
use watershed_catalog::{Catalog, CatalogError, ParquetFile, PersistCommit};
use watershed_model::{ColumnType, CounterRange, ErrorKind, FileId, TableId, TableSchema};
use watershed_storage::{WriteSettings, arrow_schema, parquet_path, write_parquet};

/// What every attempt needs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) buffer: Arc<Buffer>,
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) metrics: Metrics,
}

/// A file in the store that the catalog does not list yet. Kept for the next attempt, so that a
/// catalog that is down does not cost an upload each time.
#[derive(Debug, Clone)]
pub(super) struct Uploaded {
    counters: CounterRange,
    file: ParquetFile,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PersistError {
    #[error("look up the table")]
    Table(#[source] CatalogError),
    #[error("the catalog has table {table} but does not list it")]
    TableState { table: TableId },
    #[error("sort the rows")]
    Materialise(#[from] MaterialiseError),
    #[error("write the file")]
    Upload(#[from] watershed_storage::Error),
    #[error("list the file")]
    Commit(#[source] CatalogError),
    #[error("task ended early")]
    Task(#[source] tokio::task::JoinError),
}

/// What two failures must share to be one outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cause {
    step: &'static str,
    pub(super) kind: ErrorKind,
}

impl PersistError {
    pub(super) fn cause(&self) -> Cause {
        let (step, kind) = match self {
            Self::Table(source) => ("table", source.kind()),
            Self::TableState { .. } => ("table", ErrorKind::Conflict),
            Self::Materialise(source) => ("materialise", source.kind()),
            Self::Upload(source) => ("upload", source.kind()),
            Self::Commit(source) => ("commit", source.kind()),
            Self::Task(_) => ("task", ErrorKind::Internal),
        };
        Cause { step, kind }
    }
}

impl Job {
    /// Persists the oldest piece of a partition. `uploaded` is what the attempt before left over; after
    /// an error it holds what the next one can use.
    pub(super) async fn persist_oldest(
        &self,
        id: &PartitionId,
        uploaded: &mut Option<Uploaded>,
    ) -> Result<(), PersistError> {
        let started = Instant::now();
        let Some(piece) = self.buffer.freeze_oldest(id) else {
            return Ok(());
        };
        let Some(table) = self.table(id).await? else {
            self.buffer.drop_oldest(id, piece.counters);
            let PartitionId {
                database,
                table,
                partition,
            } = id;
            tracing::info!(%database, %table, %partition, rows = piece.rows, "dropped rows of a deleted table");
            return Ok(());
        };
        let file = match uploaded
            .take()
            .filter(|before| before.counters == piece.counters)
        {
            Some(before) => before.file,
            None => self.upload(id, &piece, &table).await?,
        };
        *uploaded = Some(Uploaded {
            counters: piece.counters,
            file: file.clone(),
        });
        self.commit(id, &piece, file.clone()).await?;
        self.buffer.drop_oldest(id, piece.counters);
        self.record(id, &file, started);
        Ok(())
    }

    /// The table as it is now; `None` when it was deleted.
    async fn table(&self, id: &PartitionId) -> Result<Option<Arc<TableSchema>>, PersistError> {
        if !self
            .catalog
            .table_is_active(id.table)
            .await
            .map_err(PersistError::Table)?
        {
            return Ok(None);
        }
        let databases = self
            .catalog
            .databases()
            .await
            .map_err(PersistError::Table)?;
        let Some(info) = databases.into_iter().find(|info| info.id == id.database) else {
            return Err(PersistError::TableState { table: id.table });
        };
        let database = self
            .catalog
            .database(&info.name)
            .await
            .map_err(PersistError::Table)?;
        let table = database
            .tables
            .values()
            .find(|table| table.id() == id.table);
        // Deleted between two calls: the next attempt will see it.
        table
            .map(|table| Some(Arc::clone(table)))
            .ok_or(PersistError::TableState { table: id.table })
    }

    async fn upload(
        &self,
        id: &PartitionId,
        piece: &BufferedPiece,
        table: &Arc<TableSchema>,
    ) -> Result<ParquetFile, PersistError> {
        let (schema, batches) = sorted(piece.clone(), Arc::clone(table)).await?;
        let file = FileId::new(Uuid::new_v4());
        let path = parquet_path(id.database, id.table, &id.partition, file);
        let batches = stream::iter(batches.into_iter().map(Ok));
        let store = Arc::clone(&self.store);
        let written =
            write_parquet(store, &path, schema, batches, WriteSettings::default()).await?;
        assert!(
            written.rows > 0,
            "a piece of {} rows became a file of none",
            piece.rows
        );
        let (rows, bytes) = (written.rows, written.bytes);
        Ok(ParquetFile {
            id: file,
            time_range: written.time_range,
            rows,
            bytes,
        })
    }

    async fn commit(
        &self,
        id: &PartitionId,
        piece: &BufferedPiece,
        file: ParquetFile,
    ) -> Result<(), PersistError> {
        let commit = PersistCommit {
            database: id.database,
            table: id.table,
            partition: id.partition.clone(),
            writer: piece.writer,
            epoch: piece.epoch,
            counters: piece.counters,
            file: Some(file),
        };
        match self.catalog.commit_persist(commit).await {
            // An attempt before was committed although its answer said otherwise: only this writer moves
            // its progress, and only piece by piece.
            Err(CatalogError::PersistOrder { persisted, .. })
                if persisted == piece.counters.max =>
            {
                Ok(())
            }
            committed => committed.map_err(PersistError::Commit),
        }
    }

    fn record(&self, id: &PartitionId, file: &ParquetFile, started: Instant) {
        let elapsed = started.elapsed();
        self.metrics.persists.inc();
        self.metrics.persist_rows.inc_by(file.rows);
        self.metrics.persist_bytes.inc_by(file.bytes);
        self.metrics.persist_seconds.observe(elapsed.as_secs_f64());
        let PartitionId {
            database,
            table,
            partition,
        } = id;
        let (rows, bytes, seconds) = (file.rows, file.bytes, elapsed.as_secs_f64());
        tracing::debug!(%database, %table, %partition, rows, bytes, seconds, "persisted partition");
    }
}

/// The piece as batches in key order, with the columns it has values for.
async fn sorted(
    piece: BufferedPiece,
    table: Arc<TableSchema>,
) -> Result<(SchemaRef, Vec<RecordBatch>), PersistError> {
    let sort = move || {
        let schema = columns_in_use(&piece, &table);
        let batches = piece.to_batches_whole(&table, &schema)?;
        Ok::<_, MaterialiseError>((schema, batches))
    };
    Ok(tokio::task::spawn_blocking(sort)
        .await
        .map_err(PersistError::Task)??)
}

/// The table's Arrow schema without the columns that no row of the piece came with: a file that lacks a
/// column reads as nulls there.
fn columns_in_use(piece: &BufferedPiece, table: &TableSchema) -> SchemaRef {
    let used = piece.columns();
    let whole = arrow_schema(table);
    let fields = whole.fields().iter().filter(|field| {
        table.column(field.name()).is_some_and(|column| {
            column.column_type == ColumnType::Time || used.contains(&column.id)
        })
    });
    let fields: Vec<_> = fields.cloned().collect();
    Arc::new(Schema::new_with_metadata(fields, whole.metadata().clone()))
}
