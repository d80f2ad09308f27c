//! Queries that take their time.

use crate::world::World;
use std::time::{Duration, Instant};

async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64").await;
    world.buffer("cpu", "host=a usage=1 08:00").await;
    world.buffer("cpu", "host=b usage=2 08:01").await;
    world
}

#[tokio::test]
async fn a_query_sleeps_once_for_its_batch() {
    let world = world().await;
    let begun = Instant::now();
    let expected = "
        +------+-------+
        | host | slept |
        +------+-------+
        | a    | true  |
        | b    | true  |
        +------+-------+";
    let sql = "SELECT host, sleep(INTERVAL '200 milliseconds') AS slept FROM \
               (SELECT host FROM cpu ORDER BY host)";
    world.check(sql, expected).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(200), "{took:?}");
}

#[tokio::test]
async fn sleep_can_be_asked_for_in_a_condition() {
    let world = world().await;
    let expected = "+---+\n| n |\n+---+\n| 1 |\n+---+";
    let sql = "SELECT 1 AS n WHERE sleep(INTERVAL '1 millisecond')";
    world.check(sql, expected).await;
    let sql = "SELECT count(*) AS n FROM cpu WHERE sleep(INTERVAL '0 seconds') AND host = 'a'";
    world.check(sql, expected).await;
}

#[tokio::test]
async fn null_does_not_sleep_and_no_rows_do_not_sleep() {
    let world = world().await;
    world
        .check(
            "SELECT sleep(NULL) AS slept",
            "+-------+\n| slept |\n+-------+\n|       |\n+-------+",
        )
        .await;
    let begun = Instant::now();
    let sql = "SELECT sleep(INTERVAL '9 minutes') AS slept FROM cpu WHERE host = 'nobody'";
    world
        .check(sql, "+-------+\n| slept |\n+-------+\n+-------+")
        .await;
    assert!(begun.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn a_sleep_that_is_too_long_is_refused() {
    let text = "Invalid: Error while executing query: Execution error: \
                sleep takes an interval from 0 to 600 seconds, without months";
    let world = world().await;
    world
        .check("SELECT sleep(INTERVAL '11 minutes') FROM cpu", text)
        .await;
    world.check("SELECT sleep(INTERVAL '1 month')", text).await;
}
