use super::*;
use crate::testing::{Fields, Key, Row, awkward_batch, batch, key, rows, schema, usage};
use arrow::array::Array;
use arrow::compute::concat_batches;
use futures::TryStreamExt;
use futures::executor::block_on;
use proptest::prelude::*;
use std::collections::BTreeMap;
use watershed_model::ErrorKind;

/// The rule, said once more in the plainest way.
fn model(pieces: &[Vec<Row>]) -> Vec<Row> {
    let mut table: BTreeMap<Key, Fields> = BTreeMap::new();
    for (key, newer) in pieces.iter().flatten().cloned() {
        let kept = table.entry(key).or_default();
        kept.flag = newer.flag.or(kept.flag);
        kept.level = newer.level.or(kept.level);
        kept.note = newer.note.or(kept.note.take());
        kept.total = newer.total.or(kept.total);
        kept.usage = newer.usage.or(kept.usage);
    }
    table.into_iter().collect()
}

fn input(batches: Vec<RecordBatch>) -> BoxStream<'static, Result<RecordBatch, Error>> {
    stream::iter(batches.into_iter().map(Ok)).boxed()
}

fn merged(inputs: Vec<Vec<RecordBatch>>, batch_rows: usize) -> Result<Vec<RecordBatch>, Error> {
    let inputs = inputs.into_iter().map(input).collect();
    block_on(merge(schema(), inputs, batch_rows).try_collect())
}

fn any_key() -> impl Strategy<Value = Key> {
    let tag = || prop::sample::select(vec![None, Some(""), Some("a"), Some("ab"), Some("b")]);
    (tag(), tag(), -2..6i64).prop_map(|(host, zone, time)| Key {
        host: host.map(str::to_owned),
        zone: zone.map(str::to_owned),
        time,
    })
}

fn any_fields() -> impl Strategy<Value = Fields> {
    let note = prop::sample::select(vec![None, Some("x"), Some("a longer note")]);
    let level = prop::option::of(-1e9..1e9f64);
    (
        any::<Option<bool>>(),
        level,
        note,
        any::<Option<u64>>(),
        any::<Option<i64>>(),
    )
        .prop_map(|(flag, level, note, total, usage)| Fields {
            flag,
            level,
            note: note.map(str::to_owned),
            total,
            usage,
        })
}

/// Rows in key order; equal keys stay in the order they were drawn in.
fn any_piece(rows_max: usize) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec((any_key(), any_fields()), 0..rows_max).prop_map(|mut rows| {
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        rows
    })
}

/// Cuts a piece into batches, every second one awkward and some empty.
fn cut(piece: &[Row], rows_max: usize) -> Vec<RecordBatch> {
    let mut batches = vec![batch(&[])];
    for (index, rows) in piece.chunks(rows_max).enumerate() {
        batches.push(if index % 2 == 0 {
            awkward_batch(rows)
        } else {
            batch(rows)
        });
    }
    batches
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn merge_does_what_a_map_does(
        pieces in prop::collection::vec(any_piece(40), 0..7),
        input_rows in 1..12usize,
        batch_rows in 1..20usize,
    ) {
        let inputs = pieces.iter().map(|piece| cut(piece, input_rows)).collect();
        let batches = merged(inputs, batch_rows).unwrap();
        prop_assert!(batches.iter().all(|b| (1..=batch_rows).contains(&b.num_rows())));
        let found: Vec<Row> = batches.iter().flat_map(rows).collect();
        prop_assert_eq!(found, model(&pieces));
    }

    #[test]
    fn one_piece_settles_as_a_map_does(piece in any_piece(60), awkward in any::<bool>()) {
        let given = if awkward { awkward_batch(&piece) } else { batch(&piece) };
        let found = dedup_sorted(&given).unwrap();
        prop_assert_eq!(rows(&found), model(&[piece]));
    }

    /// What a compaction may do: merging any neighbours first changes nothing.
    #[test]
    fn merging_neighbours_first_changes_nothing(
        pieces in prop::collection::vec(any_piece(20), 3..6),
        split in 0..2usize,
    ) {
        let cut_all = |pieces: &[Vec<Row>]| pieces.iter().map(|piece| cut(piece, 5)).collect();
        let (head, tail) = pieces.split_at(split);
        let first = merged(cut_all(&tail[..2]), 7).unwrap();
        let mut inputs: Vec<Vec<RecordBatch>> = cut_all(head);
        inputs.push(first);
        inputs.extend::<Vec<_>>(cut_all(&tail[2..]));
        let found: Vec<Row> = merged(inputs, 7).unwrap().iter().flat_map(rows).collect();
        prop_assert_eq!(found, model(&pieces));
    }

    /// Nothing but an error comes of rows out of order, wherever batches are cut.
    #[test]
    fn rows_out_of_order_are_refused(
        piece in any_piece(20),
        at in any::<prop::sample::Index>(),
        input_rows in 1..6usize,
    ) {
        let mut piece = piece;
        piece.dedup_by(|(a, _), (b, _)| a == b);
        prop_assume!(piece.len() > 1);
        let at = at.index(piece.len() - 1);
        piece.swap(at, at + 1);
        let error = merged(vec![cut(&piece, input_rows), vec![]], 4).unwrap_err();
        let is_told = matches!(error, Error::OutOfOrder { input: 0 });
        prop_assert!(is_told, "{}", error);
        prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
        prop_assert!(dedup_sorted(&batch(&piece)).is_err());
    }
}

