//! Queries in progress: who sees them, who ends them, and that nothing is left of those whose clients have gone.

use super::flight::{do_get, operator, ticket};
use super::server::{Answer, OPERATOR_TOKEN, Server, runtime};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::{Duration, Instant};
use tonic::Code;

/// A query that runs for hours and gives one row.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000000000)";

/// An InfluxQL query that gives rows for hours.
const ENDLESS_ROWS: &str = "SELECT count(n) FROM cpu WHERE time >= '2024-01-01' AND time < '2024-02-01' GROUP BY time(1u) FILL(0)";

/// How long a query may take to be listed.
const DEADLINE: Duration = Duration::from_secs(30);

/// How long it may be listed after its client has gone.
const SOON: Duration = Duration::from_secs(1);

#[track_caller]
fn server() -> Server {
    // So many buckets that a query takes hours.
    let server = Server::with(&["--query-buckets-max", "1000000000000000"]);
    server.create_database("db");
    server.create_database("other");
    server.write("db", "cpu n=1i 1704067200000000000");
    server
}

/// The rows of `SHOW QUERIES` for a token.
#[track_caller]
fn listed(server: &Server, token: &str) -> Vec<Value> {
    let request = server.bare(Method::GET, "/query?q=SHOW+QUERIES");
    let answer = server.send(request.bearer_auth(token)).json();
    let series = &answer["results"][0]["series"][0];
    if series.is_null() {
        return Vec::new();
    }
    assert_eq!(
        series["columns"],
        json!(["qid", "query", "database", "duration", "status"])
    );
    assert!(series.get("name").is_none());
    series["values"].as_array().unwrap().clone()
}

/// Asks until so many queries are listed.
#[track_caller]
pub(crate) fn wait_for(server: &Server, count: usize) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let queries = listed(server, OPERATOR_TOKEN);
        if queries.len() == count {
            return queries;
        }
        assert!(begun.elapsed() < DEADLINE, "{queries:?}");
    }
}

/// Asks until there is one query, and it runs.
#[track_caller]
fn wait_until_it_runs(server: &Server) -> Vec<Value> {
    wait_for_status(server, &["running"])
}

/// Asks until the queries listed are at that.
#[track_caller]
fn wait_for_status(server: &Server, expected: &[&str]) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let queries = listed(server, OPERATOR_TOKEN);
        let status: Vec<&str> = queries.iter().map(|q| q[4].as_str().unwrap()).collect();
        if status == expected {
            return queries;
        }
        assert!(begun.elapsed() < DEADLINE, "{queries:?}");
    }
}

#[track_caller]
fn kill(server: &Server, id: &Value) -> Value {
    let statement = format!("KILL QUERY {id}");
    let request = server.post("/query").query(&[("q", &statement)]);
    server.send(request).json()["results"][0].clone()
}

fn endless(server: &Server) -> RequestBuilder {
    server
        .get("/api/v3/query_sql")
        .query(&[("db", "db"), ("q", ENDLESS)])
}

fn endless_rows(server: &Server, chunked: &str) -> RequestBuilder {
    server.get("/query").query(&[
        ("db", "db"),
        ("q", ENDLESS_ROWS),
        ("chunked", chunked),
        ("chunk_size", "10"),
    ])
}

#[test]
fn a_killed_query_ends_with_an_error() {
    let server = server();
    std::thread::scope(|scope| {
        let sql = scope.spawn(|| server.send(endless(&server)));
        let queries = wait_until_it_runs(&server);
        let [id, text, database, duration, status] = queries[0].as_array().unwrap().as_slice()
        else {
            panic!("{queries:?}");
        };
        assert_eq!(
            (text, database, status),
            (&json!(ENDLESS), &json!("db"), &json!("running"))
        );
        assert!(duration.as_str().unwrap().ends_with('s'), "{duration}");
        assert_eq!(kill(&server, id), json!({ "statement_id": 0 }));
        let answer: Answer = sql.join().unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.json()),
            (
                409,
                json!({ "code": "conflict", "message": "query killed" })
            )
        );
        assert_eq!(
            kill(&server, id),
            json!({ "statement_id": 0, "error": format!("no such query id: {id}") })
        );

        let flight = scope.spawn(|| {
            let ticket = ticket("db", ENDLESS, "sql");
            do_get(&server, Some(&operator()), ticket).unwrap_err()
        });
        let queries = wait_for(&server, 1);
        assert!(queries[0][0].as_u64() > id.as_u64());
        kill(&server, &queries[0][0]);
        let status = flight.join().unwrap();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Aborted, "query killed")
        );
    });
    assert_eq!(listed(&server, OPERATOR_TOKEN), Vec::<Value>::new());
}

