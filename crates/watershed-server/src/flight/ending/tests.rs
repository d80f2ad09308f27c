use super::*;
use tonic::Code;

fn ending(timeout: &str) -> Result<Ending, Status> {
    let mut metadata = MetadataMap::new();
    metadata.insert(TIMEOUT_KEY, timeout.parse().unwrap());
    Ending::of(&metadata)
}

#[test]
fn timeouts_have_six_units() {
    for (text, timeout) in [
        ("2H", Duration::from_secs(7200)),
        ("3M", Duration::from_secs(180)),
        ("30S", Duration::from_secs(30)),
        ("30100m", Duration::from_millis(30100)),
        ("7u", Duration::from_micros(7)),
        ("99999999n", Duration::from_nanos(99_999_999)),
    ] {
        assert_eq!(timeout_of(text).unwrap(), timeout, "{text}");
    }
}

#[test]
fn a_timeout_that_is_none_is_refused() {
    for text in ["", "S", "5", "5s", "-1S", "1.5S", "123456789n", "é"] {
        let status = timeout_of(text).unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{text}");
        assert!(status.message().contains(&format!("'{text}'")));
    }
    assert!(ending("99999999H").unwrap().deadline.is_some());
}

#[tokio::test]
async fn work_beyond_the_deadline_is_given_up() {
    let ending = ending("1m").unwrap();
    let status = ending.run::<()>(std::future::pending()).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(
        status.message(),
        "Deadline exceeded: the client waits 1ms; the query was cancelled"
    );
    let in_time = Ending::default().run(async { Ok(1) }).await;
    assert_eq!(in_time.unwrap(), 1);
}

#[tokio::test]
async fn a_stream_ends_at_the_deadline_and_is_dropped() {
    let (send, receive) = mpsc::channel::<Result<u8, Status>>(1);
    let rows = tokio_stream::wrappers::ReceiverStream::new(receive).boxed();
    let mut rows = ending("20m").unwrap().cut(rows);
    send.send(Ok(1)).await.unwrap();
    assert_eq!(rows.next().await.unwrap().unwrap(), 1);
    let status = rows.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(send.is_closed());
    assert!(rows.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_dropped_too() {
    let (send, receive) = mpsc::channel::<Result<u8, Status>>(1);
    let rows = tokio_stream::wrappers::ReceiverStream::new(receive).boxed();
    let mut rows = ending("20m").unwrap().cut(rows);
    // One is read ahead and one waits.
    while send.try_send(Ok(1)).is_ok() {
        tokio::task::yield_now().await;
    }
    send.closed().await;
    assert_eq!(rows.next().await.unwrap().unwrap(), 1);
    let status = rows.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(rows.next().await.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_its_reader() {
    let (send, receive) = mpsc::channel::<Result<u8, Status>>(1);
    let rows = tokio_stream::wrappers::ReceiverStream::new(receive).boxed();
    drop(ending("1H").unwrap().cut(rows));
    send.closed().await;
}

#[tokio::test]
async fn a_stream_that_panics_is_not_taken_for_whole() {
    let rows = stream::iter([1, 2]).map(|row| match row {
        1 => Ok(row),
        _ => panic!("as a bug does"),
    });
    let mut rows = ending("1H").unwrap().cut(rows.boxed());
    assert_eq!(rows.next().await.unwrap().unwrap(), 1);
    let status = rows.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(rows.next().await.is_none());
}

#[tokio::test]
async fn all_calls_with_a_ticket_are_cancelled() {
    let cancellable = Cancellable::default();
    let (id, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let ending = |id| Ending::default().or_cancelled(Some(cancellable.enter(id)));
    let (first, second) = (ending(id), ending(id));
    drop(ending(id));
    assert!(!cancellable.cancel(other));
    assert!(cancellable.cancel(id));
    for ending in [first, second] {
        let status = ending.run::<()>(std::future::pending()).await.unwrap_err();
        assert_eq!(status.code(), Code::Cancelled);
    }
    assert!(
        !cancellable.cancel(id),
        "calls that have ended are forgotten"
    );
    assert!(cancellable.0.lock().is_empty());
}
