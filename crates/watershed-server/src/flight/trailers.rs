//! What is said about a query after its last row.
//!
//! Nothing can be said in the headers: they are sent before the query runs.

use std::time::Duration;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};
use watershed_query::QueryStatistics;

/// The status that ends a stream well, with all that is known of the query as its trailers. What is not known has
/// none. The names are those of InfluxDB, for which rows that are in no file yet come from an ingester.
pub(super) fn status(statistics: &QueryStatistics) -> Status {
    let mut metadata = MetadataMap::new();
    let unpersisted = statistics.unpersisted.as_ref();
    let durations = [
        ("x-influxdata-queue-duration-seconds", statistics.queue),
        (
            "x-influxdata-logical-planning-duration-seconds",
            statistics.logical_planning,
        ),
        (
            "x-influxdata-physical-planning-duration-seconds",
            statistics.physical_planning,
        ),
        (
            "x-influxdata-planning-duration-seconds",
            statistics.planning(),
        ),
        (
            "x-influxdata-execution-duration-seconds",
            statistics.execution,
        ),
        ("x-influxdata-compute-duration-seconds", statistics.compute),
        (
            "x-influxdata-ingester-latency-plan",
            unpersisted.map(|u| u.latency),
        ),
    ];
    for (key, value) in durations {
        let seconds = value.as_ref().map(Duration::as_secs_f64);
        insert(&mut metadata, key, seconds.map(|s| s.to_string()));
    }
    let counts = [
        ("x-influxdata-partitions", statistics.partitions),
        ("x-influxdata-parquet-files", statistics.parquet_files),
        ("x-influxdata-max-memory-bytes", statistics.memory_bytes_max),
        (
            "x-influxdata-ingester-response-rows",
            unpersisted.map(|u| u.rows),
        ),
        (
            "x-influxdata-ingester-partition-count",
            unpersisted.map(|u| u.partitions),
        ),
        (
            "x-influxdata-ingester-response-bytes",
            unpersisted.map(|u| u.bytes),
        ),
    ];
    for (key, value) in counts {
        insert(&mut metadata, key, value.map(|v| v.to_string()));
    }
    Status::with_metadata(Code::Ok, "", metadata)
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
