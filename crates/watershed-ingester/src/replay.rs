//! From the log into the buffer, at start.
//!
//! The log reads and checks a segment ahead on a thread of its own; decoding and insertion are one thread's
//! work. Decoding on further threads was tried: no faster with batches of thousands of rows, and three
//! times slower with batches of ten, whose memory one thread then asks for and another gives back.

use crate::buffer::Buffer;
use crate::error::StartError;
use crate::persist::Signals;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use watershed_catalog::PartitionProgress;
use watershed_model::batch::codec;
use watershed_model::{Clock, Counter, Epoch, PartitionKey, TableId, WriteBatch};
use watershed_wal::{Record, Recovery};

/// How often replay says how far it is.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Reads the log into the buffer, leaving out what is persisted.
pub(crate) struct Replay {
    pub(crate) buffer: Arc<Buffer>,
    pub(crate) signals: Arc<Signals>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) progress: Progress,
    /// The epoch of this start: every record is older.
    pub(crate) epoch: Epoch,
    /// Replay waits for the persister when the buffer passes this.
    pub(crate) buffer_bytes_hard: u64,
}

/// How far the writer has persisted, by partition.
#[derive(Debug, Default)]
pub(crate) struct Progress(HashMap<TableId, HashMap<PartitionKey, Counter>>);

impl Progress {
    /// Arranges what the catalog knows.
    pub(crate) fn new(progress: Vec<PartitionProgress>) -> Self {
        let mut by_table: HashMap<TableId, HashMap<PartitionKey, Counter>> = HashMap::new();
        for row in progress {
            by_table
                .entry(row.table)
                .or_default()
                .insert(row.partition, row.counter);
        }
        Self(by_table)
    }

    /// The lowest counter that no partition has persisted.
    pub(crate) fn next_counter(&self) -> Counter {
        let newest = self.0.values().flat_map(HashMap::values).max();
        newest.map_or(Counter::new(0), |newest| newest.next())
    }

    /// Takes the parts out of a batch that are persisted.
    fn strip(&self, counter: Counter, batch: &mut WriteBatch) {
        batch.tables.retain(|rows| {
            let persisted = self
                .0
                .get(&rows.table)
                .and_then(|of| of.get(&rows.partition));
            persisted.is_none_or(|persisted| counter > *persisted)
        });
    }
}

#[derive(Debug, Default)]
struct Seen {
    records: u64,
    bytes: u64,
    /// Of the whole log.
    total_bytes: u64,
    rows: u64,
}

impl Replay {
    /// Replays every record. Blocking.
    ///
    /// # Errors
    /// [`StartError::Log`], [`StartError::Record`], [`StartError::EpochBehind`].
    pub(crate) fn run(&self, recovery: &Recovery, runtime: &Handle) -> Result<(), StartError> {
        let started = Instant::now();
        let mut reported = started;
        let mut seen = Seen {
            total_bytes: recovery.replay_bytes(),
            ..Seen::default()
        };
        recovery.replay(|record| {
            self.take(&record, &mut seen)?;
            self.wait_for_memory(runtime);
            if reported.elapsed() >= REPORT_INTERVAL {
                reported = Instant::now();
                self.report("replaying the log", &seen, started);
            }
            Ok::<(), StartError>(())
        })?;
        if seen.records > 0 {
            self.report("replayed the log", &seen, started);
        }
        Ok(())
    }

    fn take(&self, record: &Record<'_>, seen: &mut Seen) -> Result<(), StartError> {
        if record.epoch >= self.epoch {
            let (logged, catalog) = (record.epoch, self.epoch);
            return Err(StartError::EpochBehind {
                counter: record.counter,
                logged,
                catalog,
            });
        }
        let mut batch = codec::decode(record.bytes).map_err(|source| StartError::Record {
            counter: record.counter,
            source,
        })?;
        self.progress.strip(record.counter, &mut batch);
        seen.records += 1;
        seen.bytes += record.bytes.len() as u64;
        seen.rows += batch.rows() as u64;
        // Also with nothing left: the buffer has to know that the record is dealt with.
        self.buffer
            .insert(record.epoch, record.counter, batch, self.clock.now());
        Ok(())
    }

    /// The log may hold more than memory does: the persister, which runs already, makes room.
    fn wait_for_memory(&self, runtime: &Handle) {
        while self.buffer.bytes() > self.buffer_bytes_hard {
            self.signals.wake.notify_one();
            runtime.block_on(self.signals.freed.notified());
        }
    }

    fn report(&self, what: &'static str, seen: &Seen, started: Instant) {
        let Seen {
            records,
            bytes,
            total_bytes,
            rows,
        } = *seen;
        let percent = (bytes * 100).checked_div(total_bytes).unwrap_or(100);
        let buffer_bytes = self.buffer.bytes();
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(
            percent,
            bytes,
            total_bytes,
            records,
            rows,
            buffer_bytes,
            seconds,
            "{what}"
        );
    }
}
