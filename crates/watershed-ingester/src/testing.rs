//! Rows, batches and a plain model of what they should become, for tests. Integration tests include
//! this file too.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use std::collections::BTreeMap;
use watershed_model::{
    Bitmap, Column, ColumnId, ColumnType, FieldColumn, FieldValues, PartitionKey, SeriesList,
    StringValues, TableBatch, TableId, TableSchema,
};

/// The tags in name order, with ids that are in another order.
pub(crate) const TAGS: [(&str, i64); 3] = [("az", 13), ("host", 7), ("rack", 21)];
/// The fields in name order, with ids that are in another order.
pub(crate) const FIELDS: [(&str, i64, ColumnType); 5] = [
    ("busy", 5, ColumnType::F64),
    ("count", 30, ColumnType::I64),
    ("note", 2, ColumnType::String),
    ("seen", 9, ColumnType::U64),
    ("up", 11, ColumnType::Bool),
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    F64(f64),
    I64(i64),
    U64(u64),
    Bool(bool),
    Text(String),
}

/// Tags (by name) and time.
pub(crate) type Key = ([Option<String>; 3], i64);
pub(crate) type Fields = [Option<Value>; 5];

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) fields: Fields,
}

/// What has been written, one row per key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Model(pub(crate) BTreeMap<Key, Fields>);

impl Model {
    /// Each field keeps its newest value.
    pub(crate) fn write(&mut self, rows: &[Row]) {
        for row in rows {
            let fields = self.0.entry(row.key.clone()).or_default();
            for (old, new) in fields.iter_mut().zip(&row.fields) {
                if new.is_some() {
                    old.clone_from(new);
                }
            }
        }
    }

    /// In key order: by tags, each by bytes with nulls last, then time.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |(key, fields): (&Key, &Fields)| Row {
            key: key.clone(),
            fields: fields.clone(),
        };
        let mut rows: Vec<Row> = self.0.iter().map(row).collect();
        rows.sort_by_key(|row| {
            let (tags, time) = row.key.clone();
            (tags.map(|tag| (tag.is_none(), tag)), time)
        });
        rows
    }
}

/// A table with those columns under the given ids.
pub(crate) fn schema_with(id: TableId, ids: impl Fn(&str) -> ColumnId) -> TableSchema {
    let tags = TAGS.iter().map(|(name, _)| (*name, ColumnType::Tag));
    let fields = FIELDS
        .iter()
        .map(|(name, _, column_type)| (*name, *column_type));
    let columns = tags
        .chain(fields)
        .chain([("time", ColumnType::Time)])
        .map(|(name, column_type)| Column {
            id: ids(name),
            name: name.into(),
            column_type,
        })
        .collect();
    TableSchema::new(id, "cpu".into(), columns, 250)
}

/// The table with the ids above.
pub(crate) fn schema() -> TableSchema {
    schema_with(TableId::new(4), |name| {
        let tags = TAGS.iter().map(|(name, id)| (*name, *id));
        let fields = FIELDS.iter().map(|(name, id, _)| (*name, *id));
        let id = tags
            .chain(fields)
            .find(|(known, _)| *known == name)
            .map_or(1, |(_, id)| id);
        ColumnId::new(id)
    })
}

/// The rows as the router would hand them over.
pub(crate) fn batch(table: &TableSchema, partition: &str, rows: &[Row]) -> TableBatch {
    let mut series = SeriesList::default();
    let mut known: BTreeMap<[Option<String>; 3], u32> = BTreeMap::new();
    let mut row_series = Vec::new();
    for row in rows {
        let id = known
            .entry(row.key.0.clone())
            .or_insert_with(|| push_series(table, &mut series, row));
        row_series.push(*id);
    }
    let mut fields: Vec<FieldColumn> = FIELDS
        .iter()
        .enumerate()
        .filter(|(at, _)| rows.iter().any(|row| row.fields[*at].is_some()))
        .map(|(at, (name, _, column_type))| field(table, name, *column_type, rows, at))
        .collect();
    fields.sort_by_key(|field| field.column);
    TableBatch {
        table: table.id(),
        partition: PartitionKey::new(partition),
        series,
        row_series,
        times: rows.iter().map(|row| row.key.1).collect(),
        fields,
    }
}

