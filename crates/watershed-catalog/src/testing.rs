//! What every implementation of [`Catalog`] must do, as functions to run against it.
//!
//! [`contract_tests!`](crate::contract_tests) makes a test of each function. Each wants a fresh,
//! empty catalog.

#![expect(clippy::unwrap_used, reason = "only tests call this")]

use crate::{
    Catalog, CatalogError, ColumnRequest, DatabaseInfo, DatabaseSettings, NewDatabase, NewToken,
    ParquetFile, PersistCommit, TableRequest, TokenHash,
};
use std::sync::Arc;
use uuid::Uuid;
use watershed_model::{
    Action, ColumnType, Counter, CounterRange, DatabaseId, DatabaseName, DatabaseSchema, Epoch,
    ErrorKind, FileId, PartitionKey, Permission, Resource, TableId, TimeRange, Timestamp, TokenId,
    WriterId,
};

/// Makes a `#[tokio::test]` of every function of the contract.
///
/// The argument is an async function that returns a guard (kept until the test ends) and a fresh,
/// empty catalog.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests!($open:
            databases_are_listed_by_name,
            database_names_are_unique_and_exact,
            deleted_database_is_gone_and_its_name_free,
            retention_changes_at_once_and_alone,
            tables_get_a_time_column,
            ensured_columns_are_there_at_once,
            ensure_is_all_or_nothing,
            column_types_are_fixed,
            time_is_no_field,
            requests_of_one_table_are_united,
            racing_writers_agree_on_one_type,
            tables_limit_binds_new_tables_only,
            columns_limit_counts_time,
            full_table_takes_writes_that_add_nothing,
            column_ids_are_unique,
            tokens_are_found_by_hash,
            token_hashes_are_unique,
            revoked_token_keeps_the_first_date,
            starts_count_epochs,
            persisting_advances_progress,
            persisting_out_of_order_is_refused,
            refused_persist_changes_nothing,
            progress_is_kept_by_writer_and_partition,
            files_are_found_by_time,
            files_come_oldest_piece_first,
            table_is_active_while_its_database_is,
            large_counters_are_kept,
        );
    };
    ($open:path: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $name() {
                let (_guard, catalog) = $open().await;
                $crate::testing::$name(&catalog).await;
            }
        )*
    };
}

fn name(text: &str) -> DatabaseName {
    DatabaseName::new(text).unwrap()
}

async fn create(catalog: &dyn Catalog, text: &str, settings: DatabaseSettings) -> DatabaseId {
    catalog
        .create_database(NewDatabase {
            name: name(text),
            settings,
        })
        .await
        .unwrap()
        .id
}

async fn create_plain(catalog: &dyn Catalog, text: &str) -> DatabaseId {
    create(catalog, text, DatabaseSettings::default()).await
}

/// A request from a text such as `cpu host:tag usage:f64`.
fn request(text: &str) -> TableRequest {
    let (table, columns) = text.split_once(' ').unwrap_or((text, ""));
    let column = |text: &str| {
        let (name, column_type) = text.rsplit_once(':').unwrap();
        ColumnRequest {
            name: name.into(),
            column_type: ColumnType::parse(column_type).unwrap(),
        }
    };
    TableRequest {
        table: table.into(),
        columns: columns.split_whitespace().map(column).collect(),
    }
}

async fn ensure(
    catalog: &dyn Catalog,
    database: DatabaseId,
    requests: &[&str],
) -> Result<Arc<DatabaseSchema>, CatalogError> {
    catalog
        .ensure_columns(
            database,
            requests.iter().map(|text| request(text)).collect(),
        )
        .await
}

/// The tables as texts such as `cpu host:tag time:time usage:f64`.
fn tables(schema: &DatabaseSchema) -> Vec<String> {
    let columns = |table: &watershed_model::TableSchema| {
        let columns = table.columns().iter();
        columns
            .map(|c| format!(" {}:{}", c.name, c.column_type))
            .collect::<String>()
    };
    schema
        .tables
        .values()
        .map(|table| format!("{}{}", table.name(), columns(table)))
        .collect()
}

#[track_caller]
fn assert_error<T>(result: Result<T, CatalogError>, kind: ErrorKind, text: &str) {
    let Err(error) = result else {
        panic!("expected an error: {text}")
    };
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
}

