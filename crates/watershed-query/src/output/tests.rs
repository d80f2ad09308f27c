use super::*;
use crate::running::{QueryType, Registry};
use std::task::Poll;
use tokio::sync::oneshot;
use watershed_model::{DatabaseName, ManualClock, Timestamp};

/// Rows that never come; the receiver is told when they are dropped.
fn endless() -> (Batches, oneshot::Receiver<()>) {
    let (dropped, told) = oneshot::channel();
    let rows = stream::poll_fn(move |_| {
        let _held = &dropped;
        Poll::Pending
    });
    (rows.boxed(), told)
}

#[tokio::test]
async fn what_computes_a_killed_query_ends_even_if_nobody_reads() {
    let registry = Registry::new(Arc::new(ManualClock::at(Timestamp::from_nanos(0))), None);
    let entry = registry.enter(
        &DatabaseName::new("db").unwrap(),
        &"SELECT 1",
        QueryType::Sql,
    );
    let (rows, dropped) = endless();
    let mut rows = on(&Handle::current(), move || Ok(rows), entry.in_progress());
    assert!(futures::poll!(rows.next()).is_pending());
    assert!(registry.kill(1));
    // Nobody polls `rows`; an error says that the other end was dropped.
    assert!(dropped.await.is_err());
    assert_eq!(registry.in_progress(), []);
    assert!(!registry.kill(1), "it has ended");
    assert!(rows.next().await.is_none());
}

#[tokio::test]
async fn what_computes_a_query_goes_on_when_another_is_killed() {
    let registry = Registry::new(Arc::new(ManualClock::at(Timestamp::from_nanos(0))), None);
    let database = DatabaseName::new("db").unwrap();
    let entry = registry.enter(&database, &"SELECT 1", QueryType::Sql);
    let other = registry.enter(&database, &"SELECT 2", QueryType::Sql);
    let (rows, mut dropped) = endless();
    let mut rows = on(&Handle::current(), move || Ok(rows), entry.in_progress());
    assert!(registry.kill(2));
    drop((other, entry));
    assert!(futures::poll!(rows.next()).is_pending());
    tokio::task::yield_now().await;
    assert_eq!(dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty));
    drop(rows);
    assert!(dropped.await.is_err());
}
