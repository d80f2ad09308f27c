use super::*;

#[test]
fn what_is_not_known_is_left_out() {
    let statistics = Statistics {
        queue: Some(Duration::ZERO),
        planning: Some(Duration::from_millis(1500)),
        parquet_files: Some(7),
        ..Statistics::default()
    };
    let status = statistics.status();
    assert_eq!((status.code(), status.message()), (Code::Ok, ""));
    let headers = status.metadata().clone().into_headers();
    let mut trailers: Vec<String> = headers
        .iter()
        .map(|(key, value)| format!("{key}: {}", value.to_str().unwrap()))
        .collect();
    trailers.sort();
    assert_eq!(
        trailers,
        [
            "x-influxdata-parquet-files: 7",
            "x-influxdata-planning-duration-seconds: 1.5",
            "x-influxdata-queue-duration-seconds: 0",
        ]
    );
}
