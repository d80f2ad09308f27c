//! Keys of tables. There are none that SQL knows of, so that the answers are empty.
//!
//! The columns are those of the Flight SQL protocol (`FlightSql.proto`, the comments on the commands).

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

/// The answer to `CommandGetPrimaryKeys`.
pub(super) fn primary() -> RecordBatch {
    empty([
        ("catalog_name", DataType::Utf8, true),
        ("db_schema_name", DataType::Utf8, true),
        ("table_name", DataType::Utf8, false),
        ("column_name", DataType::Utf8, false),
        ("key_name", DataType::Utf8, true),
        ("key_sequence", DataType::Int32, false),
    ])
}

/// The answer to `CommandGetExportedKeys`, `CommandGetImportedKeys` and `CommandGetCrossReference`.
pub(super) fn foreign() -> RecordBatch {
    empty([
        ("pk_catalog_name", DataType::Utf8, true),
        ("pk_db_schema_name", DataType::Utf8, true),
        ("pk_table_name", DataType::Utf8, false),
        ("pk_column_name", DataType::Utf8, false),
        ("fk_catalog_name", DataType::Utf8, true),
        ("fk_db_schema_name", DataType::Utf8, true),
        ("fk_table_name", DataType::Utf8, false),
        ("fk_column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("fk_key_name", DataType::Utf8, true),
        ("pk_key_name", DataType::Utf8, true),
        ("update_rule", DataType::UInt8, false),
        ("delete_rule", DataType::UInt8, false),
    ])
}

fn empty<const N: usize>(columns: [(&str, DataType, bool); N]) -> RecordBatch {
    let fields = columns.map(|(name, kind, nullable)| Field::new(name, kind, nullable));
    RecordBatch::new_empty(Arc::new(Schema::new(fields.to_vec())))
}
