//! Why a write was refused, in whole or in part.

use crate::SinkError;
use std::str::Utf8Error;
use watershed_catalog::CatalogError;
use watershed_model::{DatabaseName, ErrorKind};

/// Why [`Router::write`](crate::Router::write) did not simply succeed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Lines were refused; the others are stored or not as the [`Rejection`] says.
    #[error("{} line(s) rejected, {} row(s) written", .0.rejected, .0.written)]
    Rejected(Rejection),
    /// No such database.
    #[error("database \"{0}\" not found")]
    DatabaseNotFound(DatabaseName),
    /// The body is not UTF-8. Nothing is stored.
    #[error("body content is not valid utf8: {error}")]
    NotUtf8 {
        /// The offset of the first bad byte in the body.
        at: usize,
        /// What is wrong there.
        error: Utf8Error,
    },
    /// The rows would take too much memory as columns. Nothing is stored; the same lines in smaller
    /// requests may pass, as with a body that is too large.
    #[error("{0}")]
    TooLarge(String),
    /// The catalog failed. Nothing is stored.
    #[error(transparent)]
    Catalog(CatalogError),
    /// The sink did not confirm the good lines.
    #[error(transparent)]
    Sink(SinkError),
    /// The process is stopping. Nothing is stored.
    #[error("the server is shutting down")]
    Stopped,
}

impl WriteError {
    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Rejected(_) | Self::NotUtf8 { .. } => ErrorKind::Invalid,
            Self::TooLarge(_) => ErrorKind::TooLarge,
            Self::DatabaseNotFound(_) => ErrorKind::NotFound,
            Self::Catalog(error) => error.kind(),
            Self::Sink(error) => error.kind,
            Self::Stopped => ErrorKind::Unavailable,
        }
    }
}

/// The refused lines of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The first refused lines, by line, at most [`Settings::line_errors_max`](crate::Settings).
    pub lines: Vec<RejectedLine>,
    /// How many lines were refused, those not in `lines` included.
    pub rejected: u64,
    /// How many rows are stored.
    pub written: u64,
    /// Whether good lines were refused with the bad ones (partial writes are off).
    pub refused_whole: bool,
    /// Whether every point of the request was older than the retention period.
    pub all_outside_retention: bool,
    /// Whether some point was.
    pub any_outside_retention: bool,
}

/// A refused line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedLine {
    /// The physical line of the body where the line begins, from 1.
    pub line: usize,
    /// The whole text for the client, `error parsing line 2 (1-based): …` or the like.
    pub message: String,
}
