//! From the buffer into files, without losing or doubling a row.

use crate::faults::Fault;
use crate::harness::{World, row};
use std::time::Duration;
use watershed_model::Timestamp;

#[test]
fn persisted_rows_move_to_a_file_and_leave_buffer_and_log() {
    let mut world = World::new();
    // Segments of 64 KiB: there are whole ones to trim.
    world.settings.wal_bytes_max = 1 << 20;
    let node = world.start();
    for round in 0..8 {
        let rows: Vec<_> = (0..4_000)
            .map(|n| row(&format!("h{}", n % 9), n * 7_919 + round, n))
            .collect();
        node.append("p", &rows).unwrap();
    }
    let before = (node.visible(), node.ingester.wal_bytes());
    node.persist_all();
    assert_eq!(node.buffered().len(), 0);
    assert_eq!(node.ingester.buffer_bytes(), 0);
    assert_eq!(node.visible(), before.0);
    let files = node.files().files;
    assert_eq!(
        files.iter().map(|file| file.file.rows).sum::<u64>(),
        before.0.len() as u64
    );
    assert!(
        node.ingester.wal_bytes() < before.1,
        "{} -> {}",
        before.1,
        node.ingester.wal_bytes()
    );
}

#[test]
fn persisting_nothing_returns_at_once() {
    let node = World::new().start();
    node.persist_all();
    assert_eq!(node.files().files.len(), 0);
}

#[test]
fn a_file_carries_its_place_in_the_order() {
    let node = World::new().start();
    node.append("p", &[row("a", 5, 1)]).unwrap();
    node.append("q", &[row("a", 6, 1)]).unwrap();
    node.append("p", &[row("a", 7, 1)]).unwrap();
    let buffered = node.buffered();
    node.persist_all();
    node.append("p", &[row("a", 5, 9)]).unwrap();
    node.persist_all();
    let files = node.files().files;
    let of_p: Vec<_> = files
        .iter()
        .filter(|file| file.partition.as_str() == "p")
        .collect();
    assert_eq!(of_p.len(), 2);
    assert_eq!(
        (of_p[0].counters, of_p[0].epoch),
        (buffered[0].counters, buffered[0].epoch)
    );
    assert_eq!(of_p[0].file.time_range, buffered[0].times);
    assert!(of_p[0].counters.max < of_p[1].counters.min);
    assert_eq!(
        node.visible(),
        [row("a", 5, 9), row("a", 6, 1), row("a", 7, 1)]
    );
}

#[test]
fn big_partitions_are_persisted_without_being_asked() {
    let mut world = World::new();
    world.settings.persist_partition_bytes = 1;
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    wait_until_buffer_is_empty(&node);
    assert_eq!(node.visible(), [row("a", 1, 1)]);
}

#[test]
fn short_memory_persists_the_largest_partition() {
    let mut world = World::new();
    let large: Vec<_> = (0..10_000).map(|n| row("a", n, n)).collect();
    world.settings.buffer_bytes_soft = 150_000;
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    node.append("q", &large).unwrap();
    node.block_on(async {
        while node.ingester.buffer_bytes() >= 150_000 {
            tokio::task::yield_now().await;
        }
    });
    let left: Vec<_> = node
        .buffered()
        .iter()
        .map(|piece| piece.partition.to_string())
        .collect();
    assert_eq!(left, ["p"]);
}

#[test]
fn old_and_idle_partitions_are_persisted() {
    for (age, idle) in [(10, 1 << 30), (1 << 30, 10)] {
        let mut world = World::new();
        world.settings.persist_age = Duration::from_secs(age);
        world.settings.persist_idle = Duration::from_secs(idle);
        let node = world.start();
        node.append("p", &[row("a", 1, 1)]).unwrap();
        assert_eq!(node.buffered().len(), 1);
        world.clock.set(Timestamp::from_nanos(10_000_000_000));
        wait_until_buffer_is_empty(&node);
        assert_eq!(node.visible(), [row("a", 1, 1)]);
    }
}

#[test]
fn rows_of_a_deleted_table_are_dropped() {
    let node = World::new().start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    let table = node.table().id();
    node.delete_database();
    node.persist_all();
    assert_eq!(node.ingester.buffer_bytes(), 0);
    assert!(
        node.ingester
            .rows(table, watershed_model::TimeRange::ALL)
            .is_empty()
    );
}

#[test]
fn writes_go_on_while_a_piece_is_persisted() {
    let world = World::new();
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    world.commits.set(Fault::Fail);
    let ingester = node.ingester.clone();
    let later = node.batch("p", &[row("a", 2, 2)]);
    node.block_on(async {
        let persisting = tokio::spawn(async move { ingester.persist_all().await });
        world.commits.struck(3).await;
        node.ingester.append(later).await.unwrap();
        world.commits.set(Fault::None);
        persisting.await.unwrap();
    });
    assert_eq!(node.visible(), [row("a", 1, 1), row("a", 2, 2)]);
    assert_eq!(node.files().files.len(), 1);
    assert_eq!(node.buffered().len(), 1);
}

#[test]
fn a_commit_that_lied_about_failing_is_not_made_twice() {
    let world = World::new();
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    world.commits.set(Fault::FailAfter);
    node.block_on(async {
        let ingester = node.ingester.clone();
        let persisting = tokio::spawn(async move { ingester.persist_all().await });
        world.commits.struck(1).await;
        world.commits.set(Fault::None);
        persisting.await.unwrap();
    });
    assert_eq!(node.files().files.len(), 1);
    assert_eq!(node.visible(), [row("a", 1, 1)]);
}

#[test]
fn a_catalog_that_is_down_does_not_cost_an_upload_each_time() {
    let world = World::new();
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    world.commits.set(Fault::Fail);
    node.block_on(async {
        let ingester = node.ingester.clone();
        let persisting = tokio::spawn(async move { ingester.persist_all().await });
        world.commits.struck(5).await;
        world.commits.set(Fault::None);
        persisting.await.unwrap();
    });
    let objects = world.dir.path().join("objects");
    assert_eq!(count_files(&objects), 1);
    assert_eq!(node.visible(), [row("a", 1, 1)]);
}

fn count_files(dir: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { count_files(&path) } else { 1 })
        .sum()
}

fn wait_until_buffer_is_empty(node: &crate::harness::Node) {
    node.block_on(async {
        while node.ingester.buffer_bytes() > 0 {
            tokio::task::yield_now().await;
        }
    });
}
