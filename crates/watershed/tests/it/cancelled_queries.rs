//! Queries whose clients go away, over every door and at every stage: a second later they are over, and others have
//! their places.

use super::flight::ticket;
use super::flight_client::{channel, client, flight_sql, request};
use super::running_queries::wait_for;
use super::server::{OPERATOR_TOKEN, Server, runtime};
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{Action, CancelFlightInfoRequest, FlightInfo, Ticket};
use futures::future::BoxFuture;
use prost::Message as _;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long a query may be in progress after its client has gone.
const SOON: Duration = Duration::from_secs(1);

/// How long a query may take to come as far as a test wants it.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a query is asked, and how its client goes away: by closing its connection, or by cancelling the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    QueryV1,
    QueryV1Chunked,
    SqlV3,
    InfluxQlV3,
    Flight,
    FlightInfluxQl,
    CancelFlightInfo,
}

impl Door {
    const ALL: [Self; 7] = [
        Self::QueryV1,
        Self::QueryV1Chunked,
        Self::SqlV3,
        Self::InfluxQlV3,
        Self::Flight,
        Self::FlightInfluxQl,
        Self::CancelFlightInfo,
    ];

    const fn speaks_sql(self) -> bool {
        matches!(self, Self::SqlV3 | Self::Flight | Self::CancelFlightInfo)
    }

    /// Asks; what is given back ends the query as a client does.
    fn ask(self, server: &Server, text: &str) -> Asked {
        let http = |path, more: &[(&str, &str)]| {
            let request = server.get(path).query(&[("db", "db"), ("q", text)]);
            over_http(request.query(more))
        };
        match self {
            Self::QueryV1 => http("/query", &[]),
            Self::QueryV1Chunked => http("/query", &[("chunked", "true")]),
            Self::SqlV3 => http("/api/v3/query_sql", &[("format", "jsonl")]),
            Self::InfluxQlV3 => http("/api/v3/query_influxql", &[("format", "jsonl")]),
            Self::Flight => over_flight(server, ticket("db", text, "sql").into()),
            Self::FlightInfluxQl => over_flight(server, ticket("db", text, "influxql").into()),
            Self::CancelFlightInfo => cancellable(server, text),
        }
    }
}

/// A query whose client reads the beginning of its answer and then nothing.
struct Asked {
    /// Comes with the beginning of the answer.
    begun: oneshot::Receiver<()>,
    end: BoxFuture<'static, ()>,
}

impl Asked {
    /// A client that is there until it is told to go.
    fn by(client: impl Future<Output = ()> + Send + 'static, begun: oneshot::Receiver<()>) -> Self {
        let task = runtime().spawn(client);
        let end = async move {
            task.abort();
            // Its connection is closed when this says so.
            assert!(task.await.unwrap_err().is_cancelled());
        };
        let end = Box::pin(end);
        Self { begun, end }
    }

    fn end(self) {
        runtime().block_on(self.end);
    }

    /// Waits for the beginning of the answer.
    fn begins(&mut self) {
        let begun = &mut self.begun;
        let begun = runtime().block_on(async { tokio::time::timeout(PATIENCE, begun).await });
        begun.unwrap().unwrap();
    }
}

