//! `/api/v3/query_sql` and `/api/v3/query_influxql`.

use super::{query, server};
use crate::scenario::{check, check_with, standard};
use crate::server::{Answer, Server, runtime};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::util::pretty::pretty_format_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use reqwest::header::ACCEPT;
use serde_json::json;

/// `GET /api/v3/query_sql` on `db`.
#[track_caller]
fn sql(server: &Server, statement: &str, format: &str) -> Answer {
    let parameters = [("db", "db"), ("q", statement), ("format", format)];
    let answer = server.send(server.get("/api/v3/query_sql").query(&parameters));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

#[test]
fn sql_answers_come_in_six_formats() {
    const STATEMENT: &str = "SELECT time, host, usage, n FROM cpu ORDER BY time LIMIT 2";
    let server = server();
    let json = sql(&server, STATEMENT, "json");
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(
        json.json(),
        json!([
            { "time": "2024-01-01T00:00:00", "host": "a", "usage": 1.5, "n": 1 },
            { "time": "2024-01-01T00:00:01.500", "host": "a", "usage": 2.0, "n": 2 },
        ])
    );
    let lines = sql(&server, STATEMENT, "jsonl");
    assert_eq!(lines.header("content-type"), "application/jsonl");
    let parsed: serde_json::Value = lines
        .text()
        .lines()
        .map(|line| line.parse::<serde_json::Value>().unwrap())
        .collect();
    assert_eq!(parsed, json.json());
    let csv = sql(&server, STATEMENT, "csv");
    assert_eq!(csv.header("content-type"), "text/csv");
    assert_eq!(
        csv.text(),
        "time,host,usage,n\n2024-01-01T00:00:00,a,1.5,1\n2024-01-01T00:00:01.500,a,2.0,2\n"
    );
    let pretty = sql(&server, STATEMENT, "pretty");
    assert_eq!(pretty.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        pretty.text(),
        "\
+-------------------------+------+-------+---+
| time                    | host | usage | n |
+-------------------------+------+-------+---+
| 2024-01-01T00:00:00     | a    | 1.5   | 1 |
| 2024-01-01T00:00:01.500 | a    | 2.0   | 2 |
+-------------------------+------+-------+---+
"
    );
    let parquet = sql(&server, STATEMENT, "parquet");
    assert_eq!(
        parquet.header("content-type"),
        "application/vnd.apache.parquet"
    );
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(parquet.body)).unwrap();
    let rows: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(
        pretty_format_batches(&rows).unwrap().to_string() + "\n",
        pretty.text()
    );
    let arrow = sql(&server, STATEMENT, "arrow");
    assert_eq!(
        arrow.header("content-type"),
        "application/vnd.apache.arrow.stream"
    );
    let reader = StreamReader::try_new(arrow.body.as_slice(), None).unwrap();
    let rows: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(
        pretty_format_batches(&rows).unwrap().to_string() + "\n",
        pretty.text()
    );
}

#[test]
fn the_format_of_a_v3_answer_is_what_the_client_likes() {
    let server = server();
    for (accept, kind) in [
        ("*/*", "application/json"),
        ("text/html, application/xhtml+xml", "application/json"),
        ("text/html;q=0.9, text/csv;q=0.5", "text/csv"),
        (
            "application/json;q=0.2, application/jsonl",
            "application/jsonl",
        ),
        ("text/plain", "text/plain; charset=utf-8"),
        (
            "application/vnd.apache.parquet",
            "application/vnd.apache.parquet",
        ),
        (
            "application/vnd.apache.arrow.stream",
            "application/vnd.apache.arrow.stream",
        ),
    ] {
        for path in ["/api/v3/query_sql", "/api/v3/query_influxql"] {
            let request = server.get(path).header(ACCEPT, accept);
            let answer = server.send(request.query(&[("db", "db"), ("q", "SELECT n FROM cpu")]));
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.header("content-type"), kind, "{accept}");
        }
    }
    // The parameter is meant more than a header that some library adds.
    let request = server.get("/api/v3/query_sql?db=db&format=csv&q=SELECT 1 AS n");
    let answer = server.send(request.header(ACCEPT, "application/json"));
    assert_eq!(answer.text(), "n\n1\n");
}