/// Databases come in name order, with the limits that are in force.
pub async fn databases_are_listed_by_name(catalog: &dyn Catalog) {
    create_plain(catalog, "b").await;
    let settings = DatabaseSettings {
        retention_nanos: Some(7),
        tables_max: Some(8),
        columns_max: Some(9),
    };
    let a = create(catalog, "a", settings).await;
    let listed = catalog.databases().await.unwrap();
    assert_eq!(
        listed.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    assert_eq!(listed[0].id, a);
    let limits = |d: &DatabaseInfo| (d.retention_nanos, d.tables_max, d.columns_max);
    assert_eq!(limits(&listed[0]), (Some(7), 8, 9));
    assert_eq!(limits(&listed[1]), (None, 500, 250));
    let schema = catalog.database(&name("a")).await.unwrap();
    assert_eq!(schema.id, a);
    let limits = (
        schema.retention_nanos,
        schema.tables_max,
        schema.columns_max,
    );
    assert_eq!(limits, (Some(7), 8, 9));
}

/// A name is given once; upper and lower case differ.
pub async fn database_names_are_unique_and_exact(catalog: &dyn Catalog) {
    create_plain(catalog, "weather").await;
    let again = NewDatabase {
        name: name("weather"),
        settings: DatabaseSettings::default(),
    };
    let error = "A namespace with the name `weather` already exists";
    assert_error(
        catalog.create_database(again).await,
        ErrorKind::AlreadyExists,
        error,
    );
    create_plain(catalog, "Weather").await;
    assert_eq!(catalog.databases().await.unwrap().len(), 2);
    let missing = catalog.database(&name("climate")).await;
    assert_error(
        missing,
        ErrorKind::NotFound,
        "database \"climate\" not found",
    );
}

/// A changed retention period is seen at once, and nothing else changes.
pub async fn retention_changes_at_once_and_alone(catalog: &dyn Catalog) {
    let settings = DatabaseSettings {
        retention_nanos: Some(7),
        tables_max: Some(3),
        columns_max: Some(5),
    };
    let id = create(catalog, "a", settings).await;
    ensure(catalog, id, &["cpu usage:f64"]).await.unwrap();
    create_plain(catalog, "b").await;
    let before = catalog.databases().await.unwrap();
    for retention_nanos in [Some(8), None, Some(9)] {
        let changed = catalog.set_retention(&name("a"), retention_nanos).await;
        let expected = DatabaseInfo {
            retention_nanos,
            ..before[0].clone()
        };
        assert_eq!(changed.unwrap(), expected);
        assert_eq!(
            catalog.databases().await.unwrap(),
            [expected, before[1].clone()]
        );
        let schema = catalog.database(&name("a")).await.unwrap();
        assert_eq!(
            (schema.retention_nanos, tables(&schema).len()),
            (retention_nanos, 1)
        );
    }
    assert_error(
        catalog.set_retention(&name("c"), None).await,
        ErrorKind::NotFound,
        "database \"c\" not found",
    );
}

/// After a delete the name means nothing; a new database of that name is another one.
pub async fn deleted_database_is_gone_and_its_name_free(catalog: &dyn Catalog) {
    let old = create_plain(catalog, "a").await;
    ensure(catalog, old, &["cpu usage:f64"]).await.unwrap();
    catalog.delete_database(&name("a")).await.unwrap();
    let not_found = "database \"a\" not found";
    assert_error(
        catalog.database(&name("a")).await,
        ErrorKind::NotFound,
        not_found,
    );
    assert_error(
        catalog.delete_database(&name("a")).await,
        ErrorKind::NotFound,
        not_found,
    );
    let late = ensure(catalog, old, &["cpu usage:f64"]).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(catalog.databases().await.unwrap(), []);
    let new = create_plain(catalog, "a").await;
    assert_ne!(old, new);
    assert_eq!(
        tables(&catalog.database(&name("a")).await.unwrap()),
        [""; 0]
    );
}

/// Creating a table creates `time`, named in the request or not.
pub async fn tables_get_a_time_column(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    let schema = ensure(catalog, id, &["bare", "named time:time x:i64"])
        .await
        .unwrap();
    assert_eq!(tables(&schema), ["bare time:time", "named time:time x:i64"]);
}

/// What `ensure_columns` returns is what `database` answers from then on, old parts unchanged.
pub async fn ensured_columns_are_there_at_once(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    let first = ensure(catalog, id, &["cpu host:tag usage:f64"])
        .await
        .unwrap();
    assert_eq!(tables(&first), ["cpu host:tag time:time usage:f64"]);
    let second = ensure(catalog, id, &["cpu idle:u64", "mem free:bool"])
        .await
        .unwrap();
    let expected = [
        "cpu host:tag idle:u64 time:time usage:f64",
        "mem free:bool time:time",
    ];
    assert_eq!(tables(&second), expected);
    assert_eq!(tables(&first), ["cpu host:tag time:time usage:f64"]);
    let cpu = |schema: &DatabaseSchema| Arc::clone(schema.table("cpu").unwrap());
    assert_eq!(cpu(&first).id(), cpu(&second).id());
    assert_eq!(cpu(&first).column("usage"), cpu(&second).column("usage"));
    let served = catalog.database(&name("a")).await.unwrap();
    assert_eq!(served.tables, second.tables);
}

/// One conflict, and nothing of the whole request is done.
pub async fn ensure_is_all_or_nothing(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    ensure(catalog, id, &["cpu usage:f64"]).await.unwrap();
    let result = ensure(
        catalog,
        id,
        &["aaa x:i64", "cpu new:tag usage:i64", "zzz y:i64"],
    )
    .await;
    let error = "schema conflict: column usage is type f64 but write has type i64";
    assert_error(result, ErrorKind::Invalid, error);
    let schema = catalog.database(&name("a")).await.unwrap();
    assert_eq!(tables(&schema), ["cpu time:time usage:f64"]);
}

/// Any other type than the first is refused, tag against field too.
pub async fn column_types_are_fixed(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    ensure(catalog, id, &["t c:string"]).await.unwrap();
    for wanted in ["tag", "f64", "i64", "u64", "bool"] {
        let result = ensure(catalog, id, &[&format!("t c:{wanted}")]).await;
        let error = format!("schema conflict: column c is type string but write has type {wanted}");
        assert_error(result, ErrorKind::Invalid, &error);
    }
    ensure(catalog, id, &["t c:string"]).await.unwrap();
}

/// `time` can't be a tag or a field, in a new table as little as in an old one.
pub async fn time_is_no_field(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    let error = "schema conflict: column time is type time but write has type tag";
    assert_error(
        ensure(catalog, id, &["t time:tag"]).await,
        ErrorKind::Invalid,
        error,
    );
    ensure(catalog, id, &["t x:i64"]).await.unwrap();
    assert_error(
        ensure(catalog, id, &["t time:tag"]).await,
        ErrorKind::Invalid,
        error,
    );
}

/// One table in several requests, one column several times: as if named once.
pub async fn requests_of_one_table_are_united(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    let schema = ensure(catalog, id, &["t x:i64 x:i64", "t y:i64", "t x:i64"])
        .await
        .unwrap();
    assert_eq!(tables(&schema), ["t time:time x:i64 y:i64"]);
    let result = ensure(catalog, id, &["t z:i64", "t z:f64"]).await;
    let error = "schema conflict: column z is type i64 but write has type f64";
    assert_error(result, ErrorKind::Invalid, error);
}

/// Of two writers that create a column with different types at the same time, one wins.
pub async fn racing_writers_agree_on_one_type(catalog: &dyn Catalog) {
    let id = create_plain(catalog, "a").await;
    for round in 0..20 {
        let (float, integer) = (format!("t c{round}:f64"), format!("t c{round}:i64"));
        let (float, integer) = ([float.as_str()], [integer.as_str()]);
        let (a, b) = tokio::join!(ensure(catalog, id, &float), ensure(catalog, id, &integer));
        assert_ne!(a.is_ok(), b.is_ok(), "exactly one wins");
        let lost = a.err().or(b.err()).unwrap();
        assert!(matches!(lost, CatalogError::ColumnType { .. }), "{lost}");
    }
}

/// The limit of tables counts what would be there after the request.
pub async fn tables_limit_binds_new_tables_only(catalog: &dyn Catalog) {
    let settings = DatabaseSettings {
        tables_max: Some(2),
        ..DatabaseSettings::default()
    };
    let id = create(catalog, "a", settings).await;
    ensure(catalog, id, &["t1"]).await.unwrap();
    let error = "service limit reached: couldn't create new table; namespace contains 1 existing \
                 tables, applying this write would result in 3 tables, limit is 2";
    assert_error(
        ensure(catalog, id, &["t2", "t3"]).await,
        ErrorKind::Invalid,
        error,
    );
    ensure(catalog, id, &["t1 x:i64", "t2"]).await.unwrap();
    ensure(catalog, id, &["t1 y:i64", "t2 y:i64"])
        .await
        .unwrap();
    let schema = catalog.database(&name("a")).await.unwrap();
    assert_eq!(
        tables(&schema),
        ["t1 time:time x:i64 y:i64", "t2 time:time y:i64"]
    );
}

/// The limit of columns counts `time`, in new tables and old ones.
pub async fn columns_limit_counts_time(catalog: &dyn Catalog) {
    let settings = DatabaseSettings {
        columns_max: Some(3),
        ..DatabaseSettings::default()
    };
    let id = create(catalog, "a", settings).await;
    let error = "service limit reached: couldn't create columns in table `t`; table contains 0 \
                 existing columns, applying this write would result in 4 columns, limit is 3";
    let result = ensure(catalog, id, &["t x:i64 y:i64 z:i64"]).await;
    assert_error(result, ErrorKind::Invalid, error);
    ensure(catalog, id, &["t x:i64"]).await.unwrap();
    let error = "service limit reached: couldn't create columns in table `t`; table contains 2 \
                 existing columns, applying this write would result in 4 columns, limit is 3";
    assert_error(
        ensure(catalog, id, &["t y:i64 z:i64"]).await,
        ErrorKind::Invalid,
        error,
    );
    ensure(catalog, id, &["t y:i64"]).await.unwrap();
}

/// At the limit, what is there can still be written; the limit is that of the table's creation.
pub async fn full_table_takes_writes_that_add_nothing(catalog: &dyn Catalog) {
    let settings = DatabaseSettings {
        columns_max: Some(2),
        tables_max: Some(1),
        ..<_>::default()
    };
    let id = create(catalog, "a", settings).await;
    let schema = ensure(catalog, id, &["t x:i64"]).await.unwrap();
    assert_eq!(schema.table("t").unwrap().columns_max(), 2);
    ensure(catalog, id, &["t x:i64"]).await.unwrap();
    ensure(catalog, id, &["t time:time"]).await.unwrap();
}

/// No two columns share an id, over all tables and databases.
pub async fn column_ids_are_unique(catalog: &dyn Catalog) {
    let mut ids = std::collections::HashSet::new();
    for database in ["a", "b"] {
        let id = create_plain(catalog, database).await;
        let schema = ensure(catalog, id, &["t x:i64 y:i64", "u x:i64 y:i64"])
            .await
            .unwrap();
        let columns = schema.tables.values().flat_map(|table| table.columns());
        assert!(columns.clone().all(|column| ids.insert(column.id)));
    }
    assert_eq!(ids.len(), 12);
}

fn token(byte: u8, permissions: Vec<Permission>) -> NewToken {
    NewToken {
        hash: TokenHash([byte; 32]),
        description: format!("token {byte}"),
        operator: permissions.is_empty(),
        permissions,
        expires_at: (byte > 1).then(|| Timestamp::from_nanos(i64::from(byte))),
    }
}

/// A token is found by its hash at once, with everything it was given; tokens are listed in the
/// order of creation.
pub async fn tokens_are_found_by_hash(catalog: &dyn Catalog) {
    let rights = vec![
        Permission {
            action: Action::Write,
            resource: Resource::Database(name("b")),
        },
        Permission {
            action: Action::Read,
            resource: Resource::Every,
        },
        Permission {
            action: Action::Read,
            resource: Resource::Database(name("a")),
        },
    ];
    let second = catalog
        .create_token(token(2, rights.clone()))
        .await
        .unwrap();
    let first = catalog.create_token(token(1, vec![])).await.unwrap();
    assert_eq!((second.operator, first.operator), (false, true));
    assert_eq!(second.description, "token 2");
    assert_eq!(second.permissions, rights);
    assert_eq!(
        (second.expires_at, first.expires_at),
        (Some(Timestamp::from_nanos(2)), None)
    );
    let found = catalog.token_by_hash(&TokenHash([2; 32])).await.unwrap();
    assert_eq!(found.as_deref(), Some(&second));
    assert_eq!(
        catalog.token_by_hash(&TokenHash([3; 32])).await.unwrap(),
        None
    );
    assert_eq!(catalog.tokens().await.unwrap(), [second, first]);
}

/// The same secret twice is refused, and the refused token leaves no trace.
pub async fn token_hashes_are_unique(catalog: &dyn Catalog) {
    let created = catalog.create_token(token(1, vec![])).await.unwrap();
    let mut again = token(1, vec![]);
    again.description = "another".to_owned();
    let error = "a token with the same secret already exists";
    assert_error(
        catalog.create_token(again).await,
        ErrorKind::AlreadyExists,
        error,
    );
    let found = catalog.token_by_hash(&TokenHash([1; 32])).await.unwrap();
    assert_eq!(found.as_deref(), Some(&created));
    assert_eq!(catalog.tokens().await.unwrap(), [created]);
}

/// A revoked token stays known, with the date of the first revocation; its hash stays taken.
pub async fn revoked_token_keeps_the_first_date(catalog: &dyn Catalog) {
    let created = catalog.create_token(token(1, vec![])).await.unwrap();
    let revoked = catalog.revoke_token(created.id).await.unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(
        crate::TokenInfo {
            revoked_at: None,
            ..revoked.clone()
        },
        created
    );
    assert_eq!(catalog.revoke_token(created.id).await.unwrap(), revoked);
    let found = catalog.token_by_hash(&TokenHash([1; 32])).await.unwrap();
    assert_eq!(found.as_deref(), Some(&revoked));
    assert_eq!(catalog.tokens().await.unwrap(), [revoked]);
    let again = catalog.create_token(token(1, vec![])).await;
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let unknown = catalog.revoke_token(TokenId::new(Uuid::nil())).await;
    let error = "token 00000000-0000-0000-0000-000000000000 not found";
    assert_error(unknown, ErrorKind::NotFound, error);
}

/// The same writer at each start, the epoch one higher, from 1.
pub async fn starts_count_epochs(catalog: &dyn Catalog) {
    let first = catalog.start_writer().await.unwrap();
    let second = catalog.start_writer().await.unwrap();
    assert_eq!((first.epoch.get(), second.epoch.get()), (1, 2));
    assert_eq!(first.writer, second.writer);
}

async fn table(catalog: &dyn Catalog, database: &str) -> (DatabaseId, TableId) {
    let id = create_plain(catalog, database).await;
    let schema = ensure(catalog, id, &["t x:i64"]).await.unwrap();
    (id, schema.table("t").unwrap().id())
}

/// A commit of counters `min..=max` of writer 1 in epoch 1, without a file.
fn commit(at: (DatabaseId, TableId), partition: &str, min: u64, max: u64) -> PersistCommit {
    PersistCommit {
        database: at.0,
        table: at.1,
        partition: PartitionKey::new(partition),
        writer: WriterId::new(1),
        epoch: Epoch::new(1),
        counters: CounterRange {
            min: Counter::new(min),
            max: Counter::new(max),
        },
        file: None,
    }
}

/// A file with that number and those times.
fn file(number: u128, min: i64, max: i64) -> Option<ParquetFile> {
    let time_range = TimeRange::from_nanos(min, max);
    Some(ParquetFile {
        id: FileId::new(Uuid::from_u128(number)),
        time_range,
        rows: 3,
        bytes: 400,
    })
}

async fn progress_texts(catalog: &dyn Catalog, writer: i64) -> Vec<String> {
    let progress = catalog.progress(WriterId::new(writer)).await.unwrap();
    progress
        .iter()
        .map(|p| format!("{} {}", p.partition, p.counter))
        .collect()
}

async fn file_numbers(catalog: &dyn Catalog, table: TableId, times: TimeRange) -> Vec<u128> {
    let found = catalog.table_files(table, times).await.unwrap();
    found
        .files
        .iter()
        .map(|row| row.file.id.get().as_u128())
        .collect()
}

/// A commit moves the progress to its last counter, and lists its file with everything it was given.
pub async fn persisting_advances_progress(catalog: &dyn Catalog) {
    let at = table(catalog, "a").await;
    assert_eq!(
        catalog.table_files(at.1, TimeRange::ALL).await.unwrap(),
        <_>::default()
    );
    catalog
        .commit_persist(commit(at, "d1", 1, 4))
        .await
        .unwrap();
    assert_eq!(progress_texts(catalog, 1).await, ["d1 4"]);
    let with_file = PersistCommit {
        file: file(7, -5, 5),
        ..commit(at, "d1", 6, 9)
    };
    catalog.commit_persist(with_file.clone()).await.unwrap();
    let found = catalog.table_files(at.1, TimeRange::ALL).await.unwrap();
    let row = &found.files[0];
    assert_eq!(found.files.len(), 1);
    assert_eq!(Some(&row.file), with_file.file.as_ref());
    assert_eq!((row.database, row.table), at);
    assert_eq!(
        (&row.partition, row.writer),
        (&with_file.partition, with_file.writer)
    );
    assert_eq!(
        (row.epoch, row.counters, row.level),
        (with_file.epoch, with_file.counters, 0)
    );
    assert_eq!(
        found.progress,
        catalog.progress(WriterId::new(1)).await.unwrap()
    );
    assert_eq!(progress_texts(catalog, 1).await, ["d1 9"]);
}

/// A run that begins at or below the progress is refused.
pub async fn persisting_out_of_order_is_refused(catalog: &dyn Catalog) {
    let at = table(catalog, "a").await;
    catalog
        .commit_persist(commit(at, "d1", 3, 5))
        .await
        .unwrap();
    for (min, max) in [(1, 2), (3, 5), (5, 8)] {
        let refused = catalog
            .commit_persist(commit(at, "d1", min, max))
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Conflict);
        let CatalogError::PersistOrder {
            persisted, offered, ..
        } = refused
        else {
            panic!("{refused}")
        };
        assert_eq!((persisted.get(), offered.get()), (5, min));
    }
    catalog
        .commit_persist(commit(at, "d1", 6, 6))
        .await
        .unwrap();
}

