//! Writers, Parquet files and progress.

use super::values::{file_id_from_stored, from_stored, to_stored};
use crate::{
    CatalogError, FileRow, ParquetFile, PartitionProgress, PersistCommit, TableFiles, WriterStart,
};
use sqlx::SqliteConnection;
use watershed_model::{
    Counter, CounterRange, DatabaseId, Epoch, PartitionKey, TableId, TimeRange, Timestamp, WriterId,
};

/// The level of files that no compaction has touched.
const LEVEL_PERSISTED: i64 = 0;

/// Raises the epoch of the one writer of this catalog; the first start creates it with epoch 1.
pub(super) async fn start_writer(
    connection: &mut SqliteConnection,
    now: Timestamp,
) -> Result<WriterStart, CatalogError> {
    let raised: Option<(i64, i64)> =
        sqlx::query_as("UPDATE writer SET epoch = epoch + 1, started_at = ? RETURNING id, epoch")
            .bind(now.nanos())
            .fetch_optional(&mut *connection)
            .await?;
    let (id, epoch) = match raised {
        Some(raised) => raised,
        None => {
            sqlx::query_as(
                "INSERT INTO writer (epoch, started_at) VALUES (1, ?) RETURNING id, epoch",
            )
            .bind(now.nanos())
            .fetch_one(connection)
            .await?
        }
    };
    Ok(WriterStart {
        writer: WriterId::new(id),
        epoch: Epoch::new(from_stored(epoch, "the epoch of a writer")?),
    })
}

#[derive(sqlx::FromRow)]
struct ProgressRow {
    table_id: i64,
    key: String,
    writer_id: i64,
    counter: i64,
}

impl ProgressRow {
    fn progress(self) -> Result<PartitionProgress, CatalogError> {
        Ok(PartitionProgress {
            table: TableId::new(self.table_id),
            partition: PartitionKey::new(&self.key),
            writer: WriterId::new(self.writer_id),
            counter: Counter::new(from_stored(self.counter, "the progress of a partition")?),
        })
    }
}

/// The progress of a writer, by table and partition.
pub(super) async fn progress(
    connection: &mut SqliteConnection,
    writer: WriterId,
) -> Result<Vec<PartitionProgress>, CatalogError> {
    let rows: Vec<ProgressRow> = sqlx::query_as(
        "SELECT p.table_id, p.key, g.writer_id, g.counter
         FROM progress g JOIN partition p ON p.id = g.partition_id
         WHERE g.writer_id = ? ORDER BY p.table_id, p.key",
    )
    .bind(writer.get())
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(ProgressRow::progress).collect()
}

/// Checks the order, then writes progress and file. The caller commits.
pub(super) async fn commit_persist(
    connection: &mut SqliteConnection,
    commit: &PersistCommit,
    now: Timestamp,
) -> Result<(), CatalogError> {
    let partition = partition_id(connection, commit, now).await?;
    check_order(connection, partition, commit).await?;
    sqlx::query(
        "INSERT INTO progress (partition_id, writer_id, counter) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET counter = excluded.counter",
    )
    .bind(partition)
    .bind(commit.writer.get())
    .bind(to_stored(commit.counters.max.get(), "counter")?)
    .execute(&mut *connection)
    .await?;
    match &commit.file {
        Some(file) => insert_file(connection, partition, commit, file, now).await,
        None => Ok(()),
    }
}