fn push_series(table: &TableSchema, series: &mut SeriesList, row: &Row) -> u32 {
    let present = TAGS.iter().zip(&row.key.0);
    let mut tags: Vec<(ColumnId, &str)> = present
        .filter_map(|((name, _), value)| Some((table.column(name)?.id, value.as_deref()?)))
        .collect();
    tags.sort();
    series.push(tags)
}

fn field(
    table: &TableSchema,
    name: &str,
    column_type: ColumnType,
    rows: &[Row],
    at: usize,
) -> FieldColumn {
    let cells: Vec<Option<&Value>> = rows.iter().map(|row| row.fields[at].as_ref()).collect();
    let mut validity = Bitmap::default();
    cells.iter().for_each(|cell| validity.push(cell.is_some()));
    macro_rules! values {
        ($variant:ident, $default:expr) => {
            cells
                .iter()
                .map(|cell| match cell {
                    Some(Value::$variant(value)) => value.clone(),
                    None => $default,
                    other => panic!("{other:?} in column {name}"),
                })
                .collect()
        };
    }
    let values = match column_type {
        ColumnType::F64 => FieldValues::F64(values!(F64, 0.0)),
        ColumnType::I64 => FieldValues::I64(values!(I64, 0)),
        ColumnType::U64 => FieldValues::U64(values!(U64, 0)),
        ColumnType::Bool => FieldValues::Bool(values!(Bool, false)),
        _ => {
            let texts: Vec<String> = values!(Text, String::new());
            let mut values = StringValues::default();
            texts.iter().for_each(|text| values.push(text));
            FieldValues::String(values)
        }
    };
    let validity = cells.iter().any(Option::is_none).then_some(validity);
    FieldColumn {
        column: table.column(name).unwrap().id,
        values,
        validity,
    }
}

/// The rows of Arrow batches in their order; columns that are not there are null.
pub(crate) fn read(batches: &[RecordBatch]) -> Vec<Row> {
    batches
        .iter()
        .flat_map(|batch| (0..batch.num_rows()).map(|row| read_row(batch, row)))
        .collect()
}

fn read_row(batch: &RecordBatch, row: usize) -> Row {
    let time = batch["time"]
        .as_primitive::<TimestampNanosecondType>()
        .value(row);
    let tags = TAGS.map(|(name, _)| {
        let column = batch
            .column_by_name(name)
            .filter(|column| !column.is_null(row))?;
        let column = column.as_dictionary::<Int32Type>();
        let values: &StringArray = column.values().as_string();
        Some(values.value(column.key(row)?).to_owned())
    });
    let fields = FIELDS.map(|(name, _, column_type)| {
        let column = batch
            .column_by_name(name)
            .filter(|column| !column.is_null(row))?;
        Some(match column_type {
            ColumnType::F64 => Value::F64(column.as_primitive::<Float64Type>().value(row)),
            ColumnType::I64 => Value::I64(column.as_primitive::<Int64Type>().value(row)),
            ColumnType::U64 => Value::U64(column.as_primitive::<UInt64Type>().value(row)),
            ColumnType::Bool => Value::Bool(column.as_boolean().value(row)),
            _ => Value::Text(column.as_string::<i32>().value(row).to_owned()),
        })
    });
    Row {
        key: (tags, time),
        fields,
    }
}

/// Random rows: few series and times, so that many keys repeat.
pub(crate) mod arbitrary {
    use super::{Row, Value};
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    fn tag() -> impl Strategy<Value = Option<String>> {
        option::weighted(
            0.7,
            prop_oneof![Just("a"), Just("b"), Just("é"), Just("a b")],
        )
        .prop_map(|tag| tag.map(str::to_owned))
    }

    pub(crate) fn row() -> impl Strategy<Value = Row> {
        let fields = (
            option::of((-3_i32..3).prop_map(|n| Value::F64(f64::from(n) / 2.0))),
            option::of((-3_i64..3).prop_map(Value::I64)),
            option::of(
                prop_oneof![Just(""), Just("x"), Just("yé")]
                    .prop_map(|s| Value::Text(s.to_owned())),
            ),
            option::of((0_u64..3).prop_map(Value::U64)),
            option::of(any::<bool>().prop_map(Value::Bool)),
        );
        ([tag(), tag(), tag()], -4_i64..4, fields).prop_map(|(tags, time, (a, b, c, d, e))| Row {
            key: (tags, time),
            fields: [a, b, c, d, e],
        })
    }

    pub(crate) fn rows(max: usize) -> impl Strategy<Value = Vec<Row>> {
        vec(row(), 1..max)
    }
}
