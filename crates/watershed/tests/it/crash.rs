//! Nothing acknowledged is lost, nothing is there twice, no write is there in part: after SIGKILL at
//! chosen moments, and after an orderly stop.

use super::server::{OPERATOR_TOKEN, Server};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::File;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Decides after how many acknowledged batches the server is killed, and nothing else. The variable
/// `WATERSHED_TEST_SEED` tries another.
const SEED: u64 = 20_261_122;

/// How often the server is killed.
const KILLS: usize = 20;

/// Connections that write at the same time.
const WRITERS: usize = 4;

/// Points in a batch.
const BATCH_POINTS: u64 = 20;

/// Cells that each writer overwrites again and again.
const CELLS: u64 = 8;

/// What makes batches big enough for the buffer to be persisted during the test.
const PADDING_BYTES: usize = 400;

/// Refusals in a row after which nobody believes any more that a persist is under way.
const REFUSALS_MAX: u32 = 50_000;

const DAY: u64 = 86_400_000_000_000;

/// A Monday in 2024, the time of the first points.
const START: u64 = 1_704_067_200_000_000_000;

/// What one writer has sent. Batches are numbered without gaps.
#[derive(Debug)]
struct Writer {
    number: usize,
    next: u64,
    acknowledged: BTreeSet<u64>,
    /// Of each cell and field the last acknowledged version and all that were sent after it.
    cells: BTreeMap<(u64, Field), Versions>,
}

/// A field of a cell. Each batch writes one of the two, so that a row is put together of two writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Field {
    X,
    Y,
}

impl Field {
    const ALL: [Self; 2] = [Self::X, Self::Y];

    const fn name(self) -> &'static str {
        match self {
            Self::X => "x",
            Self::Y => "y",
        }
    }
}

#[derive(Debug, Default)]
struct Versions {
    acknowledged: Option<u64>,
    unknown: Vec<u64>,
}

impl Writer {
    const fn new(number: usize) -> Self {
        Self {
            number,
            next: 0,
            acknowledged: BTreeSet::new(),
            cells: BTreeMap::new(),
        }
    }

    /// The cell and the field that a batch overwrites; its value there is the number of the batch.
    const fn cell_of(batch: u64) -> (u64, Field) {
        let field = if (batch / CELLS).is_multiple_of(2) {
            Field::X
        } else {
            Field::Y
        };
        (batch % CELLS, field)
    }

    /// A batch: new points on two days, and one overwritten cell.
    fn lines(&self, batch: u64) -> String {
        let writer = self.number;
        let mut lines = String::new();
        for point in batch * BATCH_POINTS..(batch + 1) * BATCH_POINTS {
            let (series, time) = (point % 10, START + point % 2 * DAY + point);
            let padding = "x".repeat(PADDING_BYTES);
            let (a, b) = (value_a(point), value_b(point));
            let _ = writeln!(
                lines,
                "points,writer={writer},series={series} batch={batch}i,a={a}i,b={b},pad=\"{padding}\" {time}"
            );
        }
        let (cell, field) = Self::cell_of(batch);
        let _ = writeln!(
            lines,
            "cells,writer={writer},cell={cell} {}={batch}i {START}",
            field.name()
        );
        lines
    }

    /// Sends the next batch and notes what became of it.
    fn write(&mut self, server: &Server) -> Sent {
        let batch = self.next;
        self.next += 1;
        let versions = self.cells.entry(Self::cell_of(batch)).or_default();
        versions.unknown.push(batch);
        let request = server
            .post("/api/v2/write?bucket=db")
            .body(self.lines(batch));
        let Ok(answer) = server.try_send(request) else {
            return Sent::Gone;
        };
        match answer.status.as_u16() {
            204 => {
                self.acknowledged.insert(batch);
                let versions = self.cells.entry(Self::cell_of(batch)).or_default();
                *versions = Versions {
                    acknowledged: Some(batch),
                    unknown: Vec::new(),
                };
                Sent::Acknowledged
            }
            // The buffer is full until a persist is done.
            503 => Sent::Refused,
            status => panic!("a good batch was answered {status} {}", answer.text()),
        }
    }

