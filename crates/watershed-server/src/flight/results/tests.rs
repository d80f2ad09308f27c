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

/// A result that counts how many of its batches were asked for.
fn counted(batches: usize) -> (QueryOutput, Arc<std::sync::atomic::AtomicUsize>) {
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let schema = batch(vec![]).schema();
    let count = Arc::clone(&taken);
    let rows = futures::stream::iter(0..batches).map(move |n| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(batch(vec![n as i64; 1_000_000]))
    });
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    (QueryOutput::without_query(stream), taken)
}

#[tokio::test]
async fn no_more_is_read_than_is_sent() {
    let (output, taken) = counted(10);
    let mut messages = encode(output.into(), Wire::default()).unwrap();
    let taken = || taken.load(std::sync::atomic::Ordering::Relaxed);
    messages.next().await.unwrap().unwrap();
    assert_eq!(taken(), 0, "the schema needs no rows");
    // Eight megabytes a batch are four messages.
    for message in 0..4 {
        let message_size = messages.next().await.unwrap().unwrap().data_body.len();
        assert!(
            message_size <= (2 << 20) + 1024,
            "{message}: {message_size}"
        );
        assert_eq!(taken(), 1);
    }
    messages.next().await.unwrap().unwrap();
    assert_eq!(taken(), 2);
}

#[tokio::test]
async fn the_end_is_a_good_status() {
    let (output, _) = counted(0);
    let mut messages = encode(output.into(), Wire::default()).unwrap();
    messages.next().await.unwrap().unwrap();
    let end = messages.next().await.unwrap().unwrap_err();
    assert_eq!(end.code(), tonic::Code::Ok);
    assert!(
        end.metadata().is_empty(),
        "nothing is known of what is no query"
    );
    assert!(messages.next().await.is_none());
}

#[tokio::test]
async fn batches_without_rows_are_left_out() {
    let schema = batch(vec![]).schema();
    let rows = futures::stream::iter([Ok(batch(vec![])), Ok(batch(vec![1])), Ok(batch(vec![]))]);
    let stream = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    let output = QueryOutput::without_query(stream);
    let messages = encode(output.into(), Wire::default()).unwrap();
    // The schema, the row, the end.
    assert_eq!(messages.count().await, 3);
}
