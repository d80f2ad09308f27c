//! Arrow Flight with JSON tickets, as v3 clients use it.

use super::flight_client::{channel, table};
use super::server::{OPERATOR_TOKEN, Server, runtime};
use arrow::array::RecordBatch;
use arrow_flight::Ticket;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_client::FlightServiceClient;
use futures::TryStreamExt as _;
use serde_json::json;
use tonic::{Code, Request, Status};

const POINTS: &str = "\
cpu,host=a usage=1.5,n=1i 1704067200000000000
cpu,host=a usage=2,n=2i 1704067201500000000
cpu,host=b usage=3 1704067202000000000";

/// A server with some points in `db`.
#[track_caller]
pub(crate) fn server() -> Server {
    let server = Server::start();
    server.create_database("db");
    server.write("db", POINTS);
    server
}

/// `DoGet` with a ticket, as the v3 clients send it.
pub(crate) fn do_get(
    server: &Server,
    authorization: Option<&str>,
    ticket: impl Into<Vec<u8>>,
) -> Result<Vec<RecordBatch>, Status> {
    runtime().block_on(async {
        let mut client = FlightServiceClient::new(channel(server.url()).await);
        let mut request = Request::new(Ticket {
            ticket: ticket.into().into(),
        });
        if let Some(authorization) = authorization {
            request
                .metadata_mut()
                .insert("authorization", authorization.parse().unwrap());
        }
        let messages = client
            .do_get(request)
            .await?
            .into_inner()
            .map_err(|e| FlightError::Tonic(Box::new(e)));
        let batches = FlightRecordBatchStream::new_from_flight_data(messages)
            .try_collect()
            .await;
        batches.map_err(|error| match error {
            FlightError::Tonic(status) => *status,
            other => panic!("{other}"),
        })
    })
}

pub(crate) fn operator() -> String {
    format!("Bearer {OPERATOR_TOKEN}")
}

pub(crate) fn ticket(database: &str, query: &str, language: &str) -> String {
    json!({ "database": database, "sql_query": query, "query_type": language }).to_string()
}

/// The rows of a ticket, as a table without its frame; keep-alives are batches without rows.
#[track_caller]
fn rows(server: &Server, ticket: impl Into<Vec<u8>>) -> Vec<String> {
    let batches = do_get(server, Some(&operator()), ticket).unwrap();
    table(&batches)
}

#[test]
fn a_ticket_runs_sql() {
    let server = server();
    let statement = "SELECT host, time, usage, n FROM cpu ORDER BY time";
    let expected = [
        "host|time|usage|n",
        "a|2024-01-01T00:00:00|1.5|1",
        "a|2024-01-01T00:00:01.500|2.0|2",
        "b|2024-01-01T00:00:02|3.0|",
    ];
    assert_eq!(rows(&server, ticket("db", statement, "sql")), expected);
    for alias in ["namespace_name", "bucket", "bucket-name"] {
        let ticket = json!({ alias: "db", "sql_query": statement, "unknown": [1] }).to_string();
        assert_eq!(rows(&server, ticket), expected, "{alias}");
    }
    let with_params = json!({
        "database": "db",
        "sql_query": "SELECT n FROM cpu WHERE host = $host AND n > $n",
        "params": { "host": "a", "n": 1 },
    });
    assert_eq!(rows(&server, with_params.to_string()), ["n", "2"]);
}

#[test]
fn columns_have_the_types_that_clients_read() {
    let server = server();
    let statement = "SELECT host, n, time, usage FROM cpu";
    let batches = do_get(&server, Some(&operator()), ticket("db", statement, "sql")).unwrap();
    let schema = batches[0].schema();
    let types: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let kind = field
                .metadata()
                .get("iox::column::type")
                .map_or("", String::as_str);
            format!(
                "{} {} {} {kind}",
                field.name(),
                field.data_type(),
                field.is_nullable()
            )
        })
        .collect();
    assert_eq!(
        types,
        [
            "host Utf8 true iox::column_type::tag",
            "n Int64 true iox::column_type::field::integer",
            "time Timestamp(ns) false iox::column_type::timestamp",
            "usage Float64 true iox::column_type::field::float",
        ]
    );
}