async fn partition_id(
    connection: &mut SqliteConnection,
    commit: &PersistCommit,
    now: Timestamp,
) -> Result<i64, CatalogError> {
    let found = sqlx::query_scalar("SELECT id FROM partition WHERE table_id = ? AND key = ?")
        .bind(commit.table.get())
        .bind(commit.partition.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(id) = found {
        return Ok(id);
    }
    let id = sqlx::query_scalar(
        "INSERT INTO partition (table_id, key, created_at) VALUES (?, ?, ?) RETURNING id",
    )
    .bind(commit.table.get())
    .bind(commit.partition.as_str())
    .bind(now.nanos())
    .fetch_one(connection)
    .await?;
    Ok(id)
}

async fn check_order(
    connection: &mut SqliteConnection,
    partition: i64,
    commit: &PersistCommit,
) -> Result<(), CatalogError> {
    let persisted: Option<i64> =
        sqlx::query_scalar("SELECT counter FROM progress WHERE partition_id = ? AND writer_id = ?")
            .bind(partition)
            .bind(commit.writer.get())
            .fetch_optional(connection)
            .await?;
    let persisted: u64 = from_stored(persisted.unwrap_or(0), "the progress of a partition")?;
    let counters = commit.counters;
    assert!(
        counters.min <= counters.max,
        "a run of batches ends where it begins, or later"
    );
    if counters.min.get() > persisted {
        return Ok(());
    }
    Err(CatalogError::PersistOrder {
        table: commit.table,
        partition: commit.partition.clone(),
        persisted: Counter::new(persisted),
        offered: counters.min,
    })
}

async fn insert_file(
    connection: &mut SqliteConnection,
    partition: i64,
    commit: &PersistCommit,
    file: &ParquetFile,
    now: Timestamp,
) -> Result<(), CatalogError> {
    sqlx::query(
        "INSERT INTO parquet_file (file_id, table_id, partition_id, writer_id, epoch, counter_min,
                                   counter_max, level, time_min, time_max, rows, bytes, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&file.id.get().as_bytes()[..])
    .bind(commit.table.get())
    .bind(partition)
    .bind(commit.writer.get())
    .bind(to_stored(commit.epoch.get(), "epoch")?)
    .bind(to_stored(commit.counters.min.get(), "counter")?)
    .bind(to_stored(commit.counters.max.get(), "counter")?)
    .bind(LEVEL_PERSISTED)
    .bind(file.time_range.min.nanos())
    .bind(file.time_range.max.nanos())
    .bind(to_stored(file.rows, "row count")?)
    .bind(to_stored(file.bytes, "file size")?)
    .bind(now.nanos())
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct StoredFile {
    file_id: Vec<u8>,
    database_id: i64,
    key: String,
    writer_id: i64,
    epoch: i64,
    counter_min: i64,
    counter_max: i64,
    level: i64,
    time_min: i64,
    time_max: i64,
    rows: i64,
    bytes: i64,
}

impl StoredFile {
    fn file_row(self, table: TableId) -> Result<FileRow, CatalogError> {
        let counter = |value| from_stored(value, "the counter of a file").map(Counter::new);
        Ok(FileRow {
            file: ParquetFile {
                id: file_id_from_stored(&self.file_id)?,
                time_range: TimeRange::from_nanos(self.time_min, self.time_max),
                rows: from_stored(self.rows, "the row count of a file")?,
                bytes: from_stored(self.bytes, "the size of a file")?,
            },
            database: DatabaseId::new(self.database_id),
            table,
            partition: PartitionKey::new(&self.key),
            writer: WriterId::new(self.writer_id),
            epoch: Epoch::new(from_stored(self.epoch, "the epoch of a file")?),
            counters: CounterRange {
                min: counter(self.counter_min)?,
                max: counter(self.counter_max)?,
            },
            level: from_stored(self.level, "the level of a file")?,
        })
    }
}

/// The files and the progress of a table. The caller holds a transaction: it takes two queries.
pub(super) async fn table_files(
    connection: &mut SqliteConnection,
    table: TableId,
    times: TimeRange,
) -> Result<TableFiles, CatalogError> {
    let files: Vec<StoredFile> = sqlx::query_as(
        "SELECT f.file_id, t.database_id, p.key, f.writer_id, f.epoch, f.counter_min,
                f.counter_max, f.level, f.time_min, f.time_max, f.rows, f.bytes
         FROM parquet_file f INDEXED BY parquet_file_active_times
         JOIN partition p ON p.id = f.partition_id JOIN database_table t ON t.id = f.table_id
         WHERE f.table_id = ? AND f.time_max >= ? AND f.time_min <= ? AND f.deleted_at IS NULL
         ORDER BY p.key, f.epoch, f.counter_max, f.id",
    )
    .bind(table.get())
    .bind(times.min.nanos())
    .bind(times.max.nanos())
    .fetch_all(&mut *connection)
    .await?;
    let progress: Vec<ProgressRow> = sqlx::query_as(
        "SELECT p.table_id, p.key, g.writer_id, g.counter
         FROM partition p JOIN progress g ON g.partition_id = p.id
         WHERE p.table_id = ? ORDER BY p.key, g.writer_id",
    )
    .bind(table.get())
    .fetch_all(connection)
    .await?;
    Ok(TableFiles {
        files: files
            .into_iter()
            .map(|file| file.file_row(table))
            .collect::<Result<_, _>>()?,
        progress: progress
            .into_iter()
            .map(ProgressRow::progress)
            .collect::<Result<_, _>>()?,
    })
}
