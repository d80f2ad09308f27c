//! The contract of a catalog; [`SqliteCatalog`](crate::SqliteCatalog) keeps it.

use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;
use watershed_model::{
    ColumnName, ColumnType, CounterRange, DatabaseId, DatabaseName, DatabaseSchema, Epoch,
    ErrorKind, FileId, PartitionKey, Permission, TableId, TableName, TimeRange, Timestamp, TokenId,
    WriterId,
};

/// The limit of tables in a database that does not set its own.
pub const TABLES_MAX_DEFAULT: u32 = 500;
/// The limit of columns (with `time`) in a table of a database that does not set its own.
pub const COLUMNS_MAX_DEFAULT: u32 = 250;

/// The properties of a database that can be chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// How long points are kept, in nanoseconds; `None` for ever.
    pub retention_nanos: Option<i64>,
    /// The most tables; `None` for [`TABLES_MAX_DEFAULT`].
    pub tables_max: Option<u32>,
    /// The most columns of tables created from now on; `None` for [`COLUMNS_MAX_DEFAULT`].
    pub columns_max: Option<u32>,
}

/// A database to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDatabase {
    /// Free among the active databases.
    pub name: DatabaseName,
    /// Its properties.
    pub settings: DatabaseSettings,
}

/// A database as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseInfo {
    /// Never changes.
    pub id: DatabaseId,
    /// The name.
    pub name: DatabaseName,
    /// `None` for ever.
    pub retention_nanos: Option<i64>,
    /// The limit in force.
    pub tables_max: u32,
    /// The limit in force for tables created from now on.
    pub columns_max: u32,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Columns a writer needs in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRequest {
    /// The table; created when it is not there.
    pub table: TableName,
    /// The columns; `time` need not be named.
    pub columns: Vec<ColumnRequest>,
}

/// A column a writer needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRequest {
    /// The column; created when it is not there.
    pub name: ColumnName,
    /// The type it must have. Never [`ColumnType::Time`].
    pub column_type: ColumnType,
}

/// The SHA-256 of a token's text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// A token to record.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Of the text that was shown to the user.
    pub hash: TokenHash,
    /// Free text for people.
    pub description: String,
    /// Every right there is, administration included.
    pub operator: bool,
    /// The rights; nothing is needed here for an operator.
    pub permissions: Vec<Permission>,
    /// `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A token as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Public name of the token.
    pub id: TokenId,
    /// Free text for people.
    pub description: String,
    /// Every right there is.
    pub operator: bool,
    /// The rights.
    pub permissions: Vec<Permission>,
    /// When it was created.
    pub created_at: Timestamp,
    /// `None` for never.
    pub expires_at: Option<Timestamp>,
    /// `None` while in force.
    pub revoked_at: Option<Timestamp>,
}

/// What a writer gets when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriterStart {
    /// The same at every start of the same data directory.
    pub writer: WriterId,
    /// One more than at the last start.
    pub epoch: Epoch,
}

/// A Parquet file to list. The object is already in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParquetFile {
    /// Names the object together with database, table and partition.
    pub id: FileId,
    /// First and last time of its rows.
    pub time_range: TimeRange,
    /// Rows after deduplication.
    pub rows: u64,
    /// Size of the object.
    pub bytes: u64,
}

/// One step of persisting: a run of counters of one writer, in one epoch, in one partition, is now
/// in a file (or held no rows that are still wanted).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistCommit {
    /// The database.
    pub database: DatabaseId,
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: PartitionKey,
    /// Who accepted the rows.
    pub writer: WriterId,
    /// When, in generations of the slot map.
    pub epoch: Epoch,
    /// The batches. `counters.min` must lie above what the partition has persisted so far.
    pub counters: CounterRange,
    /// The file; `None` when no row was left to keep.
    pub file: Option<ParquetFile>,
}

/// A listed Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// The file.
    pub file: ParquetFile,
    /// The database.
    pub database: DatabaseId,
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: PartitionKey,
    /// Who wrote its rows.
    pub writer: WriterId,
    /// Their place in the order.
    pub epoch: Epoch,
    /// Their place in the order.
    pub counters: CounterRange,
    /// 0 as persisted; higher after compaction.
    pub level: u8,
}

/// How far a writer has persisted a partition: everything up to and including `counter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionProgress {
    /// The table.
    pub table: TableId,
    /// The partition.
    pub partition: PartitionKey,
    /// The writer.
    pub writer: WriterId,
    /// The newest persisted batch.
    pub counter: watershed_model::Counter,
}

/// Files and progress of a table, read in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableFiles {
    /// The files whose times overlap the range asked for, oldest piece first within a partition.
    pub files: Vec<FileRow>,
    /// The progress of every partition of the table that has any.
    pub progress: Vec<PartitionProgress>,
}

