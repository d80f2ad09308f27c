//! `SELECT … INTO`: what is written, where, and what is told about it.

use super::server::Server;
use super::write_errors::open_write;
use serde_json::{Value, json};

/// A server with some points in `db`, and the database `other/rp`.
#[track_caller]
fn server() -> Server {
    let server = Server::start();
    server.create_database("db");
    server.create_database("other/rp");
    server.write(
        "db",
        "cpu,host=a,dc=x usage=1.5,n=1i,ok=t,note=\"say \\\"hi\\\"\" 1\n\
         cpu,host=b usage=2,n=2i 2\n\
         cpu,host=b u=18446744073709551615u 3\n\
         mem,host=a free=7i 2",
    );
    server
}

/// Runs a statement that writes; returns how many points it says it has written.
#[track_caller]
fn written(server: &Server, statement: &str) -> u64 {
    let series = server.influxql("db", statement);
    let points = series[0]["values"][0][1].as_u64().unwrap();
    assert_eq!(
        series,
        json!([{ "name": "result", "columns": ["time", "written"], "values": [[0, points]] }]),
        "{statement}"
    );
    points
}

/// The series of a query as name, tags and rows.
#[track_caller]
fn rows(server: &Server, database: &str, query: &str) -> Value {
    let series = server.influxql(database, query);
    let series = series.as_array().cloned().unwrap_or_default();
    series
        .iter()
        .map(|s| json!([s["name"], s["tags"], s["columns"], s["values"]]))
        .collect()
}

#[test]
fn tags_are_kept_where_they_are_grouped_by() {
    let server = server();
    assert_eq!(
        written(&server, "SELECT * INTO copy FROM cpu GROUP BY *"),
        3
    );
    assert_eq!(
        rows(&server, "db", "SELECT * FROM copy GROUP BY *"),
        rows(&server, "db", "SELECT * FROM cpu GROUP BY *")
            .as_array()
            .unwrap()
            .iter()
            .map(|s| json!(["copy", s[1], s[2], s[3]]))
            .collect::<Value>()
    );
    let types =
        |table: &str| rows(&server, "db", &format!("SHOW FIELD KEYS FROM {table}"))[0][3].clone();
    assert_eq!(types("copy"), types("cpu"));

    // Selected but not grouped by, they become fields.
    assert_eq!(written(&server, "SELECT usage, host INTO flat FROM cpu"), 2);
    assert_eq!(
        rows(&server, "db", "SELECT * FROM flat"),
        json!([[
            "flat",
            null,
            ["time", "host", "usage"],
            [[1, "a", 1.5], [2, "b", 2]]
        ]])
    );
    assert_eq!(rows(&server, "db", "SHOW TAG KEYS FROM flat"), json!([]));

    // Except those that the points are chosen by.
    assert_eq!(
        written(&server, "SELECT top(n, host, 2) INTO best FROM cpu"),
        2
    );
    assert_eq!(
        rows(&server, "db", "SELECT * FROM best GROUP BY *"),
        json!([
            ["best", { "host": "a" }, ["time", "top"], [[1, 1]]],
            ["best", { "host": "b" }, ["time", "top"], [[2, 2]]]
        ])
    );
}

#[test]
fn rows_without_values_are_no_points() {
    let server = server();
    let statement = "SELECT mean(usage) AS mean INTO sparse FROM cpu WHERE time >= 0 AND time < 10 GROUP BY time(1ns)";
    assert_eq!(written(&server, statement), 2);
    assert_eq!(
        rows(&server, "db", "SELECT * FROM sparse"),
        json!([["sparse", null, ["time", "mean"], [[1, 1.5], [2, 2]]]])
    );
    assert_eq!(written(&server, "SELECT * INTO nothing FROM unknown"), 0);
    assert_eq!(rows(&server, "db", "SELECT * FROM nothing"), json!([]));
}

#[test]
fn measurements_keep_their_names_where_asked() {
    let server = server();
    let statement = "SELECT n, free INTO other.rp.:MEASUREMENT FROM /.*/ GROUP BY host";
    assert_eq!(written(&server, statement), 3);
    assert_eq!(
        rows(&server, "other/rp", "SELECT * FROM /.*/"),
        json!([
            [
                "cpu",
                null,
                ["time", "free", "host", "n"],
                [[1, null, "a", 1], [2, null, "b", 2]]
            ],
            [
                "mem",
                null,
                ["time", "free", "host", "n"],
                [[2, 7, "a", null]]
            ]
        ])
    );
}

#[test]
fn failures_say_how_much_was_written() {
    let server = server();
    let error = |statement: &str| {
        let request = server
            .post("/query")
            .query(&[("db", "db"), ("q", statement)]);
        server.send(request).json()["results"][0]["error"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(
        error("SELECT n INTO nodb..t FROM cpu"),
        "Database nodb not found (database not found: nodb)"
    );
    // `usage` is a float in `cpu`.
    let mixed = error("SELECT n AS usage INTO cpu FROM cpu");
    assert!(mixed.starts_with("SELECT INTO: "), "{mixed}");
    assert!(mixed.contains("usage"), "{mixed}");
    assert!(mixed.ends_with("; no points were written"), "{mixed}");
    let inexpressible = error(r#"SELECT n INTO "t\\" FROM cpu"#);
    assert!(
        inexpressible.ends_with("cannot be written in line protocol; no points were written"),
        "{inexpressible}"
    );
}

/// More rows than one batch has.
#[test]
fn many_rows_are_written_in_batches() {
    let server = server();
    let lines: Vec<String> = (0..25_000)
        .map(|i| format!("big,host=h{} v={i}i {i}", i % 7))
        .collect();
    server.write("db", &lines.join("\n"));
    assert_eq!(
        written(&server, "SELECT v INTO big2 FROM big GROUP BY host"),
        25_000
    );
    let sums = |table: &str| {
        rows(
            &server,
            "db",
            &format!("SELECT count(v), sum(v) FROM {table} GROUP BY host"),
        )
    };
    let (big, copied) = (sums("big"), sums("big2"));
    assert_eq!(big.as_array().unwrap().len(), 7);
    for (one, other) in big
        .as_array()
        .unwrap()
        .iter()
        .zip(copied.as_array().unwrap())
    {
        assert_eq!((&one[1], &one[3]), (&other[1], &other[3]));
    }
}

/// A batch that finds no room is offered again until there is some.
#[test]
fn batches_wait_for_room() {
    let server = Server::with(&["--writes-max", "1"]);
    server.create_database("db");
    server.write("db", "m v=1i 1\nm v=2i 2");
    let mut other = open_write(&server, 9);
    let refused = || {
        let metrics = server.send(server.get("/metrics"));
        let line = "watershed_server_writes_refused_total{reason=\"writes\"}";
        metrics.text().lines().any(|l| l.starts_with(line))
    };
    std::thread::scope(|scope| {
        let copy = scope.spawn(|| written(&server, "SELECT v INTO copy FROM m"));
        while !refused() {
            assert!(!copy.is_finished(), "the place was not taken");
        }
        other.send("m v=3i 3\n");
        assert_eq!(other.answer().status, 204);
        assert_eq!(copy.join().unwrap(), 2);
    });
    assert_eq!(
        rows(&server, "db", "SELECT v FROM copy"),
        json!([["copy", null, ["time", "v"], [[1, 1], [2, 2]]]])
    );
}
