use crate::testing::{Faults, Operation};
use crate::{Error, Outcome, Recovery, Settings, Wal, open};
use std::convert::Infallible;
use std::io::ErrorKind as IoErrorKind;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use tempfile::TempDir;
use watershed_model::{Counter, Epoch, ErrorKind};

/// `counter payload` of durable records, `failed payload` of the others.
type Log = (Wal<&'static str>, Receiver<String>);

fn start(dir: &Path, faults: &Faults) -> Log {
    start_with(dir, faults, Settings::default())
}

fn start_with(dir: &Path, faults: &Faults, settings: Settings) -> Log {
    let (sender, outcomes) = channel();
    let on_group = move |outcome: Outcome<&'static str>| {
        let lines: Vec<_> = match outcome {
            Outcome::Durable(durable) => durable
                .iter()
                .map(|d| format!("{} {}", d.counter, d.payload))
                .collect(),
            Outcome::Failed(failure) => failure
                .payloads
                .iter()
                .map(|payload| format!("failed {payload}"))
                .collect(),
        };
        sender.send(lines.join(", ")).unwrap();
    };
    let recovery = open(dir, settings).unwrap();
    let wal = recovery.start_with_faults(faults, Epoch::new(1), Counter::new(1), on_group);
    (wal.unwrap(), outcomes)
}

fn submit(log: &Log, texts: &[&'static str]) {
    for text in texts {
        log.0.try_submit(text.as_bytes().to_vec(), text).unwrap();
    }
}

#[track_caller]
fn check(log: &Log, text: &'static str, expected: &str) {
    submit(log, &[text]);
    assert_eq!(log.1.recv().unwrap(), expected);
}

fn records(recovery: &Recovery) -> Vec<String> {
    let mut records = Vec::new();
    let visited = recovery.replay(|record| {
        records.push(format!(
            "{} {}",
            record.counter,
            String::from_utf8_lossy(record.bytes)
        ));
        Ok::<_, Error>(())
    });
    visited.unwrap();
    records
}

#[track_caller]
fn check_records(dir: &Path, expected: &[&str]) {
    assert_eq!(records(&open(dir, Settings::default()).unwrap()), expected);
}

fn segment_names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".wal")).collect();
    names.sort();
    names
}

#[test]
fn group_gathers_while_a_sync_runs() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let log = start(dir.path(), &faults);
    faults.hold_syncs();
    submit(&log, &["a"]);
    faults.wait_for_held_sync();
    submit(&log, &["b", "c", "d"]);
    faults.release_syncs();
    assert_eq!(log.1.recv().unwrap(), "1 a");
    assert_eq!(log.1.recv().unwrap(), "2 b, 3 c, 4 d");
    assert_eq!((log.0.stats().groups(), log.0.stats().records()), (2, 4));
}

#[test]
fn full_queue_refuses_and_has_room_again_once_its_group_is_taken() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let settings = Settings {
        queue_bytes_max: 8,
        queue_records_max: 3,
        ..Settings::default()
    };
    let log = start_with(dir.path(), &faults, settings);
    faults.hold_syncs();
    submit(&log, &["first"]);
    faults.wait_for_held_sync();
    submit(&log, &["1234", "1234"]);
    let by_bytes = log.0.try_submit(b"5".to_vec(), "by bytes").unwrap_err();
    assert_eq!(
        (by_bytes.payload, by_bytes.reason.kind()),
        ("by bytes", ErrorKind::Exhausted)
    );
    submit(&log, &[""]);
    let by_count = log.0.try_submit(vec![], "by count").unwrap_err();
    assert_eq!(by_count.reason.kind(), ErrorKind::Exhausted);
    let large = log.0.try_submit(vec![0; 9], "too large").unwrap_err();
    assert_eq!(
        large.to_string(),
        "a record of 9 bytes is larger than the queue of the log, 8 bytes"
    );
    faults.release_syncs();
    assert_eq!(log.1.recv().unwrap(), "1 first");
    assert_eq!(log.1.recv().unwrap(), "2 1234, 3 1234, 4 ");
    check(&log, "12345678", "5 12345678");
}

#[tokio::test]
async fn submit_waits_for_room() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let settings = Settings {
        queue_records_max: 1,
        ..Settings::default()
    };
    let (wal, outcomes) = start_with(dir.path(), &faults, settings);
    faults.hold_syncs();
    wal.submit(b"a".to_vec(), "a").await.unwrap();
    faults.wait_for_held_sync();
    wal.submit(b"b".to_vec(), "b").await.unwrap();
    let mut waiting = Box::pin(wal.submit(b"c".to_vec(), "c"));
    let mut given_up = Box::pin(wal.submit(b"x".to_vec(), "x"));
    let pending = std::future::poll_fn(|context| {
        let pending = [
            waiting.as_mut().poll(context),
            given_up.as_mut().poll(context),
        ];
        std::task::Poll::Ready(pending.iter().all(std::task::Poll::is_pending))
    });
    assert!(pending.await);
    drop(given_up);
    faults.release_syncs();
    waiting.await.unwrap();
    drop(wal);
    assert_eq!(outcomes.iter().collect::<Vec<_>>(), ["1 a", "2 b", "3 c"]);
}

#[test]
fn full_disk_is_survived_and_failed_records_are_not_replayed() {
    for operation in [Operation::Append, Operation::Sync] {
        let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
        let log = start(dir.path(), &faults);
        check(&log, "a", "1 a");
        faults.fail(operation, IoErrorKind::StorageFull);
        check(&log, "x", "failed x");
        check(&log, "y", "failed y");
        faults.fail(Operation::Create, IoErrorKind::StorageFull);
        check(&log, "z", "failed z");
        assert_eq!(log.0.stats().failures(), 3);
        faults.heal();
        check(&log, "b", "2 b");
        check(&log, "c", "3 c");
        assert_eq!(
            segment_names(dir.path()).len(),
            2,
            "failures leave no empty files"
        );
        drop(log);
        check_records(dir.path(), &["1 a", "2 b", "3 c"]);
    }
}

