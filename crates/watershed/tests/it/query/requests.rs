//! Requests to `/query`: parameters, bodies, rights, and what is wrong with them.

use super::{query, server};
use crate::scenario::{check, check_with};
use crate::server::OPERATOR_TOKEN;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

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