#[test]
fn a_statement_that_is_killed_while_rows_are_sent_ends_with_an_error() {
    let server = server();
    runtime().block_on(async {
        let mut response: Response = endless_rows(&server, "true").send().await.unwrap();
        // The first chunk is here long before the scan ends.
        let first = response.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"{\"results\":[{\"statement_id\":0,\"series\":"));
        let id = tokio::task::block_in_place(|| wait_for(&server, 1)[0][0].clone());
        tokio::task::block_in_place(|| kill(&server, &id));
        let mut end = Vec::new();
        while let Some(piece) = response.chunk().await.unwrap() {
            end.extend_from_slice(&piece);
        }
        let end = String::from_utf8(end).unwrap();
        assert_eq!(
            end.lines().last().unwrap(),
            r#"{"results":[{"statement_id":0,"error":"query killed"}]}"#
        );
    });
    wait_for(&server, 0);
}

/// A compressor that waited for more bytes would hold the chunk back for ever.
#[test]
fn compressed_chunks_come_before_the_query_ends() {
    let server = server();
    let counted = ENDLESS_ROWS.replace("count(n)", "count(n) AS c");
    let statements = format!("SELECT n FROM cpu; SELECT count(c) FROM ({counted})");
    let request = server.get("/query").query(&[
        ("db", "db"),
        ("q", &statements),
        ("epoch", "s"),
        ("chunked", "true"),
    ]);
    runtime().block_on(async {
        let request = request.header("accept-encoding", "gzip");
        let mut response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let mut decoder = flate2::write::GzDecoder::new(Vec::new());
        while !decoder.get_ref().ends_with(b"\n") {
            let piece = response.chunk().await.unwrap().unwrap();
            decoder.write_all(&piece).unwrap();
            decoder.flush().unwrap();
        }
        let first = std::str::from_utf8(decoder.get_ref()).unwrap();
        assert_eq!(
            first,
            "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"cpu\",\"columns\":[\"time\",\"n\"],\
             \"values\":[[1704067200,1]]}]}]}\n"
        );
        let queries = tokio::task::block_in_place(|| wait_for(&server, 1));
        assert!(queries[0][1].as_str().unwrap().starts_with("SELECT count(c)"));
    });
    wait_for(&server, 0);
}

#[test]
fn queries_are_shown_to_those_who_may_read_their_database() {
    let server = server();
    let reader = server.create_token(&["read:db", "write:other"]);
    let writer = server.create_token(&["write:db", "read:other"]);
    std::thread::scope(|scope| {
        let query = scope.spawn(|| server.send(endless(&server)));
        let queries = wait_for(&server, 1);
        assert_eq!(listed(&server, &reader).len(), 1);
        assert_eq!(listed(&server, &writer).len(), 0);
        let statement = format!("KILL QUERY {}", queries[0][0]);
        let request = server.bare(Method::POST, "/query").bearer_auth(&reader);
        let refused = server.send(request.query(&[("q", &statement)])).json();
        assert_eq!(
            refused["results"][0]["error"],
            json!("forbidden: KILL QUERY needs an operator token")
        );
        wait_until_it_runs(&server);
        kill(&server, &queries[0][0]);
        query.join().unwrap();
    });
}

