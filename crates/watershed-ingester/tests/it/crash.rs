//! Crashes at every step.

use crate::faults::{Fault, Switch};
use crate::harness::{Node, World, row};
use std::sync::Arc;
use tokio::sync::watch;
use watershed_ingester::StartError;
use watershed_model::ErrorKind;

#[test]
fn everything_acknowledged_is_back_after_a_crash() {
    let world = World::new();
    for life in 0..4 {
        let node = world.start();
        let expected: Vec<_> = (0..life).map(|n| row("a", n, n)).collect();
        assert_eq!(node.visible(), expected);
        node.append("p", &[row("a", life, life)]).unwrap();
        node.crash();
    }
    // Each life's rows are a piece of their own epoch.
    let node = world.start();
    let pieces = node.buffered();
    assert_eq!(pieces.len(), 4);
    assert!(pieces.is_sorted_by(|a, b| a.epoch < b.epoch && a.counters.max < b.counters.min));
}

#[test]
fn later_lives_win_over_earlier_ones() {
    let world = World::new();
    for life in 0..4 {
        let node = world.start();
        node.append("p", &[row("a", 1, life)]).unwrap();
        if life == 1 {
            node.persist_all();
        }
        assert_eq!(node.visible(), [row("a", 1, life)]);
        node.crash();
    }
    let node = world.start();
    assert_eq!(node.visible(), [row("a", 1, 3)]);
    node.persist_all();
    assert_eq!(node.visible(), [row("a", 1, 3)]);
}

#[test]
fn counters_go_on_after_a_restart_with_an_empty_log() {
    let world = World::new();
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    node.append("p", &[row("a", 2, 2)]).unwrap();
    node.block_on(node.ingester.shutdown());
    drop(node);
    std::fs::remove_dir_all(world.dir.path().join("wal")).unwrap();
    let node = world.start();
    let persisted = node.files().files[0].counters.max;
    node.append("p", &[row("a", 3, 3)]).unwrap();
    assert!(node.buffered()[0].counters.min > persisted);
    node.persist_all();
    assert_eq!(
        node.visible(),
        [row("a", 1, 1), row("a", 2, 2), row("a", 3, 3)]
    );
}

#[test]
fn a_crash_among_appends_keeps_all_that_were_acknowledged() {
    let world = World::new();
    let node = world.start();
    let writes: Vec<_> = (0..300)
        .map(|n| {
            (
                n,
                node.batch("p", &[row(&format!("h{n}"), n, n), row("same", n, n)]),
            )
        })
        .collect();
    let acknowledged = Arc::new(watch::Sender::new(Vec::new()));
    node.block_on(async {
        for (n, batch) in writes {
            let (ingester, acknowledged) = (node.ingester.clone(), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                ingester.append(batch).await.unwrap();
                acknowledged.send_modify(|all: &mut Vec<i64>| all.push(n));
            });
        }
        let mut seen = acknowledged.subscribe();
        seen.wait_for(|all| all.len() >= 60).await.unwrap();
    });
    node.crash();
    let node = world.start();
    let visible = node.visible();
    for n in acknowledged.borrow().iter() {
        assert!(
            visible.contains(&row(&format!("h{n}"), *n, *n)),
            "lost batch {n}"
        );
        assert!(visible.contains(&row("same", *n, *n)), "lost batch {n}");
    }
    // Batches are there whole or not at all.
    assert!(visible.len().is_multiple_of(2));
}

/// Persists rows, crashes where the switch hangs, and starts again: everything is there once, before
/// and after it is persisted at last.
fn crash_during_persist(world: &World, switch: &Arc<Switch>, fault: Fault) {
    let node = world.start();
    let batches = [("p", 1), ("q", 2), ("p", 3)];
    for (partition, n) in batches {
        node.append(partition, &[row(partition, n, n), row(partition, 0, n)])
            .unwrap();
    }
    let expected = node.visible();
    switch.set(fault);
    node.block_on(async {
        let ingester = node.ingester.clone();
        tokio::spawn(async move { ingester.persist_all().await });
        // Both partitions are persisted at the same time.
        switch.struck(2).await;
    });
    assert_eq!(node.visible(), expected);
    node.crash();
    switch.set(Fault::None);

    let node: Node = world.start();
    assert_eq!(node.visible(), expected);
    node.append("p", &[row("p", 0, 99)]).unwrap();
    let expected = node.visible();
    node.persist_all();
    assert_eq!(node.visible(), expected);
    assert_eq!(node.buffered().len(), 0);
}

#[test]
fn a_crash_before_the_upload_loses_and_doubles_nothing() {
    let world = World::new();
    crash_during_persist(&world, &world.puts, Fault::Hang);
}

#[test]
fn a_crash_between_upload_and_commit_loses_and_doubles_nothing() {
    let world = World::new();
    crash_during_persist(&world, &world.commits, Fault::Hang);
}

#[test]
fn a_crash_between_commit_and_drop_loses_and_doubles_nothing() {
    let world = World::new();
    crash_during_persist(&world, &world.commits, Fault::HangAfter);
}

#[test]
fn a_log_newer_than_the_catalog_stops_the_start() {
    let world = World::new();
    for n in 0..3 {
        let node = world.start();
        node.append("p", &[row("a", n, n)]).unwrap();
        node.crash();
    }
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = std::fs::remove_file(world.dir.path().join(name));
    }
    let Err(error) = world.try_start() else {
        panic!("started")
    };
    assert!(matches!(error, StartError::EpochBehind { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_record_that_is_no_batch_stops_the_start_and_is_named() {
    let world = World::new();
    let settings = watershed_wal::Settings::default();
    let recovery = watershed_wal::open(&world.settings.wal_dir, settings).unwrap();
    let epoch = watershed_model::Epoch::new(0);
    let next = recovery.next_counter();
    let log = recovery
        .start(epoch, next, |_: watershed_wal::Outcome<()>| {})
        .unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        log.submit(b"no batch".to_vec(), ()).await.unwrap();
    });
    log.shutdown();
    let Err(error) = world.try_start() else {
        panic!("started")
    };
    assert!(
        matches!(&error, StartError::Record { counter, .. } if *counter == next),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}
