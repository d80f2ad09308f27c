//! Which writes are let in: decided before their body is read, and never by waiting.
//!
//! A write needs
//!
//! 1. a server that is not stopping;
//! 2. an ingester with memory, log and disk for more ([`Pressure`]);
//! 3. a place among the writes in progress;
//! 4. memory for its body and for the columns made of it, as far as its head tells.
//!
//! What is lacking is answered 503 with `Retry-After`. Places and memory are shared by the databases as
//! [`Shares`] says. The memory grows with a body that turns out larger than its head told; when there is no more
//! of it, the write is refused in the middle of its body.

use super::compat::{ApiError, Code};
use crate::metrics::{Metrics, Reason};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use watershed_ingester::{Share, Shares};
use watershed_model::DatabaseId;

/// Tells whether those who would store a write are able to.
pub trait Pressure: fmt::Debug + Send + Sync {
    /// Why a write to the database would be refused now, when so many bytes of columns are on the way there, those of
    /// this write included. Asked for every write: it must be cheap.
    fn refusal(&self, database: DatabaseId, columns_bytes: u64) -> Option<Refusal>;
}

/// Why writes are refused by those who would store them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is lacking, for the metrics.
    pub reason: Reason,
    /// For the client.
    pub message: String,
    /// When trying again makes sense.
    pub retry_after_seconds: u64,
}

/// Lets writes in.
#[derive(Debug)]
pub(crate) struct Admission {
    stopping: Arc<AtomicBool>,
    pressure: Arc<dyn Pressure>,
    writes: Arc<Shares>,
    bytes: Arc<Shares>,
    metrics: Metrics,
}

impl Admission {
    pub(crate) fn new(
        writes_max: usize,
        bytes_max: u64,
        stopping: Arc<AtomicBool>,
        pressure: Arc<dyn Pressure>,
        metrics: Metrics,
    ) -> Self {
        let (writes, bytes) = (Shares::new(writes_max as u64), Shares::new(bytes_max));
        metrics.watch_writes(&writes, &bytes);
        Self {
            stopping,
            pressure,
            writes,
            bytes,
            metrics,
        }
    }

    /// Lets a write in that will need about so much memory, or answers why not.
    pub(crate) fn admit(&self, database: DatabaseId, bytes: u64) -> Result<Permit, ApiError> {
        if self.stopping.load(Ordering::Acquire) {
            self.metrics.count_refusal(Reason::Stopping);
            return Err(ApiError::new(
                Code::Unavailable,
                "the server is shutting down",
            ));
        }
        // What others have been let in with will be in the buffer before this is: to read a body only to find the
        // buffer full is the dearest way to refuse it.
        let columns_bytes = columns_of(self.bytes.held_by(database).saturating_add(bytes));
        if let Some(refusal) = self.pressure.refusal(database, columns_bytes) {
            self.metrics.count_refusal(refusal.reason);
            let mut answer = ApiError::new(Code::Unavailable, refusal.message);
            answer.retry_after_seconds = Some(refusal.retry_after_seconds);
            return Err(answer);
        }
        let Some(place) = self.writes.take(database, 1) else {
            return Err(overloaded(&self.metrics, Reason::Writes));
        };
        let Some(bytes) = self.bytes.take(database, bytes) else {
            return Err(overloaded(&self.metrics, Reason::Bytes));
        };
        Ok(Permit {
            _place: place,
            bytes,
            metrics: self.metrics.clone(),
        })
    }
}

/// The part of the memory of writes that is for their columns.
const fn columns_of(bytes: u64) -> u64 {
    bytes / 2
}

fn overloaded(metrics: &Metrics, reason: Reason) -> ApiError {
    metrics.count_refusal(reason);
    ApiError::overloaded()
}

/// Held from the admission of a write until it is answered, or until it is stored when nobody waits for the
/// answer any more.
#[derive(Debug)]
pub(crate) struct Permit {
    _place: Share,
    bytes: Share,
    metrics: Metrics,
}

impl Permit {
    /// The memory set aside.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.amount()
    }

    /// Sets so much memory aside instead, or answers that there is not enough.
    pub(crate) fn set_bytes(&mut self, bytes: u64) -> Result<(), ApiError> {
        if self.bytes.set(bytes) {
            return Ok(());
        }
        Err(overloaded(&self.metrics, Reason::Bytes))
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
