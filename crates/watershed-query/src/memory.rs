//! The memory of all queries, and the share of each.
//!
//! Each heavy query that may run has the same share, so that none fails because others have taken what it counts on.
//! Half of it is divided among the operators that can put rows aside on disk (sorting, grouping) and need any now: beyond
//! that they spill. The rest is for what must stay in memory: the built side of a join, the merge of what was spilled.
//! Where it does not suffice the query takes the places of other heavy queries, with their shares, as long as nobody
//! else has them: only then it fails, with a text that says so. Heavy queries leave an eighth of all to light
//! ones, which are soon done if only they can begin.

use crate::admission::Weight;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, human_readable_size,
};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One part in so many is left to light queries.
const LIGHT_PARTS: usize = 8;

/// One part in so many of what a query may have is for operators that can spill.
const SPILLABLE_PARTS: usize = 2;

/// The memory of all queries.
#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    /// Heavy queries that may run at once.
    shares: usize,
    /// The places for them that are free.
    places: Arc<Semaphore>,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    heavy: usize,
    light: usize,
}

impl Memory {
    /// `places` has one for each share; a heavy query that runs holds its own.
    pub(crate) fn new(bytes_max: usize, shares: usize, places: Arc<Semaphore>) -> Self {
        Self {
            bytes_max,
            shares: shares.max(1),
            places,
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

    /// What is left for light queries.
    fn free(&self, used: &Used) -> usize {
        self.bytes_max.saturating_sub(used.heavy + used.light)
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
    /// What each operator that can spill has now, by the number of the operator. Many never need any: those that
    /// pass rows on from one thread to another.
    spillers: HashMap<usize, usize>,
    spillable: usize,
    unspillable: usize,
    bytes_max: usize,
    /// Places of other heavy queries, whose shares this one has too.
    taken: Vec<OwnedSemaphorePermit>,
}

impl Own {
    fn grow(&mut self, consumer: &MemoryConsumer, additional: usize) {
        if consumer.can_spill() {
            *self.spillers.entry(consumer.id()).or_default() += additional;
            self.spillable += additional;
        } else {
            self.unspillable += additional;
        }
        self.bytes_max = self.bytes_max.max(self.spillable + self.unspillable);
    }

    fn shrink(&mut self, consumer: &MemoryConsumer, bytes: usize) {
        if consumer.can_spill() {
            if let Some(has) = self.spillers.get_mut(&consumer.id()) {
                *has = has.saturating_sub(bytes);
            }
            self.spillable = self.spillable.saturating_sub(bytes);
        } else {
            self.unspillable = self.unspillable.saturating_sub(bytes);
        }
    }

    /// Gives back the places that are not needed any more.
    fn give_back(&mut self, share: usize) {
        let shares = (self.spillable + self.unspillable).div_ceil(share.max(1));
        // The first share is its own.
        self.taken.truncate(shares.saturating_sub(1));
    }

    fn spiller_has(&self, consumer: &MemoryConsumer) -> usize {
        self.spillers.get(&consumer.id()).copied().unwrap_or(0)
    }

    /// Among how many operators the share is divided: this one and the others that have something. One that is
    /// alone leaves half to the next.
    fn divided_by(&self, consumer: &MemoryConsumer) -> usize {
        let others = self.spillers.iter();
        let others = others.filter(|(id, has)| **id != consumer.id() && **has > 0);
        (others.count() + 1).max(2)
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

    /// Takes one more free place, for an operator that can't do with less.
    fn takes_place(&self, own: &mut Own, consumer: &MemoryConsumer) -> bool {
        if self.weight == Weight::Light || consumer.can_spill() {
            return false;
        }
        match Arc::clone(&self.all.places).try_acquire_owned() {
            Ok(place) => {
                own.taken.push(place);
                true
            }
            Err(_) => false,
        }
    }

    /// What an operator has, and how much it may have.
    fn has_and_limit(
        &self,
        own: &Own,
        used: &Used,
        reservation: &MemoryReservation,
    ) -> (usize, usize) {
        let all = match self.weight {
            Weight::Heavy => self.all.share() * (1 + own.taken.len()),
            Weight::Light => {
                let has = own.spillable + own.unspillable;
                has.saturating_add(self.all.free(used))
            }
        };
        let consumer = reservation.consumer();
        if consumer.can_spill() {
            let limit = all / SPILLABLE_PARTS / own.divided_by(consumer);
            (own.spiller_has(consumer), limit)
        } else {
            let left = all.saturating_sub(own.spillable + own.unspillable);
            (reservation.size(), reservation.size().saturating_add(left))
        }
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

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.lock().spillers.remove(&consumer.id());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        *self.all.used.lock().of(self.weight) += additional;
        self.own.lock().grow(reservation.consumer(), additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut used = self.all.used.lock();
        let of_weight = used.of(self.weight);
        *of_weight = of_weight.saturating_sub(shrink);
        drop(used);
        let mut own = self.own.lock();
        own.shrink(reservation.consumer(), shrink);
        own.give_back(self.all.share());
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut own = self.own.lock();
        let mut used = self.all.used.lock();
        loop {
            let (has, limit) = self.has_and_limit(&own, &used, reservation);
            let wanted = has.saturating_add(additional);
            if wanted <= limit {
                break;
            }
            if !self.takes_place(&mut own, reservation.consumer()) {
                drop(used);
                own.give_back(self.all.share());
                return Err(exhausted(reservation, wanted, limit));
            }
        }
        *used.of(self.weight) += additional;
        own.grow(reservation.consumer(), additional);
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
