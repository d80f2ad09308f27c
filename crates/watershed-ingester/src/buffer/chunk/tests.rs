use super::*;
use watershed_model::{ColumnId, PartitionKey, SeriesList, TableId};

fn batch(times: &[i64], fields: Vec<FieldColumn>) -> TableBatch {
    let mut series = SeriesList::default();
    series.push([]);
    TableBatch {
        table: TableId::new(1),
        partition: PartitionKey::new("p"),
        series,
        row_series: vec![0; times.len()],
        times: times.to_vec(),
        fields,
    }
}

fn i64s(column: i64, values: &[Option<i64>]) -> FieldColumn {
    let mut validity = Bitmap::default();
    values.iter().for_each(|v| validity.push(v.is_some()));
    FieldColumn {
        column: ColumnId::new(column),
        values: FieldValues::I64(values.iter().map(|v| v.unwrap_or(0)).collect()),
        validity: values.iter().any(Option::is_none).then_some(validity),
    }
}

fn read(chunk: &Chunk, column: i64) -> Vec<Option<i64>> {
    let field = chunk
        .fields
        .iter()
        .find(|f| f.column == ColumnId::new(column))
        .unwrap();
    let FieldValues::I64(values) = &field.values else {
        panic!("not integers")
    };
    assert_eq!(values.len(), chunk.rows());
    (0..chunk.rows())
        .map(|row| field.is_valid(row).then(|| values[row]))
        .collect()
}

#[test]
fn columns_that_come_and_go_leave_nulls() {
    let mut chunk = Chunk::empty();
    chunk.append(&batch(&[10, 11], vec![i64s(5, &[Some(1), Some(2)])]), &[3]);
    chunk.append(&batch(&[5], vec![i64s(2, &[Some(7)])]), &[4]);
    chunk.append(
        &batch(&[12], vec![i64s(2, &[None]), i64s(5, &[Some(9)])]),
        &[3],
    );
    assert_eq!(read(&chunk, 5), [Some(1), Some(2), None, Some(9)]);
    assert_eq!(read(&chunk, 2), [None, None, Some(7), None]);
    assert_eq!(chunk.row_series, [3, 3, 4, 3]);
    assert_eq!(chunk.times, [10, 11, 5, 12]);
    assert_eq!(chunk.time_range, TimeRange::from_nanos(5, 12));
    assert!(chunk.fields.is_sorted_by_key(|f| f.column));
}

#[test]
fn columns_that_are_always_there_need_no_bitmap() {
    let mut chunk = Chunk::empty();
    chunk.append(&batch(&[1], vec![i64s(5, &[Some(1)])]), &[0]);
    chunk.append(&batch(&[2], vec![i64s(5, &[Some(2)])]), &[0]);
    assert!(chunk.fields[0].validity.is_none());
}

#[test]
fn another_type_is_not_accepted() {
    let mut chunk = Chunk::empty();
    chunk.append(&batch(&[1], vec![i64s(5, &[Some(1)])]), &[0]);
    let mut other = i64s(5, &[Some(1)]);
    other.values = FieldValues::F64(vec![1.0]);
    assert!(!chunk.accepts(&batch(&[2], vec![other])));
    assert!(chunk.accepts(&batch(&[2], vec![i64s(6, &[Some(1)])])));
}
