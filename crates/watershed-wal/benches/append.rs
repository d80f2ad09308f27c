//! From `submit` until the record is durable and its writer knows: one writer, and 64 at a time.
//!
//! Besides what criterion measures (the time of a record, over all writers) each case prints the median
//! and the 99th percentile of what one writer waits, next to those of a bare `fdatasync` on the same disk:
//! of a write that makes a file longer, and of one over blocks that are there.
//! `WATERSHED_BENCH_DIR` names a directory on the disk to measure.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark fails by panicking"
)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use watershed_model::{Counter, Epoch};
use watershed_wal::{Outcome, Settings, Wal, open};

const RECORD_BYTES: usize = 200;

type Log = Wal<oneshot::Sender<()>>;

fn directory() -> TempDir {
    match std::env::var_os("WATERSHED_BENCH_DIR") {
        Some(dir) => TempDir::new_in(dir).unwrap(),
        None => TempDir::new().unwrap(),
    }
}

fn start(dir: &TempDir) -> Log {
    let on_group = |outcome: Outcome<oneshot::Sender<()>>| match outcome {
        Outcome::Durable(group) => group
            .into_iter()
            .for_each(|durable| durable.payload.send(()).unwrap()),
        Outcome::Failed(failure) => panic!("{}", failure.error),
    };
    let recovery = open(dir.path(), Settings::default()).unwrap();
    recovery
        .start(Epoch::new(1), Counter::new(1), on_group)
        .unwrap()
}

/// Writes `each` records from each of so many writers; what each record took.
async fn write(log: &Arc<Log>, writers: u64, each: u64) -> Vec<Duration> {
    let tasks = (0..writers).map(|_| {
        let log = Arc::clone(log);
        tokio::spawn(async move {
            let mut waits = Vec::new();
            for _ in 0..each {
                let began = Instant::now();
                let (done, durable) = oneshot::channel();
                log.submit(vec![7; RECORD_BYTES], done).await.unwrap();
                durable.await.unwrap();
                waits.push(began.elapsed());
            }
            waits
        })
    });
    let mut waits = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        waits.extend(task.await.unwrap());
    }
    waits
}

fn appends(criterion: &mut Criterion) {
    bare_syncs();
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("append");
    for writers in [1, 64] {
        let dir = directory();
        let log = Arc::new(start(&dir));
        let mut waits = Vec::new();
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{writers} writers"), |bencher| {
            bencher.iter_custom(|records| {
                let began = Instant::now();
                let each = records.div_ceil(writers);
                waits.extend(runtime.block_on(write(&log, writers, each)));
                began
                    .elapsed()
                    .mul_f64(records as f64 / (each * writers) as f64)
            });
        });
        let stats = log.stats();
        print_waits(&format!("{writers} writers"), &mut waits);
        let sync = stats.sync_time() / u32::try_from(stats.groups()).unwrap();
        println!(
            "    {} records in {} groups, mean sync {sync:?}",
            stats.records(),
            stats.groups()
        );
    }
    group.finish();
}

fn bare_syncs() {
    let dir = directory();
    let file = File::create(dir.path().join("bare")).unwrap();
    for what in ["fdatasync of a longer file", "fdatasync of written blocks"] {
        let bytes = [7; RECORD_BYTES];
        let mut waits = Vec::new();
        for index in 0..1_000 {
            let began = Instant::now();
            file.write_all_at(&bytes, index * RECORD_BYTES as u64)
                .unwrap();
            file.sync_data().unwrap();
            waits.push(began.elapsed());
        }
        print_waits(what, &mut waits);
    }
}

fn print_waits(what: &str, waits: &mut [Duration]) {
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize];
    let (median, late, last) = (at(0.5), at(0.99), at(1.0));
    println!("{what}: p50 {median:?}, p99 {late:?}, longest {last:?}");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_millis(500));
    targets = appends
}
criterion_main!(benches);
