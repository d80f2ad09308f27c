//! SQL that asks for what there is not: the client is told what is wrong, over every way to ask.

use super::flight_client::{Messages, client, get};
use super::server::{Answer, Server, runtime};
use tonic::Code;

const FORMATS: [&str; 6] = ["json", "jsonl", "csv", "pretty", "parquet", "arrow"];

#[track_caller]
fn server() -> Server {
    let server = Server::start();
    server.create_database("db");
    let points = "\
m,host=a,room=k n=1i,s=\"x,y\" 1704067200000000000
m,host=b n=2i,s=\"\" 1704067201000000000
m n=3i 1704067202000000000";
    server.write("db", points);
    server
}

#[track_caller]
fn sql(server: &Server, statement: &str, format: &str) -> Answer {
    let parameters = [("db", "db"), ("q", statement), ("format", format)];
    server.send(server.get("/api/v3/query_sql").query(&parameters))
}

/// Statements, and what is said about them.
const FAULTS: [(&str, &str); 10] = [
    (
        "SELECT regexp_replace(s, '(.{1000}){1000}', '') FROM m",
        "invalid regular expression: ",
    ),
    (
        "SELECT s FROM m WHERE s ~ '(.{1000}){1000}'",
        "invalid regular expression: ",
    ),
    (
        "SELECT count(*) FROM m WHERE rtrim(s, 'a', 'b') IS NOT NULL",
        "Function 'rtrim' expects 1 arguments but received 3",
    ),
    (
        "SELECT max(map(make_array('k'), make_array(n))) FROM m",
        "Min/Max accumulator not implemented for type Map",
    ),
    (
        "SELECT array_repeat(n, 1000000000) FROM m",
        "array_repeat would make",
    ),
    ("SELECT range(0, 10000000000)", "range would make"),
    (
        "SELECT generate_series(time, time + INTERVAL '1 day', INTERVAL '1 microsecond') FROM m",
        "generate_series would make",
    ),
    (
        "SELECT replace(repeat('a', 1000000), 'a', repeat('b', 1000000))",
        "replace would make",
    ),
    ("SELECT FROM m", "the query has no columns"),
    (
        "SELECT tz(time, 'Nowhere/Town') FROM m",
        "TZ requires a valid timezone",
    ),
];

#[test]
fn a_fault_of_a_query_is_told_in_every_format() {
    let server = server();
    for (statement, text) in FAULTS {
        for format in FORMATS {
            let answer = sql(&server, statement, format);
            assert_eq!(answer.status, 400, "{statement}: {}", answer.text());
            assert_eq!(answer.json()["code"], "invalid", "{statement}");
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(text), "{statement}: {message}");
            assert!(!message.contains("bug"), "{message}");
        }
    }
}

#[test]
fn a_fault_of_a_query_is_told_over_flight() {
    let server = server();
    runtime().block_on(async {
        let mut client = client(server.url()).await;
        for (statement, text) in FAULTS {
            let read = Messages::read(&mut client, get(statement, &[])).await;
            let status = match read {
                Ok(messages) => messages.end.unwrap_err(),
                Err(status) => status,
            };
            assert_eq!(
                status.code(),
                Code::InvalidArgument,
                "{statement}: {status}"
            );
            assert!(status.message().contains(text), "{statement}: {status}");
        }
    });
}

#[test]
fn a_time_outside_of_the_calendar_is_no_text() {
    let server = server();
    let statements = [
        "SELECT arrow_cast(9223372036854775807, 'Timestamp(Second, None)') AS t FROM m",
        "SELECT arrow_cast(-2147483648, 'Date32') AS t",
        "SELECT make_array(arrow_cast(-2147483648, 'Date32')) AS t",
        "SELECT named_struct('a', arrow_cast(9223372036854775807, 'Timestamp(Second, None)')) AS t",
    ];
    for statement in statements {
        for format in FORMATS {
            let answer = sql(&server, statement, format);
            if ["parquet", "arrow"].contains(&format) {
                assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
                continue;
            }
            assert_eq!(
                answer.status,
                400,
                "{format}, {statement}: {}",
                answer.text()
            );
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            let nested = format == "csv" && !statement.contains("SELECT arrow_cast");
            assert!(
                message.contains("is outside of the calendar")
                    || nested && message.contains("is not supported in CSV"),
                "{format}, {statement}: {message}"
            );
        }
    }
    let far = "SELECT 9223372036854775807::TIMESTAMP AS t, '9999-12-31'::DATE AS d";
    assert_eq!(
        sql(&server, far, "csv").text(),
        "t,d\n2262-04-11T23:47:16.854775807,9999-12-31\n"
    );
}

#[test]
fn csv_tells_an_empty_text_from_null() {
    let server = server();
    let answer = sql(&server, "SELECT host, s, n FROM m ORDER BY time", "csv");
    assert_eq!(answer.text(), "host,s,n\na,\"x,y\",1\nb,\"\",2\n,,3\n");
}

#[test]
fn a_long_text_has_its_place_in_a_table() {
    let server = server();
    let answer = sql(
        &server,
        "SELECT n, repeat(host, 100000) AS long FROM m",
        "pretty",
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text().lines().count(), 7);
}

#[test]
fn values_may_stand_where_planning_needs_a_constant() {
    let server = server();
    let parameters = [
        ("db", "db"),
        ("format", "csv"),
        (
            "q",
            "SELECT tz(time, $zone) AS t, date_bin($every, time) AS b FROM m WHERE n = $n",
        ),
        ("params", r#"{"zone":"Europe/Oslo","every":"1 day","n":2}"#),
    ];
    let answer = server.send(server.get("/api/v3/query_sql").query(&parameters));
    assert_eq!(
        answer.text(),
        "t,b\n2024-01-01T01:00:01+01:00,2024-01-01T00:00:00\n"
    );
    let ticket = br#"{"database":"db","sql_query":"SELECT n FROM m WHERE tz(time, $zone) + INTERVAL $by > tz(time, $zone) ORDER BY n","params":{"zone":"UTC","by":"1 hour"}}"#;
    let ticket = arrow_flight::Ticket {
        ticket: ticket.to_vec().into(),
    };
    let request = super::flight_client::request(ticket, &[]);
    let read = runtime().block_on(async {
        let mut client = client(server.url()).await;
        Messages::read(&mut client, request).await
    });
    let rows: usize = read.unwrap().batches().iter().map(|b| b.num_rows()).sum();
    assert_eq!(rows, 3);
}
