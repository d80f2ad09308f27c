use super::*;
use std::task::Poll;
use watershed_model::ErrorKind;

fn admission(running_max: usize, heavy_max: usize, queued_max: usize) -> Admission {
    Admission::new(Places {
        running_max,
        heavy_max,
        queued_max,
        patience: Duration::from_secs(1),
    })
}

#[tokio::test]
async fn the_next_runs_when_one_is_dropped_and_too_many_are_refused() {
    let admission = admission(1, 1, 1);
    let first = admission.enter().unwrap().turn(Weight::Light);
    let first = first.await.unwrap();
    let mut second = Box::pin(admission.enter().unwrap().turn(Weight::Light));
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
    let admission = admission(1, 1, 1);
    let running = admission.enter().unwrap().turn(Weight::Light);
    let _running = running.await.unwrap();
    let waiting = admission.enter().unwrap();
    assert!(admission.enter().is_err());
    drop(waiting);
    assert!(admission.enter().is_ok());
}

#[tokio::test]
async fn queries_run_in_the_order_in_which_they_came() {
    let admission = admission(1, 1, 10);
    let mut running = admission
        .enter()
        .unwrap()
        .turn(Weight::Heavy)
        .await
        .unwrap();
    let mut waiting: Vec<_> = (0..5)
        .map(|_| Box::pin(admission.enter().unwrap().turn(Weight::Heavy)))
        .collect();
    for turn in &mut waiting {
        assert!(futures::poll!(turn.as_mut()).is_pending());
    }
    for at in 0..waiting.len() {
        drop(running);
        let turns = &mut waiting[at..];
        // The later ones ask first, and get nothing.
        for turn in turns[1..].iter_mut().rev() {
            assert!(futures::poll!(turn.as_mut()).is_pending());
        }
        running = turns[0].as_mut().await.unwrap();
    }
}

#[tokio::test]
async fn heavy_queries_leave_places_for_light_ones() {
    let admission = admission(3, 2, 10);
    let turn = |weight| Box::pin(admission.enter().unwrap().turn(weight));
    let heavy = (
        turn(Weight::Heavy).await.unwrap(),
        turn(Weight::Heavy).await.unwrap(),
    );
    let mut third = turn(Weight::Heavy);
    assert!(futures::poll!(third.as_mut()).is_pending());
    let light = turn(Weight::Light).await.unwrap();
    let mut another = turn(Weight::Light);
    assert!(futures::poll!(another.as_mut()).is_pending());
    drop(light);
    let _another = another.await.unwrap();
    // There is no place of any kind for the third until a heavy one ends.
    assert!(futures::poll!(third.as_mut()).is_pending());
    drop(heavy.0);
    third.await.unwrap();
}

#[tokio::test]
async fn who_waits_too_long_is_told_so_and_leaves_the_queue() {
    let admission = admission(1, 1, 1);
    let _running = admission
        .enter()
        .unwrap()
        .turn(Weight::Light)
        .await
        .unwrap();
    let late = admission.enter().unwrap().turn(Weight::Heavy);
    let begun = tokio::time::Instant::now();
    let error = late.await.unwrap_err();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert_eq!(
        error.to_string(),
        "the query has waited 1 s for its turn; try again later, or let queries wait longer with --query-queue-timeout"
    );
    assert!(admission.enter().is_ok());
}
