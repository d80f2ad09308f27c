//! A bound on the queries that run at once and on those that wait for their turn.
//!
//! Queries run in the order in which they came, except that light ones do not wait for heavy ones: of the queries
//! that run, some are always left for those that are soon done. [`Weight`] says which is which.

use crate::QueryError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What a query is expected to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Soon done, in little memory.
    Light,
    /// Anything else.
    Heavy,
}

/// How many queries may run and wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// Queries that run at once.
    pub(crate) running_max: usize,
    /// Heavy ones among them.
    pub(crate) heavy_max: usize,
    /// Queries that wait, to be planned or to run.
    pub(crate) queued_max: usize,
    /// How long one waits, each time.
    pub(crate) patience: Duration,
}

/// The door every query passes.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    places: Places,
    running: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    /// Counts those that run and those that wait.
    admitted: Arc<Semaphore>,
}

/// A place in the queue.
#[derive(Debug)]
pub(crate) struct Ticket {
    door: Admission,
    place: OwnedSemaphorePermit,
}

/// The right to run; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _running: OwnedSemaphorePermit,
    _heavy: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(places: Places) -> Self {
        let admitted = places.running_max.saturating_add(places.queued_max);
        Self {
            places,
            running: Arc::new(Semaphore::new(places.running_max)),
            heavy: Arc::new(Semaphore::new(places.heavy_max)),
            admitted: Arc::new(Semaphore::new(admitted.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// The places for heavy queries that are free.
    pub(crate) fn heavy_places(&self) -> Arc<Semaphore> {
        Arc::clone(&self.heavy)
    }

    /// Takes a place in the queue, at once or not at all.
    ///
    /// # Errors
    /// [`QueryError::Queue`] when no place is left.
    pub(crate) fn enter(&self) -> Result<Ticket, QueryError> {
        match Arc::clone(&self.admitted).try_acquire_owned() {
            Ok(place) => Ok(Ticket {
                door: self.clone(),
                place,
            }),
            Err(_) => Err(QueryError::Queue {
                running: self.places.running_max,
                queued: self.places.queued_max,
            }),
        }
    }
}

impl Ticket {
    /// Waits for one of `places`, which are not those of this door.
    ///
    /// # Errors
    /// [`QueryError::QueueTimeout`] when none is free in time.
    pub(crate) async fn wait(
        &self,
        places: &Arc<Semaphore>,
    ) -> Result<OwnedSemaphorePermit, QueryError> {
        let timeout = || QueryError::QueueTimeout {
            seconds: self.door.places.patience.as_secs(),
        };
        let place = Arc::clone(places).acquire_owned();
        let place = tokio::time::timeout(self.door.places.patience, place).await;
        // The semaphores are never closed.
        place.map_err(|_| timeout())?.map_err(|_| timeout())
    }

    /// Waits for the turn of the query.
    ///
    /// # Errors
    /// [`QueryError::QueueTimeout`] when it does not come in time. The place in the queue is lost then.
    pub(crate) async fn turn(self, weight: Weight) -> Result<Permit, QueryError> {
        // In this order: a heavy query that waits for its like keeps no light one from running.
        let heavy = match weight {
            Weight::Heavy => Some(self.wait(&self.door.heavy).await?),
            Weight::Light => None,
        };
        let running = self.wait(&self.door.running).await?;
        Ok(Permit {
            _running: running,
            _heavy: heavy,
            _place: self.place,
        })
    }
}

#[cfg(test)]
mod tests;
