//! The one leaf of every plan: all rows of a table that a query may need, each key once.
//!
//! 1. [`filter`] reads time bounds and tag values out of the predicates.
//! 2. [`ScanExec::plan`] takes the unpersisted rows first and the list of files second. In between rows
//!    may be persisted, and then they are in both: a piece that the catalog says is persisted is
//!    dropped. The other way round they could be in neither.
//! 3. [`groups`] puts together what may hold the same key; everything else streams as it is.
//! 4. [`ScanExec`] reads the groups, merges where needed, takes away what retention has ended, and
//!    gives the columns asked for.

mod exec;
mod filter;
mod groups;
mod metrics;

pub(crate) use exec::{ScanExec, ScanRequest, limited};
pub(crate) use filter::{filter, prunes};

use crate::running::Registry;
use crate::{UnpersistedError, UnpersistedRows};
use datafusion::error::DataFusionError;
use std::fmt;
use std::sync::Arc;
use watershed_catalog::{Catalog, CatalogError};
use watershed_model::{Clock, ErrorKind};
use watershed_storage::ParquetReader;

/// Where rows and the knowledge about them come from.
pub(crate) struct Sources {
    /// The files.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// What is in them.
    pub(crate) reader: Arc<ParquetReader>,
    /// What is in no file yet.
    pub(crate) unpersisted: Arc<dyn UnpersistedRows>,
    /// For retention and `now()`.
    pub(crate) clock: Arc<dyn Clock>,
    /// The queries in progress, which are rows as well.
    pub(crate) queries: Registry,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// Why a scan could not give all its rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The list of files.
    #[error("list the files of the table: {0}")]
    Catalog(#[from] CatalogError),
    /// The rows in no file.
    #[error("read the rows that are not persisted yet: {0}")]
    Unpersisted(#[from] UnpersistedError),
    /// A file, or the merge of several.
    #[error("read the rows of the table: {0}")]
    Storage(#[from] watershed_storage::Error),
}

impl Error {
    /// What a caller can do about it.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Catalog(error) => error.kind(),
            Self::Unpersisted(error) => error.kind,
            Self::Storage(error) => error.kind(),
        }
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}
