//! What an acknowledged append means.

use crate::harness::{World, create_table, row, table_id};
use crate::testing::{self, Model, Row};
use watershed_model::{TimeRange, WriteBatch};

#[test]
fn rows_are_visible_when_the_append_returns() {
    let node = World::new().start();
    node.append("p", &[row("a", 1, 1), row("b", 1, 2)]).unwrap();
    assert_eq!(node.visible(), [row("a", 1, 1), row("b", 1, 2)]);
    node.append("p", &[row("a", 1, 3)]).unwrap();
    assert_eq!(node.visible(), [row("a", 1, 3), row("b", 1, 2)]);
}

#[test]
fn a_batch_goes_to_all_its_tables_and_partitions() {
    let world = World::new();
    let node = world.start();
    node.block_on(create_table(&node.catalog, node.database, "disk"));
    let (cpu, disk) = (node.table(), node.table_named("disk"));
    let tables = vec![
        testing::batch(&cpu, "p", &[row("a", 1, 1)]),
        testing::batch(&cpu, "q", &[row("a", 2, 2)]),
        testing::batch(&disk, "p", &[row("a", 3, 3)]),
    ];
    let batch = WriteBatch {
        database: node.database,
        tables,
    };
    node.block_on(node.ingester.append(batch)).unwrap();
    assert_eq!(node.visible(), [row("a", 1, 1), row("a", 2, 2)]);
    let pieces = node.ingester.rows(disk.id(), TimeRange::ALL);
    assert_eq!((pieces.len(), pieces[0].rows), (1, 1));
    assert!(node.ingester.buffer_bytes_of(node.database) > 0);
    assert_eq!(
        node.ingester.buffer_bytes_of(node.database),
        node.ingester.buffer_bytes()
    );
}

#[test]
fn a_batch_without_rows_changes_nothing() {
    let node = World::new().start();
    node.append("p", &[]).unwrap();
    assert_eq!(node.buffered().len(), 0);
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let node = World::new().start();
    let mut model = Model::default();
    let writes: Vec<Vec<Row>> = (0..64)
        .map(|w| {
            (0..50)
                .map(|t| row(&format!("h{w}"), t, w * 100 + t))
                .collect()
        })
        .collect();
    let batches: Vec<WriteBatch> = writes.iter().map(|rows| node.batch("p", rows)).collect();
    node.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for batch in batches {
            let ingester = node.ingester.clone();
            tasks.spawn(async move { ingester.append(batch).await });
        }
        tasks
            .join_all()
            .await
            .into_iter()
            .for_each(|result| result.unwrap());
    });
    writes.iter().for_each(|rows| model.write(rows));
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn large_batches_are_moved_in_between_small_ones() {
    let node = World::new().start();
    let mut model = Model::default();
    for round in 0..3 {
        let large: Vec<Row> = (0..5_000)
            .map(|n| row(&format!("h{}", n % 40), n / 40, round))
            .collect();
        for rows in [&large[..], &[row("h1", 1, round + 100)]] {
            node.append("p", rows).unwrap();
            model.write(rows);
        }
    }
    assert_eq!(node.visible(), model.rows());
}

#[test]
fn metrics_tell_what_happened() {
    let node = World::new().start();
    node.append("p", &[row("a", 1, 1), row("b", 1, 2)]).unwrap();
    let text = node.metrics();
    assert!(text.contains("watershed_ingester_rows_total 2\n"), "{text}");
    assert!(
        text.contains("watershed_ingester_batches_total 1\n"),
        "{text}"
    );
    assert!(
        text.contains("watershed_ingester_wal_syncs_total"),
        "{text}"
    );
    let buffered = format!(
        "watershed_ingester_buffer_bytes {}\n",
        node.ingester.buffer_bytes()
    );
    assert!(text.contains(&buffered), "{text}");
    node.persist_all();
    let text = node.metrics();
    assert!(
        text.contains("watershed_ingester_persists_total 1\n"),
        "{text}"
    );
    assert!(
        text.contains("watershed_ingester_buffer_bytes 0\n"),
        "{text}"
    );
    assert!(table_id(&node).get() > 0);
}
