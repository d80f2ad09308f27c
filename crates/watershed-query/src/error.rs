//! Why a query failed, and what the one who asked can do about it.

use crate::running::Killed;
use crate::{hints, scan};
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
    #[error("Error while planning query: {}", hints::text(.0))]
    Planning(#[source] DataFusionError),
    /// The plan failed while it ran.
    #[error("Error while executing query: {}", .0.strip_backtrace())]
    Execution(#[source] DataFusionError),
    /// Somebody has killed the query.
    #[error("query killed")]
    Killed,
    /// An InfluxQL statement can't be planned; this is the whole text.
    #[error("{0}")]
    Statement(String),
    /// A placeholder whose type nothing tells.
    #[error(
        "Error while planning query: Unable to infer the type of parameter '{0}' in prepared statement"
    )]
    ParameterType(String),
    /// Too many queries wait already.
    #[error("too many queries: {running} are running and {queued} are waiting; try again later")]
    Queue {
        /// The most queries that run at once.
        running: usize,
        /// The most queries that wait.
        queued: usize,
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
            Self::ParameterType(_) | Self::Statement(_) => ErrorKind::Invalid,
            // Not worth another try as it is: whoever killed it would have to do so again.
            Self::Killed => ErrorKind::Conflict,
            Self::Queue { .. } => ErrorKind::Exhausted,
            Self::Start(_) => ErrorKind::Internal,
        }
    }

    /// What an error in a stream of rows says.
    pub fn execution(error: DataFusionError) -> Self {
        match error.find_root() {
            DataFusionError::External(cause) if cause.is::<Killed>() => Self::Killed,
            _ => Self::Execution(error),
        }
    }

    /// What the catalog said, in the words of this crate.
    pub(crate) fn from_catalog(name: &DatabaseName, error: CatalogError) -> Self {
        match error {
            CatalogError::DatabaseNotFound(_) => Self::DatabaseNotFound(name.clone()),
            other => Self::Catalog(other),
        }
    }
}

/// The kind of the root cause of an error of the engine.
///
/// What only the text of the query or the stored values can cause is Invalid, also while running:
/// division by zero, a cast that does not fit. The rest follows its source.
pub(crate) fn datafusion_kind(error: &DataFusionError) -> ErrorKind {
    if let Some(kind) = own_kind(error) {
        return kind;
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
