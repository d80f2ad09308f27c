//! What is said about a query after its last row.
//!
//! Nothing can be said in the headers: they are sent before the query runs.

use std::time::Duration;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};

/// What is known about a query that has ended well. What is not known has no trailer.
#[derive(Debug, Clone, Default)]
pub(super) struct Statistics {
    /// Waiting for a turn.
    pub(super) queue: Option<Duration>,
    /// From text to logical plan.
    pub(super) logical_planning: Option<Duration>,
    /// From there to what is executed.
    pub(super) physical_planning: Option<Duration>,
    /// All of the planning.
    pub(super) planning: Option<Duration>,
    /// From the turn to the last row.
    pub(super) execution: Option<Duration>,
    /// The time that operators computed, on all threads together.
    pub(super) compute: Option<Duration>,
    /// Partitions that rows were looked for in.
    pub(super) partitions: Option<u64>,
    /// Files that rows were looked for in.
    pub(super) parquet_files: Option<u64>,
    /// The most memory that operators had at a time.
    pub(super) max_memory_bytes: Option<u64>,
}

impl Statistics {
    /// The status that ends a stream well, with all that is known as its trailers.
    pub(super) fn status(&self) -> Status {
        let mut metadata = MetadataMap::new();
        let durations = [
            ("x-influxdata-queue-duration-seconds", self.queue),
            (
                "x-influxdata-logical-planning-duration-seconds",
                self.logical_planning,
            ),
            (
                "x-influxdata-physical-planning-duration-seconds",
                self.physical_planning,
            ),
            ("x-influxdata-planning-duration-seconds", self.planning),
            ("x-influxdata-execution-duration-seconds", self.execution),
            ("x-influxdata-compute-duration-seconds", self.compute),
        ];
        for (key, value) in durations {
            insert(
                &mut metadata,
                key,
                value.map(|v| v.as_secs_f64().to_string()),
            );
        }
        let counts = [
            ("x-influxdata-partitions", self.partitions),
            ("x-influxdata-parquet-files", self.parquet_files),
            ("x-influxdata-max-memory-bytes", self.max_memory_bytes),
        ];
        for (key, value) in counts {
            insert(&mut metadata, key, value.map(|v| v.to_string()));
        }
        Status::with_metadata(Code::Ok, "", metadata)
    }
}

fn insert(metadata: &mut MetadataMap, key: &'static str, value: Option<String>) {
    // Numbers are ASCII.
    let value = value.and_then(|value| AsciiMetadataValue::try_from(value).ok());
    if let Some(value) = value {
        metadata.insert(key, value);
    }
}

#[cfg(test)]
mod tests;