    /// Writes until the server is gone, telling of each acknowledged batch.
    fn write_until_killed(&mut self, server: &Server, tell: &SyncSender<()>) {
        let mut refusals = 0;
        loop {
            match self.write(server) {
                Sent::Acknowledged => {
                    refusals = 0;
                    // Once enough were counted nobody listens, and the kill is on its way.
                    let _ = tell.send(());
                }
                Sent::Refused => refusals += 1,
                Sent::Gone => return,
            }
            assert!(refusals < REFUSALS_MAX, "a full buffer is never emptied");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Acknowledged,
    Refused,
    Gone,
}

const fn value_a(point: u64) -> u64 {
    point * 7 + 3
}

/// Halves: sums of them are exact.
fn value_b(point: u64) -> f64 {
    point as f64 + 0.5
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed() {
    let seed = std::env::var("WATERSHED_TEST_SEED").map_or(SEED, |seed| seed.parse().unwrap());
    // Shown when the test fails.
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut server = Server::with(&["--buffer-bytes-max", "1MiB", "--wal-bytes-max", "8MiB"]);
    server.create_database("db");
    let mut writers: Vec<Writer> = (0..WRITERS).map(Writer::new).collect();
    for round in 1..=KILLS {
        // Now and then the next kill comes while the log of the last one is hardly read.
        let batches = if round % 7 == 0 {
            1
        } else {
            random.random_range(5..90)
        };
        write_and_kill(&mut server, &mut writers, batches);
        server.restart();
        if round % 5 == 0 {
            check_points(&server, &writers);
        }
    }
    check_points(&server, &writers);
    check_cells(&server, &writers);
    let persisted = server.files("objects", ".parquet").len();
    assert!(
        persisted > 0,
        "no file was written during the test: the kills have met no persist"
    );
    // The rest of the life of the data: an orderly stop.
    assert!(server.stop().success());
    server.restart();
    check_points(&server, &writers);
    check_cells(&server, &writers);
    assert!(server.stop().success());
}

/// Writes on all connections and kills the server once so many batches were acknowledged.
#[track_caller]
fn write_and_kill(server: &mut Server, writers: &mut [Writer], batches: usize) {
    let (tell, told) = sync_channel(WRITERS);
    std::thread::scope(|scope| {
        let shared = &*server;
        for writer in writers {
            let tell = tell.clone();
            scope.spawn(move || writer.write_until_killed(shared, &tell));
        }
        drop(tell);
        wait_for(told, batches);
        shared.kill_now();
    });
    server.kill();
}

/// Returns after so many acknowledgements; later ones find the channel closed.
fn wait_for(told: Receiver<()>, batches: usize) {
    let seen = told.iter().take(batches).count();
    assert_eq!(seen, batches, "the server ended by itself");
}

/// Each acknowledged batch is there once and whole; others once and whole, or not at all.
#[track_caller]
fn check_points(server: &Server, writers: &[Writer]) {
    let query = "SELECT CAST(writer AS BIGINT) AS writer, batch, count(*) AS n, \
                 count(DISTINCT CAST(time AS BIGINT)) AS times, sum(a) AS a, sum(b) AS b, sum(length(pad)) AS pad \
                 FROM points GROUP BY 1, 2 ORDER BY 1, 2";
    let rows = server.sql("db", query);
    let mut found: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); WRITERS];
    for row in rows.as_array().unwrap() {
        let batch = row["batch"].as_u64().unwrap();
        let writer = row["writer"].as_u64().unwrap() as usize;
        assert_eq!(
            *row,
            expected_batch(writer, batch),
            "batch {batch} of writer {writer}"
        );
        found[writer].insert(batch);
    }
    for (writer, found) in writers.iter().zip(&found) {
        let lost: Vec<_> = writer.acknowledged.difference(found).collect();
        assert!(
            lost.is_empty(),
            "writer {} lost acknowledged batches {lost:?}",
            writer.number
        );
        let invented: Vec<_> = found
            .iter()
            .filter(|batch| **batch >= writer.next)
            .collect();
        assert!(
            invented.is_empty(),
            "writer {} never sent {invented:?}",
            writer.number
        );
    }
    check_points_by_influxql(server, &found);
}

fn expected_batch(writer: usize, batch: u64) -> Value {
    let points = batch * BATCH_POINTS..(batch + 1) * BATCH_POINTS;
    json!({
        "writer": writer,
        "batch": batch,
        "n": BATCH_POINTS,
        "times": BATCH_POINTS,
        "a": points.clone().map(value_a).sum::<u64>(),
        "b": points.map(value_b).sum::<f64>(),
        "pad": BATCH_POINTS * PADDING_BYTES as u64,
    })
}

/// The other language sees the same points.
#[track_caller]
fn check_points_by_influxql(server: &Server, found: &[BTreeSet<u64>]) {
    let series = server.influxql(
        "db",
        "SELECT count(a), sum(a), sum(b) FROM points GROUP BY writer",
    );
    let got: BTreeMap<&str, &Value> = series
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|series| {
            (
                series["tags"]["writer"].as_str().unwrap(),
                &series["values"],
            )
        })
        .collect();
    for (writer, batches) in found
        .iter()
        .enumerate()
        .filter(|(_, batches)| !batches.is_empty())
    {
        let points = || {
            batches
                .iter()
                .flat_map(|b| b * BATCH_POINTS..(b + 1) * BATCH_POINTS)
        };
        let (a, b) = (
            points().map(value_a).sum::<u64>(),
            points().map(value_b).sum::<f64>(),
        );
        // A float without a fraction is printed as an integer.
        let b = if b.fract() == 0.0 {
            json!(b as u64)
        } else {
            json!(b)
        };
        let expected = json!([[0, points().count(), a, b]]);
        let name = writer.to_string();
        assert_eq!(
            got.get(name.as_str()).copied(),
            Some(&expected),
            "writer {writer}"
        );
    }
}

