//! The catalog of a single machine: a SQLite file.
//!
//! Reads that come with every request are answered from memory ([`cache`]); the list of files is
//! read from the database through a few read-only connections. Changes go through one connection,
//! one after another:
//!
//! 1. take the writer and begin a transaction;
//! 2. if another process has changed the file (a command line tool on the same data directory), read
//!    the cache anew;
//! 3. check, write, commit (the file is synced: `synchronous = FULL`);
//! 4. put the new snapshots into the cache, and only then let the writer go.
//!
//! The steps run in a task of their own, so a caller that goes away between 3 and 4 can't leave the
//! cache behind the database.

mod cache;
mod files;
mod migrations;
mod schema;
mod tokens;
mod values;

use crate::{
    Catalog, CatalogError, DatabaseInfo, NewDatabase, NewToken, PartitionProgress, PersistCommit,
    TableFiles, TableRequest, TokenHash, TokenInfo, WriterStart,
};
use async_trait::async_trait;
use cache::Cache;
use parking_lot::RwLock;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, Transaction};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use watershed_model::{
    Clock, DatabaseId, DatabaseName, DatabaseSchema, TableId, TimeRange, Timestamp, TokenId,
    WriterId,
};

/// How long a statement waits for another process that writes the same file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Queries that read the file list at the same moment; each takes well under a millisecond.
const READERS_MAX: u32 = 4;

/// A catalog in a SQLite file.
///
/// Cheap reads ([`Catalog::database`], [`Catalog::databases`], [`Catalog::token_by_hash`]) cost a
/// lookup in memory. A change costs one synced transaction; changes are made one at a time.
/// Changes that another process makes to the file are safe, and seen at the next change made here.
#[derive(Debug)]
pub struct SqliteCatalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    cache: RwLock<Cache>,
    writer: Mutex<Writer>,
    readers: SqlitePool,
}

/// The one connection that changes the file.
#[derive(Debug)]
struct Writer {
    connection: SqliteConnection,
    /// How to connect again.
    options: SqliteConnectOptions,
    /// SQLite's `data_version`: moves when someone else has changed the file.
    data_version: i64,
}

impl SqliteCatalog {
    /// Opens the catalog in `path`; creates the file when it is not there (its directory must be).
    /// `clock` dates what is created, deleted and revoked.
    ///
    /// # Errors
    /// [`CatalogError::Incompatible`] when the file was written by a newer version or is not a
    /// catalog; [`CatalogError::Corrupt`] when its content can't be right;
    /// [`CatalogError::Database`] when it can't be opened.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, CatalogError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let write = options
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal);
        let mut connection = write.connect().await?;
        migrations::migrate(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // A reader whose transaction SQLite has ended by itself would go on with an old snapshot.
            .after_release(|connection, _| {
                Box::pin(async move { Ok(connection.ping().await.is_ok() && !connection.is_in_transaction()) })
            })
            .connect_lazy_with(options.read_only(true));
        let cache = RwLock::default();
        let mut writer = Writer {
            connection,
            options: write,
            data_version: 0,
        };
        writer.begin(&cache).await?.rollback().await?;
        Ok(Self {
            inner: Arc::new(Inner {
                clock,
                cache,
                writer: Mutex::new(writer),
                readers,
            }),
        })
    }
}

impl Writer {
    /// Connects again when the connection is not at rest. On a full disk or an I/O error SQLite ends the
    /// transaction itself, and the driver then counts it as open for ever.
    async fn heal(&mut self) -> Result<(), CatalogError> {
        // The ping also lets the rollback of an abandoned transaction finish.
        let healthy = self.connection.ping().await.is_ok() && !self.connection.is_in_transaction();
        if !healthy {
            tracing::warn!("connecting to the catalog again after an interrupted transaction");
            self.connection = self.options.connect().await?;
            self.data_version = 0;
        }
        Ok(())
    }

    /// Begins a transaction that holds the write lock of the file, with the cache up to date.
    async fn begin(&mut self, cache: &RwLock<Cache>) -> Result<Change<'_>, CatalogError> {
        self.heal().await?;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let version = sqlx::query_scalar("PRAGMA data_version")
            .fetch_one(&mut *transaction)
            .await?;
        if version != self.data_version {
            let fresh = load_cache(&mut transaction).await?;
            *cache.write() = fresh;
            self.data_version = version;
        }
        Ok(transaction)
    }
}