/// Why the catalog refused or could not do something. On any error nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No active database of that name.
    #[error("database \"{0}\" not found")]
    DatabaseNotFound(String),
    /// An active database has the name.
    #[error("A namespace with the name `{0}` already exists")]
    DatabaseExists(DatabaseName),
    /// No such token.
    #[error("token {0} not found")]
    TokenNotFound(TokenId),
    /// A token with the same hash is recorded.
    #[error("a token with the same secret already exists")]
    TokenExists,
    /// The column is there with another type.
    #[error("schema conflict: column {column} is type {existing} but write has type {requested}")]
    ColumnType {
        /// The table.
        table: TableName,
        /// The column.
        column: ColumnName,
        /// What it is.
        existing: ColumnType,
        /// What the writer wanted.
        requested: ColumnType,
    },
    /// The database is full.
    #[error(
        "service limit reached: couldn't create new table; namespace contains {existing} existing tables, applying this write would result in {wanted} tables, limit is {limit}"
    )]
    TablesMax {
        /// Tables now.
        existing: u32,
        /// Tables after the change.
        wanted: u32,
        /// The limit.
        limit: u32,
    },
    /// The table is full.
    #[error(
        "service limit reached: couldn't create columns in table `{table}`; table contains {existing} existing columns, applying this write would result in {wanted} columns, limit is {limit}"
    )]
    ColumnsMax {
        /// The table.
        table: TableName,
        /// Columns now, `time` included.
        existing: u32,
        /// Columns after the change.
        wanted: u32,
        /// The limit.
        limit: u32,
    },
    /// A persist commit that does not continue where the partition stands.
    #[error(
        "partition {partition} of table {table} is persisted up to batch {persisted}, a commit from {offered} on does not continue it"
    )]
    PersistOrder {
        /// The table.
        table: TableId,
        /// The partition.
        partition: PartitionKey,
        /// Where it stands.
        persisted: watershed_model::Counter,
        /// Where the commit begins.
        offered: watershed_model::Counter,
    },
    /// The stored catalog can't be right.
    #[error("the catalog is damaged: {0}")]
    Corrupt(String),
    /// The catalog was written by a newer version.
    #[error("{0}")]
    Incompatible(String),
    /// The database below failed.
    #[error("catalog database")]
    Database(#[from] sqlx::Error),
}

impl CatalogError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::DatabaseNotFound(_) | Self::TokenNotFound(_) => ErrorKind::NotFound,
            Self::DatabaseExists(_) | Self::TokenExists => ErrorKind::AlreadyExists,
            Self::ColumnType { .. } | Self::TablesMax { .. } | Self::ColumnsMax { .. } => {
                ErrorKind::Invalid
            }
            Self::PersistOrder { .. } => ErrorKind::Conflict,
            Self::Corrupt(_) | Self::Incompatible(_) => ErrorKind::Corrupt,
            Self::Database(_) => ErrorKind::Unavailable,
        }
    }
}

/// What exists. Each method is one transaction; what it returns is committed.
#[async_trait]
pub trait Catalog: fmt::Debug + Send + Sync {
    /// Creates a database.
    ///
    /// # Errors
    /// [`CatalogError::DatabaseExists`].
    async fn create_database(&self, new: NewDatabase) -> Result<DatabaseInfo, CatalogError>;

    /// The active databases by name.
    async fn databases(&self) -> Result<Vec<DatabaseInfo>, CatalogError>;

    /// Changes how long the points of a database are kept, from now on; `None` for ever. Points that a longer
    /// period would have kept may be gone already.
    ///
    /// # Errors
    /// [`CatalogError::DatabaseNotFound`].
    async fn set_retention(
        &self,
        name: &DatabaseName,
        retention_nanos: Option<i64>,
    ) -> Result<DatabaseInfo, CatalogError>;

    /// Deletes a database softly: from now on its name means nothing, and may be given again.
    ///
    /// # Errors
    /// [`CatalogError::DatabaseNotFound`].
    async fn delete_database(&self, name: &DatabaseName) -> Result<(), CatalogError>;

    /// The database with its tables and columns as they are now. Served from memory: cheap enough
    /// for every request, and never behind a change that was made through this catalog.
    ///
    /// # Errors
    /// [`CatalogError::DatabaseNotFound`].
    async fn database(&self, name: &DatabaseName) -> Result<Arc<DatabaseSchema>, CatalogError>;

    /// Makes sure that tables and columns exist with these types, within the limits, and returns the
    /// new state. All or nothing. Limits bind only what is new.
    ///
    /// # Errors
    /// [`CatalogError::ColumnType`], [`CatalogError::TablesMax`], [`CatalogError::ColumnsMax`],
    /// [`CatalogError::DatabaseNotFound`] when the database was deleted meanwhile.
    async fn ensure_columns(
        &self,
        database: DatabaseId,
        requests: Vec<TableRequest>,
    ) -> Result<Arc<DatabaseSchema>, CatalogError>;

    /// Records a token.
    ///
    /// # Errors
    /// [`CatalogError::TokenExists`].
    async fn create_token(&self, new: NewToken) -> Result<TokenInfo, CatalogError>;

    /// Every token, revoked ones too, oldest first.
    async fn tokens(&self) -> Result<Vec<TokenInfo>, CatalogError>;

    /// The token with that hash, if any, revoked and expired ones too (the caller looks at the
    /// dates). Served from memory.
    async fn token_by_hash(&self, hash: &TokenHash)
    -> Result<Option<Arc<TokenInfo>>, CatalogError>;

    /// Revokes a token for good. Revoking twice keeps the first date.
    ///
    /// # Errors
    /// [`CatalogError::TokenNotFound`].
    async fn revoke_token(&self, id: TokenId) -> Result<TokenInfo, CatalogError>;

    /// Counts a start of this data directory's writer.
    async fn start_writer(&self) -> Result<WriterStart, CatalogError>;

    /// How far the writer has persisted, over all tables. Read once at start, before replay.
    async fn progress(&self, writer: WriterId) -> Result<Vec<PartitionProgress>, CatalogError>;

    /// Lists a file and advances the writer's progress in the partition, in one transaction.
    ///
    /// # Errors
    /// [`CatalogError::PersistOrder`] when `counters.min` is not above the progress so far.
    async fn commit_persist(&self, commit: PersistCommit) -> Result<(), CatalogError>;

    /// The files of a table that may hold rows in `times`, and the table's progress, as of one moment.
    async fn table_files(
        &self,
        table: TableId,
        times: TimeRange,
    ) -> Result<TableFiles, CatalogError>;

    /// Whether the table still exists in an active database (its rows need not be persisted if not).
    async fn table_is_active(&self, table: TableId) -> Result<bool, CatalogError>;
}
