//! `/query` as 1.x clients use it, and `/api/v3/query_*` for people with curl.

use super::msgpack;
use super::scenario::{check, check_with, standard};
use super::server::{Answer, OPERATOR_TOKEN, Server, runtime};
use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::util::pretty::pretty_format_batches;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::json;

const POINTS: &str = "\
cpu,host=a usage=1.5,n=1i 1704067200000000000
cpu,host=a usage=2,n=2i 1704067201500000000
cpu,host=b usage=3 1704067202000000000
mem,host=a free=10u,ok=t,note=\"a \\\"b\\\", c\" 1704067200000000000";

/// A server with some points in `db`.
#[track_caller]
fn server() -> Server {
    let server = Server::start();
    server.create_database("db");
    server.write("db", POINTS);
    server
}

/// `GET /query` on `db`.
#[track_caller]
fn query(server: &Server, parameters: &[(&str, &str)]) -> Answer {
    let answer = server.send(server.get("/query?db=db").query(parameters));
    assert_eq!(standard(&answer), Vec::<String>::new());
    answer
}

/// Compares an answer byte by byte: members of an answer have an order, and lines ends.
#[track_caller]
fn check_text(server: &Server, parameters: &[(&str, &str)], expected: &str) {
    let answer = query(server, parameters);
    assert_eq!((answer.status.as_u16(), answer.text()), (200, expected));
}

#[test]
fn rows_come_as_series() {
    let server = server();
    check_text(
        &server,
        &[("q", "SELECT usage, n FROM cpu")],
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","usage","n"],"values":["#,
            r#"["2024-01-01T00:00:00Z",1.5,1],["2024-01-01T00:00:01.500Z",2,2],["2024-01-01T00:00:02Z",3,null]"#,
            "]}]}]}\n"
        ),
    );
    check_text(
        &server,
        &[
            ("q", "SELECT usage FROM cpu GROUP BY host"),
            ("epoch", "ms"),
        ],
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","usage"],"#,
            r#""values":[[1704067200000,1.5],[1704067201500,2]]},{"name":"cpu","tags":{"host":"b"},"#,
            r#""columns":["time","usage"],"values":[[1704067202000,3]]}]}]}"#,
            "\n"
        ),
    );
    check_text(
        &server,
        &[("q", "SELECT usage FROM nothing")],
        "{\"results\":[{\"statement_id\":0}]}\n",
    );
}

#[test]
fn epochs_round_down() {
    let server = server();
    server.write("db", "old v=1i -1");
    let time = |epoch: &str, table: &str| {
        let statement = format!("SELECT * FROM {table} LIMIT 1");
        query(&server, &[("q", &statement), ("epoch", epoch)]).json()["results"][0]["series"][0]["values"][0][0].clone()
    };
    let second = 1_704_067_200_i64;
    for (epoch, expected) in [
        ("ns", second * 1_000_000_000),
        ("n", second * 1_000_000_000),
        ("u", second * 1_000_000),
        ("us", second * 1_000_000),
        ("µ", second * 1_000_000),
        ("ms", second * 1_000),
        ("s", second),
        ("m", second / 60),
        ("h", second / 3600),
        ("d", second / 86_400),
        ("w", second / 604_800),
    ] {
        assert_eq!(time(epoch, "mem"), json!(expected), "{epoch}");
    }
    assert_eq!(time("", "mem"), json!("2024-01-01T00:00:00Z"));
    assert_eq!((time("s", "old"), time("w", "old")), (json!(-1), json!(-1)));
    assert_eq!(time("", "old"), json!("1969-12-31T23:59:59.999999999Z"));
}

