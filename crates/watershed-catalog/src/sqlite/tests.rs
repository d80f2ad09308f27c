use super::*;
use crate::{ColumnRequest, DatabaseSettings};
use tempfile::TempDir;
use watershed_model::{ColumnType, SystemClock};

async fn open() -> (TempDir, SqliteCatalog) {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(SystemClock);
    let catalog = SqliteCatalog::open(&dir.path().join("catalog.sqlite"), clock)
        .await
        .unwrap();
    (dir, catalog)
}

#[tokio::test]
async fn files_are_settled_by_sync_and_a_log() {
    let (_dir, catalog) = open().await;
    let mut writer = catalog.inner.writer.lock().await;
    let connection = &mut writer.connection;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    let foreign_keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys")
        .fetch_one(&mut *connection)
        .await
        .unwrap();
    assert_eq!((mode.as_str(), synchronous, foreign_keys), ("wal", 2, 1));
}

#[tokio::test]
async fn caller_that_goes_away_leaves_cache_and_file_equal() {
    let (_dir, catalog) = open().await;
    let name = DatabaseName::new("a").unwrap();
    let new = NewDatabase {
        name: name.clone(),
        settings: DatabaseSettings::default(),
    };
    let id = catalog.create_database(new).await.unwrap().id;
    for round in 0..20 {
        let column = ColumnRequest {
            name: format!("c{round}").as_str().into(),
            column_type: ColumnType::I64,
        };
        let request = TableRequest {
            table: "t".into(),
            columns: vec![column],
        };
        let mut change = catalog.ensure_columns(id, vec![request]);
        // Polled once, then dropped while the transaction is under way.
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(change.as_mut().poll(context).is_pending())
        });
        assert!(polled.await);
    }
    // The writer is fair: whoever waits for it now comes after all of the abandoned changes.
    let mut writer = catalog.inner.writer.lock().await;
    let stored = load_cache(&mut writer.connection).await.unwrap();
    let stored = stored.database(&name).unwrap();
    assert_eq!(
        stored.schema.tables,
        catalog.inner.cached(&name).unwrap().tables
    );
}

#[tokio::test]
async fn listing_files_searches_by_table_and_time() {
    let (_dir, catalog) = open().await;
    let mut reader = catalog.inner.readers.acquire().await.unwrap();
    let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
        "EXPLAIN QUERY PLAN SELECT id FROM parquet_file
         WHERE table_id = 1 AND time_max >= 2 AND time_min <= 3 AND deleted_at IS NULL",
    )
    .fetch_all(&mut *reader)
    .await
    .unwrap();
    let expected = "SEARCH parquet_file USING INDEX parquet_file_active_times \
                    (table_id=? AND time_max>?)";
    assert_eq!(
        plan.iter().map(|step| step.3.as_str()).collect::<Vec<_>>(),
        [expected]
    );
}

/// Lets the file of the writer's connection grow to so many pages and no further.
async fn limit_pages(catalog: &SqliteCatalog, pages: i64) {
    let mut writer = catalog.inner.writer.lock().await;
    let limit = format!("PRAGMA max_page_count = {pages}");
    sqlx::query(sqlx::AssertSqlSafe(limit))
        .execute(&mut writer.connection)
        .await
        .unwrap();
}

#[tokio::test]
async fn full_disk_is_survived_and_changes_work_again_when_there_is_space() {
    let (_dir, catalog) = open().await;
    // SQLite takes a limit below the present size as the present size.
    limit_pages(&catalog, 1).await;
    let create = async |number: usize| {
        let new = NewDatabase {
            name: DatabaseName::new(&format!("db{number}")).unwrap(),
            settings: DatabaseSettings::default(),
        };
        catalog.create_database(new).await
    };
    let mut number = 0;
    while create(number).await.is_ok() {
        number += 1;
        assert!(number < 10_000, "the file never became full");
    }
    limit_pages(&catalog, 1 << 20).await;
    create(number).await.unwrap();
    assert_eq!(catalog.databases().await.unwrap().len(), number + 1);
}
