//! What an ingester counts.

use crate::buffer::Buffer;
use crate::disk::Disk;
use crate::log::LogSlot;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::sync::{Arc, Weak};
use watershed_model::DatabaseId;

const PREFIX: &str = "watershed_ingester";

/// Counters of one ingester. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Rows acknowledged, duplicates counted.
    pub(crate) rows: Counter,
    /// Batches acknowledged.
    pub(crate) batches: Counter,
    /// Encoded bytes of batches handed to the log.
    pub(crate) batch_bytes: Counter,
    /// Appends refused, or not even asked for, because buffer, log or disk was full. Grows: persisting is
    /// too slow, or fails, or the disk is too small.
    pub(crate) append_refusals: Counter,
    /// Appends that the log could not make durable. Grows: the disk is full or broken.
    pub(crate) append_failures: Counter,
    /// Pieces persisted.
    pub(crate) persists: Counter,
    /// Attempts to persist that failed and will be made again. Grows: look at catalog and object store.
    pub(crate) persist_failures: Counter,
    /// Bytes of the Parquet files written.
    pub(crate) persist_bytes: Counter,
    /// Rows of the Parquet files written, duplicates gone.
    pub(crate) persist_rows: Counter,
    /// From freezing a piece to dropping it.
    pub(crate) persist_seconds: Histogram,
}

impl Metrics {
    /// Registers everything under `watershed_ingester_`.
    pub(crate) fn register(
        registry: &mut Registry,
        buffer: &Arc<Buffer>,
        log: &Arc<LogSlot>,
        disk: &Arc<Disk>,
    ) -> Self {
        let metrics = Self {
            rows: Counter::default(),
            batches: Counter::default(),
            batch_bytes: Counter::default(),
            append_refusals: Counter::default(),
            append_failures: Counter::default(),
            persists: Counter::default(),
            persist_failures: Counter::default(),
            persist_bytes: Counter::default(),
            persist_rows: Counter::default(),
            // 1 ms to about 65 s.
            persist_seconds: Histogram::new(exponential_buckets(0.001, 4.0, 9)),
        };
        let registry = registry.sub_registry_with_prefix(PREFIX);
        let counters = [
            (
                "rows",
                "Rows acknowledged, duplicates counted",
                &metrics.rows,
            ),
            ("batches", "Batches acknowledged", &metrics.batches),
            (
                "batch_bytes",
                "Encoded bytes of batches handed to the log",
                &metrics.batch_bytes,
            ),
            (
                "append_refusals",
                "Appends refused, or that would have been: buffer, log or disk full",
                &metrics.append_refusals,
            ),
            (
                "append_failures",
                "Appends the log could not make durable",
                &metrics.append_failures,
            ),
            ("persists", "Pieces persisted", &metrics.persists),
            (
                "persist_failures",
                "Failed attempts to persist",
                &metrics.persist_failures,
            ),
            (
                "persist_bytes",
                "Bytes of Parquet files written",
                &metrics.persist_bytes,
            ),
            (
                "persist_rows",
                "Rows of Parquet files written",
                &metrics.persist_rows,
            ),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let seconds = metrics.persist_seconds.clone();
        registry.register("persist_seconds", "Time to persist a piece", seconds);
        let state = State {
            buffer: Arc::downgrade(buffer),
            log: Arc::clone(log),
            disk: Arc::clone(disk),
        };
        registry.register_collector(Box::new(state));
        metrics
    }
}

/// What is read when somebody asks. The registry may outlive the ingester: it must not keep the
/// buffer alive.
#[derive(Debug)]
struct State {
    buffer: Weak<Buffer>,
    log: Arc<LogSlot>,
    disk: Arc<Disk>,
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let buffer = self.buffer.upgrade();
        let buffer_bytes = buffer.as_ref().map_or(0, |buffer| buffer.bytes());
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("buffer_bytes", "Memory of unpersisted rows", buffer_bytes)?;
        gauge(
            "wal_bytes",
            "Bytes of the write-ahead log on disk",
            self.log.disk_bytes(),
        )?;
        if self.disk.free_bytes() < u64::MAX {
            gauge(
                "disk_free_bytes",
                "Free on the disk that is nearest to its reserve",
                self.disk.free_bytes(),
            )?;
            gauge(
                "disk_reserve_bytes",
                "Below so many free bytes writes are refused",
                self.disk.kept_bytes(),
            )?;
        }
        gauge(
            "disk_short",
            "1 while writes are refused because the disk is nearly full",
            self.disk.is_short().into(),
        )?;
        encode_by_database(
            &mut encoder,
            "buffer_database_bytes",
            "Memory of unpersisted rows, of the databases that hold most",
            buffer.map_or_else(Vec::new, |buffer| buffer.bytes_by_database()),
        )?;
        let Some(log) = self.log.get() else {
            return Ok(());
        };
        let stats = log.stats();
        let syncs = ConstCounter::new(stats.groups());
        let help = "Syncs of the write-ahead log";
        syncs.encode(encoder.encode_descriptor("wal_syncs", help, None, syncs.metric_type())?)?;
        let seconds = ConstCounter::new(stats.sync_time().as_secs_f64());
        let help = "Time spent in syncs of the write-ahead log; by wal_syncs for the mean";
        let kind = seconds.metric_type();
        seconds.encode(encoder.encode_descriptor("wal_sync_seconds", help, None, kind)?)
    }
}

/// The databases that are shown by their ids; the rest are one value, `other`.
const DATABASES_SHOWN: usize = 20;

/// Encodes a gauge with a value for each of the databases that hold most, and one for all others.
///
/// # Errors
/// Those of the encoder.
pub fn encode_by_database(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    mut held: Vec<(DatabaseId, u64)>,
) -> Result<(), std::fmt::Error> {
    held.sort_unstable_by_key(|(id, bytes)| (std::cmp::Reverse(*bytes), *id));
    let rest = held.split_off(held.len().min(DATABASES_SHOWN));
    let rest: u64 = rest.iter().map(|(_, bytes)| bytes).sum();
    let shown = held.iter().map(|(id, bytes)| (id.to_string(), *bytes));
    let other = (rest > 0).then(|| ("other".to_owned(), rest));
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (database, bytes) in shown.chain(other) {
        let gauge = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
        gauge.encode(family.encode_family(&[("database", database)])?)?;
    }
    Ok(())
}