/// The file of a refused commit is not listed, and the progress stays.
pub async fn refused_persist_changes_nothing(catalog: &dyn Catalog) {
    let at = table(catalog, "a").await;
    catalog
        .commit_persist(commit(at, "d1", 1, 5))
        .await
        .unwrap();
    let late = PersistCommit {
        file: file(1, 0, 9),
        ..commit(at, "d1", 5, 7)
    };
    catalog.commit_persist(late).await.unwrap_err();
    let listed_twice = PersistCommit {
        file: file(2, 0, 9),
        ..commit(at, "d2", 6, 6)
    };
    catalog.commit_persist(listed_twice.clone()).await.unwrap();
    let counters = CounterRange {
        min: Counter::new(7),
        max: Counter::new(7),
    };
    let again = PersistCommit {
        counters,
        ..listed_twice
    };
    catalog.commit_persist(again).await.unwrap_err();
    assert_eq!(file_numbers(catalog, at.1, TimeRange::ALL).await, [2]);
    assert_eq!(progress_texts(catalog, 1).await, ["d1 5", "d2 6"]);
}

/// Writers and partitions don't disturb each other's progress.
pub async fn progress_is_kept_by_writer_and_partition(catalog: &dyn Catalog) {
    let (one, two) = (table(catalog, "a").await, table(catalog, "b").await);
    catalog
        .commit_persist(commit(one, "d1", 1, 5))
        .await
        .unwrap();
    catalog
        .commit_persist(commit(one, "d0", 2, 3))
        .await
        .unwrap();
    catalog
        .commit_persist(commit(two, "d1", 4, 4))
        .await
        .unwrap();
    let other = PersistCommit {
        writer: WriterId::new(2),
        ..commit(one, "d1", 1, 2)
    };
    catalog.commit_persist(other).await.unwrap();
    assert_eq!(progress_texts(catalog, 1).await, ["d0 3", "d1 5", "d1 4"]);
    assert_eq!(progress_texts(catalog, 2).await, ["d1 2"]);
    assert_eq!(progress_texts(catalog, 3).await, [""; 0]);
    let of_table = catalog
        .table_files(one.1, TimeRange::ALL)
        .await
        .unwrap()
        .progress;
    let of_table = of_table
        .iter()
        .map(|p| (p.partition.as_str(), p.writer.get(), p.counter.get()));
    assert_eq!(
        of_table.collect::<Vec<_>>(),
        [("d0", 1, 3), ("d1", 1, 5), ("d1", 2, 2)]
    );
}