fn over_http(request: RequestBuilder) -> Asked {
    let (begins, begun) = oneshot::channel();
    // A connection of its own, that ends with the client.
    let (_, request) = request.build_split();
    let client = async move {
        let own = reqwest::Client::builder().pool_max_idle_per_host(0);
        let own = own.build().unwrap();
        let mut response = own.execute(request.unwrap()).await.unwrap();
        let first = response.chunk().await.unwrap();
        assert!(first.is_some());
        begins.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    Asked::by(client, begun)
}

fn over_flight(server: &Server, ticket: Vec<u8>) -> Asked {
    let (begins, begun) = oneshot::channel();
    let url = server.url();
    let client = async move {
        let mut client = client(url).await;
        let ticket = ticket.into();
        // Who cancels by another call gets an error here.
        let Ok(rows) = client.do_get(request(Ticket { ticket }, &[])).await else {
            return;
        };
        let mut rows = rows.into_inner();
        // The schema, and rows.
        for _ in 0..2 {
            if rows.message().await.is_err() {
                return;
            }
        }
        begins.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    Asked::by(client, begun)
}

fn cancellable(server: &Server, text: &str) -> Asked {
    let info: FlightInfo = runtime().block_on(async {
        let mut sql = flight_sql(server, "db").await;
        sql.execute(text.to_owned(), None).await.unwrap()
    });
    let ticket = info.endpoint[0].ticket.clone().unwrap().ticket;
    let asked = over_flight(server, ticket.into());
    let url = server.url();
    let end = async move {
        let cancel = CancelFlightInfoRequest { info: Some(info) };
        let action = Action {
            r#type: "CancelFlightInfo".to_owned(),
            body: cancel.encode_to_vec().into(),
        };
        let mut client = client(url).await;
        client.do_action(request(action, &[])).await.unwrap();
    };
    let end = Box::pin(end);
    Asked { end, ..asked }
}

/// The queries in progress, as `/api/v0/queries` and `system.queries` tell.
fn in_progress(server: &Server) -> Vec<Value> {
    let queries = server.send(server.get("/api/v0/queries")).json();
    queries.as_array().unwrap().clone()
}

/// Waits until one query is as far as that.
#[track_caller]
fn wait_for_phase(server: &Server, text: &str, phases: &[&str]) {
    let begun = Instant::now();
    loop {
        let queries = in_progress(server);
        let reached = |query: &Value| {
            query["query"] == text && phases.contains(&query["phase"].as_str().unwrap())
        };
        if queries.iter().any(reached) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{queries:?}");
    }
}

/// Ends a query and sees to it that it is over soon.
#[track_caller]
fn ends_soon(server: &Server, asked: Asked, left: usize, what: &dyn std::fmt::Debug) {
    let begun = Instant::now();
    asked.end();
    loop {
        let queries = in_progress(server);
        if queries.len() == left {
            break;
        }
        assert!(begun.elapsed() < SOON, "{what:?}: {queries:?}");
    }
    let took = begun.elapsed();
    assert!(took < SOON, "{what:?}: {took:?}");
}

/// A small query that is answered at once.
#[track_caller]
fn has_a_free_place(server: &Server, what: &dyn std::fmt::Debug) {
    let begun = Instant::now();
    assert_eq!(server.sql("db", "SELECT n FROM cpu"), json!([{ "n": 1 }]));
    let took = begun.elapsed();
    assert!(took < SOON, "{what:?}: {took:?}");
}

/// Whether one more query would be let in to wait: a description needs no turn, but a place in the queue.
#[track_caller]
fn has_room_in_the_queue(server: &Server, what: &dyn std::fmt::Debug) {
    let begun = Instant::now();
    let described = || {
        runtime().block_on(async {
            let mut sql = flight_sql(server, "db").await;
            sql.execute("SELECT 1".to_owned(), None).await
        })
    };
    while let Err(error) = described() {
        assert!(begun.elapsed() < SOON, "{what:?}: {error}");
    }
}

/// One query at a time, and one more that waits.
#[track_caller]
fn narrow_server() -> Server {
    let flags = ["--queries-max", "1", "--queries-queued-max", "1"];
    let many_buckets = ["--query-buckets-max", "1000000000000000"];
    let server = Server::with(&[flags.as_slice(), &many_buckets].concat());
    server.create_database("db");
    server.write("db", "cpu n=1i 1704067200000000000");
    server
}

#[test]
fn a_query_that_waits_for_its_turn_ends_with_its_client() {
    let server = narrow_server();
    let slow = "SELECT n FROM cpu WHERE sleep(INTERVAL '10 minutes')";
    let running = Door::SqlV3.ask(&server, slow);
    wait_for_phase(&server, slow, &["permit"]);
    for door in Door::ALL {
        let text = "SELECT n FROM cpu WHERE n = 2";
        let waiting = door.ask(&server, text);
        wait_for_phase(&server, text, &["planned"]);
        let request = server.get("/api/v3/query_sql");
        let another = server.send(request.query(&[("db", "db"), ("q", "SELECT 1")]));
        assert_eq!(another.status, 503, "{door:?}: {}", another.text());
        ends_soon(&server, waiting, 1, &door);
        has_room_in_the_queue(&server, &door);
    }
    ends_soon(&server, running, 0, &"the query that ran");
    has_a_free_place(&server, &"at the end");
}

/// Hours of work before the first row.
const SQL_WITHOUT_ROWS: [&str; 3] = [
    "SELECT n FROM cpu WHERE sleep(INTERVAL '10 minutes')",
    "SELECT count(*) FROM generate_series(1, 10000000) a, generate_series(1, 10000000) b WHERE a.value % 7 = b.value % 11",
    "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8",
];
const INFLUXQL_WITHOUT_ROWS: &str = "SELECT count(c) FROM (SELECT count(n) AS c FROM cpu WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-02-01T00:00:00Z' GROUP BY time(1u) fill(0))";

#[test]
fn a_query_that_runs_without_rows_ends_with_its_client() {
    let server = narrow_server();
    for door in Door::ALL {
        let texts: &[&str] = match door.speaks_sql() {
            true => &SQL_WITHOUT_ROWS,
            false => &[INFLUXQL_WITHOUT_ROWS],
        };
        for text in texts {
            let asked = door.ask(&server, text);
            wait_until_it_runs(&server);
            ends_soon(&server, asked, 0, &(door, text));
            has_a_free_place(&server, &(door, text));
        }
    }
}

/// An InfluxQL statement is listed as it is printed, so only its phase is looked at.
#[track_caller]
fn wait_until_it_runs(server: &Server) {
    let begun = Instant::now();
    loop {
        let queries = in_progress(server);
        if queries.iter().any(|query| query["phase"] == "permit") {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{queries:?}");
    }
}

#[test]
fn a_query_whose_client_reads_slowly_ends_with_it() {
    let server = narrow_server();
    let sql = "SELECT value, repeat('x', 100) AS x FROM generate_series(1, 1000000000000)";
    let influxql = "SELECT count(n) FROM cpu WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-02-01T00:00:00Z' GROUP BY time(1u) fill(0)";
    for door in Door::ALL {
        let text = if door.speaks_sql() { sql } else { influxql };
        let mut asked = door.ask(&server, text);
        asked.begins();
        ends_soon(&server, asked, 0, &door);
        has_a_free_place(&server, &door);
    }
}

/// SQL that is planned for long, in small steps.
fn sql_planned_long() -> String {
    let select = |i| format!("SELECT n + {i} AS n FROM cpu WHERE n * {i} > 5");
    let selects: Vec<String> = (0..130).map(select).collect();
    selects.join(" UNION ALL ")
}

/// InfluxQL that is planned for long, once for each table.
const INFLUXQL_PLANNED_LONG: &str = "SELECT mean(n), max(n), min(n) FROM /^t/ WHERE time >= '2024-01-01T00:00:00Z' AND time < '2024-01-02T00:00:00Z' GROUP BY time(1m), host fill(linear)";

#[test]
fn a_query_that_is_planned_ends_with_its_client() {
    let server = Server::start();
    server.create_database("db");
    let mut lines = "cpu n=1i 1704067200000000000".to_owned();
    for table in 0..300 {
        write!(lines, "\nt{table},host=a n=1i 1704067200000000000").unwrap();
    }
    server.write("db", &lines);
    // All places where queries are planned.
    let cores = std::thread::available_parallelism().unwrap().get();
    let places = cores.max(8);
    let sql = sql_planned_long();
    for door in Door::ALL {
        // It is described first, which takes a place too.
        if door == Door::CancelFlightInfo {
            continue;
        }
        let text = match door.speaks_sql() {
            true => &sql,
            false => INFLUXQL_PLANNED_LONG,
        };
        let asked: Vec<Asked> = (0..places).map(|_| door.ask(&server, text)).collect();
        wait_until_planned(&server, places);
        let begun = Instant::now();
        let ends = asked.into_iter().map(|asked| asked.end);
        runtime().block_on(futures::future::join_all(ends));
        wait_for(&server, 0);
        has_a_free_place(&server, &door);
        println!("{door:?}: all over after {:?}", begun.elapsed());
    }
}

/// `GetFlightInfo` plans no further than to the columns, but is a query all the same.
#[test]
fn a_query_that_is_described_can_be_killed_and_ends_with_its_client() {
    let server = Server::start();
    server.create_database("db");
    server.write("db", "cpu n=1i 1704067200000000000");
    // Hundreds of kilobytes, that are read and checked before the columns are known.
    let columns: Vec<String> = (0..6000).map(|n| format!("n AS a{n}")).collect();
    let text = format!("SELECT {} FROM cpu", columns.join(", "));
    let describe = || {
        let (url, text) = (server.url(), text.clone());
        runtime().spawn(async move {
            let mut sql = FlightSqlServiceClient::new(channel(url).await);
            sql.set_token(OPERATOR_TOKEN.to_owned());
            sql.set_header("database", "db");
            sql.execute(text, None).await
        })
    };
    let killed = describe();
    let query = wait_for(&server, 1).remove(0);
    let path = format!("/api/v0/queries/{}", query[0]);
    let answer = server.send(
        server
            .bare(Method::DELETE, &path)
            .bearer_auth(OPERATOR_TOKEN),
    );
    assert_eq!(answer.status, 204, "{}", answer.text());
    let begun = Instant::now();
    let error = runtime().block_on(killed).unwrap().unwrap_err().to_string();
    assert!(error.contains("query killed"), "{error}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());

    let gone = describe();
    wait_for(&server, 1);
    let begun = Instant::now();
    gone.abort();
    wait_for(&server, 0);
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let all = server
        .send(server.get("/api/v0/queries?finished=true"))
        .json();
    let ended: Vec<_> = all.as_array().unwrap().iter().collect();
    assert_eq!(ended.len(), 2, "{all}");
    for query in ended {
        assert_eq!(
            (&query["queryType"], &query["phase"], &query["cancelled"]),
            (&json!("flightsql"), &json!("cancel"), &json!(true))
        );
    }
}

/// Waits until so many queries are being planned, all that there are.
#[track_caller]
fn wait_until_planned(server: &Server, places: usize) {
    let begun = Instant::now();
    let planned = |query: &Value| {
        let phase = query["phase"].as_str().unwrap();
        // It has waited for a place to be planned.
        !query["queueSeconds"].is_null() && (phase == "received" || phase == "logically_planned")
    };
    loop {
        let queries = in_progress(server);
        if queries.len() == places && queries.iter().all(planned) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{queries:?}");
    }
}
