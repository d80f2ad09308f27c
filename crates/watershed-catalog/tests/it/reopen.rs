//! What a catalog file keeps from one start to the next, and between processes.

use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;
use watershed_catalog::{
    Catalog, CatalogError, ColumnRequest, DatabaseSettings, NewDatabase, NewToken, ParquetFile,
    PersistCommit, SqliteCatalog, TableRequest, TokenHash,
};
use watershed_model::{
    ColumnType, Counter, CounterRange, DatabaseName, ErrorKind, FileId, ManualClock, PartitionKey,
    TimeRange, Timestamp,
};

fn clock(nanos: i64) -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_nanos(nanos)))
}

async fn open(dir: &TempDir, clock: &Arc<ManualClock>) -> SqliteCatalog {
    let clock = Arc::clone(clock);
    SqliteCatalog::open(&dir.path().join("catalog.sqlite"), clock)
        .await
        .unwrap()
}

fn named(name: &str) -> NewDatabase {
    NewDatabase {
        name: DatabaseName::new(name).unwrap(),
        settings: DatabaseSettings::default(),
    }
}

fn columns(table: &str, column: &str) -> Vec<TableRequest> {
    let column = ColumnRequest {
        name: column.into(),
        column_type: ColumnType::F64,
    };
    vec![TableRequest {
        table: table.into(),
        columns: vec![column],
    }]
}

fn token(byte: u8) -> NewToken {
    NewToken {
        hash: TokenHash([byte; 32]),
        description: String::new(),
        operator: true,
        permissions: vec![],
        expires_at: None,
    }
}

async fn execute(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn everything_is_there_after_reopening() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let first = open(&dir, &clock).await;
    let id = first.create_database(named("a")).await.unwrap().id;
    first.create_database(named("gone")).await.unwrap();
    first
        .delete_database(&DatabaseName::new("gone").unwrap())
        .await
        .unwrap();
    let schema = first.ensure_columns(id, columns("t", "x")).await.unwrap();
    let kept = first.create_token(token(1)).await.unwrap();
    let revoked = first.create_token(token(2)).await.unwrap();
    clock.set(Timestamp::from_nanos(6));
    let revoked = first.revoke_token(revoked.id).await.unwrap();
    assert_eq!(revoked.revoked_at, Some(Timestamp::from_nanos(6)));
    let start = first.start_writer().await.unwrap();
    let table = schema.table("t").unwrap().id();
    let commit = PersistCommit {
        database: id,
        table,
        partition: PartitionKey::new("2026-11-22"),
        writer: start.writer,
        epoch: start.epoch,
        counters: CounterRange {
            min: Counter::new(1),
            max: Counter::new(2),
        },
        file: Some(ParquetFile {
            id: FileId::new(Uuid::from_u128(7)),
            time_range: TimeRange::from_nanos(1, 2),
            rows: 1,
            bytes: 2,
        }),
    };
    first.commit_persist(commit).await.unwrap();
    let files = first.table_files(table, TimeRange::ALL).await.unwrap();
    assert_eq!(files.files.len(), 1);
    let databases = first.databases().await.unwrap();
    drop(first);

    let second = open(&dir, &clock).await;
    assert_eq!(second.databases().await.unwrap(), databases);
    assert_eq!(databases[0].created_at, Timestamp::from_nanos(5));
    let reread = second
        .database(&DatabaseName::new("a").unwrap())
        .await
        .unwrap();
    assert_eq!(reread.tables, schema.tables);
    assert_eq!(second.tokens().await.unwrap(), [kept, revoked.clone()]);
    let found = second.token_by_hash(&TokenHash([2; 32])).await.unwrap();
    assert_eq!(found.as_deref(), Some(&revoked));
    assert_eq!(
        second.table_files(table, TimeRange::ALL).await.unwrap(),
        files
    );
    assert_eq!(second.progress(start.writer).await.unwrap(), files.progress);
    let again = second.start_writer().await.unwrap();
    assert_eq!((again.writer, again.epoch.get()), (start.writer, 2));
}

