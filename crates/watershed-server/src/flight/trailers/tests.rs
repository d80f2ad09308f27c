use super::*;
use watershed_query::UnpersistedStatistics;

#[track_caller]
fn check(statistics: &QueryStatistics, expected: &[&str]) {
    let status = status(statistics);
    assert_eq!((status.code(), status.message()), (Code::Ok, ""));
    let headers = status.metadata().clone().into_headers();
    let mut trailers: Vec<String> = headers
        .iter()
        .map(|(key, value)| format!("{key}: {}", value.to_str().unwrap()))
        .collect();
    trailers.sort();
    assert_eq!(trailers, expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    check(&QueryStatistics::default(), &[]);
    let statistics = QueryStatistics {
        queue: Some(Duration::ZERO),
        logical_planning: Some(Duration::from_millis(1500)),
        parquet_files: Some(7),
        ..QueryStatistics::default()
    };
    check(
        &statistics,
        &[
            "x-influxdata-logical-planning-duration-seconds: 1.5",
            "x-influxdata-parquet-files: 7",
            "x-influxdata-queue-duration-seconds: 0",
        ],
    );
}

#[test]
fn rows_in_no_file_come_from_the_ingester() {
    let statistics = QueryStatistics {
        logical_planning: Some(Duration::from_millis(500)),
        physical_planning: Some(Duration::from_millis(250)),
        unpersisted: Some(UnpersistedStatistics {
            latency: Duration::from_millis(10),
            rows: 3,
            partitions: 2,
            bytes: 100,
        }),
        ..QueryStatistics::default()
    };
    check(
        &statistics,
        &[
            "x-influxdata-ingester-latency-plan: 0.01",
            "x-influxdata-ingester-partition-count: 2",
            "x-influxdata-ingester-response-bytes: 100",
            "x-influxdata-ingester-response-rows: 3",
            "x-influxdata-logical-planning-duration-seconds: 0.5",
            "x-influxdata-physical-planning-duration-seconds: 0.25",
            "x-influxdata-planning-duration-seconds: 0.75",
        ],
    );
}