/// A file is found when its times and the range share an instant; the progress always comes whole.
pub async fn files_are_found_by_time(catalog: &dyn Catalog) {
    let at = table(catalog, "a").await;
    let other = table(catalog, "b").await;
    let times = [(i64::MIN, -10), (0, 10), (10, 20), (25, i64::MAX)];
    for (counter, (min, max)) in (1..).zip(times) {
        let file = file(u128::from(counter), min, max);
        let commit = PersistCommit {
            file,
            ..commit(at, "d1", counter, counter)
        };
        catalog.commit_persist(commit).await.unwrap();
    }
    let foreign = PersistCommit {
        file: file(99, 0, 10),
        ..commit(other, "d1", 1, 1)
    };
    catalog.commit_persist(foreign).await.unwrap();
    let cases: [(i64, i64, &[u128]); 8] = [
        (i64::MIN, i64::MAX, &[1, 2, 3, 4]),
        (-9, -1, &[]),
        (-10, 0, &[1, 2]),
        (10, 10, &[2, 3]),
        (11, 24, &[3]),
        (21, 24, &[]),
        (i64::MAX, i64::MAX, &[4]),
        (i64::MIN, i64::MIN, &[1]),
    ];
    for (min, max, expected) in cases {
        let range = TimeRange::from_nanos(min, max);
        assert_eq!(
            file_numbers(catalog, at.1, range).await,
            expected,
            "{min}..={max}"
        );
        assert_eq!(
            catalog
                .table_files(at.1, range)
                .await
                .unwrap()
                .progress
                .len(),
            1
        );
    }
}

