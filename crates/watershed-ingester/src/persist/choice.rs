//! Which partition to persist next, and whether any.

use crate::buffer::{PartitionId, PartitionStatus};
use crate::settings::Settings;
use std::collections::HashMap;
use std::time::Duration;
use watershed_model::{Counter, DatabaseId, Timestamp};

/// The state of the whole ingester that bears on the choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pressure {
    pub(super) now: Timestamp,
    /// Someone waits for all batches below.
    pub(super) persist_below: Counter,
    /// The log is long, or the disk nearly full.
    pub(super) log_must_shrink: bool,
    /// The buffer is large, or somebody found no room in it.
    pub(super) memory_is_short: bool,
}

/// The partition to persist next; `None` when none needs to be. A busy one is being persisted or waits
/// after a failure.
pub(super) fn choose<'a>(
    partitions: &'a [PartitionStatus],
    settings: &Settings,
    pressure: &Pressure,
    is_busy: impl Fn(&PartitionId) -> bool,
) -> Option<&'a PartitionStatus> {
    let idle = || {
        partitions
            .iter()
            .filter(|partition| !is_busy(&partition.id))
    };

    // The log is trimmed up to the oldest batch only: persisting another partition would not help, so
    // when the one that holds it up is busy, this waits.
    let holds_log = partitions.iter().min_by_key(|partition| partition.oldest);
    if pressure.log_must_shrink
        && let Some(oldest) = holds_log.filter(|partition| !is_busy(&partition.id))
    {
        return Some(oldest);
    }
    if pressure.memory_is_short {
        let held = bytes_by_database(partitions);
        let largest =
            idle().max_by_key(|partition| (held.get(&partition.id.database), partition.bytes));
        if largest.is_some() {
            return largest;
        }
    }
    idle()
        .filter(|partition| is_due(partition, settings, pressure))
        .min_by_key(|p| p.oldest)
}

/// Who holds most of the memory pays first, with its largest partition.
fn bytes_by_database(partitions: &[PartitionStatus]) -> HashMap<DatabaseId, u64> {
    let mut held = HashMap::new();
    for partition in partitions {
        *held.entry(partition.id.database).or_default() += partition.bytes;
    }
    held
}

fn is_due(partition: &PartitionStatus, settings: &Settings, pressure: &Pressure) -> bool {
    partition.bytes >= settings.persist_partition_bytes
        || partition.oldest < pressure.persist_below
        || since(partition.first_write, pressure.now) >= settings.persist_age
        || since(partition.last_write, pressure.now) >= settings.persist_idle
}

/// Zero when the clock stepped back.
fn since(earlier: Timestamp, now: Timestamp) -> Duration {
    let nanos = now.nanos().saturating_sub(earlier.nanos());
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests;