/// Of each cell and field the newest acknowledged version is there, or one sent after it.
#[track_caller]
fn check_cells(server: &Server, writers: &[Writer]) {
    let query =
        "SELECT CAST(writer AS BIGINT) AS writer, CAST(cell AS BIGINT) AS cell, x, y FROM cells";
    let rows = server.sql("db", query);
    let rows = rows.as_array().unwrap();
    let key = |row: &Value| {
        (
            row["writer"].as_u64().unwrap(),
            row["cell"].as_u64().unwrap(),
        )
    };
    let by_key: BTreeMap<_, _> = rows.iter().map(|row| (key(row), row)).collect();
    assert_eq!(by_key.len(), rows.len(), "a cell has one row");
    for writer in writers {
        for ((cell, field), versions) in &writer.cells {
            let row = by_key.get(&(writer.number as u64, *cell));
            let got = row.and_then(|row| row[field.name()].as_u64());
            let allowed =
                got == versions.acknowledged || got.is_some_and(|v| versions.unknown.contains(&v));
            assert!(
                allowed,
                "writer {} cell {cell} {}: got {got:?}, {versions:?}",
                writer.number,
                field.name()
            );
        }
    }
    let fields = writers
        .iter()
        .flat_map(|w| Field::ALL.map(|field| w.cells.contains_key(&(0, field))));
    assert!(
        fields.into_iter().all(|written| written),
        "every writer must have written both fields"
    );
}

