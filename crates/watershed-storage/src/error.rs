//! What can go wrong between rows and stored bytes.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use object_store::path::Path;
use parquet::errors::ParquetError;
use watershed_model::ErrorKind;

/// Why rows could not be merged, written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Rows that should be in key order are not. `input` is the index of the stream, the oldest
    /// being 0 (and 0 where there is only one).
    #[error("rows of input {input} are not in key order")]
    OutOfOrder {
        /// Which input.
        input: usize,
    },
    /// A schema or a batch that does not have the shape this crate works on.
    #[error("column {column}: expected {expected}, found {found}")]
    Shape {
        /// The column.
        column: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file holds another type in a column than the table has.
    #[error("{path}: column {column} is {found}, the table has {expected}")]
    FileType {
        /// The file.
        path: Path,
        /// The column.
        column: String,
        /// The type the table has.
        expected: DataType,
        /// The type the file has.
        found: DataType,
    },
    /// A file that is not there although it is listed.
    #[error("{path} is missing from the object store")]
    Missing {
        /// The file.
        path: Path,
    },
    /// The bytes of a file are not what was written.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: Path,
        /// What was found.
        reason: String,
    },
    /// The object store did not do what it was asked.
    #[error("object store, {path}")]
    Store {
        /// The file.
        path: Path,
        /// The store's words.
        source: object_store::Error,
    },
    /// The Parquet encoder refused rows.
    #[error("encode {path}")]
    Encode {
        /// The file.
        path: Path,
        /// The encoder's words.
        source: ParquetError,
    },
    /// An Arrow kernel refused its input.
    #[error("arrow kernel")]
    Arrow(#[from] ArrowError),
    /// A task on the blocking pool did not come back, because it panicked or the process is going down.
    #[error("encoding task ended early")]
    Task(#[source] tokio::task::JoinError),
    /// An error that whoever made an input stream wants to pass through a merge.
    #[error("input of a merge")]
    Input {
        /// What a caller can do about it.
        kind: ErrorKind,
        /// The input's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::OutOfOrder { .. }
            | Self::FileType { .. }
            | Self::Missing { .. }
            | Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Store { .. } => ErrorKind::Unavailable,
            Self::Shape { .. } | Self::Encode { .. } | Self::Arrow(_) | Self::Task(_) => {
                ErrorKind::Internal
            }
            Self::Input { kind, .. } => *kind,
        }
    }

    /// Tells a missing file from a store that does not answer.
    pub(crate) fn store(path: &Path, source: object_store::Error) -> Self {
        match source {
            object_store::Error::NotFound { .. } => Self::Missing { path: path.clone() },
            source => Self::Store {
                path: path.clone(),
                source,
            },
        }
    }

    /// Tells damage from a store that does not answer: the Parquet reader passes both through one type.
    pub(crate) fn read(path: &Path, source: ParquetError) -> Self {
        match source {
            ParquetError::External(inner) => match inner.downcast::<object_store::Error>() {
                Ok(source) => Self::store(path, *source),
                Err(other) => Self::Damaged {
                    path: path.clone(),
                    reason: other.to_string(),
                },
            },
            source => Self::Damaged {
                path: path.clone(),
                reason: source.to_string(),
            },
        }
    }
}
