//! Rows as plain values, and batches of them, for this crate's tests.

use crate::schema::arrow_schema;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{
    Float64Type, Int32Type, Int64Type, SchemaRef, TimestampNanosecondType, UInt64Type,
};
use std::sync::Arc;
use watershed_model::{Column, ColumnId, ColumnName, ColumnType, TableId, TableName, TableSchema};

/// Tags in name order, then time; compared as key order is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) host: Option<String>,
    pub(crate) zone: Option<String>,
    pub(crate) time: i64,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Nulls last.
        let tag = |tag: &Option<String>| (tag.is_none(), tag.clone());
        let key = |key: &Self| (tag(&key.host), tag(&key.zone), key.time);
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Fields {
    pub(crate) flag: Option<bool>,
    pub(crate) level: Option<f64>,
    pub(crate) note: Option<String>,
    pub(crate) total: Option<u64>,
    pub(crate) usage: Option<i64>,
}

pub(crate) type Row = (Key, Fields);

pub(crate) fn table(columns: &[(&str, ColumnType)]) -> TableSchema {
    let columns = columns
        .iter()
        .enumerate()
        .map(|(i, (name, column_type))| Column {
            id: ColumnId::new(i as i64),
            name: ColumnName::from(*name),
            column_type: *column_type,
        });
    TableSchema::new(
        TableId::new(1),
        TableName::from("cpu"),
        columns.collect(),
        250,
    )
}

/// In name order: flag, host, level, note, time, total, usage, zone.
pub(crate) fn schema() -> SchemaRef {
    arrow_schema(&table(&[
        ("host", ColumnType::Tag),
        ("zone", ColumnType::Tag),
        ("time", ColumnType::Time),
        ("flag", ColumnType::Bool),
        ("level", ColumnType::F64),
        ("note", ColumnType::String),
        ("total", ColumnType::U64),
        ("usage", ColumnType::I64),
    ]))
}

pub(crate) fn key(host: &str, time: i64) -> Key {
    Key {
        host: Some(host.to_owned()),
        zone: None,
        time,
    }
}

pub(crate) fn usage(usage: i64) -> Fields {
    Fields {
        usage: Some(usage),
        ..Fields::default()
    }
}

/// A batch of [`schema`], each tag with a dictionary of its own.
pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let hosts = rows.iter().map(|(key, _)| key.host.as_deref()).collect();
    let zones = rows.iter().map(|(key, _)| key.zone.as_deref()).collect();
    batch_with_tags(rows, dictionary(hosts), dictionary(zones))
}

/// The same with dictionaries as awkward as Arrow allows: values unused, repeated and in reverse, and nulls
/// that are values.
pub(crate) fn awkward_batch(rows: &[Row]) -> RecordBatch {
    let hosts = rows.iter().map(|(key, _)| key.host.as_deref()).collect();
    let zones = rows.iter().map(|(key, _)| key.zone.as_deref()).collect();
    batch_with_tags(rows, awkward_dictionary(hosts), awkward_dictionary(zones))
}

fn dictionary(values: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<DictionaryArray<Int32Type>>())
}

fn awkward_dictionary(values: Vec<Option<&str>>) -> ArrayRef {
    // One entry per row, last row first, so that each value is there as often as it is used.
    let mut entries: Vec<Option<&str>> = values.iter().rev().copied().collect();
    entries.push(Some("unused"));
    let last = values.len() as i32 - 1;
    let keys: Int32Array = values
        .iter()
        .enumerate()
        .map(|(row, value)| (value.is_some() || row % 2 == 0).then_some(last - row as i32))
        .collect();
    Arc::new(DictionaryArray::new(
        keys,
        Arc::new(StringArray::from(entries)),
    ))
}

fn batch_with_tags(rows: &[Row], hosts: ArrayRef, zones: ArrayRef) -> RecordBatch {
    let fields = || rows.iter().map(|(_, fields)| fields);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(fields().map(|f| f.flag).collect::<BooleanArray>()),
        hosts,
        Arc::new(fields().map(|f| f.level).collect::<Float64Array>()),
        Arc::new(fields().map(|f| f.note.as_deref()).collect::<StringArray>()),
        Arc::new(TimestampNanosecondArray::from_iter_values(
            rows.iter().map(|(k, _)| k.time),
        )),
        Arc::new(fields().map(|f| f.total).collect::<UInt64Array>()),
        Arc::new(fields().map(|f| f.usage).collect::<Int64Array>()),
        zones,
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

/// The rows of a batch of [`schema`].
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Row> {
    (0..batch.num_rows())
        .map(|row| (row_key(batch, row), row_fields(batch, row)))
        .collect()
}

fn row_key(batch: &RecordBatch, row: usize) -> Key {
    let tag = |column: usize| {
        let tags = batch.column(column).as_dictionary::<Int32Type>();
        let entry = tags.key(row)?;
        let values = tags.values().as_string::<i32>();
        values
            .is_valid(entry)
            .then(|| values.value(entry).to_owned())
    };
    let time = batch
        .column(4)
        .as_primitive::<TimestampNanosecondType>()
        .value(row);
    Key {
        host: tag(1),
        zone: tag(7),
        time,
    }
}

fn row_fields(batch: &RecordBatch, row: usize) -> Fields {
    let valid = |column: usize| {
        batch
            .column(column)
            .is_valid(row)
            .then(|| batch.column(column))
    };
    Fields {
        flag: valid(0).map(|c| c.as_boolean().value(row)),
        level: valid(2).map(|c| c.as_primitive::<Float64Type>().value(row)),
        note: valid(3).map(|c| c.as_string::<i32>().value(row).to_owned()),
        total: valid(5).map(|c| c.as_primitive::<UInt64Type>().value(row)),
        usage: valid(6).map(|c| c.as_primitive::<Int64Type>().value(row)),
    }
}