type Change<'a> = Transaction<'a, Sqlite>;

async fn load_cache(connection: &mut SqliteConnection) -> Result<Cache, CatalogError> {
    let mut cache = Cache::default();
    for database in schema::load(connection).await? {
        cache.add_database(database);
    }
    for (hash, token) in tokens::load(connection).await? {
        cache.put_token(hash, Arc::new(token));
    }
    Ok(cache)
}

/// Runs `work` to its end even if the caller stops waiting for it.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, CatalogError>> + Send + 'static,
) -> Result<T, CatalogError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime shuts down.
            Err(_) => Err(CatalogError::Database(sqlx::Error::WorkerCrashed)),
        },
    }
}

impl Inner {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn create_database(&self, new: NewDatabase) -> Result<DatabaseInfo, CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        if self.cache.read().database(&new.name).is_some() {
            return Err(CatalogError::DatabaseExists(new.name));
        }
        let database = schema::insert_database(&mut change, new, self.now()).await?;
        change.commit().await?;
        let info = database.info();
        self.cache.write().add_database(database);
        Ok(info)
    }

    async fn set_retention(
        &self,
        name: &DatabaseName,
        retention_nanos: Option<i64>,
    ) -> Result<DatabaseInfo, CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        let mut schema = self.cached(name)?.as_ref().clone();
        schema::set_retention(&mut change, schema.id, retention_nanos).await?;
        change.commit().await?;
        schema.retention_nanos = retention_nanos;
        let mut cache = self.cache.write();
        cache.replace_schema(Arc::new(schema));
        match cache.database(name) {
            Some(database) => Ok(database.info()),
            None => Err(CatalogError::DatabaseNotFound(name.to_string())),
        }
    }

    async fn delete_database(&self, name: &DatabaseName) -> Result<(), CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        let id = self.cached(name)?.id;
        schema::delete_database(&mut change, id, self.now()).await?;
        change.commit().await?;
        self.cache.write().remove_database(name);
        Ok(())
    }

    fn cached(&self, name: &DatabaseName) -> Result<Arc<DatabaseSchema>, CatalogError> {
        match self.cache.read().database(name) {
            Some(database) => Ok(Arc::clone(&database.schema)),
            None => Err(CatalogError::DatabaseNotFound(name.to_string())),
        }
    }

    fn cached_by_id(&self, id: DatabaseId) -> Result<Arc<DatabaseSchema>, CatalogError> {
        let schema = self.cache.read().schema_by_id(id);
        schema.ok_or_else(|| CatalogError::DatabaseNotFound(id.to_string()))
    }

    async fn ensure_columns(
        &self,
        database: DatabaseId,
        requests: &[TableRequest],
    ) -> Result<Arc<DatabaseSchema>, CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        let schema = self.cached_by_id(database)?;
        let changes = schema::plan(&schema, requests)?;
        if changes.is_empty() {
            return Ok(schema);
        }
        let schema = schema::apply(&mut change, &schema, changes, self.now()).await?;
        change.commit().await?;
        let schema = Arc::new(schema);
        self.cache.write().replace_schema(Arc::clone(&schema));
        Ok(schema)
    }

    async fn create_token(&self, new: NewToken) -> Result<TokenInfo, CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        let hash = new.hash;
        if self.cache.read().token(&hash).is_some() {
            return Err(CatalogError::TokenExists);
        }
        let token = tokens::insert(&mut change, new, self.now()).await?;
        change.commit().await?;
        self.cache.write().put_token(hash, Arc::new(token.clone()));
        Ok(token)
    }

    async fn revoke_token(&self, id: TokenId) -> Result<TokenInfo, CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        tokens::revoke(&mut change, id, self.now()).await?;
        let tokens = tokens::load(&mut change).await?;
        let Some((hash, token)) = tokens.into_iter().find(|(_, token)| token.id == id) else {
            return Err(CatalogError::TokenNotFound(id));
        };
        change.commit().await?;
        self.cache.write().put_token(hash, Arc::new(token.clone()));
        Ok(token)
    }

    async fn start_writer(&self) -> Result<WriterStart, CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        let start = files::start_writer(&mut change, self.now()).await?;
        change.commit().await?;
        Ok(start)
    }

    async fn commit_persist(&self, commit: &PersistCommit) -> Result<(), CatalogError> {
        let mut writer = self.writer.lock().await;
        let mut change = writer.begin(&self.cache).await?;
        files::commit_persist(&mut change, commit, self.now()).await?;
        change.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Catalog for SqliteCatalog {
    async fn create_database(&self, new: NewDatabase) -> Result<DatabaseInfo, CatalogError> {
        let inner = Arc::clone(&self.inner);
        to_the_end(async move { inner.create_database(new).await }).await
    }

    async fn databases(&self) -> Result<Vec<DatabaseInfo>, CatalogError> {
        Ok(self
            .inner
            .cache
            .read()
            .databases()
            .map(cache::CachedDatabase::info)
            .collect())
    }

    async fn set_retention(
        &self,
        name: &DatabaseName,
        retention_nanos: Option<i64>,
    ) -> Result<DatabaseInfo, CatalogError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        to_the_end(async move { inner.set_retention(&name, retention_nanos).await }).await
    }

    async fn delete_database(&self, name: &DatabaseName) -> Result<(), CatalogError> {
        let (inner, name) = (Arc::clone(&self.inner), name.clone());
        to_the_end(async move { inner.delete_database(&name).await }).await
    }

    async fn database(&self, name: &DatabaseName) -> Result<Arc<DatabaseSchema>, CatalogError> {
        self.inner.cached(name)
    }

    async fn ensure_columns(
        &self,
        database: DatabaseId,
        requests: Vec<TableRequest>,
    ) -> Result<Arc<DatabaseSchema>, CatalogError> {
        // Tables and columns are never taken away while the database is active: what the snapshot
        // has needs no transaction.
        let schema = self.inner.cached_by_id(database)?;
        if schema::plan(&schema, &requests).is_ok_and(|changes| changes.is_empty()) {
            return Ok(schema);
        }
        let inner = Arc::clone(&self.inner);
        to_the_end(async move { inner.ensure_columns(database, &requests).await }).await
    }

    async fn create_token(&self, new: NewToken) -> Result<TokenInfo, CatalogError> {
        let inner = Arc::clone(&self.inner);
        to_the_end(async move { inner.create_token(new).await }).await
    }

    async fn tokens(&self) -> Result<Vec<TokenInfo>, CatalogError> {
        let mut snapshot = self.inner.readers.begin().await?;
        let tokens = tokens::load(&mut snapshot).await?;
        Ok(tokens.into_iter().map(|(_, token)| token).collect())
    }

    async fn token_by_hash(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<Arc<TokenInfo>>, CatalogError> {
        Ok(self.inner.cache.read().token(hash))
    }

    async fn revoke_token(&self, id: TokenId) -> Result<TokenInfo, CatalogError> {
        let inner = Arc::clone(&self.inner);
        to_the_end(async move { inner.revoke_token(id).await }).await
    }

    async fn start_writer(&self) -> Result<WriterStart, CatalogError> {
        let inner = Arc::clone(&self.inner);
        to_the_end(async move { inner.start_writer().await }).await
    }

    async fn progress(&self, writer: WriterId) -> Result<Vec<PartitionProgress>, CatalogError> {
        let mut reader = self.inner.readers.acquire().await?;
        files::progress(&mut reader, writer).await
    }

    async fn commit_persist(&self, commit: PersistCommit) -> Result<(), CatalogError> {
        let inner = Arc::clone(&self.inner);
        to_the_end(async move { inner.commit_persist(&commit).await }).await
    }

    async fn table_files(
        &self,
        table: TableId,
        times: TimeRange,
    ) -> Result<TableFiles, CatalogError> {
        let mut snapshot = self.inner.readers.begin().await?;
        files::table_files(&mut snapshot, table, times).await
    }

    async fn table_is_active(&self, table: TableId) -> Result<bool, CatalogError> {
        let mut reader = self.inner.readers.acquire().await?;
        schema::table_is_active(&mut reader, table).await
    }
}

#[cfg(test)]
mod tests;