#[test]
fn series_and_cardinalities_are_shown_as_by_1x() {
    let server = server();
    check(
        &server,
        r#"
        > GET /query?db=db&q=SHOW+SERIES;SHOW+SERIES+CARDINALITY
        < 200 {"results":[{"statement_id":0,"series":[{"columns":["key"],"values":[["cpu,host=a"],["cpu,host=b"],["mem,host=a"]]}]},{"statement_id":1,"series":[{"columns":["cardinality estimation"],"values":[[3]]}]}]}

        > GET /query?q=SHOW+SERIES+EXACT+CARDINALITY+ON+db+FROM+cpu+GROUP+BY+host
        < 200 {"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["count"],"values":[[1]]},{"name":"cpu","tags":{"host":"b"},"columns":["count"],"values":[[1]]}]}]}

        > GET /query?db=db&q=SHOW+TAG+KEYS+WITH+KEY+%21%3D+host;SHOW+MEASUREMENT+CARDINALITY+WHERE+host=%27b%27
        < 200 {"results":[{"statement_id":0},{"statement_id":1,"series":[{"columns":["count"],"values":[[1]]}]}]}
        "#,
    );
}

#[test]
fn a_statement_that_fails_does_not_stop_the_next() {
    let server = server();
    check(
        &server,
        r#"
        > GET /query?db=db&epoch=s&q=SELECT+n+FROM+cpu+LIMIT+1;DROP+SHARD+1;SHOW+MEASUREMENTS
        < 200 {"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","n"],"values":[[1704067200,1]]}]},{"statement_id":1,"error":"not implemented: DROP SHARD: there are no shards; a database is split by table and day on its own"},{"statement_id":2,"series":[{"name":"measurements","columns":["name"],"values":[["cpu"],["mem"]]}]}]}

        > GET /query?db=nope&q=SELECT+n+FROM+cpu
        < 200 {"results":[{"statement_id":0,"error":"Database nope not found (database not found: nope)"}]}

        > GET /query?q=SELECT+n+FROM+cpu
        < 200 {"results":[{"statement_id":0,"error":"must specify a 'db' parameter, or provide the database in the InfluxQL query"}]}

        > GET /query?q=SELECT+n+FROM+db..cpu,other..cpu
        < 200 {"results":[{"statement_id":0,"error":"can only perform queries on a single database"}]}

        > GET /query?epoch=s&q=SELECT+n+FROM+db.autogen.cpu+LIMIT+1
        < 200 {"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","n"],"values":[[1704067200,1]]}]}]}
        < Content-Type: application/json
        "#,
    );
}

#[test]
fn bad_requests_are_told_apart_from_bad_statements() {
    let server = server();
    check(
        &server,
        r#"
        > GET /query
        < 400 {"error":"missing query parameters 'db' and 'q'","code":"invalid","message":"missing query parameters 'db' and 'q'"}

        > GET /query?db=db
        < 400 {"error":"expected a query to be provided in the query string or body","code":"invalid","message":"expected a query to be provided in the query string or body"}

        > GET /query?db=db&q=
        < 400 {"error":"expected a query to be provided in the query string or body","code":"invalid","message":"expected a query to be provided in the query string or body"}

        > GET /query?db=db&epoch=x&q=SHOW+MEASUREMENTS
        < 400 {"error":"invalid epoch \"x\", expected one of ns, u, us, ms, s, m, h, d, w","code":"invalid","message":"invalid epoch \"x\", expected one of ns, u, us, ms, s, m, h, d, w"}

        > POST /query?db=db
        > Content-Type: text/html
        >
        > SHOW MEASUREMENTS
        < 400 {"error":"invalid mime type (text/html)","code":"invalid","message":"invalid mime type (text/html)"}

        > POST /query?db=db
        > Content-Type: multipart/form-data
        >
        > q=SHOW MEASUREMENTS
        < 400 {"error":"A boundary header is required for multipart upload","code":"invalid","message":"A boundary header is required for multipart upload"}

        > PUT /query?db=db&q=SHOW+MEASUREMENTS
        < 405 {"error":"method not allowed","code":"method not allowed","message":"method not allowed"}

        > GET /query?db=db&q=SHOW+MEASUREMENTS
        > Authorization: -
        < 401 {"error":"no token","code":"unauthorized","message":"no token"}
        "#,
    );
    let answer = query(&server, &[("q", "SHOW MEASUREMENTS; SELEC n FROM cpu")]);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 400, "{error}");
    assert_eq!(answer.json().as_object().unwrap().len(), 1, "{error}");
    assert!(
        error.starts_with("error parsing query: found SELEC, expected "),
        "{error}"
    );
    assert!(error.ends_with(" at line 1, char 20"), "{error}");
    let answer = query(
        &server,
        &[
            ("q", "SELECT * FROM cpu WHERE n = $n"),
            ("params", r#"{"n":[1]}"#),
        ],
    );
    let text = "JSON arrays are not supported as query parameters.";
    assert_eq!(answer.status, 400);
    assert!(
        answer.json()["error"].as_str().unwrap().starts_with(text),
        "{}",
        answer.text()
    );
}

