//! Start, append, rotate, truncate, stop, start again.

use crate::log::{Log, records, segments, start, texts, tiny_segments};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use watershed_model::{Counter, Epoch, ErrorKind};
use watershed_wal::{Error, Outcome, Settings, SubmitReason, open};

#[test]
fn records_come_back_with_number_and_epoch() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), Settings::default(), 1);
    assert_eq!((log.append(b"a"), log.append(b"")), (1, 2));
    drop(log);
    let log = start(dir.path(), Settings::default(), 2);
    assert_eq!(log.append(b"b"), 3);
    drop(log);
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let expected = [(1, 1, b"a".to_vec()), (2, 1, vec![]), (3, 2, b"b".to_vec())];
    assert_eq!(records(&recovery), expected);
    assert_eq!(records(&recovery), expected, "replay may be called again");
    assert_eq!(
        (recovery.next_counter(), recovery.torn_bytes()),
        (Counter::new(4), 0)
    );
}

#[test]
fn directory_is_made_and_an_empty_log_begins_with_one() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("data/wal");
    let recovery = open(&path, Settings::default()).unwrap();
    assert_eq!(
        (recovery.next_counter(), recovery.disk_bytes()),
        (Counter::new(1), 0)
    );
    assert_eq!(records(&recovery), []);
    assert_eq!(Log::start(recovery, 1, 0).append(b"a"), 1);
}

#[test]
fn segments_rotate_at_their_size() {
    let dir = TempDir::new().unwrap();
    // A header of 64 bytes, and 32 + 4 + 100 for each group: three fit.
    let settings = Settings {
        segment_bytes_max: 64 + 3 * 136,
        ..Settings::default()
    };
    let log = start(dir.path(), settings, 1);
    for _ in 0..7 {
        log.append(&[7; 100]);
    }
    assert_eq!(segments(dir.path()).len(), 3);
    let on_disk: u64 = segments(dir.path())
        .iter()
        .map(|p| p.metadata().unwrap().len())
        .sum();
    assert_eq!(
        (log.wal.disk_bytes(), on_disk),
        (3 * 64 + 7 * 136, 3 * 64 + 7 * 136)
    );
    drop(log);
    let recovery = open(dir.path(), settings).unwrap();
    assert_eq!(
        (recovery.disk_bytes(), records(&recovery).len()),
        (on_disk, 7)
    );
}

#[test]
fn truncation_deletes_whole_old_segments_only() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    for text in ["1", "2", "3", "4"] {
        log.append(text.as_bytes());
    }
    let before = log.wal.disk_bytes();
    assert_eq!(log.wal.truncate_before(Counter::new(1)).unwrap(), 0);
    let freed = log.wal.truncate_before(Counter::new(3)).unwrap();
    assert_eq!(
        (freed, log.wal.disk_bytes()),
        (2 * (64 + 32 + 4 + 1), before - freed)
    );
    assert_eq!(log.wal.truncate_before(Counter::new(3)).unwrap(), 0);
    drop(log);
    assert_eq!(texts(dir.path()), ["3", "4"]);
}

#[test]
fn numbers_go_on_after_everything_was_truncated() {
    let dir = TempDir::new().unwrap();
    let log = start(dir.path(), tiny_segments(), 1);
    for _ in 0..5 {
        log.append(b"x");
    }
    drop(log);
    let log = start(dir.path(), tiny_segments(), 2);
    log.wal.truncate_before(Counter::new(u64::MAX)).unwrap();
    drop(log);
    assert_eq!(segments(dir.path()).len(), 1);
    for epoch in 3..6 {
        let recovery = open(dir.path(), tiny_segments()).unwrap();
        assert_eq!(
            (recovery.next_counter(), records(&recovery)),
            (Counter::new(6), vec![])
        );
        drop(Log::start(recovery, epoch, 1));
    }
    assert_eq!(
        segments(dir.path()).len(),
        1,
        "starts leave no empty segments"
    );
    assert_eq!(start(dir.path(), tiny_segments(), 6).append(b"y"), 6);
}

#[test]
fn numbers_begin_at_the_floor_when_the_log_knows_less() {
    let dir = TempDir::new().unwrap();
    let log = Log::start(open(dir.path(), Settings::default()).unwrap(), 1, 100);
    assert_eq!(log.append(b"a"), 100);
    drop(log);
    let log = Log::start(open(dir.path(), Settings::default()).unwrap(), 2, 50);
    assert_eq!(log.append(b"b"), 101);
    drop(log);
    // A start without a record, and then a floor above its numbers.
    drop(Log::start(
        open(dir.path(), Settings::default()).unwrap(),
        3,
        150,
    ));
    let log = Log::start(open(dir.path(), Settings::default()).unwrap(), 4, 200);
    assert_eq!(log.append(b"c"), 200);
    drop(log);
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let numbers: Vec<_> = records(&recovery)
        .iter()
        .map(|(number, ..)| *number)
        .collect();
    assert_eq!(numbers, [100, 101, 200]);
}

#[test]
fn second_open_is_refused_while_the_first_lives() {
    let dir = TempDir::new().unwrap();
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let refused = open(dir.path(), Settings::default()).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(
        refused.to_string(),
        format!(
            "the log in {} is in use by another process; stop that process, or give another \
             directory",
            dir.path().display()
        )
    );
    let log = Log::start(recovery, 1, 1);
    assert!(matches!(
        open(dir.path(), Settings::default()),
        Err(Error::Locked { .. })
    ));
    log.wal.shutdown();
    open(dir.path(), Settings::default()).unwrap();
}

