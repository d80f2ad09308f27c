use super::*;
use crate::buffer::testing::open_piece;
use crate::testing::{self, Model, Row, TAGS, arbitrary};
use arrow::array::Array;
use arrow::datatypes::Schema;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use watershed_model::{ColumnType, TimeRange};
use watershed_storage::{TagFilter, arrow_schema};

fn projection(table: &TableSchema, keep: impl Fn(&str) -> bool) -> SchemaRef {
    let fields: Vec<_> = arrow_schema(table)
        .fields()
        .iter()
        .filter(|field| {
            let column = table.column(field.name()).unwrap();
            !column.column_type.is_field() || keep(field.name())
        })
        .cloned()
        .collect();
    Arc::new(Schema::new(fields))
}

fn without(table: &TableSchema, names: &[&str]) -> TableSchema {
    let kept = table
        .columns()
        .iter()
        .filter(|column| !names.contains(&column.name.as_str()));
    TableSchema::new(
        table.id(),
        table.name().clone(),
        kept.cloned().collect(),
        250,
    )
}

fn row(host: Option<&str>, time: i64, count: Option<i64>) -> Row {
    let key = ([None, host.map(str::to_owned), None], time);
    Row {
        key,
        fields: [None, count.map(testing::Value::I64), None, None, None],
    }
}

fn passes(filter: &ScanFilter, row: &Row) -> bool {
    let tags_pass = filter.tags.iter().all(|tag| {
        let Some(at) = TAGS
            .iter()
            .position(|(name, _)| *name == tag.column.as_str())
        else {
            return true;
        };
        tag.values.contains(row.key.0[at].as_deref().unwrap_or(""))
    });
    tags_pass && (filter.times.min.nanos()..=filter.times.max.nanos()).contains(&row.key.1)
}

fn filters() -> impl Strategy<Value = ScanFilter> {
    let column = prop_oneof![Just("az"), Just("host"), Just("rack"), Just("nosuch")];
    let values = vec(
        prop_oneof![Just("a"), Just("b"), Just("a b"), Just("")],
        0..3,
    );
    let tag = (column, values).prop_map(|(column, values)| TagFilter {
        column: column.into(),
        values: values
            .into_iter()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>(),
    });
    let times = option::of((-5_i64..5, -5_i64..5)).prop_map(|times| match times {
        Some((min, max)) => TimeRange::from_nanos(min, max),
        None => TimeRange::ALL,
    });
    (times, vec(tag, 0..3)).prop_map(|(times, tags)| ScanFilter { times, tags })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn equals_the_model(writes in vec(arbitrary::rows(60), 1..8), filter in filters()) {
        let table = testing::schema();
        let mut model = Model::default();
        writes.iter().for_each(|rows| model.write(rows));
        let piece = open_piece(&table, &writes);
        let expected: Vec<Row> = model.rows().into_iter().filter(|row| passes(&filter, row)).collect();
        let batches = piece.to_batches(&table, &arrow_schema(&table), &filter).unwrap();
        prop_assert_eq!(testing::read(&batches), expected);
        prop_assert!(batches.iter().all(|batch| batch.num_rows() > 0));
    }

    #[test]
    fn fields_left_out_change_nothing_else(
        writes in vec(arbitrary::rows(20), 1..4),
        keep in vec(any::<bool>(), 5),
    ) {
        let table = testing::schema();
        let kept = |name: &str| {
            testing::FIELDS.iter().zip(&keep).any(|((field, ..), keep)| *field == name && *keep)
        };
        let piece = open_piece(&table, &writes);
        let whole = piece.to_batches(&table, &arrow_schema(&table), &ScanFilter::ALL).unwrap();
        let mut expected = testing::read(&whole);
        for row in &mut expected {
            for (field, (name, ..)) in row.fields.iter_mut().zip(&testing::FIELDS) {
                *field = field.take().filter(|_| kept(name));
            }
        }
        let part = piece.to_batches(&table, &projection(&table, kept), &ScanFilter::ALL).unwrap();
        prop_assert_eq!(testing::read(&part), expected);
    }
}

#[test]
fn rows_with_a_tag_unknown_to_the_schema_are_left_out() {
    let table = testing::schema();
    let mut tagged = row(Some("a"), 1, Some(2));
    tagged.key.0[2] = Some("r1".to_owned());
    let piece = open_piece(&table, &[vec![row(Some("a"), 1, Some(1)), tagged]]);
    let older = without(&table, &["rack"]);
    let batches = piece
        .to_batches(&older, &arrow_schema(&older), &ScanFilter::ALL)
        .unwrap();
    assert_eq!(testing::read(&batches), [row(Some("a"), 1, Some(1))]);
    let whole = piece.to_batches_whole(&older, &arrow_schema(&older));
    assert!(matches!(whole, Err(MaterialiseError::ColumnUnknown { .. })));
}

#[test]
fn fields_unknown_to_the_schema_are_left_out_and_never_persisted_away() {
    let table = testing::schema();
    let piece = open_piece(&table, &[vec![row(Some("a"), 1, Some(1))]]);
    let older = without(&table, &["count"]);
    let batches = piece
        .to_batches(&older, &arrow_schema(&older), &ScanFilter::ALL)
        .unwrap();
    assert_eq!(testing::read(&batches), [row(Some("a"), 1, None)]);
    let whole = piece.to_batches_whole(&older, &arrow_schema(&older));
    assert!(matches!(whole, Err(MaterialiseError::ColumnUnknown { .. })));
}

#[test]
fn values_of_another_type_are_an_error() {
    let table = testing::schema();
    let piece = open_piece(&table, &[vec![row(Some("a"), 1, Some(1))]]);
    let columns = table.columns().iter().cloned().map(|mut column| {
        if column.name.as_str() == "count" {
            column.column_type = ColumnType::F64;
        }
        column
    });
    let other = TableSchema::new(table.id(), table.name().clone(), columns.collect(), 250);
    let result = piece.to_batches(&other, &arrow_schema(&other), &ScanFilter::ALL);
    assert!(matches!(result, Err(MaterialiseError::ColumnType { .. })));
}

#[test]
fn a_key_is_never_split_over_batches() {
    let table = testing::schema();
    let rows: Vec<Row> = (0..3 * BATCH_ROWS as i64)
        .map(|n| row(Some("a"), n / 7, Some(n)))
        .collect();
    let mut model = Model::default();
    model.write(&rows);
    let piece = open_piece(&table, &[rows]);
    let batches = piece
        .to_batches(&table, &arrow_schema(&table), &ScanFilter::ALL)
        .unwrap();
    assert!(batches.len() > 1);
    assert_eq!(testing::read(&batches), model.rows());
}

#[test]
fn tags_come_as_one_dictionary_of_distinct_values() {
    let table = testing::schema();
    let rows: Vec<Row> = (0..100)
        .map(|n| row(Some(["b", "a"][n % 2]), n as i64, Some(1)))
        .collect();
    let piece = open_piece(&table, &[rows]);
    let batches = piece
        .to_batches(&table, &arrow_schema(&table), &ScanFilter::ALL)
        .unwrap();
    for batch in &batches {
        let host = batch["host"].as_any();
        let host =
            host.downcast_ref::<arrow::array::DictionaryArray<arrow::datatypes::Int32Type>>();
        assert_eq!(host.unwrap().values().len(), 2);
    }
}
