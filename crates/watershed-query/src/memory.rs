//! The memory of all queries, and the share of each.
//!
//! What an operator can put aside on disk (sorting, grouping) is limited by shares: each heavy query that may run has
//! the same, and within it each such operator. So a query never fails because others have taken what it counts
//! on; it spills. What must stay in memory (the built side of a join, the first rows of an order) is given to whoever
//! comes first, and where it is not there the query fails with a text that says so. Heavy queries leave an eighth
//! of all to light ones, which are soon done if only they can begin.

use crate::admission::Weight;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// One part in so many is left to light queries.
const LIGHT_PARTS: usize = 8;

/// The memory of all queries.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    /// Heavy queries that may run at once.
    shares: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    heavy: usize,
    light: usize,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize, shares: usize) -> Self {
        Self {
            bytes_max,
            shares: shares.max(1),
            used: Mutex::default(),
        }
    }

    /// The most all heavy queries may have.
    fn heavy_bytes_max(&self) -> usize {
        self.bytes_max - self.bytes_max / LIGHT_PARTS
    }

    /// What each heavy query can count on.
    pub(crate) fn share(&self) -> usize {
        self.heavy_bytes_max() / self.shares
    }

    /// What is left for a query.
    fn free(&self, used: &Used, weight: Weight) -> usize {
        let all = self.bytes_max.saturating_sub(used.heavy + used.light);
        match weight {
            Weight::Heavy => all.min(self.heavy_bytes_max().saturating_sub(used.heavy)),
            Weight::Light => all,
        }
    }
}

impl Used {
    fn of(&mut self, weight: Weight) -> &mut usize {
        match weight {
            Weight::Heavy => &mut self.heavy,
            Weight::Light => &mut self.light,
        }
    }
}

/// The memory of one query.
#[derive(Debug)]
pub(crate) struct QueryMemory {
    all: Arc<Memory>,
    weight: Weight,
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    /// Operators that can spill.
    spillers: usize,
    spillable: usize,
    unspillable: usize,
    bytes_max: usize,
}

impl Own {
    fn grow(&mut self, can_spill: bool, additional: usize) {
        match can_spill {
            true => self.spillable += additional,
            false => self.unspillable += additional,
        }
        self.bytes_max = self.bytes_max.max(self.spillable + self.unspillable);
    }
}

impl QueryMemory {
    pub(crate) fn new(all: Arc<Memory>, weight: Weight) -> Self {
        Self {
            all,
            weight,
            own: Mutex::default(),
        }
    }

    /// The most the query has had at one time.
    pub(crate) fn bytes_max(&self) -> u64 {
        self.own.lock().bytes_max as u64
    }

    /// How large a reservation may become.
    fn limit(&self, own: &Own, used: &Used, reservation: &MemoryReservation) -> usize {
        let free = self.all.free(used, self.weight);
        if !reservation.consumer().can_spill() {
            return reservation.size().saturating_add(free);
        }
        // Never less than its share, whatever others have taken; what has been built in memory beside it counts.
        let share = self.all.share().saturating_sub(own.unspillable);
        share.max(free / self.all.shares) / own.spillers.max(1)
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory of queries")
    }
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        "memory of queries"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            self.own.lock().spillers += 1;
        }
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        if consumer.can_spill() {
            let mut own = self.own.lock();
            own.spillers = own.spillers.saturating_sub(1);
        }
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        *self.all.used.lock().of(self.weight) += additional;
        let can_spill = reservation.consumer().can_spill();
        self.own.lock().grow(can_spill, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        *self.all.used.lock().of(self.weight) -= shrink;
        let mut own = self.own.lock();
        match reservation.consumer().can_spill() {
            true => own.spillable -= shrink,
            false => own.unspillable -= shrink,
        }
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut own = self.own.lock();
        let mut used = self.all.used.lock();
        let limit = self.limit(&own, &used, reservation);
        let wanted = reservation.size().saturating_add(additional);
        if wanted > limit {
            drop(used);
            return Err(exhausted(reservation, wanted, limit));
        }
        *used.of(self.weight) += additional;
        own.grow(reservation.consumer().can_spill(), additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        let own = self.own.lock();
        own.spillable + own.unspillable
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.all.bytes_max)
    }
}

/// The whole text for the client, should it come to that: an operator that can spill does so instead.
fn exhausted(reservation: &MemoryReservation, wanted: usize, limit: usize) -> DataFusionError {
    DataFusionError::ResourcesExhausted(format!(
        "the query needs more memory than there is for it: {} wants {}, the most it can have now is {}; \
         ask for a shorter time, fewer groups or fewer columns, try again when fewer queries run, or give \
         queries more memory with --query-memory-bytes-max",
        reservation.consumer().name(),
        human_readable_size(wanted),
        human_readable_size(limit),
    ))
}

#[cfg(test)]
mod tests;
