use super::*;
use std::task::Poll;
use watershed_model::ErrorKind;

#[tokio::test]
async fn the_next_runs_when_one_is_dropped_and_too_many_are_refused() {
    let admission = Admission::new(1, 1);
    let first = admission.enter().unwrap().turn().await.unwrap();
    let mut second = Box::pin(admission.enter().unwrap().turn());
    assert!(matches!(futures::poll!(second.as_mut()), Poll::Pending));

    let refused = admission.enter().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Exhausted);

    drop(first);
    let second = second.await.unwrap();
    drop(admission.enter().unwrap());
    drop(second);
}

#[tokio::test]
async fn a_place_in_the_queue_is_free_again_when_the_one_who_waits_gives_up() {
    let admission = Admission::new(1, 1);
    let _running = admission.enter().unwrap().turn().await.unwrap();
    let waiting = admission.enter().unwrap();
    assert!(admission.enter().is_err());
    drop(waiting);
    assert!(admission.enter().is_ok());
}
