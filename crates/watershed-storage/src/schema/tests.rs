use super::*;
use arrow::array::{AsArray, DictionaryArray};
use arrow::datatypes::Int32Type;
use watershed_model::{ColumnId, ColumnName, TableId, TableName};

fn column(id: i64, name: &str, column_type: ColumnType) -> Column {
    Column {
        id: ColumnId::new(id),
        name: ColumnName::from(name),
        column_type,
    }
}

#[test]
fn every_kind_of_column_has_its_type_and_says_so() {
    let columns = COLUMN_TYPES.iter().enumerate().map(|(i, kind)| {
        let name = if *kind == ColumnType::Time {
            "time"
        } else {
            kind.as_str()
        };
        column(i as i64, name, *kind)
    });
    let table = TableSchema::new(
        TableId::new(1),
        TableName::from("t"),
        columns.collect(),
        250,
    );
    let schema = arrow_schema(&table);
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(
        names,
        ["bool", "f64", "i64", "string", "tag", "time", "u64"]
    );
    for (field, column) in schema.fields().iter().zip(table.columns()) {
        assert_eq!(column_type(field), Some(column.column_type));
        assert_eq!(field.data_type(), &data_type(column.column_type));
        assert_eq!(field.is_nullable(), column.column_type != ColumnType::Time);
    }
    assert_eq!(column_type(&Field::new("x", DataType::Int64, true)), None);
}

#[test]
fn hydrated_tags_are_plain_text() {
    let tags: DictionaryArray<Int32Type> = [Some("a"), None, Some("a")].into_iter().collect();
    let schema = Arc::new(Schema::new(vec![arrow_field(&column(
        1,
        "host",
        ColumnType::Tag,
    ))]));
    let batch = RecordBatch::try_new(schema, vec![Arc::new(tags)]).unwrap();
    let plain = hydrate(&batch, &hydrate_schema(&batch.schema())).unwrap();
    let values: Vec<Option<&str>> = plain.column(0).as_string::<i32>().iter().collect();
    assert_eq!(values, [Some("a"), None, Some("a")]);
    assert_eq!(column_type(plain.schema().field(0)), Some(ColumnType::Tag));
}