/// Within a partition, files are ordered by epoch, then by their newest counter.
pub async fn files_come_oldest_piece_first(catalog: &dyn Catalog) {
    let at = table(catalog, "a").await;
    let pieces = [
        // Number, partition, writer, epoch, counter.
        (1, "d2", 1, 1, 8),
        (2, "d1", 2, 2, 3),
        (3, "d1", 1, 1, 9),
        (4, "d1", 2, 2, 4),
        (5, "d1", 1, 3, 10),
        (6, "d2", 2, 1, 7),
    ];
    for (number, partition, writer, epoch, counter) in pieces {
        let commit = PersistCommit {
            writer: WriterId::new(writer),
            epoch: Epoch::new(epoch),
            // Later pieces hold older times: the order is not that of time.
            file: file(number, -i64::from(epoch as u32), 0),
            ..commit(at, partition, counter, counter)
        };
        catalog.commit_persist(commit).await.unwrap();
    }
    assert_eq!(
        file_numbers(catalog, at.1, TimeRange::ALL).await,
        [3, 2, 4, 5, 6, 1]
    );
}

/// A table is active exactly while its database is; one that never was is not.
pub async fn table_is_active_while_its_database_is(catalog: &dyn Catalog) {
    let (_, old) = table(catalog, "a").await;
    assert!(catalog.table_is_active(old).await.unwrap());
    assert!(
        !catalog
            .table_is_active(TableId::new(old.get() + 1000))
            .await
            .unwrap()
    );
    catalog.delete_database(&name("a")).await.unwrap();
    assert!(!catalog.table_is_active(old).await.unwrap());
    let (_, new) = table(catalog, "a").await;
    assert!(catalog.table_is_active(new).await.unwrap());
    assert_ne!(old, new);
}

/// Counters up to 63 bits are kept exactly; beyond them a commit fails and nothing is changed.
pub async fn large_counters_are_kept(catalog: &dyn Catalog) {
    let at = table(catalog, "a").await;
    let max = i64::MAX as u64;
    catalog
        .commit_persist(commit(at, "d1", max, max + 1))
        .await
        .unwrap_err();
    assert_eq!(progress_texts(catalog, 1).await, [""; 0]);
    catalog
        .commit_persist(commit(at, "d1", 1, max))
        .await
        .unwrap();
    assert_eq!(progress_texts(catalog, 1).await, [format!("d1 {max}")]);
}