#[test]
fn a_ticket_runs_influxql() {
    let server = server();
    let statement = "SELECT n, usage FROM cpu WHERE n > 0 GROUP BY host";
    assert_eq!(
        rows(&server, ticket("db", statement, "influxql")),
        [
            "iox::measurement|time|host|n|usage",
            "cpu|2024-01-01T00:00:00|a|1|1.5",
            "cpu|2024-01-01T00:00:01.500|a|2|2.0",
        ]
    );
    let with_params = json!({
        "database": "db",
        "sql_query": "SELECT n FROM cpu WHERE n = $n",
        "query_type": "influxql",
        "params": { "n": 2 },
    });
    assert_eq!(
        rows(&server, with_params.to_string()),
        ["iox::measurement|time|n", "cpu|2024-01-01T00:00:01.500|2"]
    );
}

#[test]
fn a_ticket_shows_what_the_server_knows() {
    let server = server();
    server.create_database("db/week");
    let influxql = |text: &str| rows(&server, ticket("db", text, "influxql"));
    assert_eq!(
        influxql("SHOW DATABASES"),
        ["iox::measurement|name", "databases|db", "databases|db/week"]
    );
    assert_eq!(
        influxql("SHOW RETENTION POLICIES"),
        [
            "iox::measurement|name|duration|shardGroupDuration|replicaN|default",
            "retention_policies|autogen|0s|168h0m0s|1|true",
            "retention_policies|week|0s|168h0m0s|1|false",
        ]
    );
    // Statements like this one are no queries.
    assert_eq!(influxql("SHOW QUERIES"), [""; 0]);
}

