//! Why a query failed, and what the one who asked can do about it.

use crate::influxql::TooManySeries;
use crate::running::Stopped;
use crate::{advice, faults, scan};
use datafusion::error::DataFusionError;
use std::error::Error;
use watershed_catalog::CatalogError;
use watershed_model::{DatabaseName, ErrorKind};

/// Why a query has no answer. The text is the one clients see: the root cause is in it.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No active database of that name.
    #[error("Database '{0}' not found")]
    DatabaseNotFound(DatabaseName),
    /// The catalog could not be read.
    #[error("Error while planning query: {0}")]
    Catalog(#[source] CatalogError),
    /// The query can't be planned: syntax, unknown names, types, a statement that is not allowed.
    #[error("Error while planning query: {}", advice::text(.0))]
    Planning(#[source] DataFusionError),
    /// The plan failed while it ran.
    #[error("Error while executing query: {}", .0.strip_backtrace())]
    Execution(#[source] DataFusionError),
    /// Somebody has killed the query.
    #[error("query killed")]
    Killed,
    /// The query took too long.
    #[error(
        "the query has taken longer than {seconds} s; ask for a shorter time or fewer columns, or let queries take longer with --query-timeout"
    )]
    Timeout {
        /// The most a query may take.
        seconds: u64,
    },
    /// The query needs more memory, or more room on disk, than there is for it. This is the whole text.
    #[error("Error while executing query: {0}")]
    Exhausted(String),
    /// The result has more series than a result may have. This is the whole text.
    #[error("Error while executing query: {0}")]
    Series(String),
    /// An InfluxQL statement can't be planned; this is the whole text.
    #[error("{0}")]
    Statement(String),
    /// A placeholder whose type nothing tells.
    #[error(
        "Error while planning query: Unable to infer the type of parameter '{0}' in prepared statement; say it, for example {0}::BIGINT or {0}::TEXT"
    )]
    ParameterType(String),
    /// It would read more partitions than whoever asks wants to allow.
    #[error("Query would process more than {0} partitions")]
    Partitions(u64),
    /// It would read more files than whoever asks wants to allow.
    #[error("Query would process more than {0} parquet files")]
    ParquetFiles(u64),
    /// Too many queries wait already.
    #[error("too many queries: {running} are running and {queued} are waiting; try again later")]
    Queue {
        /// The most queries that run at once.
        running: usize,
        /// The most queries that wait.
        queued: usize,
    },
    /// The query waited too long for its turn.
    #[error(
        "the query has waited {seconds} s for its turn; try again later, or let queries wait longer with --query-queue-timeout"
    )]
    QueueTimeout {
        /// The most a query waits.
        seconds: u64,
    },
    /// The machine did not give what the engine needs to start.
    #[error("start the query engine")]
    Start(#[source] DataFusionError),
}

impl QueryError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::DatabaseNotFound(_) => ErrorKind::NotFound,
            Self::Catalog(error) => error.kind(),
            Self::Planning(error) | Self::Execution(error) => datafusion_kind(error),
            Self::ParameterType(_) | Self::Statement(_) | Self::Series(_) => ErrorKind::Invalid,
            // Not worth another try as it is: whoever killed it would have to do so again.
            Self::Killed => ErrorKind::Conflict,
            // Another time there may be more of what was too little now.
            Self::Queue { .. }
            | Self::QueueTimeout { .. }
            | Self::Timeout { .. }
            | Self::Partitions(_)
            | Self::ParquetFiles(_)
            | Self::Exhausted(_) => ErrorKind::Exhausted,
            Self::Start(_) => ErrorKind::Internal,
        }
    }

    /// What an error in a stream of rows says.
    pub fn execution(error: DataFusionError) -> Self {
        if let Some(stopped) = stopped(&error) {
            return match stopped {
                Stopped::Killed => Self::Killed,
                Stopped::Timeout { seconds } => Self::Timeout { seconds },
                Stopped::QueueTimeout { seconds } => Self::QueueTimeout { seconds },
            };
        }
        if let Some(TooManySeries(text)) = external(&error) {
            return Self::Series(text.clone());
        }
        if let Some(text) = exhausted(&error) {
            return Self::Exhausted(text);
        }
        Self::Execution(match faults::of_query(&error) {
            Some(text) => DataFusionError::Execution(text),
            None => error,
        })
    }

    /// What the catalog said, in the words of this crate.
    pub(crate) fn from_catalog(name: &DatabaseName, error: CatalogError) -> Self {
        match error {
            CatalogError::DatabaseNotFound(_) => Self::DatabaseNotFound(name.clone()),
            other => Self::Catalog(other),
        }
    }
}

/// Whether the engine has ended the query itself.
pub(crate) fn stopped(error: &DataFusionError) -> Option<Stopped> {
    external(error).copied()
}

/// An error of ours that DataFusion has passed on.
fn external<E: Error + 'static>(error: &DataFusionError) -> Option<&E> {
    match error.find_root() {
        DataFusionError::External(cause) => cause.downcast_ref(),
        _ => None,
    }
}

/// The text about memory or disk that are used up. What DataFusion says around it is about settings that nobody
/// has here.
fn exhausted(error: &DataFusionError) -> Option<String> {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(text) => Some(text.clone()),
        DataFusionError::IoError(error) if error.to_string().contains(SPILL_LIMIT) => Some(
            "the query puts more rows aside on disk than there is room for; ask for a shorter time, fewer groups or \
             fewer columns, try again when fewer queries run, or give queries more room with --query-spill-bytes-max"
                .to_owned(),
        ),
        _ => None,
    }
}

/// How DataFusion's error about the limit of spilled bytes is known from those of the disk.
const SPILL_LIMIT: &str = "max_temp_directory_size";

/// The kind of the root cause of an error of the engine.
///
/// What only the text of the query or the stored values can cause is Invalid, also while running:
/// division by zero, a cast that does not fit. The rest follows its source.
pub(crate) fn datafusion_kind(error: &DataFusionError) -> ErrorKind {
    if let Some(kind) = own_kind(error) {
        return kind;
    }
    if faults::of_query(error).is_some() {
        return ErrorKind::Invalid;
    }
    match error.find_root() {
        DataFusionError::ResourcesExhausted(_) => ErrorKind::Exhausted,
        DataFusionError::SQL(..)
        | DataFusionError::Plan(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::ArrowError(..)
        | DataFusionError::Configuration(_)
        | DataFusionError::Execution(_)
        | DataFusionError::Diagnostic(..) => ErrorKind::Invalid,
        DataFusionError::Collection(errors) => {
            errors.first().map_or(ErrorKind::Internal, datafusion_kind)
        }
        DataFusionError::ParquetError(_) => ErrorKind::Corrupt,
        _ => ErrorKind::Internal,
    }
}

/// The kind of the first error of ours in the chain.
fn own_kind(error: &DataFusionError) -> Option<ErrorKind> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = next {
        if let Some(scan) = cause.downcast_ref::<scan::Error>() {
            return Some(scan.kind());
        }
        next = cause.source();
    }
    None
}