#[test]
fn a_v3_answer_that_fails_in_its_middle_is_no_whole_answer() {
    let server = server();
    let failing = "SELECT 1 / (value - 900000) AS n FROM generate_series(1, 1000000)";
    for format in ["json", "jsonl", "csv", "pretty", "parquet", "arrow"] {
        for encoding in ["identity", "gzip"] {
            let request = server.get("/api/v3/query_sql").query(&[
                ("db", "db"),
                ("q", failing),
                ("format", format),
            ]);
            let request = request.header("accept-encoding", encoding);
            match server.try_send(request) {
                // Either the status tells, or the connection.
                Ok(answer) => {
                    assert_eq!(answer.status, 400, "{format} {encoding}");
                    if encoding == "identity" {
                        assert!(answer.text().contains("Divide by zero"));
                    }
                }
                Err(error) => assert!(error.is_body() || error.is_decode(), "{error:?}"),
            }
        }
    }
    // Long formats have begun by then.
    let request =
        server
            .get("/api/v3/query_sql")
            .query(&[("db", "db"), ("q", failing), ("format", "json")]);
    runtime().block_on(async {
        let mut response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let mut bytes = 0;
        let error = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => bytes += chunk.len(),
                Ok(None) => panic!("{bytes} bytes look like a whole answer"),
                Err(error) => break error,
            }
        };
        assert!(bytes > 100_000, "{bytes}");
        assert!(error.is_body() || error.is_decode(), "{error:?}");
    });
}

#[test]
fn no_rows_are_an_answer_too() {
    let server = server();
    let none = "SELECT host, n FROM cpu WHERE n > 100";
    assert_eq!(sql(&server, none, "json").text(), "[]\n");
    assert_eq!(sql(&server, none, "jsonl").text(), "");
    assert_eq!(sql(&server, none, "csv").text(), "host,n\n");
    assert_eq!(
        sql(&server, none, "pretty").text(),
        "+------+---+\n| host | n |\n+------+---+\n+------+---+\n"
    );
}

#[test]
fn v3_queries_take_parameters_and_bodies() {
    let server = server();
    check(
        &server,
        r#"
        > GET /api/v3/query_sql?db=db&q=SELECT+n+FROM+cpu+WHERE+n+=+$n&params={"n":2}
        < 200 [{"n":2}]

        > POST /api/v3/query_sql
        > Content-Type: application/json
        >
        > {"db":"db","q":"SELECT n FROM cpu WHERE host = $h AND n < $n","params":{"h":"a","n":2},"format":"json"}
        < 200 [{"n":1}]

        > GET /api/v3/query_influxql?db=db&q=SELECT+n+FROM+cpu+WHERE+n+=+2
        < 200 [{"iox::measurement":"cpu","time":"2024-01-01T00:00:01.500","n":2}]
        "#,
    );
    let form = [
        ("db", "db"),
        ("q", "SELECT count(*) AS c FROM cpu"),
        ("format", "csv"),
    ];
    assert_eq!(
        server
            .send(server.post("/api/v3/query_sql").form(&form))
            .text(),
        "c\n3\n"
    );
}

