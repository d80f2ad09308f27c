use super::*;
use arrow::datatypes::Schema;
use std::future::pending;
use watershed_model::{ErrorKind, ManualClock};

fn registry() -> Registry {
    Registry::new(Arc::new(ManualClock::at(Timestamp::from_nanos(5))))
}

fn database() -> DatabaseName {
    DatabaseName::new("db").unwrap()
}

/// A result that gives nothing and does not end.
fn endless() -> QueryOutput {
    let schema = Arc::new(Schema::empty());
    let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::pending());
    QueryOutput {
        schema,
        stream: Box::pin(rows),
    }
}

/// A result without rows.
fn empty() -> QueryOutput {
    let schema = Arc::new(Schema::empty());
    let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::empty());
    QueryOutput {
        schema,
        stream: Box::pin(rows),
    }
}

#[test]
fn queries_are_listed_oldest_first_until_they_are_dropped() {
    let registry = registry();
    let first = registry.enter(&database(), &"SELECT 1");
    let second = registry.enter(&database(), &"SELECT 2");
    let listed = |id: u64, text: &str| RunningQuery {
        id,
        database: database(),
        text: text.into(),
        started: Timestamp::from_nanos(5),
        killed: false,
    };
    assert_eq!(
        registry.queries(),
        [listed(1, "SELECT 1"), listed(2, "SELECT 2")]
    );
    drop(first);
    let third = registry.enter(&database(), &"SELECT 3");
    assert_eq!(
        registry.queries(),
        [listed(2, "SELECT 2"), listed(3, "SELECT 3")]
    );
    drop((second, third));
    assert_eq!(registry.queries(), []);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let registry = registry();
    let fits = "x".repeat(TEXT_BYTES_MAX);
    let _fits = registry.enter(&database(), &fits);
    let _long = registry.enter(&database(), &format!("{}ää", &fits[1..]));
    let texts: Vec<_> = registry.queries().into_iter().map(|q| q.text).collect();
    assert_eq!(*texts[0], *fits);
    assert_eq!(*texts[1], *format!("{}...", &fits[1..]));
}

#[tokio::test]
async fn a_kill_ends_planning() {
    let registry = registry();
    let entry = registry.enter(&database(), &"SELECT 1");
    let mut planning = Box::pin(entry.plan(pending()));
    assert!(futures::poll!(planning.as_mut()).is_pending());
    assert!(registry.kill(1));
    let error = planning.await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        ("query killed", ErrorKind::Conflict)
    );
    assert_eq!(registry.queries(), []);
}

#[tokio::test]
async fn a_kill_is_the_last_item_of_a_stream() {
    let registry = registry();
    let entry = registry.enter(&database(), &"SELECT 1");
    let mut output = entry.plan(async { Ok(endless()) }).await.unwrap();
    assert!(futures::poll!(output.stream.next()).is_pending());
    assert!(registry.kill(1));
    assert!(registry.queries()[0].killed);
    let error = output.stream.next().await.unwrap().unwrap_err();
    let error = QueryError::execution(error);
    assert!(matches!(error, QueryError::Killed), "{error}");
    assert!(output.stream.next().await.is_none());
    assert_eq!(registry.queries(), []);
}

#[tokio::test]
async fn rows_that_end_by_a_kill_are_not_taken_for_all() {
    let registry = registry();
    let entry = registry.enter(&database(), &"SELECT 1");
    let list = registry.clone();
    let schema = Arc::new(Schema::empty());
    // The kill arrives while the next batch is being asked for.
    let rows = stream::poll_fn(move |_| {
        assert!(list.kill(1));
        std::task::Poll::Ready(None)
    });
    let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
    let output = QueryOutput { schema, stream };
    let mut output = entry.plan(async { Ok(output) }).await.unwrap();
    assert!(output.stream.next().await.unwrap().is_err());
    assert!(output.stream.next().await.is_none());
}

#[tokio::test]
async fn what_ends_by_itself_or_is_dropped_is_not_listed_any_more() {
    let registry = registry();
    let entry = registry.enter(&database(), &"SELECT 1");
    let mut output = entry.plan(async { Ok(empty()) }).await.unwrap();
    assert_eq!(registry.queries().len(), 1);
    assert!(output.stream.next().await.is_none());
    assert_eq!(registry.queries(), []);

    let entry = registry.enter(&database(), &"SELECT 2");
    let output = entry.plan(async { Ok(endless()) }).await.unwrap();
    drop(output);
    assert_eq!(registry.queries(), []);
    assert!(!registry.kill(2));
}