#[test]
fn failures_have_the_code_that_fits() {
    let server = server();
    let writer = format!("Bearer {}", server.create_token(&["write:db"]));
    let reader = format!("Bearer {}", server.create_token(&["read:db", "read:gone"]));
    let good = ticket("db", "SELECT n FROM cpu", "sql");
    let sql = |text: &str| ticket("db", text, "sql");
    let influxql = |text: &str| ticket("db", text, "influxql");
    let invalid = "Invalid ticket. Error: Invalid ticket";
    let operator = operator();
    let cases: Vec<(Option<&str>, String, Code, &str)> = vec![
        (None, good.clone(), Code::Unauthenticated, "Unauthenticated"),
        (
            Some("Bearer wrong"),
            good.clone(),
            Code::Unauthenticated,
            "Unauthenticated",
        ),
        (
            Some("Unknown scheme"),
            good.clone(),
            Code::Unauthenticated,
            "Unauthenticated",
        ),
        (
            Some(&writer),
            good,
            Code::PermissionDenied,
            "Permission denied",
        ),
        (
            Some(&writer),
            ticket("missing", "SELECT 1", "sql"),
            Code::PermissionDenied,
            "Permission denied",
        ),
        (
            Some(&reader),
            ticket("gone", "SELECT 1", "sql"),
            Code::NotFound,
            "Database 'gone' not found",
        ),
        (
            Some(&operator),
            ticket("nope", "SELECT 1", "sql"),
            Code::NotFound,
            "Database 'nope' not found",
        ),
        (
            Some(&operator),
            "nonsense".to_owned(),
            Code::InvalidArgument,
            invalid,
        ),
        (
            Some(&operator),
            "{}".to_owned(),
            Code::InvalidArgument,
            invalid,
        ),
        (
            Some(&operator),
            ticket("db", "SELECT 1", "SQL"),
            Code::InvalidArgument,
            invalid,
        ),
        (
            Some(&operator),
            ticket("a.b", "SELECT 1", "sql"),
            Code::InvalidArgument,
            "namespace name 'a.b'",
        ),
        (
            Some(&operator),
            sql("SELEC 1"),
            Code::InvalidArgument,
            "SELEC",
        ),
        (
            Some(&operator),
            sql("SELECT * FROM nothing"),
            Code::InvalidArgument,
            "nothing",
        ),
        (
            Some(&operator),
            sql("SELECT nothing FROM cpu"),
            Code::InvalidArgument,
            "nothing",
        ),
        (
            Some(&operator),
            sql("DROP TABLE cpu"),
            Code::InvalidArgument,
            "",
        ),
        (
            Some(&operator),
            sql("INSERT INTO cpu VALUES (1)"),
            Code::InvalidArgument,
            "",
        ),
        (
            Some(&operator),
            sql("SELECT 1; SELECT 2"),
            Code::InvalidArgument,
            "",
        ),
        (
            Some(&operator),
            sql("SELECT 1 / (n - n) FROM cpu"),
            Code::InvalidArgument,
            "Error while execution Flight SQL stream: Arrow error: Divide by zero",
        ),
        (
            Some(&operator),
            sql("SELECT n FROM cpu WHERE n = $x"),
            Code::InvalidArgument,
            "x",
        ),
        (
            Some(&operator),
            influxql("SELEC n FROM cpu"),
            Code::InvalidArgument,
            "SELEC",
        ),
        (
            Some(&operator),
            influxql("SELECT nope(n) FROM cpu"),
            Code::InvalidArgument,
            "Error while planning query: ",
        ),
        (
            Some(&operator),
            influxql("SHOW MEASUREMENTS; SHOW MEASUREMENTS"),
            Code::InvalidArgument,
            "single InfluxQL statement",
        ),
        (
            Some(&operator),
            influxql("SELECT n FROM db.autogen.cpu"),
            Code::InvalidArgument,
            "This feature is not implemented: database prefix in qualified measurement syntax",
        ),
        (
            Some(&operator),
            influxql("SELECT n FROM (SELECT n FROM other..cpu)"),
            Code::InvalidArgument,
            "This feature is not implemented: database prefix in qualified measurement syntax",
        ),
        (
            Some(&operator),
            influxql("SHOW TAG KEYS ON db"),
            Code::InvalidArgument,
            "This feature is not implemented: SHOW TAG KEYS ON <database>",
        ),
        (
            Some(&operator),
            influxql("SELECT n INTO copy FROM cpu"),
            Code::InvalidArgument,
            "Error while planning query: This feature is not implemented: SELECT INTO",
        ),
        (
            Some(&operator),
            influxql("DROP DATABASE db"),
            Code::InvalidArgument,
            "This feature is not implemented: DROP DATABASE",
        ),
        (
            Some(&operator),
            influxql("KILL QUERY 1"),
            Code::InvalidArgument,
            "This feature is not implemented: KILL QUERY",
        ),
    ];
    let mut failures = String::new();
    for (authorization, ticket, code, text) in cases {
        let outcome = do_get(&server, authorization, ticket.as_str());
        let fits = outcome
            .as_ref()
            .is_err_and(|status| status.code() == code && status.message().contains(text));
        if !fits {
            failures += &format!("{ticket}\n  expected {code:?} {text}\n  got {outcome:?}\n");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn schemes_are_read_in_any_case() {
    let server = server();
    let ticket = ticket("db", "SELECT n FROM cpu WHERE n = 1", "sql");
    for scheme in ["Bearer", "bearer", "Token", "token", "TOKEN"] {
        let authorization = format!("{scheme} {OPERATOR_TOKEN}");
        let batches = do_get(&server, Some(&authorization), ticket.as_str()).unwrap();
        assert_eq!(table(&batches), ["n", "1"], "{scheme}");
    }
}

#[test]
fn long_results_arrive_whole() {
    let server = server();
    for part in 0..4 {
        let lines: String = (0..25_000)
            .map(|n| {
                let n = part * 25_000 + n;
                format!("many,t={} v={n}i {n}\n", n % 10)
            })
            .collect();
        server.write("db", &lines);
    }
    let batches = do_get(
        &server,
        Some(&operator()),
        ticket("db", "SELECT v FROM many ORDER BY v", "sql"),
    )
    .unwrap();
    let values = batches.iter().flat_map(|batch| {
        use arrow::array::AsArray as _;
        batch
            .column(0)
            .as_primitive::<arrow::datatypes::Int64Type>()
            .values()
            .to_vec()
    });
    assert!(values.eq(0..100_000));
}
