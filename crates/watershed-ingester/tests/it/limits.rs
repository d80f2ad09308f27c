//! At the limits: refusals, and the way back.

use crate::faults::Fault;
use crate::harness::{Node, World, row};
use crate::testing::{Model, Row};
use watershed_ingester::AppendError;
use watershed_model::ErrorKind;

fn rows(round: i64) -> Vec<Row> {
    (0..1_000)
        .map(|n| row(&format!("h{}", n % 10), round * 1_000 + n, n))
        .collect()
}

/// Appends until one is refused; what was taken goes into the model.
fn fill(node: &Node, model: &mut Model) -> AppendError {
    for round in 0..100_000 {
        let rows = rows(round);
        match node.append("p", &rows) {
            Ok(()) => model.write(&rows),
            Err(error) => return error,
        }
    }
    panic!("no limit was met");
}

#[test]
fn memory_is_bounded_while_the_store_is_down_and_comes_back_with_it() {
    let mut world = World::new();
    world.settings.buffer_bytes_soft = 200_000;
    world.settings.buffer_bytes_hard = 1_000_000;
    let node = world.start();
    world.puts.set(Fault::Fail);
    let mut model = Model::default();
    let error = fill(&node, &mut model);
    assert!(
        matches!(
            error,
            AppendError::BufferFull {
                limit_bytes: 1_000_000,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.retry_after().is_some());
    // The last batch may have made vectors grow.
    assert!(node.ingester.buffer_bytes() <= 1_300_000);
    assert_eq!(node.visible(), model.rows());

    world.puts.set(Fault::None);
    node.persist_all();
    assert_eq!(node.visible(), model.rows());
    node.append("p", &rows(-1)).unwrap();
    model.write(&rows(-1));
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn the_log_is_bounded_while_the_store_is_down_and_comes_back_with_it() {
    let mut world = World::new();
    world.settings.wal_bytes_max = 256 << 10;
    let node = world.start();
    world.puts.set(Fault::Fail);
    let mut model = Model::default();
    let error = fill(&node, &mut model);
    assert!(matches!(error, AppendError::LogFull { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Exhausted);

    world.puts.set(Fault::None);
    node.persist_all();
    node.append("p", &rows(-1)).unwrap();
    model.write(&rows(-1));
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn a_log_that_grows_long_is_trimmed_by_persisting() {
    let mut world = World::new();
    world.settings.wal_bytes_max = 512 << 10;
    let node = world.start();
    let mut model = Model::default();
    let mut appended = 0;
    for round in 0.. {
        let rows = rows(round);
        loop {
            match node.append("p", &rows) {
                Ok(()) => break,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Exhausted, "{error}"),
            }
        }
        model.write(&rows);
        appended += 1;
        if !node.files().files.is_empty() {
            break;
        }
        assert!(appended < 100_000, "nothing was persisted");
    }
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn replay_of_more_than_memory_holds_persists_on_the_way() {
    let mut world = World::new();
    let node = world.start();
    let mut model = Model::default();
    for round in 0..40 {
        node.append("p", &rows(round)).unwrap();
        model.write(&rows(round));
    }
    let bytes = node.ingester.buffer_bytes();
    node.crash();
    world.settings.buffer_bytes_soft = bytes / 10;
    world.settings.buffer_bytes_hard = bytes / 4;
    let node = world.start();
    assert!(node.ingester.buffer_bytes() < bytes / 2);
    assert!(!node.files().files.is_empty());
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn a_stopped_ingester_refuses_and_has_persisted_everything() {
    let world = World::new();
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    node.block_on(node.ingester.shutdown());
    let error = node.append("p", &[row("a", 2, 2)]).unwrap_err();
    assert!(matches!(error, AppendError::ShuttingDown));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(node.buffered().len(), 0);
    assert_eq!(node.visible(), [row("a", 1, 1)]);
    // Again is no harm.
    node.block_on(node.ingester.shutdown());
    drop(node);
    let node = world.start();
    assert_eq!(node.buffered().len(), 0);
    assert_eq!(node.visible(), [row("a", 1, 1)]);
}

#[test]
fn a_disk_below_its_reserve_refuses_appends_and_shows_rows() {
    let mut world = World::new();
    let node = world.start();
    node.append("p", &[row("a", 1, 1)]).unwrap();
    assert!(node.ingester.accepts(node.database, 1).is_ok());
    node.crash();
    world.settings.disk_reserve_bytes = Some(u64::MAX);
    let node = world.start();
    for error in [
        node.ingester.accepts(node.database, 1).unwrap_err(),
        node.append("p", &[row("a", 2, 2)]).unwrap_err(),
    ] {
        assert!(matches!(error, AppendError::DiskFull { .. }), "{error}");
        assert_eq!(error.kind(), ErrorKind::Exhausted);
        assert!(error.retry_after().is_some());
    }
    assert_eq!(node.visible(), [row("a", 1, 1)]);
    // What is kept back is for this.
    node.persist_all();
    assert_eq!(node.files().files.len(), 1);
    assert!(node.metrics().contains("watershed_ingester_disk_short 1"));
}

#[test]
fn a_database_that_fills_the_buffer_leaves_room_for_another() {
    let mut world = World::new();
    world.settings.buffer_bytes_hard = 1_000_000;
    let node = world.start();
    world.puts.set(Fault::Fail);
    let mut model = Model::default();
    fill(&node, &mut model);
    let other = watershed_model::DatabaseId::new(node.database.get() + 1);
    assert!(node.ingester.accepts(node.database, 1).is_err());
    assert!(node.ingester.accepts(other, 1).is_ok());
    let mut batch = node.batch("q", &[row("a", 1, 1)]);
    batch.database = other;
    node.block_on(node.ingester.append(batch)).unwrap();
    let metrics = node.metrics();
    for database in [node.database, other] {
        let name = "watershed_ingester_buffer_database_bytes";
        let line = format!("{name}{{database=\"{database}\"}}");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[test]
fn a_batch_that_finds_no_room_in_a_calm_buffer_gets_it() {
    let mut world = World::new();
    world.settings.buffer_bytes_soft = 100_000_000;
    world.settings.buffer_bytes_hard = 1_000_000;
    let node = world.start();
    let mut model = Model::default();
    fill(&node, &mut model);
    // Nobody waits by the clock: the refusal itself has asked for room.
    let many: Vec<Row> = (1..4).flat_map(|round| rows(-round)).collect();
    loop {
        match node.append("q", &many) {
            Ok(()) => break,
            Err(error) => assert!(matches!(error, AppendError::BufferFull { .. }), "{error}"),
        }
    }
    model.write(&many);
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn a_batch_that_can_never_fit_is_not_told_to_come_again() {
    let mut world = World::new();
    world.settings.buffer_bytes_hard = 50_000;
    let node = world.start();
    let mut model = Model::default();
    let few: Vec<Row> = rows(0).into_iter().take(100).collect();
    node.append("p", &few).unwrap();
    model.write(&few);
    for _ in 0..3 {
        let many: Vec<Row> = (1..10).flat_map(rows).collect();
        let error = node.append("q", &many).unwrap_err();
        assert!(
            matches!(
                error,
                AppendError::LargerThanBuffer {
                    limit_bytes: 50_000,
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(error.retry_after(), None);
    }
    // Nor is anything persisted for its sake.
    assert_eq!(node.visible(), model.rows());
    assert!(node.ingester.buffer_bytes() > 0);
}
