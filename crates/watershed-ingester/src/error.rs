//! What can go wrong, by operation.

use std::time::Duration;
use watershed_catalog::CatalogError;
use watershed_model::{ColumnId, Counter, Epoch, ErrorKind, TableId};

/// The wait that clients are told when memory or log is full: about one persist.
const RETRY_AFTER_FULL: Duration = Duration::from_secs(5);
/// The wait that clients are told when the ingester is going down or its log failed.
const RETRY_AFTER_DOWN: Duration = Duration::from_secs(2);

/// Why a batch was not taken in. Nothing of it is visible; it may be offered again (points are
/// upserts, so a batch that reached the log after all does no harm twice).
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The buffer is full because persisting is slower than writing.
    #[error(
        "ingester overloaded - persisting backlog: the write buffer holds {used_bytes} of {limit_bytes} bytes"
    )]
    BufferFull {
        /// Buffered, or on the way into the buffer.
        used_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The log is full because persisting is slower than writing.
    #[error(
        "ingester disk full - persisting write-ahead log: it holds {used_bytes} of {limit_bytes} bytes"
    )]
    LogFull {
        /// On disk.
        used_bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// What is free on the disk is kept for persisting.
    #[error("ingester disk full - persisting write-ahead log: {free_bytes} bytes are free")]
    DiskFull {
        /// On the disk that is nearest to its reserve.
        free_bytes: u64,
    },
    /// The batch alone passes what a log record can hold.
    #[error("the batch takes {bytes} bytes, a log record has at most {limit_bytes}")]
    TooLarge {
        /// The encoded batch.
        bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The batch alone passes what the buffer may hold: it would not fit if there were nothing else.
    #[error("the batch takes {bytes} bytes of memory, the buffer has at most {limit_bytes}")]
    LargerThanBuffer {
        /// The batch in memory.
        bytes: u64,
        /// The limit.
        limit_bytes: u64,
    },
    /// The ingester takes no more batches.
    #[error("ingester is shutting down")]
    ShuttingDown,
    /// The log's thread has ended: a bug, or the process is going down.
    #[error("the write-ahead log has stopped")]
    LogStopped,
    /// The log could not make the batch durable.
    #[error("{}", log_failed(.0))]
    Log(#[source] watershed_wal::Error),
    /// The task that encoded the batch ended early; the process is going down.
    #[error("encoding task ended early")]
    Task(#[source] tokio::task::JoinError),
}

impl AppendError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BufferFull { .. } | Self::LogFull { .. } | Self::DiskFull { .. } => {
                ErrorKind::Exhausted
            }
            Self::TooLarge { .. } | Self::LargerThanBuffer { .. } => ErrorKind::TooLarge,
            Self::ShuttingDown | Self::LogStopped | Self::Task(_) => ErrorKind::Unavailable,
            Self::Log(source) => match source.kind() {
                ErrorKind::Exhausted => ErrorKind::Exhausted,
                _ => ErrorKind::Unavailable,
            },
        }
    }

    /// How long to wait before offering the batch again; `None` when that can't help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            ErrorKind::Exhausted => Some(RETRY_AFTER_FULL),
            ErrorKind::Unavailable => Some(RETRY_AFTER_DOWN),
            _ => None,
        }
    }
}

fn log_failed(cause: &watershed_wal::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::Exhausted => "ingester disk full - persisting write-ahead log",
        _ => "the write-ahead log could not be written",
    }
}

/// Why an ingester did not start. The log is as it was.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log could not be opened, read or started.
    #[error("write-ahead log")]
    Log(#[from] watershed_wal::Error),
    /// The catalog did not answer.
    #[error("catalog")]
    Catalog(#[from] CatalogError),
    /// A log record whose checksum is right holds no batch that this version can read.
    #[error("record {counter} of the write-ahead log can't be read")]
    Record {
        /// Which.
        counter: Counter,
        /// What is wrong with it.
        source: watershed_model::batch::codec::Error,
    },
    /// The log has records of this start's epoch or a later one: the catalog is older than the log
    /// (restored from a backup, or of another directory). New rows would lose against old ones.
    #[error(
        "record {counter} of the write-ahead log is of epoch {logged}, the catalog is at {catalog}: they do not belong together"
    )]
    EpochBehind {
        /// Which record.
        counter: Counter,
        /// Its epoch.
        logged: Epoch,
        /// The epoch of this start.
        catalog: Epoch,
    },
    /// The replay ended early; the process is going down.
    #[error("replay ended early")]
    Task(#[source] tokio::task::JoinError),
}

impl StartError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Log(source) => source.kind(),
            Self::Catalog(source) => source.kind(),
            Self::Record { .. } | Self::EpochBehind { .. } => ErrorKind::Corrupt,
            Self::Task(_) => ErrorKind::Internal,
        }
    }
}

/// Why buffered rows could not be turned into Arrow batches.
#[derive(Debug, thiserror::Error)]
pub enum MaterialiseError {
    /// A column holds values of another type than the table says.
    #[error("buffered values of column {column} are not of the column's type")]
    ColumnType {
        /// The column.
        column: ColumnId,
    },
    /// Rows were written with a column the table does not have.
    #[error("table {table} has no column {column}, buffered rows do")]
    ColumnUnknown {
        /// The table.
        table: TableId,
        /// The column.
        column: ColumnId,
    },
    /// An array could not be built.
    #[error("arrow arrays")]
    Arrow(#[from] arrow::error::ArrowError),
    /// Duplicates could not be settled.
    #[error("settle duplicates")]
    Storage(#[from] watershed_storage::Error),
}

impl MaterialiseError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::ColumnType { .. } | Self::ColumnUnknown { .. } | Self::Arrow(_) => {
                ErrorKind::Internal
            }
            Self::Storage(source) => source.kind(),
        }
    }
}