#[test]
fn parameters_come_in_every_kind_of_body() {
    let server = server();
    let expected = r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","n"],"values":[[1704067201,2]]}]}]}"#;
    check_with(
        &server,
        &[
            ("expected", expected),
            ("query", "SELECT+n+FROM+cpu+WHERE+n+=+2"),
        ],
        r#"
        > GET /query?db=db&epoch=s&q=$query
        < 200 $expected

        > POST /query?db=db&epoch=s&q=$query
        > Content-Type: application/json
        < 200 $expected

        > POST /query?db=wrong&epoch=s
        > Content-Type: application/x-www-form-urlencoded
        >
        > db=db&q=$query
        < 200 $expected

        > POST /query
        > Content-Type: application/json
        >
        > {"db":"db","q":"SELECT n FROM cpu WHERE n = $n","epoch":"s","params":{"n":2}}
        < 200 $expected

        > POST /query?db=db&epoch=s
        > Content-Type: application/vnd.influxql
        >
        > SELECT n FROM cpu WHERE n = 2
        < 200 $expected

        > POST /query?db=db&epoch=s
        >
        > SELECT n FROM cpu WHERE n = 2
        < 200 $expected
        "#,
    );
    let part = |name: &str, value: &str| {
        format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = "--edge\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q.txt\"\r\n\r\n\
                SELECT n FROM cpu\nWHERE n = $n\r\n";
    let body = part("db", "db")
        + &part("epoch", "s")
        + &part("params", r#"{"n":2}"#)
        + file
        + "--edge--\r\n";
    let request = server
        .post("/query?db=wrong")
        .header(CONTENT_TYPE, "multipart/form-data; boundary=edge");
    let answer = server.send(request.body(body));
    assert_eq!(answer.text().trim_end(), expected);
}

#[test]
fn placeholders_take_values_of_their_type() {
    let server = server();
    let rows = |statement: &str, params: &str| {
        let answer = query(
            &server,
            &[("q", statement), ("params", params), ("epoch", "s")],
        );
        let body = answer.json();
        if body["results"][0]["error"].is_null() {
            body["results"][0]["series"][0]["values"].clone()
        } else {
            body["results"][0].clone()
        }
    };
    let one = json!([[1_704_067_200, 1.5]]);
    assert_eq!(
        rows("SELECT usage FROM cpu WHERE usage = $u", r#"{"u":1.5}"#),
        one
    );
    assert_eq!(
        rows(
            "SELECT usage FROM cpu WHERE n = $n",
            r#"{"n":1,"unused":true}"#
        ),
        one
    );
    assert_eq!(
        rows(
            "SELECT usage FROM cpu WHERE host = $h AND n < $n",
            r#"{"h":"a","n":2}"#
        ),
        one
    );
    assert_eq!(
        rows("SELECT free FROM mem WHERE ok = $ok", r#"{"ok":true}"#),
        json!([[1_704_067_200, 10]])
    );
    assert_eq!(
        rows(
            "SELECT usage FROM cpu WHERE host = $h",
            r#"{"h":"a' OR 1=1"}"#
        ),
        json!(null)
    );
    let missing = rows("SELECT usage FROM cpu WHERE n = $n", "");
    assert!(missing["error"].is_string(), "{missing}");
}

#[test]
fn chunks_are_lines_that_say_whether_more_follows() {
    let server = server();
    let lines: String = (1..=3).map(|n| format!("m1 v={n}i {n}\n")).collect();
    server.write("db", &(lines + "m2 v=1i 1"));
    let chunked = [("chunked", "true"), ("chunk_size", "2"), ("epoch", "ns")];
    let with = |q: &'static str| [&[("q", q)], chunked.as_slice()].concat();
    check_text(
        &server,
        &with("SELECT v FROM m1, m2"),
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"m1","columns":["time","v"],"values":[[1,1],[2,2]],"partial":true}],"partial":true}]}"#,
            "\n",
            r#"{"results":[{"statement_id":0,"series":[{"name":"m1","columns":["time","v"],"values":[[3,3]]}],"partial":true}]}"#,
            "\n",
            r#"{"results":[{"statement_id":0,"series":[{"name":"m2","columns":["time","v"],"values":[[1,1]]}]}]}"#,
            "\n",
        ),
    );
    check_text(
        &server,
        &with("SELECT v FROM none; DROP SHARD 1; SELECT v FROM m2"),
        concat!(
            r#"{"results":[{"statement_id":0}]}"#,
            "\n",
            r#"{"results":[{"statement_id":1,"error":"not implemented: DROP SHARD: there are no shards; a database is split by table and day on its own"}]}"#,
            "\n",
            r#"{"results":[{"statement_id":2,"series":[{"name":"m2","columns":["time","v"],"values":[[1,1]]}]}]}"#,
            "\n",
        ),
    );
    let answer = query(&server, &with("SELECT v FROM m1"));
    assert_eq!(answer.header("transfer-encoding"), "chunked");
    assert_eq!(answer.text().lines().count(), 2);
}