#[test]
fn older_epoch_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(start(dir.path(), Settings::default(), 5));
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let refused = recovery
        .start(Epoch::new(4), Counter::new(1), |_: Outcome<()>| {})
        .unwrap_err();
    let text = "the log holds records of epoch 5 and can't go on in epoch 4";
    assert_eq!(
        (refused.to_string().as_str(), refused.kind()),
        (text, ErrorKind::Corrupt)
    );
}

#[test]
fn shutdown_finishes_what_is_queued() {
    let dir = TempDir::new().unwrap();
    let seen = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&seen);
    let on_group = move |outcome| {
        let Outcome::Durable(durable) = outcome else {
            panic!("a group failed")
        };
        *counted.lock().unwrap() += durable.len();
    };
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let wal = recovery
        .start(Epoch::new(1), Counter::new(1), on_group)
        .unwrap();
    for number in 0..1000_u32 {
        wal.try_submit(number.to_le_bytes().to_vec(), ()).unwrap();
    }
    wal.shutdown();
    assert_eq!(*seen.lock().unwrap(), 1000);
    assert_eq!(
        records(&open(dir.path(), Settings::default()).unwrap()).len(),
        1000
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_get_numbers_without_gaps_in_handler_order() {
    let dir = TempDir::new().unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let handled = Arc::clone(&order);
    let on_group = move |outcome| {
        let Outcome::Durable(durable) = outcome else {
            panic!("a group failed")
        };
        let durable = durable.into_iter().map(|d| (d.counter.get(), d.payload));
        handled.lock().unwrap().extend(durable);
    };
    let settings = Settings {
        segment_bytes_max: 4096,
        queue_bytes_max: 64,
        queue_records_max: 8,
    };
    let recovery = open(dir.path(), settings).unwrap();
    let wal = Arc::new(
        recovery
            .start(Epoch::new(1), Counter::new(1), on_group)
            .unwrap(),
    );
    let tasks = (0..16_u32).map(|task| {
        let wal = Arc::clone(&wal);
        tokio::spawn(async move {
            for round in 0..50_u32 {
                let record = format!("{task}/{round}");
                wal.submit(record.clone().into_bytes(), record)
                    .await
                    .unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    Arc::into_inner(wal).unwrap().shutdown();
    let order = order.lock().unwrap();
    assert!(order.iter().map(|(number, _)| *number).eq(1..=800));
    let recovery = open(dir.path(), settings).unwrap();
    let replayed = records(&recovery).into_iter();
    let replayed = replayed.map(|(number, _, bytes)| (number, String::from_utf8(bytes).unwrap()));
    assert!(replayed.eq(order.iter().cloned()));
    assert!(segments(dir.path()).len() > 1);
}

#[test]
fn handler_may_drop_the_last_handle() {
    let dir = TempDir::new().unwrap();
    let (handle, taken) = std::sync::mpsc::channel::<watershed_wal::Wal<()>>();
    let (done, finished) = std::sync::mpsc::channel();
    let on_group = move |_: Outcome<()>| {
        drop(taken.recv().unwrap());
        done.send(()).unwrap();
    };
    let recovery = open(dir.path(), Settings::default()).unwrap();
    let wal = recovery
        .start(Epoch::new(1), Counter::new(1), on_group)
        .unwrap();
    wal.try_submit(vec![1], ()).unwrap();
    handle.send(wal).unwrap();
    finished.recv().unwrap();
}

#[test]
fn record_larger_than_the_queue_is_refused() {
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        queue_bytes_max: 10,
        ..Settings::default()
    };
    let log = start(dir.path(), settings, 1);
    let refused = log.wal.try_submit(vec![0; 11], ()).unwrap_err();
    assert_eq!(
        refused.reason,
        SubmitReason::TooLarge {
            bytes: 11,
            limit: 10
        }
    );
    assert_eq!(refused.reason.kind(), ErrorKind::Invalid);
    assert_eq!(log.append(&[0; 10]), 1);
}

#[test]
fn room_ahead_counts_while_it_is_there_and_is_given_back_at_the_end() {
    let dir = TempDir::new().unwrap();
    let on_disk = || -> u64 {
        let paths = segments(dir.path()).into_iter();
        paths.map(|path| path.metadata().unwrap().len()).sum()
    };
    let log = start(dir.path(), Settings::default(), 1);
    assert_eq!((log.wal.disk_bytes(), on_disk()), (256 << 10, 256 << 10));
    let mut written = 64;
    for _ in 0..400 {
        log.append(&[7; 1_000]);
        written += 32 + 4 + 1_000;
    }
    // As much again as was written, at most.
    assert!(log.wal.disk_bytes() >= written);
    assert!(log.wal.disk_bytes() <= 2 * written + (256 << 10));
    drop(log);
    assert_eq!(on_disk(), written);
    let recovery = open(dir.path(), Settings::default()).unwrap();
    assert_eq!(
        (recovery.torn_bytes(), recovery.replay_bytes()),
        (0, 400_000)
    );
    assert_eq!(records(&recovery).len(), 400);
}

#[test]
fn groups_of_every_size_come_back_from_segments_with_room() {
    let dir = TempDir::new().unwrap();
    let settings = Settings {
        segment_bytes_max: 1 << 20,
        ..Settings::default()
    };
    let log = start(dir.path(), settings, 1);
    let mut expected = Vec::new();
    for round in 0..60_u64 {
        for bytes in [10, 900, 20_000, 300_000_usize] {
            if round % 7 != 0 && bytes == 300_000 {
                continue;
            }
            let record = vec![round as u8 | 1; bytes];
            let number = log.append(&record);
            expected.push((number, 1, record));
        }
    }
    drop(log);
    assert_eq!(records(&open(dir.path(), settings).unwrap()), expected);
}