#[test]
fn v3_queries_that_fail_say_why() {
    let server = server();
    let writer = server.create_token(&["write:db"]);
    check_with(
        &server,
        &[("writer", &writer)],
        r#"
        > GET /api/v3/query_sql?q=SELECT+1
        < 400 {"code":"invalid","message":"missing parameter 'db'"}

        > GET /api/v3/query_sql?db=db
        < 400 {"code":"invalid","message":"missing parameter 'q'"}

        > GET /api/v3/query_sql?db=db&q=SELECT+1&format=xml
        < 400 {"code":"invalid","message":"unknown format 'xml', expected one of json, jsonl, csv, pretty, parquet, arrow"}

        > GET /api/v3/query_sql?db=nope&q=SELECT+1
        < 404 {"code":"not found","message":"database \"nope\" not found"}

        > GET /api/v3/query_sql?db=db&q=SELECT+1
        > Authorization: -
        < 401 {"code":"unauthorized","message":"no token"}

        > GET /api/v3/query_sql?db=db&q=SELECT+1
        > Authorization: Bearer $writer
        < 403 {"code":"forbidden","message":"forbidden"}

        > GET /api/v3/query_influxql?db=db&q=SELECT+n+FROM+cpu;SELECT+n+FROM+cpu
        < 400 {"code":"invalid","message":"expected exactly one InfluxQL statement"}
        "#,
    );
    for (statement, cause) in [
        ("SELEC 1", "SELEC"),
        ("SELECT x FROM cpu", "x"),
        ("SELECT * FROM nothing", "nothing"),
        ("DROP TABLE cpu", "not supported"),
        ("SELECT 1; SELECT 2", "statement"),
    ] {
        let answer = server.send(
            server
                .get("/api/v3/query_sql?db=db")
                .query(&[("q", statement)]),
        );
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &json!("invalid")),
            "{}",
            answer.text()
        );
        assert_eq!(standard(&answer), Vec::<String>::new());
        assert!(
            answer.text().contains(cause),
            "{statement}: {}",
            answer.text()
        );
    }
}

/// The answer to a SQL text; its length does not matter, so it goes into the body.
#[track_caller]
fn sql_answer(server: &Server, text: &str) -> Answer {
    let body = json!({ "db": "db", "q": text }).to_string();
    server.send(server.post("/api/v3/query_sql").body(body))
}

/// Plans are walked recursively: a long chain of operators must neither overflow a stack, which would end
/// the process, nor be planned for minutes.
#[test]
fn deep_sql_is_answered_or_refused_and_the_server_lives() {
    let server = server();
    let sum = |terms: usize| format!("SELECT {}1 AS n", "1+".repeat(terms));
    let nested = format!(
        "{}SELECT usage FROM cpu{}",
        "SELECT * FROM (".repeat(40),
        ")".repeat(40)
    );
    let either = format!(
        "SELECT n FROM cpu WHERE host='a'{}",
        " OR host='x'".repeat(300)
    );
    for text in [sum(300), nested, either] {
        let answer = sql_answer(&server, &text);
        assert!(
            matches!(answer.status.as_u16(), 200 | 400),
            "{}: {}",
            answer.status,
            answer.text()
        );
    }
    for text in [
        sum(100_000),
        format!("SELECT 1{}", " UNION ALL SELECT 1".repeat(5_000)),
    ] {
        let answer = sql_answer(&server, &text);
        assert_eq!(answer.status.as_u16(), 400);
        assert!(
            answer
                .text()
                .contains("operators and brackets, the most is 800"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(
        server.sql("db", "SELECT count(*) AS n FROM cpu"),
        json!([{ "n": 3 }])
    );
}

#[test]
fn an_infinite_number_fails_the_whole_answer_in_json_alone() {
    let server = server();
    let statement = "SELECT exp(usage * 1000) AS e FROM cpu LIMIT 1";
    let answer = query(&server, &[("q", statement)]);
    assert_eq!(
        (answer.status.as_u16(), answer.json()["error"].clone()),
        (400, json!("json: unsupported value: +Inf"))
    );
    let request = server
        .get("/query?db=db&epoch=s")
        .query(&[("q", statement)]);
    let packed = server.send(request.header(ACCEPT, "application/x-msgpack"));
    let infinity = f64::INFINITY.to_be_bytes();
    assert!(
        packed
            .body
            .ends_with(&[&[0xcb], infinity.as_slice()].concat())
    );
}
