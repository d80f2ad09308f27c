//! A run of batches of one partition, growing ([`OpenPiece`]) or at rest ([`BufferedPiece`]).

use super::chunk::Chunk;
use super::registry::{SeriesKeys, SeriesRegistry};
use crate::invariants;
use std::sync::Arc;
use watershed_model::{
    Counter, CounterRange, Epoch, PartitionKey, TableBatch, TimeRange, Timestamp, WriterId,
};

/// A batch with at least so many rows becomes a chunk by moving its columns; a smaller one is copied
/// to the tail. Below this, copying costs less than what each further chunk costs every reader.
/// Small in tests, so that few rows meet all cases.
const MOVE_ROWS_MIN: usize = if cfg!(test) { 24 } else { 2_048 };

/// The tail becomes a chunk when it has so many rows. It bounds what a writer copies when a reader
/// holds the tail: about 1.5 MB with ten fields.
const TAIL_ROWS_MAX: usize = if cfg!(test) { 40 } else { 16 * 1_024 };

/// A piece takes no batch beyond these; the next one opens a new piece. The bytes keep text columns
/// within the 31-bit offsets of Arrow arrays, the rows keep row numbers within 32 bits.
const PIECE_BYTES_MAX: usize = 1 << 30;
const PIECE_ROWS_MAX: usize = 1 << 30;

/// Rows of one partition that were accepted in one epoch, still growing.
#[derive(Debug)]
pub(crate) struct OpenPiece {
    epoch: Epoch,
    counters: CounterRange,
    times: TimeRange,
    registry: SeriesRegistry,
    /// In arrival order; the tail comes after all of them.
    sealed: Vec<Arc<Chunk>>,
    sealed_bytes: usize,
    /// Shared with readers: the first write after a reader took it works on a copy.
    tail: Arc<Chunk>,
    rows: usize,
    /// When its first and its latest batch came in.
    first_write: Timestamp,
    last_write: Timestamp,
}

impl OpenPiece {
    /// An empty piece for batches from `counter` on.
    pub(crate) fn new(epoch: Epoch, counter: Counter, now: Timestamp) -> Self {
        Self {
            epoch,
            counters: CounterRange {
                min: counter,
                max: counter,
            },
            times: TimeRange::from_nanos(i64::MAX, i64::MIN),
            registry: SeriesRegistry::default(),
            sealed: Vec::new(),
            sealed_bytes: 0,
            tail: Arc::new(Chunk::empty()),
            rows: 0,
            first_write: now,
            last_write: now,
        }
    }

    /// Whether a batch of that epoch may come in.
    pub(crate) fn takes(&self, epoch: Epoch, batch: &TableBatch) -> bool {
        self.epoch == epoch
            && self.rows + batch.rows() <= PIECE_ROWS_MAX
            && (self.rows == 0 || self.memory_bytes() + batch.memory_bytes() <= PIECE_BYTES_MAX)
    }

    /// Adds the rows of a batch.
    pub(crate) fn insert(
        &mut self,
        epoch: Epoch,
        counter: Counter,
        batch: TableBatch,
        now: Timestamp,
    ) {
        invariants::one_epoch_a_piece(self.epoch, epoch);
        self.counters.max = counter;
        self.last_write = now;
        self.rows += batch.rows();
        self.times = self.times.union(&batch.time_range());
        let ids: Vec<u32> = batch
            .series
            .keys()
            .map(|key| self.registry.id_of(key))
            .collect();
        if batch.rows() >= MOVE_ROWS_MIN {
            self.seal_tail();
            self.push_sealed(Arc::new(Chunk::from_batch(batch, &ids)));
            return;
        }
        if self.tail.rows() + batch.rows() > TAIL_ROWS_MAX || !self.tail.accepts(&batch) {
            self.seal_tail();
        }
        Arc::make_mut(&mut self.tail).append(&batch, &ids);
    }

    fn seal_tail(&mut self) {
        if self.tail.rows() > 0 {
            let tail = std::mem::replace(&mut self.tail, Arc::new(Chunk::empty()));
            self.push_sealed(tail);
        }
    }

    fn push_sealed(&mut self, chunk: Arc<Chunk>) {
        self.sealed_bytes += chunk.memory_bytes();
        self.sealed.push(chunk);
    }

    /// Bytes held, capacity included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.registry.memory_bytes()
            + self.sealed_bytes
            + self.tail.memory_bytes()
            + self.sealed.capacity() * size_of::<Arc<Chunk>>()
    }

    /// The batches it has rows of.
    pub(crate) fn counters(&self) -> CounterRange {
        self.counters
    }

    /// First and last time of its rows.
    pub(crate) fn times(&self) -> TimeRange {
        self.times
    }

    /// When the first batch came in.
    pub(crate) fn first_write(&self) -> Timestamp {
        self.first_write
    }

    /// When the latest batch came in.
    pub(crate) fn last_write(&self) -> Timestamp {
        self.last_write
    }

    /// The rows as they are now. Costs a reference count per chunk and per block of series; no row is
    /// copied.
    pub(crate) fn snapshot(&self, partition: &PartitionKey, writer: WriterId) -> BufferedPiece {
        let mut chunks = Vec::with_capacity(self.sealed.len() + 1);
        chunks.extend_from_slice(&self.sealed);
        if self.tail.rows() > 0 {
            chunks.push(Arc::clone(&self.tail));
        }
        self.at_rest(
            partition,
            writer,
            Content {
                series: self.registry.keys(),
                chunks,
            },
        )
    }

    /// The rows for good.
    pub(crate) fn freeze(mut self, partition: &PartitionKey, writer: WriterId) -> BufferedPiece {
        self.seal_tail();
        let series = std::mem::take(&mut self.registry).into_keys();
        let chunks = std::mem::take(&mut self.sealed);
        self.at_rest(partition, writer, Content { series, chunks })
    }

    fn at_rest(
        &self,
        partition: &PartitionKey,
        writer: WriterId,
        content: Content,
    ) -> BufferedPiece {
        BufferedPiece {
            partition: partition.clone(),
            writer,
            epoch: self.epoch,
            counters: self.counters,
            times: self.times,
            rows: self.rows,
            content: Arc::new(content),
        }
    }
}

/// Unpersisted rows of one partition that one writer accepted in one epoch, as of one moment.
///
/// Cheap to clone; holds its rows in memory as long as it lives.
#[derive(Debug, Clone)]
pub struct BufferedPiece {
    /// The partition.
    pub partition: PartitionKey,
    /// Who accepted the rows.
    pub writer: WriterId,
    /// When, in generations of the slot map.
    pub epoch: Epoch,
    /// The batches the rows came with. Batches between them may have no row in this partition.
    pub counters: CounterRange,
    /// First and last time of the rows.
    pub times: TimeRange,
    /// Rows, duplicates counted.
    pub rows: usize,
    pub(crate) content: Arc<Content>,
}

/// The rows of a piece. A frozen piece is materialised by the persister and perhaps by several
/// queries before: its sorted form could be kept here.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) series: SeriesKeys,
    /// In arrival order.
    pub(crate) chunks: Vec<Arc<Chunk>>,
}

impl Content {
    /// Bytes held, capacity included.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.series.memory_bytes()
            + self
                .chunks
                .iter()
                .map(|chunk| chunk.memory_bytes())
                .sum::<usize>()
            + self.chunks.capacity() * size_of::<Arc<Chunk>>()
    }
}

#[cfg(test)]
mod tests;