#[test]
fn many_rows_are_the_same_however_they_are_cut() {
    let server = server();
    let lines: String = (0..25_000)
        .map(|n| format!("many,t={} v={n}i {n}\n", n % 3))
        .collect();
    server.write("db", &lines);
    let values = |parameters: &[(&str, &str)]| {
        let answer = query(&server, parameters);
        let mut rows = Vec::new();
        for line in answer.text().lines() {
            let chunk: serde_json::Value = line.parse().unwrap();
            for series in chunk["results"][0]["series"].as_array().unwrap() {
                rows.extend(
                    series["values"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|row| row[1].as_u64().unwrap()),
                );
            }
        }
        rows
    };
    let whole = values(&[("q", "SELECT v FROM many GROUP BY t")]);
    assert_eq!(whole.len(), 25_000);
    assert_eq!(whole[..3], [0, 3, 6]);
    assert_eq!(
        values(&[("q", "SELECT v FROM many GROUP BY t"), ("chunked", "true")]),
        whole
    );
    assert_eq!(
        values(&[
            ("q", "SELECT v FROM many GROUP BY t"),
            ("chunked", "true"),
            ("chunk_size", "777")
        ]),
        whole
    );
}

#[test]
fn pretty_answers_are_indented() {
    let server = server();
    check_text(
        &server,
        &[
            ("q", "SELECT n FROM cpu LIMIT 1"),
            ("pretty", "true"),
            ("epoch", "s"),
        ],
        r#"{
  "results": [
    {
      "statement_id": 0,
      "series": [
        {
          "name": "cpu",
          "columns": [
            "time",
            "n"
          ],
          "values": [
            [
              1704067200,
              1
            ]
          ]
        }
      ]
    }
  ]
}
"#,
    );
}

