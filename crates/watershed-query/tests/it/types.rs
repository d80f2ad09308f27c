//! Types and functions where InfluxDB has its own meaning.

use crate::world::World;
use arrow::datatypes::DataType;

async fn world() -> World {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64").await;
    world
        .buffer(
            "cpu",
            "host=a usage=1 08:00\nhost=b usage=2 08:01\nhost=b usage=4 08:02",
        )
        .await;
    world
}

#[tokio::test]
async fn integers_become_timestamps_by_nanoseconds() {
    let expected = "
        +-------------------------------+
        | t                             |
        +-------------------------------+
        | 2022-01-31T06:30:30.123000001 |
        +-------------------------------+";
    let world = world().await;
    world
        .check("SELECT 1643610630123000001::TIMESTAMP AS t", expected)
        .await;
    world
        .check("SELECT to_timestamp(1643610630123000001) AS t", expected)
        .await;
    world
        .check(
            "SELECT CAST(1643610630123000001 AS TIMESTAMP) AS t FROM cpu LIMIT 1",
            expected,
        )
        .await;
    let none = "SELECT usage FROM cpu WHERE time < 1643610630123000000::TIMESTAMP";
    assert_eq!(
        world
            .sql(none)
            .await
            .unwrap()
            .iter()
            .map(|batch| batch.num_rows())
            .sum::<usize>(),
        0
    );
}

#[tokio::test]
async fn now_is_what_the_clock_says() {
    let sql = "SELECT now()::TIMESTAMP AS now";
    let shown = world().await.shown(sql).await;
    assert!(shown.contains("| 2024-01-03T00:00:00 |"), "{shown}");
}

#[tokio::test]
async fn text_beside_time_is_a_time() {
    let world = world().await;
    let expected = "
        +-------+
        | usage |
        +-------+
        | 1.0   |
        +-------+";
    for bound in [
        "2024-01-01T08:01:00Z",
        "2024-01-01 08:01:00",
        "2024-01-01T09:01:00+01:00",
    ] {
        world
            .check(
                &format!("SELECT usage FROM cpu WHERE time < '{bound}'"),
                expected,
            )
            .await;
    }
}

#[tokio::test]
async fn tags_stay_dictionaries_and_nothing_becomes_a_view() {
    let world = world().await;
    let batches = world
        .sql("SELECT host, max(host), arrow_typeof(usage), host || 'x', CAST(host AS VARCHAR) AS text FROM cpu GROUP BY host, usage")
        .await
        .unwrap();
    let types: Vec<_> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|f| f.data_type().clone())
        .collect();
    let tag = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    assert_eq!(
        types,
        [
            tag,
            DataType::Utf8,
            DataType::Utf8,
            DataType::Utf8,
            DataType::Utf8
        ]
    );
}

#[tokio::test]
async fn selectors_give_one_row() {
    let world = World::new().await;
    world.table("cpu", "host:tag usage:f64 idle:i64").await;
    let rows = "host=a usage=3,idle=1i 08:00\nhost=a usage=1,idle=2i 08:01\nhost=a idle=9i 08:02";
    world.file("cpu", rows).await;
    world
        .buffer("cpu", "host=b usage=3 2024-01-02T08:00:00Z")
        .await;
    let expected = "
        +-----+---------------------+-------+------+---------------------+-------+
        | max | at                  | first | last | lt                  | other |
        +-----+---------------------+-------+------+---------------------+-------+
        | 3.0 | 2024-01-01T08:00:00 | 3.0   | 3.0  | 2024-01-02T08:00:00 | 2     |
        +-----+---------------------+-------+------+---------------------+-------+";
    let sql = "SELECT selector_max(usage, time)['value'] AS max, \
               selector_max(usage, time)['time'] AS at, \
               selector_first(usage, time)['value'] AS first, \
               selector_last(usage, time)['value'] AS last, \
               selector_last(usage, time)['time'] AS lt, \
               selector_min(usage, time, idle)['other_1'] AS other FROM cpu";
    world.check(sql, expected).await;
    let none = "
        +------+
        | v    |
        +------+
        | null |
        +------+";
    let sql =
        "SELECT coalesce(selector_max(host, time)['value'], 'null') AS v FROM cpu WHERE usage > 5";
    world.check(sql, none).await;
}

#[tokio::test]
async fn zones_show_the_same_instant() {
    let expected = "
        +---------------------------+---------------------------+
        | t                         | day                       |
        +---------------------------+---------------------------+
        | 2024-01-01T09:00:00+01:00 | 2024-01-01T00:00:00+01:00 |
        +---------------------------+---------------------------+";
    let world = world().await;
    let sql = "SELECT tz(time, 'Europe/Berlin') AS t, \
               date_bin_wallclock(INTERVAL '1 day', tz(time, 'Europe/Berlin')) AS day \
               FROM cpu WHERE host = 'a'";
    world.check(sql, expected).await;
    let shown = world.shown("SELECT tz(time, 'Nowhere') FROM cpu").await;
    let text = "TZ requires a valid timezone string, got Nowhere";
    assert!(
        shown.starts_with("Invalid: ") && shown.contains(text),
        "{shown}"
    );
}
