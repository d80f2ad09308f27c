//! The log as the ingester uses it: what waits for a record to be durable, and what happens then.

use crate::buffer::{Buffer, Reservation};
use crate::disk::Disk;
use crate::error::AppendError;
use crate::metrics::Metrics;
use crate::persist::Signals;
use parking_lot::RwLock;
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio_util::task::task_tracker::TaskTrackerToken;
use watershed_model::{Clock, Epoch, WriteBatch};
use watershed_wal::{Durable, Outcome, Wal};

/// What travels with a record through the log.
pub(crate) struct Pending {
    pub(crate) batch: WriteBatch,
    /// Gives the memory back when the batch is in the buffer, or gone.
    pub(crate) reservation: Reservation,
    pub(crate) answer: oneshot::Sender<Result<(), AppendError>>,
    /// Shutdown waits for it.
    pub(crate) in_flight: TaskTrackerToken,
}

/// The log while there is one: not yet during replay, no longer after shutdown.
#[derive(Default)]
pub(crate) struct LogSlot(RwLock<Option<Arc<Wal<Pending>>>>);

impl fmt::Debug for LogSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogSlot")
            .field("open", &self.0.read().is_some())
            .finish()
    }
}

impl LogSlot {
    pub(crate) fn get(&self) -> Option<Arc<Wal<Pending>>> {
        self.0.read().clone()
    }

    pub(crate) fn set(&self, log: Wal<Pending>) {
        *self.0.write() = Some(Arc::new(log));
    }

    pub(crate) fn take(&self) -> Option<Arc<Wal<Pending>>> {
        self.0.write().take()
    }

    /// Bytes on disk; 0 without a log.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.0.read().as_ref().map_or(0, |log| log.disk_bytes())
    }
}

/// Moves durable batches into the buffer and answers their appends. Runs on the log's thread.
pub(crate) struct Insertion {
    pub(crate) epoch: Epoch,
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) signals: Arc<Signals>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) buffer_bytes_soft: u64,
    pub(crate) persist_partition_bytes: u64,
}

impl Insertion {
    /// Deals with one group.
    pub(crate) fn on_group(&self, outcome: Outcome<Pending>) {
        match outcome {
            Outcome::Durable(group) => group.into_iter().for_each(|durable| self.insert(durable)),
            Outcome::Failed(failure) => {
                self.disk.look_soon();
                // Counted, not logged line by line: each append carries the error to its caller.
                self.metrics
                    .append_failures
                    .inc_by(failure.payloads.len() as u64);
                for pending in failure.payloads {
                    let error = AppendError::Log(failure.error.clone());
                    // Nobody listens when the request was cancelled.
                    let _ = pending.answer.send(Err(error));
                }
            }
        }
    }

    fn insert(&self, durable: Durable<Pending>) {
        let Pending {
            batch,
            reservation,
            answer,
            in_flight,
        } = durable.payload;
        self.metrics.batches.inc();
        self.metrics.rows.inc_by(batch.rows() as u64);
        let partition_bytes =
            self.buffer
                .insert(self.epoch, durable.counter, batch, self.clock.now());
        drop(reservation);
        // Only now: whoever gets the answer must find the rows (invariant 2).
        let _ = answer.send(Ok(()));
        drop(in_flight);
        let is_short = self.buffer.bytes() >= self.buffer_bytes_soft;
        if is_short || partition_bytes >= self.persist_partition_bytes {
            self.signals.wake.notify_one();
        }
    }
}
