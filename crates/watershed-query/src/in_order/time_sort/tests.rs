use super::*;
use arrow::array::{ArrayRef, DictionaryArray, Int64Array, TimestampNanosecondArray};
use arrow::datatypes::Int32Type;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::physical_plan::collect;

type Row = (Option<&'static str>, i64, i64);

fn batch(rows: &[Row]) -> RecordBatch {
    let tags: DictionaryArray<Int32Type> = rows.iter().map(|row| row.0).collect();
    let times = TimestampNanosecondArray::from_iter_values(rows.iter().map(|row| row.1));
    let values = Int64Array::from_iter_values(rows.iter().map(|row| row.2));
    let columns: [(&str, ArrayRef); 3] = [
        ("tag", Arc::new(tags)),
        ("time", Arc::new(times)),
        ("value", Arc::new(values)),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns
            .into_iter()
            .map(|(name, column)| (name, column, true)),
    )
    .unwrap()
}

async fn sorted(batches: Vec<RecordBatch>, groups: Vec<usize>, descending: bool) -> Vec<Vec<i64>> {
    let schema = batches[0].schema();
    let input = MemorySourceConfig::try_new_exec(&[batches], schema, None).unwrap();
    let by = By {
        groups,
        time: 1,
        descending,
    };
    let exec = TimeSortExec::new(input, by, Vec::new());
    let batches = collect(Arc::new(exec), Arc::default()).await.unwrap();
    let values = batches.iter().map(|batch| {
        let values = batch
            .column(2)
            .as_primitive::<arrow::datatypes::Int64Type>();
        values.values().to_vec()
    });
    values.collect()
}

fn input() -> Vec<RecordBatch> {
    vec![
        batch(&[(Some("a"), 1, 10), (Some("a"), 5, 11), (Some("a"), 1, 12)]),
        batch(&[(Some("a"), 3, 13), (Some("b"), 9, 14)]),
        batch(&[(Some("b"), 2, 15), (None, 1, 16), (None, 0, 17)]),
    ]
}

#[tokio::test]
async fn groups_stay_in_their_order_and_rows_of_one_time_too() {
    let found = sorted(input(), vec![0], false).await.concat();
    assert_eq!(found, [10, 12, 13, 11, 15, 14, 17, 16]);
    let found = sorted(input(), vec![0], true).await.concat();
    assert_eq!(found, [11, 13, 10, 12, 14, 15, 16, 17]);
    let found = sorted(input(), Vec::new(), false).await.concat();
    assert_eq!(found, [17, 10, 12, 16, 15, 13, 11, 14]);
}

#[tokio::test]
async fn many_small_groups_come_out_in_full_batches() {
    let names: Vec<&'static str> = ["a", "b"].to_vec();
    let rows: Vec<Row> = (0..3 * BATCH_ROWS as i64)
        .map(|at| (Some(names[(at / 2 % 2) as usize]), -at, at))
        .collect();
    let batches = rows.chunks(1000).map(batch).collect();
    let found = sorted(batches, vec![0], false).await;
    assert!(found.iter().all(|part| part.len() <= BATCH_ROWS));
    assert!(found.len() < 10, "{} batches", found.len());
    // Within each pair of rows, which is a group, the later one comes first.
    let expected: Vec<i64> = (0..3 * BATCH_ROWS as i64).map(|at| at ^ 1).collect();
    assert_eq!(found.concat(), expected);
}
