//! More heavy queries at the same time than there is memory for: each is answered or refused by the book, and small
//! ones beside them hardly notice.

use super::server::Server;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Heavy queries at the same time.
const HEAVY: usize = 20;

/// The longest that 99 of 100 small queries may take in a build without optimizations, on a machine that does much else. The heavy
/// ones take many times that.
const SMALL_P99_MAX: Duration = Duration::from_secs(5);

/// What the whole server may have.
const RESIDENT_KIB_MAX: u64 = 1 << 20;

/// Some hundred megabytes of keys each, more than the share of a query: they are sorted, grouped, and joined.
fn heavy(number: usize) -> String {
    let keys = "SELECT repeat('x', 300) || value AS k FROM generate_series(1, 200000)";
    match number % 3 {
        0 => format!(
            "SELECT max(n) AS n FROM (SELECT row_number() OVER (ORDER BY k DESC) AS n FROM ({keys}))"
        ),
        1 => format!("SELECT count(*) AS n FROM (SELECT k, count(*) FROM ({keys}) GROUP BY k)"),
        _ => format!("SELECT count(*) AS n FROM ({keys}) a JOIN ({keys}) b ON a.k = b.k"),
    }
}

#[test]
fn heavy_queries_are_answered_or_refused_and_small_ones_do_not_wait() {
    let server = Server::with(&[
        "--query-memory-bytes-max",
        "256MiB",
        "--buffer-bytes-max",
        "64MiB",
    ]);
    server.create_database("db");
    server.write("db", "cpu,host=a n=1i 1704067200000000000");
    let done = AtomicBool::new(false);
    let (mut answered, mut refused, mut small) = (0, 0, Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let rows = server.sql("db", "SELECT n FROM cpu WHERE host = 'a'");
                times.push(asked.elapsed());
                assert_eq!(rows, json!([{ "n": 1 }]));
                std::thread::sleep(Duration::from_millis(20));
            }
            times
        });
        let ask = |number| {
            let text = heavy(number);
            let request = server.get("/api/v3/query_sql");
            let request = request.query(&[("db", "db"), ("q", &text)]);
            server.send_within(request, Duration::from_secs(600))
        };
        let asked: Vec<_> = (0..HEAVY)
            .map(|number| scope.spawn(move || ask(number)))
            .collect();
        // First of all, so that nobody waits for a test that has failed.
        let answers: Vec<_> = asked.into_iter().map(|answer| answer.join()).collect();
        done.store(true, Ordering::Relaxed);
        for answer in answers {
            let answer = answer.unwrap().unwrap();
            match answer.status.as_u16() {
                200 => {
                    assert_eq!(answer.json(), json!([{ "n": 200_000 }]));
                    answered += 1;
                }
                503 => {
                    let text = answer.json()["message"].as_str().unwrap().to_owned();
                    assert!(text.contains("--query-memory-bytes-max"), "{text}");
                    refused += 1;
                }
                other => panic!("{other}: {}", answer.text()),
            }
        }
        small = beside.join().unwrap();
    });
    small.sort_unstable();
    let p99 = small[(small.len() - 1) * 99 / 100];
    let resident_kib_max = server.resident_kib_max();
    println!(
        "{answered} answered, {refused} refused in {:?}; {} small ones, p50 {:?}, p99 {p99:?}; RSS at most {} MiB",
        begun.elapsed(),
        small.len(),
        small[small.len() / 2],
        resident_kib_max.unwrap_or(0) >> 10,
    );
    // What can spill has its share, whatever others do: all sorts are answered.
    assert!(answered >= HEAVY.div_ceil(3), "{answered}");
    assert!(p99 < SMALL_P99_MAX, "{p99:?}");
    assert!(small.len() > 20, "{}", small.len());
    // Where the system tells.
    assert!(resident_kib_max.is_none_or(|kib| kib < RESIDENT_KIB_MAX));
    let spilled = server.files("spill", "");
    assert!(spilled.is_empty(), "{spilled:?}");
}