#[test]
fn csv_has_a_header_for_each_kind_of_rows() {
    let server = server();
    let csv = |accept: &str, q: &str| {
        let request = server
            .get("/query?db=db")
            .query(&[("q", q)])
            .header(ACCEPT, accept);
        let answer = server.send(request);
        assert_eq!(answer.header("content-type"), "application/csv");
        answer.text().to_owned()
    };
    assert_eq!(
        csv(
            "application/csv",
            "SELECT * FROM mem; DROP SHARD 1; SELECT usage FROM cpu GROUP BY host"
        ),
        "name,tags,time,free,host,note,ok\n\
         mem,,1704067200000000000,10,a,\"a \"\"b\"\", c\",true\n\
         \n\
         error\n\
         not implemented: DROP SHARD: there are no shards; a database is split by table and day on its own\n\
         \n\
         name,tags,time,usage\n\
         cpu,host=a,1704067200000000000,1.5\n\
         cpu,host=a,1704067201500000000,2\n\
         cpu,host=b,1704067202000000000,3\n"
    );
    let list = "text/html, text/csv;q=0.9, application/json;q=0.1";
    assert_eq!(
        csv(list, "SELECT n FROM cpu LIMIT 1"),
        "name,tags,time,n\ncpu,,1704067200000000000,1\n"
    );
}

#[test]
fn messagepack_says_the_same_as_json() {
    let server = server();
    server.write("db", "mem,host=a free=10u -1500000000");
    let statements = "SELECT * FROM mem; SELECT usage, n FROM cpu GROUP BY host; SELECT x FROM none; DROP SHARD 1";
    for epoch in ["", "ns", "s"] {
        let ask = |accept: &str| {
            let request = server
                .get("/query?db=db")
                .query(&[("q", statements), ("epoch", epoch)]);
            server.send(request.header(ACCEPT, accept))
        };
        let packed = ask("application/x-msgpack");
        assert_eq!(packed.header("content-type"), "application/x-msgpack");
        assert_eq!(
            msgpack::decode(&packed.body),
            ask("application/json").json(),
            "epoch {epoch:?}"
        );
    }
}

#[test]
fn databases_are_shown_to_those_who_may_use_them() {
    let server = server();
    server.create_database("other");
    server.create_database("third");
    let names = |token: &str| {
        let request = server
            .bare(reqwest::Method::GET, "/query?q=SHOW+DATABASES")
            .bearer_auth(token);
        let body = server.send(request).json();
        body["results"][0]["series"][0].clone()
    };
    let series = |names: &[&str]| {
        let rows: Vec<_> = names.iter().map(|name| json!([name])).collect();
        json!({ "name": "databases", "columns": ["name"], "values": rows })
    };
    assert_eq!(names(OPERATOR_TOKEN), series(&["db", "other", "third"]));
    assert_eq!(
        names(&server.create_token(&["read:*"])),
        series(&["db", "other", "third"])
    );
    assert_eq!(
        names(&server.create_token(&["read:db", "write:third"])),
        series(&["db", "third"])
    );
    assert_eq!(names(&server.create_token(&["read:gone"])), json!(null));
}

#[test]
fn one_statement_without_rights_fails_the_request() {
    let server = server();
    server.create_database("other");
    let reader = server.create_token(&["read:db", "write:other"]);
    check_with(
        &server,
        &[("reader", &reader)],
        r#"
        > GET /query?db=db&epoch=s&q=SELECT+n+FROM+cpu+LIMIT+1
        > Authorization: Bearer $reader
        < 200 {"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","n"],"values":[[1704067200,1]]}]}]}

        > GET /query?db=db&q=SELECT+n+FROM+cpu;SELECT+n+FROM+other..cpu
        > Authorization: Bearer $reader
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > GET /query?db=missing&q=SHOW+MEASUREMENTS
        > Authorization: Bearer $reader
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > POST /query?q=CREATE+DATABASE+new
        > Authorization: Bearer $reader
        < 200 {"results":[{"statement_id":0,"error":"forbidden: CREATE DATABASE needs an operator token"}]}

        > POST /query?q=CREATE+DATABASE+new
        < 200 {"results":[{"statement_id":0}]}

        > POST /query?q=CREATE+DATABASE+new
        < 200 {"results":[{"statement_id":0}]}

        > POST /write?db=new
        >
        > m f=1
        < 204
        "#,
    );
}