#[test]
fn an_orderly_stop_leaves_everything_in_files() {
    let mut server = Server::start();
    server.create_database("db");
    server.create_database("other");
    for hour in 0..48 {
        let time = START + hour * 3_600_000_000_000;
        server.write(
            "db",
            &format!("m,host=a v={hour}i {time}\nm,host=b v={hour}i,w=\"x\" {time}"),
        );
    }
    // The same points once more: the newer value wins, the other fields stay.
    server.write("db", &format!("m,host=b v=100i {START}"));
    server.write("other", "n f=1.5 0");
    let points =
        "SELECT host, count(*) AS n, sum(v) AS v, count(w) AS w FROM m GROUP BY host ORDER BY host";
    let expected = json!([
        { "host": "a", "n": 48, "v": 1128, "w": 0 },
        { "host": "b", "n": 48, "v": 1228, "w": 48 },
    ]);
    assert_eq!(server.sql("db", points), expected);
    assert_eq!(server.stop().code(), Some(0));
    let rows: i64 = server
        .files("objects", ".parquet")
        .iter()
        .map(|path| parquet_rows(path))
        .sum();
    assert_eq!(rows, 97, "all points, duplicates settled, are in files");
    server.restart();
    assert_eq!(server.sql("db", points), expected);
    assert_eq!(
        server.sql("other", "SELECT f FROM n"),
        json!([{ "f": 1.5 }])
    );
    // What is written now joins what was written then.
    server.write("db", &format!("m,host=a v=1000i,w=\"y\" {START}"));
    let expected = json!([
        { "host": "a", "n": 48, "v": 2128, "w": 1 },
        { "host": "b", "n": 48, "v": 1228, "w": 48 },
    ]);
    assert_eq!(server.sql("db", points), expected);
    server.kill();
    server.restart();
    assert_eq!(server.sql("db", points), expected);
}

fn parquet_rows(path: &std::path::Path) -> i64 {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().file_metadata().num_rows()
}

#[test]
fn what_was_created_and_revoked_stays_so_after_a_kill() {
    let mut server = Server::start();
    server.create_database("db");
    server.create_database("dropped");
    server.write("dropped", "m f=1");
    let kept = server.create_token(&["write:db"]);
    let revoked = server.create_token_with(&["write:db"], json!({}));
    let delete = |path: &str| {
        let request = server
            .bare(reqwest::Method::DELETE, path)
            .bearer_auth(OPERATOR_TOKEN);
        assert_eq!(server.send(request).status, 204, "delete {path}");
    };
    delete(&format!(
        "/api/v0/tokens/{}",
        revoked["id"].as_str().unwrap()
    ));
    delete("/api/v0/databases/dropped");
    server.kill();
    server.restart();
    let status = |database: &str, token: &str| {
        let path = format!("/api/v2/write?bucket={database}");
        let request = server
            .bare(reqwest::Method::POST, &path)
            .bearer_auth(token)
            .body("m f=1");
        server.send(request).status.as_u16()
    };
    assert_eq!(status("db", &kept), 204);
    assert_eq!(status("db", revoked["accessToken"].as_str().unwrap()), 401);
    assert_eq!(status("dropped", OPERATOR_TOKEN), 404);
}

#[test]
fn writes_in_one_request_keep_their_order_across_a_restart() {
    let mut server = Server::start();
    server.create_database("db");
    server.write("db", "m,t=a x=1i 0\nm,t=a y=1i 0\nm,t=a x=2i 0");
    server.kill();
    server.restart();
    server.write("db", "m,t=a y=2i 0");
    assert_eq!(
        server.sql("db", "SELECT x, y FROM m"),
        json!([{ "x": 2, "y": 2 }])
    );
    server.kill();
    server.restart();
    assert_eq!(
        server.sql("db", "SELECT x, y FROM m"),
        json!([{ "x": 2, "y": 2 }])
    );
    assert!(server.stop().success());
    server.restart();
    server.write("db", "m,t=a x=3i 0");
    assert_eq!(
        server.sql("db", "SELECT x, y FROM m"),
        json!([{ "x": 3, "y": 2 }])
    );
}