#[test]
fn queries_are_shown_with_what_they_are_at() {
    let server = Server::with(&["--queries-max", "1"]);
    server.create_database("db");
    let planned_long: Vec<String> = (0..300).map(|n| format!("SELECT {n} AS n")).collect();
    let planned_long =
        planned_long.join(" UNION SELECT value + 1 FROM generate_series(1, 2) UNION ");
    let ask = |text: &str| {
        let request = server.get("/api/v3/query_sql");
        let request = request.query(&[("db", "db"), ("q", text)]);
        runtime().spawn(async move { request.send().await.map(drop) })
    };
    let running = ask(ENDLESS);
    wait_for_status(&server, &["running"]);
    let waiting = ask("SELECT 1");
    wait_for_status(&server, &["running", "waiting"]);
    let planning = ask(&planned_long);
    wait_for_status(&server, &["running", "waiting", "planning"]);
    for task in [running, waiting, planning] {
        task.abort();
    }
    wait_for(&server, 0);
}

#[test]
fn queries_end_when_their_clients_go_away() {
    let server = server();
    // Before the first byte of the answer, over both endpoints, and in the middle of one.
    let into = ENDLESS_ROWS.replace(" FROM", " INTO filled FROM");
    let requests = [
        endless(&server),
        endless_rows(&server, "false"),
        endless_rows(&server, "true"),
        server.post("/query").query(&[("db", "db"), ("q", &into)]),
    ];
    for (at, request) in requests.into_iter().enumerate() {
        let gone = runtime().spawn(async move {
            let mut response = request.send().await.unwrap();
            while response.chunk().await.unwrap().is_some() {}
        });
        wait_for(&server, 1);
        let begun = Instant::now();
        gone.abort();
        wait_for(&server, 0);
        assert!(begun.elapsed() < SOON, "request {at}");
    }
    // Whatever computed them is free for others.
    assert_eq!(server.sql("db", "SELECT n FROM cpu"), json!([{ "n": 1 }]));
}

#[test]
fn a_killed_select_into_says_what_it_has_written() {
    let server = server();
    std::thread::scope(|scope| {
        let into = scope.spawn(|| {
            let statement = ENDLESS_ROWS.replace(" FROM", " INTO filled FROM");
            let request = server
                .post("/query")
                .query(&[("db", "db"), ("q", &statement)]);
            server.send(request).json()
        });
        let queries = wait_for(&server, 1);
        let begun = Instant::now();
        while server.influxql("db", "SHOW MEASUREMENTS")[0]["values"] == json!([["cpu"]]) {
            assert!(begun.elapsed() < DEADLINE);
        }
        kill(&server, &queries[0][0]);
        let answer = into.join().unwrap();
        let error = answer["results"][0]["error"].as_str().unwrap();
        let points = error
            .strip_prefix("SELECT INTO: query killed; ")
            .and_then(|rest| rest.strip_suffix(" points were written before"));
        let points: u64 = points.unwrap_or_else(|| panic!("{error}")).parse().unwrap();
        let rows = server.sql("db", "SELECT count(*) AS n FROM filled");
        assert_eq!(rows[0]["n"], json!(points));
    });
}

#[test]
fn operators_list_and_end_queries_over_http() {
    let server = server();
    let reader = server.create_token(&["read:db"]);
    std::thread::scope(|scope| {
        let query = scope.spawn(|| server.send(endless(&server)));
        wait_for(&server, 1);
        let listed = server.send(server.get("/api/v0/queries")).json();
        let [running] = listed.as_array().unwrap().as_slice() else {
            panic!("{listed}");
        };
        assert_eq!(
            (
                &running["query"],
                &running["database"],
                &running["queryType"]
            ),
            (&json!(ENDLESS), &json!("db"), &json!("sql"))
        );
        assert_eq!(
            (&running["running"], &running["success"]),
            (&json!(true), &json!(false))
        );
        let path = format!("/api/v0/queries/{}", running["id"]);
        for method in [Method::GET, Method::DELETE] {
            let path = if method == Method::GET {
                "/api/v0/queries"
            } else {
                &path
            };
            let refused = server.send(server.bare(method, path).bearer_auth(&reader));
            assert_eq!(refused.status, 403, "{}", refused.text());
        }
        let delete = |path: &str| {
            let request = server.bare(Method::DELETE, path);
            server.send(request.bearer_auth(OPERATOR_TOKEN))
        };
        assert_eq!(delete(&path).status, 204);
        assert_eq!(
            query.join().unwrap().json()["message"],
            json!("query killed")
        );
        let again = delete(&path);
        assert_eq!(
            (again.status.as_u16(), again.json()["message"].clone()),
            (
                404,
                json!(format!("no query {} is in progress", running["id"]))
            )
        );
        assert_eq!(delete("/api/v0/queries/x").status, 400);
        let listed = server.send(server.get("/api/v0/queries")).json();
        assert_eq!(listed, json!([]));
        let all = server
            .send(server.get("/api/v0/queries?finished=true"))
            .json();
        let ended = all.as_array().unwrap().last().unwrap();
        assert_eq!(
            (&ended["phase"], &ended["cancelled"]),
            (&json!("cancel"), &json!(true))
        );
        let wrong = server.send(server.get("/api/v0/queries?finished=maybe"));
        assert_eq!(wrong.status, 400);
    });
}