#[test]
fn retention_policies_are_shown_as_in_1x() {
    let server = server();
    server.create_database_with(
        json!({ "name": "db/weekly", "retentionPeriod": 604_800_000_000_000_i64 }),
    );
    let series = server.influxql("db", "SHOW RETENTION POLICIES");
    let columns = json!([
        "name",
        "duration",
        "shardGroupDuration",
        "replicaN",
        "default"
    ]);
    assert_eq!(series[0]["columns"], columns);
    assert_eq!(
        series[0]["values"][0],
        json!(["autogen", "0s", "168h0m0s", 1, true])
    );
}

#[test]
fn probes_need_no_token() {
    let server = Server::start();
    check(
        &server,
        r#"
        > GET /ping
        > Authorization: -
        < 204
        < X-Influxdb-Build: cloud2

        > HEAD /ping
        > Authorization: -
        < 204

        > GET /ping?verbose=false
        > Authorization: -
        < 204
        "#,
    );
    let get = |path: &str| server.send(server.bare(reqwest::Method::GET, path));
    let version = concat!("watershed-", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        get("/ping?verbose=true").json(),
        json!({ "version": version })
    );
    for path in ["/health", "/api/v2/health"] {
        let health = json!({
            "name": "influxdb", "status": "pass", "message": "ready for queries and writes", "checks": [], "version": version,
        });
        assert_eq!(get(path).json(), health);
    }
    assert_eq!(get("/ready").json()["status"], "ready");
    let metrics = get("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("# TYPE "), "{}", metrics.text());
}

#[test]
fn the_same_port_speaks_http_2() {
    let server = server();
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let url = format!(
        "{}/query?db=db&epoch=s&q=SELECT+n+FROM+cpu+LIMIT+1",
        server.url()
    );
    let request = client.get(url).bearer_auth(OPERATOR_TOKEN);
    let (version, body) = runtime().block_on(async {
        let response = request.send().await.unwrap();
        (response.version(), response.text().await.unwrap())
    });
    assert_eq!(version, reqwest::Version::HTTP_2);
    assert!(body.contains("[[1704067200,1]]"), "{body}");
}

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
fn answers_are_compressed_for_those_who_ask() {
    let server = server();
    let lines: Vec<String> = (0..500).map(|i| format!("long v={i} {i}")).collect();
    server.write("db", &lines.join("\n"));
    let ask = |parameters: &[(&str, &str)], accept: &str| {
        let request = server
            .get("/query?db=db&q=SELECT v FROM long")
            .query(parameters);
        server.send(request.header("accept-encoding", accept))
    };
    for parameters in [&[][..], &[("chunked", "true"), ("chunk_size", "7")]] {
        let plain = ask(parameters, "identity");
        assert_eq!(plain.headers.get("content-encoding"), None);
        let small = ask(parameters, "gzip");
        assert_eq!(small.header("content-encoding"), "gzip");
        assert!(small.body.len() < plain.body.len() / 2);
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(small.body.as_slice());
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        assert_eq!(text, plain.text());
    }
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

/// A file of statements longer than what forms are usually limited to.
#[test]
fn uploads_of_statements_may_be_large() {
    let server = server();
    let upload = |bytes: usize| {
        let statement = format!("SELECT n FROM cpu LIMIT 1 -- {}\n", "x".repeat(bytes));
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q.txt\"\r\n\r\n{statement}\r\n--b--\r\n"
        );
        let request = server.post("/query?db=db&epoch=s").body(body);
        server.send(request.header(CONTENT_TYPE, "multipart/form-data; boundary=b"))
    };
    let answer = upload(1 << 19);
    let values = answer.json()["results"][0]["series"][0]["values"].clone();
    assert_eq!(values, json!([[1_704_067_200, 1]]));
    // Taken, and then refused by the parser, which has a limit of its own.
    let answer = upload(3 << 20);
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("error parsing query"),
        "{}",
        answer.text()
    );
    let answer = upload(17 << 20);
    assert_eq!(answer.status, 413, "{}", answer.text());
}
