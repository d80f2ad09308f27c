//! Where batches go.

use async_trait::async_trait;
use std::fmt;
use watershed_model::{ErrorKind, WriteBatch};

/// Takes batches and makes them durable.
#[async_trait]
pub trait WriteSink: fmt::Debug + Send + Sync {
    /// Stores a batch. `Ok` means that it is on stable storage and that the next query sees it.
    ///
    /// The ids in the batch exist in the catalog. The future may be dropped at any point (the client went
    /// away): the batch is then stored whole or not at all.
    ///
    /// # Errors
    /// [`SinkError`]: the batch may or may not be stored, and may be offered again.
    async fn write(&self, batch: WriteBatch) -> Result<(), SinkError>;
}

/// Why a sink did not confirm a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What the client can do about it.
    pub kind: ErrorKind,
    /// For the client.
    pub message: String,
    /// When trying again makes sense, if the sink knows.
    pub retry_after_seconds: Option<u64>,
}
