//! `date_bin_gapfill`, `locf` and `interpolate`.

use crate::world::World;

async fn rooms() -> World {
    let world = World::new().await;
    world.table("home", "room:tag temp:f64 count:i64").await;
    let rows = "room=K temp=21,count=1i 08:00\nroom=K temp=23,count=4i 09:00\nroom=L temp=1 08:30";
    world.buffer("home", rows).await;
    world
}

const RANGE: &str = "time >= '2024-01-01T08:00:00Z' AND time < '2024-01-01T09:30:00Z'";

#[tokio::test]
async fn buckets_without_rows_are_inserted() {
    let expected = "
        +------+---------------------+------+---+
        | room | t                   | avg  | n |
        +------+---------------------+------+---+
        | K    | 2024-01-01T08:00:00 | 21.0 | 1 |
        | K    | 2024-01-01T08:30:00 |      | 0 |
        | K    | 2024-01-01T09:00:00 | 23.0 | 1 |
        | L    | 2024-01-01T08:00:00 |      | 0 |
        | L    | 2024-01-01T08:30:00 | 1.0  | 1 |
        | L    | 2024-01-01T09:00:00 |      | 0 |
        +------+---------------------+------+---+";
    let sql = format!(
        "SELECT room, date_bin_gapfill(INTERVAL '30 minutes', time) AS t, avg(temp) AS avg, \
         count(temp) AS n FROM home WHERE {RANGE} GROUP BY room, t ORDER BY room, t"
    );
    rooms().await.check(&sql, expected).await;
}

#[tokio::test]
async fn values_go_on_or_lie_on_a_line() {
    let expected = "
        +---------------------+------+------+----+
        | t                   | locf | line | i  |
        +---------------------+------+------+----+
        | 2024-01-01T08:00:00 | 21.0 | 21.0 | 1  |
        | 2024-01-01T08:30:00 | 21.0 | 22.0 | 2  |
        | 2024-01-01T09:00:00 | 23.0 | 23.0 | 4  |
        +---------------------+------+------+----+";
    let sql = format!(
        "SELECT date_bin_gapfill(INTERVAL '30 minutes', time) AS t, locf(avg(temp)) AS locf, \
         interpolate(max(temp)) AS line, interpolate(sum(count)) AS i \
         FROM home WHERE room = 'K' AND {RANGE} GROUP BY 1 ORDER BY 1"
    );
    rooms()
        .await
        .check(
            &sql,
            &expected
                .replace("| i  |", "| i |")
                .replace("+----+", "+---+")
                .replace("1  |", "1 |")
                .replace("2  |", "2 |")
                .replace("4  |", "4 |"),
        )
        .await;
}

#[tokio::test]
async fn bounds_are_found_below_subqueries_and_may_be_exclusive() {
    let expected = "
        +---------------------+---+
        | t                   | n |
        +---------------------+---+
        | 2024-01-01T08:00:00 | 0 |
        | 2024-01-01T09:00:00 | 1 |
        | 2024-01-01T10:00:00 | 0 |
        +---------------------+---+";
    let sql = "SELECT date_bin_gapfill(INTERVAL '1 hour', x) AS t, count(*) AS n \
               FROM (SELECT time AS x FROM home) AS h \
               WHERE x > '2024-01-01T08:30:00Z' AND '2024-01-01T10:00:00Z' >= x GROUP BY t ORDER BY t";
    rooms().await.check(sql, expected).await;
}

#[tokio::test]
async fn buckets_of_a_zone_follow_its_clock() {
    let expected = "
        +---------------------------+---+
        | t                         | n |
        +---------------------------+---+
        | 2023-12-31T00:00:00+01:00 | 0 |
        | 2024-01-01T00:00:00+01:00 | 3 |
        +---------------------------+---+";
    let sql = "SELECT date_bin_wallclock_gapfill(INTERVAL '1 day', tz(time, 'Europe/Berlin')) AS t, \
               count(*) AS n FROM home \
               WHERE time >= '2023-12-31T00:00:00Z' AND time <= '2024-01-01T22:00:00Z' GROUP BY t ORDER BY t";
    rooms().await.check(sql, expected).await;
}

#[tokio::test]
async fn markers_out_of_place_are_refused() {
    let world = rooms().await;
    let bin = "date_bin_gapfill(INTERVAL '1 hour', time)";
    let cases = [
        (
            format!("SELECT {bin} FROM home"),
            "date_bin_gapfill may only be used as a GROUP BY expression",
        ),
        (
            format!("SELECT {bin} AS t, count(*) FROM home GROUP BY t"),
            "gap-filling query is missing both upper and lower time bounds",
        ),
        (
            format!("SELECT {bin} AS t, count(*) FROM home WHERE time > now() GROUP BY t"),
            "gap-filling query is missing upper time bound",
        ),
        (
            format!("SELECT {bin} AS t, count(*) FROM home WHERE time < now() GROUP BY t"),
            "gap-filling query is missing lower time bound",
        ),
        (
            "SELECT locf(temp) FROM home".to_owned(),
            "locf may only be used in the SELECT list of a gap-filling query",
        ),
        (
            format!(
                "SELECT {bin} AS t, room, locf(room), count(*) FROM home WHERE {RANGE} GROUP BY t, room"
            ),
            "locf must be called on an aggregate column in a gap-filling query",
        ),
        (
            format!(
                "SELECT date_bin_gapfill(INTERVAL '1 month', time) AS t, count(*) FROM home WHERE {RANGE} GROUP BY t"
            ),
            "time buckets of months or years are not supported",
        ),
    ];
    for (sql, text) in cases {
        let shown = world.shown(&sql).await;
        let expected =
            format!("Invalid: Error while planning query: Error during planning: {text}");
        assert_eq!(shown, expected, "{sql}");
    }
}
