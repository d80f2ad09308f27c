//! Rows as texts, as a map, and as record batches.

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    StringDictionaryBuilder, TimestampNanosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Int32Type, SchemaRef};
use std::collections::BTreeMap;
use std::sync::Arc;
use watershed_model::TimeRange;

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    F64(f64),
    I64(i64),
    U64(u64),
    Bool(bool),
    String(String),
}

/// Tags by name, and time.
pub(crate) type Key = (BTreeMap<String, String>, i64);

/// Rows by key; fields that are written later win, one by one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows(pub BTreeMap<Key, BTreeMap<String, Value>>);

impl Rows {
    /// Reads lines like `host=a,region=x usage=1.5,count=2i 10`; the tags may be missing.
    pub(crate) fn parse(text: &str) -> Self {
        let mut rows = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parts: Vec<&str> = line.split(' ').collect();
            let (tags, fields, time) = match parts.as_slice() {
                [tags, fields, time] => (*tags, *fields, *time),
                [fields, time] => ("", *fields, *time),
                _ => panic!("a row is tags, fields and time: {line}"),
            };
            let tags = pairs(tags)
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect();
            let fields = pairs(fields)
                .map(|(k, v)| (k.to_owned(), value(v)))
                .collect();
            rows.write((tags, parse_time(time)), fields);
        }
        rows
    }

    /// Writes a row over what is there.
    pub(crate) fn write(&mut self, key: Key, fields: BTreeMap<String, Value>) {
        self.0.entry(key).or_default().extend(fields);
    }

    pub(crate) fn times(&self) -> TimeRange {
        let times = || self.0.keys().map(|(_, time)| *time);
        TimeRange::from_nanos(times().min().unwrap(), times().max().unwrap())
    }

    /// All rows in key order with the columns of the schema.
    pub(crate) fn batch(&self, schema: &SchemaRef) -> RecordBatch {
        let tags: Vec<&str> = schema
            .fields()
            .iter()
            .filter(|f| matches!(f.data_type(), DataType::Dictionary(..)))
            .map(|f| f.name().as_str())
            .collect();
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by_key(|((values, time), _)| {
            (
                tags.iter()
                    .map(|tag| (!values.contains_key(*tag), values.get(*tag).cloned()))
                    .collect::<Vec<_>>(),
                *time,
            )
        });
        let columns = schema
            .fields()
            .iter()
            .map(|f| column(f.name(), f.data_type(), &rows));
        RecordBatch::try_new(Arc::clone(schema), columns.collect()).unwrap()
    }
}

fn column(name: &str, data_type: &DataType, rows: &[(&Key, &BTreeMap<String, Value>)]) -> ArrayRef {
    let fields = || rows.iter().map(|(_, fields)| fields.get(name));
    match data_type {
        DataType::Dictionary(..) => {
            let mut builder = StringDictionaryBuilder::<Int32Type>::new();
            rows.iter()
                .for_each(|((tags, _), _)| builder.append_option(tags.get(name)));
            Arc::new(builder.finish())
        }
        DataType::Timestamp(..) => {
            let times = rows.iter().map(|((_, time), _)| *time);
            Arc::new(TimestampNanosecondArray::from_iter_values(times))
        }
        DataType::Float64 => Arc::new(Float64Array::from_iter(fields().map(|value| match value {
            Some(Value::F64(v)) => Some(*v),
            _ => None,
        }))),
        DataType::Int64 => Arc::new(Int64Array::from_iter(fields().map(|value| match value {
            Some(Value::I64(v)) => Some(*v),
            _ => None,
        }))),
        DataType::UInt64 => Arc::new(UInt64Array::from_iter(fields().map(|value| match value {
            Some(Value::U64(v)) => Some(*v),
            _ => None,
        }))),
        DataType::Boolean => Arc::new(BooleanArray::from_iter(fields().map(|value| match value {
            Some(Value::Bool(v)) => Some(*v),
            _ => None,
        }))),
        DataType::Utf8 => Arc::new(StringArray::from_iter(fields().map(|value| match value {
            Some(Value::String(v)) => Some(v.as_str()),
            _ => None,
        }))),
        other => panic!("no column is {other}"),
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(',')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
}

fn value(text: &str) -> Value {
    if let Some(text) = text.strip_prefix('"') {
        return Value::String(text.trim_end_matches('"').to_owned());
    }
    match text {
        "t" => Value::Bool(true),
        "f" => Value::Bool(false),
        _ if text.ends_with('i') => Value::I64(text.trim_end_matches('i').parse().unwrap()),
        _ if text.ends_with('u') => Value::U64(text.trim_end_matches('u').parse().unwrap()),
        _ => Value::F64(text.parse().unwrap()),
    }
}

/// Nanoseconds, or `08:30` on 2024-01-01, or `2024-01-02T08:30:00Z`.
pub(crate) fn parse_time(text: &str) -> i64 {
    if let Ok(nanos) = text.parse() {
        return nanos;
    }
    let full = match text.len() {
        5 => format!("2024-01-01T{text}:00Z"),
        _ => text.to_owned(),
    };
    chrono::DateTime::parse_from_rfc3339(&full)
        .unwrap()
        .timestamp_nanos_opt()
        .unwrap()
}