fn series(host: &str, times: impl Iterator<Item = i64>) -> Vec<Row> {
    times.map(|time| (key(host, time), usage(time))).collect()
}

fn same_buffers(a: &RecordBatch, b: &RecordBatch) -> bool {
    a.columns()
        .iter()
        .zip(b.columns())
        .all(|(a, b)| a.to_data().ptr_eq(&b.to_data()))
}

#[test]
fn a_piece_without_duplicates_is_not_copied() {
    let given = batch(&series("a", 0..100));
    assert!(same_buffers(&dedup_sorted(&given).unwrap(), &given));
}

#[test]
fn inputs_that_do_not_interleave_are_not_copied() {
    let (a, b, c) = ("a", "b", "c");
    let oldest = vec![batch(&series(a, 0..100)), batch(&series(c, 0..100))];
    let newest = vec![batch(&series(b, 0..100)), batch(&series(c, 100..200))];
    let found = merged(vec![oldest.clone(), newest.clone()], 100).unwrap();
    let expected = [&oldest[0], &newest[0], &oldest[1], &newest[1]];
    assert_eq!(found.len(), expected.len());
    assert!(
        found
            .iter()
            .zip(expected)
            .all(|(found, given)| same_buffers(found, given))
    );
}

#[test]
fn large_batches_that_interleave_in_all_ways() {
    let hosts: Vec<String> = (0..40).map(|host| format!("host_{host:02}")).collect();
    let piece = |step: usize, offset: usize| -> Vec<Row> {
        let hosts = hosts.iter().skip(offset).step_by(step);
        hosts
            .flat_map(|host| series(host, (0..300).skip(offset).step_by(step)))
            .collect()
    };
    let pieces = [piece(1, 0), piece(2, 1), piece(3, 2), piece(1, 200)];
    for batch_rows in [1, 50, 1000, 100_000] {
        let inputs = pieces.iter().map(|piece| cut(piece, 777)).collect();
        let batches = merged(inputs, batch_rows).unwrap();
        let found: Vec<Row> = batches.iter().flat_map(rows).collect();
        assert_eq!(found, model(&pieces), "{batch_rows} rows a batch");
    }
}

#[test]
fn a_key_over_many_tiny_batches_is_one_row() {
    let row = |value| vec![(key("a", 1), usage(value))];
    let older = vec![batch(&row(1)), batch(&row(2))];
    let newer = vec![batch(&[(
        key("a", 1),
        Fields {
            flag: Some(true),
            ..Fields::default()
        },
    )])];
    let found = merged(vec![older, newer], 1).unwrap();
    let expected = Fields {
        usage: Some(2),
        flag: Some(true),
        ..Fields::default()
    };
    assert_eq!(rows(&found[0]), [(key("a", 1), expected)]);
    assert_eq!(found.len(), 1);
}

#[test]
fn a_table_without_tags_is_one_series() {
    let schema = crate::arrow_schema(&crate::testing::table(&[
        ("time", watershed_model::ColumnType::Time),
        ("usage", watershed_model::ColumnType::I64),
    ]));
    let piece = |times: std::ops::Range<i64>| {
        let full = batch(&series("a", times)).project(&[4, 6]).unwrap();
        input(vec![full.with_schema(schema.clone()).unwrap()])
    };
    let batches = merge(schema.clone(), vec![piece(0..6), piece(3..9)], 100);
    let batches: Vec<RecordBatch> = block_on(batches.try_collect()).unwrap();
    assert_eq!(concat_batches(&schema, &batches).unwrap().num_rows(), 9);
}

#[test]
fn an_error_of_an_input_ends_the_merge() {
    let bad = Error::Input {
        kind: ErrorKind::Unavailable,
        source: "gone".into(),
    };
    let items = vec![
        Ok(batch(&series("a", 0..3))),
        Err(bad),
        Ok(batch(&series("b", 0..3))),
    ];
    let inputs = vec![stream::iter(items).boxed()];
    let found: Vec<_> = block_on(merge(schema(), inputs, 2).collect());
    assert_eq!(
        found.last().unwrap().as_ref().unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(found.iter().filter(|item| item.is_err()).count(), 1);
}

#[test]
fn a_schema_without_time_is_refused() {
    let schema = std::sync::Arc::new(schema().project(&[0, 1]).unwrap());
    let error = block_on(merge(schema, vec![], 1).try_collect::<Vec<_>>()).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }));
}