#[tokio::test]
async fn ids_are_not_given_again_after_reopening() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let first = open(&dir, &clock).await;
    let old = first.create_database(named("a")).await.unwrap().id;
    first
        .delete_database(&DatabaseName::new("a").unwrap())
        .await
        .unwrap();
    drop(first);
    execute(&dir.path().join("catalog.sqlite"), "DELETE FROM database").await;
    let second = open(&dir, &clock).await;
    assert_ne!(second.create_database(named("a")).await.unwrap().id, old);
}

#[tokio::test]
async fn changes_of_another_process_are_respected() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let (one, two) = (open(&dir, &clock).await, open(&dir, &clock).await);
    let id = one.create_database(named("a")).await.unwrap().id;
    let refused = two.create_database(named("a")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    two.ensure_columns(id, columns("t", "x")).await.unwrap();
    let schema = one.ensure_columns(id, columns("u", "y")).await.unwrap();
    assert_eq!(schema.tables.len(), 2);
    one.create_token(token(1)).await.unwrap();
    let refused = two.create_token(token(1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert!(
        two.token_by_hash(&TokenHash([1; 32]))
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn lowered_limit_binds_only_new_columns() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let first = open(&dir, &clock).await;
    let id = first.create_database(named("a")).await.unwrap().id;
    first.ensure_columns(id, columns("t", "x")).await.unwrap();
    first.ensure_columns(id, columns("u", "x")).await.unwrap();
    drop(first);
    let path = dir.path().join("catalog.sqlite");
    execute(&path, "UPDATE database SET tables_max = 1, columns_max = 1").await;
    execute(
        &path,
        "UPDATE database_table SET columns_max = 1 WHERE name = 't'",
    )
    .await;
    let second = open(&dir, &clock).await;
    second.ensure_columns(id, columns("t", "x")).await.unwrap();
    let refused = second
        .ensure_columns(id, columns("t", "y"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            CatalogError::ColumnsMax {
                wanted: 3,
                limit: 1,
                ..
            }
        ),
        "{refused}"
    );
    // The limit of `u` is the one it was created with.
    second.ensure_columns(id, columns("u", "y")).await.unwrap();
    let refused = second
        .ensure_columns(id, columns("v", "x"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            CatalogError::TablesMax {
                wanted: 3,
                limit: 1,
                ..
            }
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn newer_catalog_is_refused() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    drop(open(&dir, &clock).await);
    let path = dir.path().join("catalog.sqlite");
    execute(&path, "PRAGMA user_version = 9").await;
    let refused = SqliteCatalog::open(&path, clock).await.unwrap_err();
    assert!(matches!(refused, CatalogError::Incompatible(_)));
    assert_eq!(
        refused.to_string(),
        "the catalog has version 9 and this program knows versions up to 1: it was written by a \
         newer Watershed; start that version or a later one"
    );
}

#[tokio::test]
async fn foreign_sqlite_file_is_refused_and_left_alone() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let path = dir.path().join("foreign.sqlite");
    execute(&path, "CREATE TABLE t (x)").await;
    let refused = SqliteCatalog::open(&path, clock).await.unwrap_err();
    assert!(
        matches!(refused, CatalogError::Incompatible(_)),
        "{refused}"
    );
    execute(&path, "INSERT INTO t VALUES (1)").await;
}

#[tokio::test]
async fn file_that_is_no_database_is_an_error() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let path = dir.path().join("text");
    std::fs::write(
        &path,
        "not a database, but long enough to be read as one".repeat(100),
    )
    .unwrap();
    let refused = SqliteCatalog::open(&path, clock).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn impossible_content_is_corrupt() {
    let (dir, clock) = (TempDir::new().unwrap(), clock(5));
    let first = open(&dir, &clock).await;
    let id = first.create_database(named("a")).await.unwrap().id;
    first.ensure_columns(id, columns("t", "x")).await.unwrap();
    drop(first);
    let path = dir.path().join("catalog.sqlite");
    execute(&path, "DELETE FROM table_column WHERE name = 'time'").await;
    let refused = SqliteCatalog::open(&path, clock).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the catalog is damaged: table 1 has no time column"
    );
}
