//! The memory of one query.

use datafusion::common::Result;
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A share of the memory of all queries that knows how much one of them has.
#[derive(Debug)]
pub(crate) struct QueryMemory {
    all: Arc<dyn MemoryPool>,
    bytes: AtomicUsize,
    bytes_max: AtomicUsize,
}

impl QueryMemory {
    /// Takes from `all` what it gives.
    pub(crate) fn new(all: Arc<dyn MemoryPool>) -> Self {
        Self {
            all,
            bytes: AtomicUsize::new(0),
            bytes_max: AtomicUsize::new(0),
        }
    }

    /// The most the query has had at one time.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.bytes_max.load(Ordering::Relaxed) as u64
    }

    fn grown(&self, additional: usize) {
        let bytes = self.bytes.fetch_add(additional, Ordering::Relaxed) + additional;
        self.bytes_max.fetch_max(bytes, Ordering::Relaxed);
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all.fmt(f)
    }
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        self.all.name()
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.all.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.all.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.all.grow(reservation, additional);
        self.grown(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.all.shrink(reservation, shrink);
        self.bytes.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.all.try_grow(reservation, additional)?;
        self.grown(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.all.memory_limit()
    }
}

#[cfg(test)]
mod tests;