#[test]
fn failed_group_that_can_not_be_cut_is_superseded() {
    for operation in [Operation::Append, Operation::Sync] {
        let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
        let log = start(dir.path(), &faults);
        check(&log, "a", "1 a");
        faults.fail(operation, IoErrorKind::Other);
        faults.fail(Operation::Cut, IoErrorKind::Other);
        check(&log, "x", "failed x");
        faults.heal();
        check(&log, "b", "2 b");
        drop(log);
        check_records(dir.path(), &["1 a", "2 b"]);
    }
}

#[test]
fn failed_group_whose_write_was_torn_is_cut_at_the_next_start() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let log = start(dir.path(), &faults);
    check(&log, "a", "1 a");
    faults.fail(Operation::Append, IoErrorKind::Other);
    faults.fail(Operation::Cut, IoErrorKind::Other);
    faults.fail(Operation::Create, IoErrorKind::Other);
    check(&log, "x", "failed x");
    check(&log, "y", "failed y");
    drop(log);
    let recovery = open(dir.path(), Settings::default()).unwrap();
    assert_eq!(
        (records(&recovery), recovery.torn_bytes() > 0),
        (vec!["1 a".to_owned()], true)
    );
}

#[test]
fn failures_say_what_to_do() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let (sender, errors) = channel();
    let on_group = move |outcome: Outcome<()>| {
        if let Outcome::Failed(failure) = outcome {
            sender.send(failure.error.kind()).unwrap();
        }
    };
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let wal = recovery.start_with_faults(&faults, Epoch::new(1), Counter::new(1), on_group);
    let wal = wal.unwrap();
    for (error, kind) in [
        (IoErrorKind::StorageFull, ErrorKind::Exhausted),
        (IoErrorKind::Other, ErrorKind::Unavailable),
    ] {
        faults.heal();
        faults.fail(Operation::Sync, error);
        wal.try_submit(vec![1], ()).unwrap();
        assert_eq!(errors.recv().unwrap(), kind);
    }
}

#[test]
fn rotation_that_fails_loses_nothing() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let settings = Settings {
        segment_bytes_max: 1,
        ..Settings::default()
    };
    let log = start_with(dir.path(), &faults, settings);
    check(&log, "a", "1 a");
    faults.fail(Operation::Create, IoErrorKind::StorageFull);
    check(&log, "x", "failed x");
    faults.heal();
    check(&log, "b", "2 b");
    drop(log);
    check_records(dir.path(), &["1 a", "2 b"]);
}

#[test]
fn rotation_that_fails_half_way_does_not_hide_later_records() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let settings = Settings {
        segment_bytes_max: 64 + 2 * 37,
        ..Settings::default()
    };
    let log = start_with(dir.path(), &faults, settings);
    check(&log, "a", "1 a");
    faults.fail(Operation::SyncName, IoErrorKind::Other);
    check(
        &log,
        "too large for the segment",
        "failed too large for the segment",
    );
    faults.heal();
    // Small enough for the first segment, but the second one is on disk by now.
    check(&log, "b", "2 b");
    drop(log);
    check_records(dir.path(), &["1 a", "2 b"]);
}

#[test]
fn disk_without_space_for_room_still_takes_groups() {
    for operation in [Operation::Fill, Operation::SyncFill] {
        let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
        faults.fail(operation, IoErrorKind::StorageFull);
        let log = start(dir.path(), &faults);
        check(&log, "a", "1 a");
        let large: &'static str = "x".repeat(40_000).leak();
        for number in 2..30 {
            check(&log, large, format!("{number} {large}").leak());
        }
        assert_eq!(log.0.stats().failures(), 0);
        let on_disk: u64 = segment_names(dir.path())
            .iter()
            .map(|name| dir.path().join(name).metadata().unwrap().len())
            .sum();
        assert!(log.0.disk_bytes() <= on_disk);
        drop(log);
        let recovery = open(dir.path(), Settings::default()).unwrap();
        assert_eq!((records(&recovery).len(), recovery.torn_bytes()), (29, 0));
    }
}

#[test]
fn truncation_while_the_newest_segment_is_closed_keeps_it() {
    let (dir, faults) = (TempDir::new().unwrap(), Faults::new());
    let log = start(dir.path(), &faults);
    check(&log, "a", "1 a");
    faults.fail(Operation::Sync, IoErrorKind::Other);
    check(&log, "x", "failed x");
    assert_eq!(log.0.truncate_before(Counter::new(100)).unwrap(), 0);
    faults.heal();
    check(&log, "b", "2 b");
    assert!(log.0.truncate_before(Counter::new(2)).unwrap() > 0);
    drop(log);
    check_records(dir.path(), &["2 b"]);
}

#[test]
fn handler_that_panics_closes_the_log() {
    let dir = TempDir::new().unwrap();
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let on_group = |_: Outcome<std::sync::mpsc::Sender<Infallible>>| panic!("a test");
    let wal = recovery
        .start(Epoch::new(1), Counter::new(1), on_group)
        .unwrap();
    let (sender, dropped) = channel();
    wal.try_submit(vec![1], sender).unwrap();
    // The payload is dropped when the thread unwinds, just before it closes the queue.
    assert!(dropped.recv().is_err());
    loop {
        let (sender, dropped) = channel();
        match wal.try_submit(vec![1], sender) {
            Ok(()) => assert!(dropped.recv().is_err()),
            Err(refused) => break assert_eq!(refused.reason, crate::SubmitReason::Closed),
        }
    }
}
