use super::*;
use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

fn batch(values: Vec<i64>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, false)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values))]).unwrap()
}

#[tokio::test]
async fn a_silent_query_sends_empty_batches() {
    let (send, receive) = mpsc::channel(1);
    let mut rows = keep_alive(
        ReceiverStream::new(receive).boxed(),
        batch(vec![]),
        Duration::ZERO,
    );
    let mut next = async || rows.next().await.map(|batch| batch.unwrap().num_rows());
    assert_eq!(next().await, Some(0));
    assert_eq!(next().await, Some(0));
    send.send(Ok(batch(vec![7]))).await.unwrap();
    assert_eq!(next().await, Some(1));
    assert_eq!(next().await, Some(0));
    drop(send);
    assert_eq!(next().await, None);
}
