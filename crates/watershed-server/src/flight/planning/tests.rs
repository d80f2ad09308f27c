use super::*;
use crate::flight::results::one_batch;
use arrow::array::Int64Array;
use std::future::{pending, ready};
use tokio::sync::oneshot;

const NO_PATIENCE: Duration = Duration::ZERO;

fn output() -> QueryOutput {
    let column = Arc::new(Int64Array::from(vec![7])) as arrow::array::ArrayRef;
    one_batch(RecordBatch::try_from_iter([("n", column)]).unwrap())
}

fn failed() -> Status {
    Status::invalid_argument("no such table")
}

#[tokio::test]
async fn the_columns_come_before_a_plan_that_takes_long() {
    let (plan, planned) = oneshot::channel();
    let planned = async { planned.await.unwrap() };
    let described = ready(Some(output().schema));
    let mut rows = rows(planned, described, NO_PATIENCE).await.unwrap();
    assert_eq!(rows.schema, output().schema);
    assert!(futures::poll!(rows.batches.next()).is_pending());
    plan.send(Ok(output())).unwrap();
    let batch = rows.batches.next().await.unwrap().unwrap();
    assert_eq!(batch.num_rows(), 1);
    assert!(rows.batches.next().await.is_none());
}

#[tokio::test]
async fn a_plan_that_fails_late_ends_the_rows() {
    let (plan, planned) = oneshot::channel();
    let planned = async { planned.await.unwrap() };
    let described = ready(Some(output().schema));
    let mut rows = rows(planned, described, NO_PATIENCE).await.unwrap();
    plan.send(Err(failed())).unwrap();
    let status = rows.batches.next().await.unwrap().unwrap_err();
    assert_eq!(status.message(), "no such table");
    assert!(rows.batches.next().await.is_none());
}

#[tokio::test]
async fn a_plan_that_fails_soon_is_the_answer() {
    let minute = Duration::from_mins(1);
    let answer = rows(ready(Err(failed())), pending(), minute).await;
    assert_eq!(answer.map(drop).unwrap_err().message(), "no such table");
}

#[tokio::test]
async fn without_columns_there_is_nothing_but_to_wait() {
    let (plan, planned) = oneshot::channel();
    let planned = async { planned.await.unwrap() };
    let mut waiting = Box::pin(rows(planned, ready(None), NO_PATIENCE));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(futures::poll!(waiting.as_mut()).is_pending());
    }
    plan.send(Ok(output())).unwrap();
    let mut rows = waiting.await.unwrap();
    assert_eq!(rows.batches.next().await.unwrap().unwrap().num_rows(), 1);
}
