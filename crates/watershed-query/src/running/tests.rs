use super::*;
use arrow::datatypes::Schema;
use std::future::pending;
use watershed_model::{ErrorKind, ManualClock};

fn registry() -> Registry {
    Registry::new(Arc::new(ManualClock::at(Timestamp::from_nanos(5))), None)
}

fn database() -> DatabaseName {
    DatabaseName::new("db").unwrap()
}

fn enter(registry: &Registry, text: &impl fmt::Display) -> Entry {
    registry.enter(&database(), text, QueryType::Sql)
}

fn listed(registry: &Registry) -> Vec<RunningQuery> {
    let records = registry.in_progress().into_iter();
    records.map(|record| record.query).collect()
}

/// A result that gives nothing and does not end.
fn endless() -> QueryOutput {
    let schema = Arc::new(Schema::empty());
    let rows = RecordBatchStreamAdapter::new(schema, stream::pending());
    QueryOutput::without_query(Box::pin(rows))
}

/// A result without rows.
fn empty() -> QueryOutput {
    let schema = Arc::new(Schema::empty());
    let rows = RecordBatchStreamAdapter::new(schema, stream::empty());
    QueryOutput::without_query(Box::pin(rows))
}

#[test]
fn queries_are_listed_oldest_first_until_they_are_dropped() {
    let registry = registry();
    let first = enter(&registry, &"SELECT 1");
    let second = enter(&registry, &"SELECT 2");
    let query = |id: u64, text: &str| RunningQuery {
        id,
        database: database(),
        text: text.into(),
        query_type: QueryType::Sql,
        started: Timestamp::from_nanos(5),
        killed: false,
    };
    assert_eq!(
        listed(&registry),
        [query(1, "SELECT 1"), query(2, "SELECT 2")]
    );
    drop(first);
    let third = enter(&registry, &"SELECT 3");
    assert_eq!(
        listed(&registry),
        [query(2, "SELECT 2"), query(3, "SELECT 3")]
    );
    drop((second, third));
    assert_eq!(listed(&registry), []);
}

#[test]
fn long_texts_are_cut_between_characters() {
    let registry = registry();
    let fits = "x".repeat(TEXT_BYTES_MAX);
    let _fits = enter(&registry, &fits);
    let _long = enter(&registry, &format!("{}ää", &fits[1..]));
    let texts: Vec<_> = listed(&registry).into_iter().map(|q| q.text).collect();
    assert_eq!(*texts[0], *fits);
    assert_eq!(*texts[1], *format!("{}...", &fits[1..]));
}

#[tokio::test]
async fn a_kill_ends_planning() {
    let registry = registry();
    let entry = enter(&registry, &"SELECT 1");
    let mut planning = Box::pin(entry.plan(pending()));
    assert!(futures::poll!(planning.as_mut()).is_pending());
    assert!(registry.kill(1));
    let error = planning.await.unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        ("query killed", ErrorKind::Conflict)
    );
    assert_eq!(listed(&registry), []);
}

#[tokio::test]
async fn a_kill_is_the_last_item_of_a_stream() {
    let registry = registry();
    let entry = enter(&registry, &"SELECT 1");
    let mut output = entry.plan(async { Ok(endless()) }).await.unwrap();
    assert!(futures::poll!(output.stream.next()).is_pending());
    assert!(registry.kill(1));
    assert!(listed(&registry)[0].killed);
    let error = output.stream.next().await.unwrap().unwrap_err();
    let error = QueryError::execution(error);
    assert!(matches!(error, QueryError::Killed), "{error}");
    assert!(output.stream.next().await.is_none());
    assert_eq!(listed(&registry), []);
}

#[tokio::test]
async fn rows_that_end_by_a_kill_are_not_taken_for_all() {
    let registry = registry();
    let entry = enter(&registry, &"SELECT 1");
    let list = registry.clone();
    let schema = Arc::new(Schema::empty());
    // The kill arrives while the next batch is being asked for.
    let rows = stream::poll_fn(move |_| {
        assert!(list.kill(1));
        std::task::Poll::Ready(None)
    });
    let stream = RecordBatchStreamAdapter::new(schema, rows);
    let output = QueryOutput::without_query(Box::pin(stream));
    let mut output = entry.plan(async { Ok(output) }).await.unwrap();
    assert!(output.stream.next().await.unwrap().is_err());
    assert!(output.stream.next().await.is_none());
}

#[tokio::test]
async fn what_ends_by_itself_or_is_dropped_is_not_listed_any_more() {
    let registry = registry();
    let entry = enter(&registry, &"SELECT 1");
    let mut output = entry.plan(async { Ok(empty()) }).await.unwrap();
    assert_eq!(listed(&registry).len(), 1);
    assert!(output.stream.next().await.is_none());
    assert_eq!(listed(&registry), []);

    let entry = enter(&registry, &"SELECT 2");
    let output = entry.plan(async { Ok(endless()) }).await.unwrap();
    drop(output);
    assert_eq!(listed(&registry), []);
    assert!(!registry.kill(2));
}

/// How the queries of all databases are doing, by number.
fn phases(registry: &Registry) -> Vec<(u64, Phase)> {
    let records = registry.records(None).into_iter();
    records
        .map(|record| (record.query.id, record.statistics.phase))
        .collect()
}