#[test]
fn a_query_may_take_only_so_long() {
    let server = Server::with(&[
        "--query-timeout",
        "1",
        "--query-queue-timeout",
        "1",
        "--queries-max",
        "1",
    ]);
    server.create_database("db");
    let answer = server.send(endless(&server));
    assert_eq!(
        (answer.status.as_u16(), answer.json()["message"].clone()),
        (
            503,
            json!(
                "the query has taken longer than 1 s; ask for a shorter time or fewer columns, or let queries take longer with --query-timeout"
            )
        )
    );
    assert_eq!(server.sql("db", "SELECT 1 AS n"), json!([{ "n": 1 }]));
}

/// A query that has not begun is worth another try as it is; one that another statement stood before is not.
#[test]
fn a_request_whose_first_query_gets_no_turn_is_refused() {
    let server = Server::with(&["--query-queue-timeout", "1", "--queries-max", "1"]);
    server.create_database("db");
    server.write("db", "cpu n=1i 1704067200000000000");
    let request = endless(&server);
    let running = runtime().spawn(async move { request.send().await.map(drop) });
    wait_until_it_runs(&server);
    let text = "the query has waited 1 s for its turn; try again later, or let queries wait longer with --query-queue-timeout";
    let ask = |statements: &str, chunked: &str| {
        let query = [("db", "db"), ("q", statements), ("chunked", chunked)];
        server.send(server.get("/query").query(&query))
    };
    for chunked in ["false", "true"] {
        for statements in ["SELECT n FROM cpu", "SELECT n FROM cpu; SHOW DATABASES"] {
            let refused = ask(statements, chunked);
            assert_eq!(
                (refused.status.as_u16(), &refused.json()["error"]),
                (503, &json!(text)),
                "{statements}"
            );
            assert!(refused.headers.contains_key("retry-after"), "{statements}");
        }
    }
    let second = ask("SHOW DATABASES; SELECT n FROM cpu", "false");
    assert_eq!(second.status, 200);
    let results = &second.json()["results"];
    assert_eq!(results[0]["series"][0]["values"], json!([["db"]]));
    assert_eq!(results[1], json!({ "statement_id": 1, "error": text }));
    running.abort();
}

#[test]
fn a_query_that_finds_no_memory_is_refused() {
    let server = Server::with(&["--query-memory-bytes-max", "32MiB"]);
    server.create_database("db");
    server.write("db", "cpu n=1i 1704067200000000000");
    // Every value of a median is kept until the last one has come.
    let median = "SELECT median(c) FROM (SELECT count(n) AS c FROM cpu WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-01-01T00:00:30Z' GROUP BY time(3u) fill(0))";
    let request = server.get("/query").query(&[("db", "db"), ("q", median)]);
    let refused = server.send(request);
    let text = refused.json()["error"].as_str().unwrap().to_owned();
    assert_eq!(refused.status, 503, "{text}");
    assert!(text.contains("--query-memory-bytes-max"), "{text}");
    assert!(refused.headers.contains_key("retry-after"));
}
