//! A bound on the queries that run at once and on those that wait for their turn.

use crate::QueryError;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The door every query passes after planning and before execution.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    running: Arc<Semaphore>,
    running_max: usize,
    /// Counts those that run and those that wait.
    admitted: Arc<Semaphore>,
    queued_max: usize,
}

/// A place in the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    running: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
}

/// The right to run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    /// Lets `running_max` queries run and `queued_max` more wait.
    pub(crate) fn new(running_max: usize, queued_max: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(running_max)),
            running_max,
            admitted: Arc::new(Semaphore::new(running_max.saturating_add(queued_max))),
            queued_max,
        }
    }

    /// Takes a place in the queue, at once or not at all.
    ///
    /// # Errors
    /// [`QueryError::Queue`] when no place is left.
    pub(crate) fn enter(&self) -> Result<Ticket, QueryError> {
        match Arc::clone(&self.admitted).try_acquire_owned() {
            Ok(place) => Ok(Ticket {
                running: Arc::clone(&self.running),
                place,
            }),
            Err(_) => Err(QueryError::Queue {
                running: self.running_max,
                queued: self.queued_max,
            }),
        }
    }
}

impl Ticket {
    /// Waits for the turn. `None` only when the engine is gone.
    pub(crate) async fn turn(self) -> Option<Permit> {
        let running = self.running.acquire_owned().await.ok()?;
        Some(Permit {
            _running: running,
            _place: self.place,
        })
    }
}

#[cfg(test)]
mod tests;