#[tokio::test]
async fn how_a_query_has_ended_is_known_afterwards() {
    let registry = registry();
    let output = |output| async { Ok(output) };
    let mut done = enter(&registry, &"1").plan(output(empty())).await.unwrap();
    let dropped = enter(&registry, &"2")
        .plan(output(endless()))
        .await
        .unwrap();
    let mut killed = enter(&registry, &"3")
        .plan(output(endless()))
        .await
        .unwrap();
    let not_planned = enter(&registry, &"4");
    let refused = enter(&registry, &"5")
        .plan(async { Err(QueryError::Statement("no".into())) })
        .await;
    assert!(refused.is_err());
    let schema = Arc::new(Schema::empty());
    let rows = stream::iter([Err(DataFusionError::Execution("no".into()))]);
    let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
    let failing = QueryOutput::without_query(rows);
    let mut failing = enter(&registry, &"6").plan(output(failing)).await.unwrap();
    let waiting = Phase::Received;
    assert_eq!(
        phases(&registry),
        [
            (1, waiting),
            (2, waiting),
            (3, waiting),
            (4, waiting),
            (5, Phase::Fail),
            (6, waiting)
        ]
    );
    assert!(done.stream.next().await.is_none());
    drop(dropped);
    registry.kill(3);
    assert!(killed.stream.next().await.unwrap().is_err());
    drop(not_planned);
    assert!(failing.stream.next().await.unwrap().is_err());
    assert_eq!(
        phases(&registry),
        [
            (1, Phase::Success),
            (2, Phase::Cancel),
            (3, Phase::Cancel),
            (4, Phase::Cancel),
            (5, Phase::Fail),
            (6, Phase::Fail)
        ]
    );
    let other = DatabaseName::new("other").unwrap();
    assert_eq!(registry.records(Some(&other)), []);
    assert_eq!(registry.records(Some(&database())).len(), 6);
}

#[test]
fn queries_that_have_ended_are_forgotten_by_number_and_by_age() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
    let registry = Registry::new(clock.clone(), None);
    for _ in 0..FINISHED_MAX + 10 {
        drop(enter(&registry, &"1"));
    }
    let records = registry.records(None);
    assert_eq!(records.len(), FINISHED_MAX);
    assert_eq!(records[0].query.id, 11);
    clock.set(Timestamp::from_nanos(FINISHED_NANOS_MAX));
    drop(enter(&registry, &"1"));
    assert_eq!(registry.records(None).len(), FINISHED_MAX);
    clock.set(Timestamp::from_nanos(FINISHED_NANOS_MAX + 1));
    let ids: Vec<u64> = registry.records(None).iter().map(|r| r.query.id).collect();
    assert_eq!(ids, [1011]);
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(0)));
    let registry = Registry::new(clock, Some(Duration::from_secs(1)));
    let begun = Instant::now();
    let planning = enter(&registry, &"1").plan(pending());
    let mut reading = enter(&registry, &"2")
        .plan(async { Ok(endless()) })
        .await
        .unwrap();
    let killed = enter(&registry, &"3");
    assert!(registry.kill(3));
    let killed = killed.plan(pending()).await.unwrap_err();
    assert!(matches!(killed, QueryError::Killed), "{killed}");

    let error = planning.await.unwrap_err();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        (
            "the query has taken longer than 1 s; ask for a shorter time or fewer columns, or let queries take longer \
             with --query-timeout",
            ErrorKind::Exhausted
        )
    );
    let error = reading.stream.next().await.unwrap().unwrap_err();
    let error = QueryError::execution(error);
    assert!(
        matches!(error, QueryError::Timeout { seconds: 1 }),
        "{error}"
    );
    assert!(reading.stream.next().await.is_none());
    assert_eq!(
        phases(&registry),
        [(1, Phase::Fail), (2, Phase::Fail), (3, Phase::Cancel)]
    );
}

#[tokio::test]
async fn a_description_is_listed_and_leaves_a_record_only_when_it_fails() {
    let registry = registry();
    let entry = enter(&registry, &"SELECT 1");
    let described = entry.describe(async {
        assert_eq!(listed(&registry).len(), 1);
        Ok(7)
    });
    assert_eq!(described.await.unwrap(), 7);
    assert_eq!(listed(&registry), []);
    assert_eq!(registry.records(None), []);

    let failed = QueryError::Statement("no such table".to_owned());
    let entry = enter(&registry, &"SELECT 2");
    let described = entry.describe::<()>(async { Err(failed) }).await;
    assert_eq!(described.unwrap_err().to_string(), "no such table");
    let records = registry.records(None);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].statistics.phase, Phase::Fail);
}

#[tokio::test]
async fn a_description_can_be_killed() {
    let registry = registry();
    let entry = enter(&registry, &"SELECT 1");
    let mut described = Box::pin(entry.describe::<()>(pending()));
    assert!(futures::poll!(&mut described).is_pending());
    assert!(registry.kill(1));
    let error = described.await.unwrap_err();
    assert!(matches!(error, QueryError::Killed), "{error}");
    assert_eq!(registry.records(None)[0].statistics.phase, Phase::Cancel);
}

#[tokio::test]
async fn a_kill_is_told_as_such_even_if_planning_has_failed_of_it() {
    let registry = registry();
    for _ in 0..20 {
        let entry = enter(&registry, &"SELECT 1");
        let stop = entry.in_progress().stop;
        assert!(registry.kill(entry.id));
        let planned = async move { Err(QueryError::Planning(stop.check().unwrap_err())) };
        let error = entry.plan(planned).await.unwrap_err();
        assert!(matches!(error, QueryError::Killed), "{error}");
    }
}
