use super::*;
use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};

fn batch(values: Vec<i64>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, false)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values))]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_silent_query_sends_empty_batches() {
    let slow = futures::stream::unfold(0, |n| async move {
        tokio::time::sleep(Duration::from_secs(12)).await;
        (n < 1).then(|| (Ok(batch(vec![7])), n + 1))
    });
    let rows = keep_alive(slow.boxed(), batch(vec![])).map_ok(|b| b.num_rows());
    let rows: Vec<usize> = rows.try_collect().await.unwrap();
    // Empty ones at 5 s and 10 s, the row at 12 s, empty ones at 17 s and 22 s, the end at 24 s.
    assert_eq!(rows, [0, 0, 1, 0, 0]);
}
