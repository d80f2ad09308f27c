//! Adapters for one process: the router's sink and the query engine's unpersisted rows are the
//! ingester next door.

use crate::{Pressure, Reason, Refusal};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use std::sync::Arc;
use watershed_ingester::{AppendError, Ingester, MaterialiseError};
use watershed_model::{DatabaseId, ErrorKind, TableSchema, WriteBatch};
use watershed_query::{UnpersistedError, UnpersistedPiece, UnpersistedRows};
use watershed_router::{SinkError, WriteSink};
use watershed_storage::ScanFilter;

/// Gives batches to the ingester of this process.
#[derive(Debug, Clone)]
pub struct LocalSink(pub Ingester);

#[async_trait]
impl WriteSink for LocalSink {
    async fn write(&self, batch: WriteBatch) -> Result<(), SinkError> {
        self.0.append(batch).await.map_err(|error| SinkError {
            kind: error.kind(),
            message: error.to_string(),
            retry_after_seconds: retry_after_seconds(&error),
        })
    }
}

impl Pressure for LocalSink {
    fn refusal(&self, database: DatabaseId, columns_bytes: u64) -> Option<Refusal> {
        let error = self.0.accepts(database, columns_bytes).err()?;
        let reason = match &error {
            AppendError::BufferFull { .. } => Reason::Buffer,
            AppendError::LogFull { .. } => Reason::Log,
            AppendError::DiskFull { .. } => Reason::Disk,
            _ => Reason::Stopping,
        };
        Some(Refusal {
            reason,
            message: error.to_string(),
            retry_after_seconds: retry_after_seconds(&error).unwrap_or(1),
        })
    }
}

fn retry_after_seconds(error: &AppendError) -> Option<u64> {
    error.retry_after().map(|wait| wait.as_secs().max(1))
}

/// Reads the rows that the ingester of this process has not persisted.
#[derive(Debug, Clone)]
pub struct LocalRows(pub Ingester);

#[async_trait]
impl UnpersistedRows for LocalRows {
    async fn rows(
        &self,
        table: &Arc<TableSchema>,
        schema: SchemaRef,
        filter: &ScanFilter,
    ) -> Result<Vec<UnpersistedPiece>, UnpersistedError> {
        let pieces = self.0.rows(table.id(), filter.times);
        if pieces.is_empty() {
            return Ok(Vec::new());
        }
        let (table, filter) = (Arc::clone(table), filter.clone());
        // Sorting and gathering is work for a core, not for the I/O runtime.
        let work = tokio::task::spawn_blocking(move || {
            let mut out = Vec::with_capacity(pieces.len());
            for piece in pieces {
                let batches = piece.to_batches(&table, &schema, &filter)?;
                out.push(UnpersistedPiece {
                    partition: piece.partition.clone(),
                    writer: piece.writer,
                    epoch: piece.epoch,
                    counters: piece.counters,
                    times: piece.times,
                    batches,
                });
            }
            Ok::<_, MaterialiseError>(out)
        });
        match work.await {
            Ok(Ok(pieces)) => Ok(pieces),
            Ok(Err(error)) => Err(UnpersistedError {
                kind: error.kind(),
                message: error.to_string(),
            }),
            Err(error) => Err(UnpersistedError {
                kind: ErrorKind::Internal,
                message: format!("reading buffered rows ended early: {error}"),
            }),
        }
    }
}
