//! Every way in which a write is refused, and what the client then sees.
//!
//! The texts are part of the interface: agents look for words in them, and people look them up.

use super::scenario::{check, check_with, standard};
use super::server::{Answer, OPERATOR_TOKEN, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Body;
use serde_json::{Value, json};
use std::io::Write as _;

/// A server with a database `db`.
#[track_caller]
fn server_with(flags: &[&str]) -> Server {
    let server = Server::with(flags);
    server.create_database("db");
    server
}

#[track_caller]
fn server() -> Server {
    server_with(&[])
}

fn gzip(text: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// Sends a body to `/api/v2/write?bucket=db` with a content encoding.
#[track_caller]
fn write_encoded(server: &Server, encoding: &str, body: impl Into<Body>) -> Answer {
    let request = server.post("/api/v2/write?bucket=db");
    server.send(request.header("content-encoding", encoding).body(body))
}

/// The answer is an error of the write API with this status, code and message.
#[track_caller]
fn expect_error(answer: &Answer, status: u16, code: &str, message: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json(), json!({ "code": code, "message": message }));
    assert_eq!(standard(answer), Vec::<String>::new());
}

#[track_caller]
fn expect_empty(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.text()), (204, ""));
    assert_eq!(standard(answer), Vec::<String>::new());
}

#[track_caller]
fn count(server: &Server, table: &str) -> i64 {
    let rows = server.sql("db", &format!("SELECT count(*) AS n FROM {table}"));
    rows[0]["n"].as_i64().unwrap()
}

#[test]
fn a_destination_is_required() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write
        >
        > m f=1
        < 400 {"code":"invalid","message":"no org/bucket destination provided"}

        > POST /api/v2/write?
        < 400 {"code":"invalid","message":"no org/bucket destination provided"}

        > POST /api/v2/write?org=o
        < 400 {"code":"invalid","message":"missing bucket value"}

        > POST /api/v2/write?org=o&bucket=
        < 400 {"code":"invalid","message":"missing bucket value"}

        > POST /write
        < 400 {"error":"no db destination provided","code":"invalid","message":"no db destination provided"}

        > POST /write?
        < 400 {"error":"no db destination provided","code":"invalid","message":"no db destination provided"}

        > POST /write?rp=autogen
        < 400 {"error":"failed to deserialize db/rp/precision in request: missing field `db`","code":"invalid","message":"failed to deserialize db/rp/precision in request: missing field `db`"}

        > POST /write?db=
        < 400 {"error":"namespace name  length must be between 1 and 64 characters","code":"invalid","message":"namespace name  length must be between 1 and 64 characters"}
        "#,
    );
}

#[test]
fn names_of_databases_are_checked_before_the_token() {
    let server = server();
    let (fits, long) = ("x".repeat(64), "x".repeat(65));
    let policy = "y".repeat(60);
    check_with(
        &server,
        &[("fits", &fits), ("long", &long), ("policy", &policy)],
        r#"
        > POST /api/v2/write?bucket=$long
        > Authorization: -
        < 400 {"code":"invalid","message":"namespace name $long length must be between 1 and 64 characters"}

        > POST /api/v2/write?bucket=$fits
        < 404 {"code":"not found","message":"database \"$fits\" not found"}

        > POST /api/v2/write?bucket=a+b
        > Authorization: -
        < 400 {"code":"invalid","message":"namespace name 'a b' contains invalid character, character number 1 is not allowed"}

        > POST /api/v2/write?bucket=caf%C3%A9.x
        < 400 {"code":"invalid","message":"namespace name 'café.x' contains invalid character, character number 4 is not allowed"}

        > POST /api/v2/write?bucket=caf%C3%A9
        < 404 {"code":"not found","message":"database \"café\" not found"}

        > POST /write?db=db&rp=a.b
        < 400 {"error":"namespace name 'db/a.b' contains invalid character, character number 4 is not allowed","code":"invalid","message":"namespace name 'db/a.b' contains invalid character, character number 4 is not allowed"}

        > POST /write?db=xxxx&rp=$policy
        < 400 {"error":"namespace name xxxx/$policy length must be between 1 and 64 characters","code":"invalid","message":"namespace name xxxx/$policy length must be between 1 and 64 characters"}
        "#,
    );
}

#[test]
fn a_known_parameter_comes_once() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db&bucket=db
        < 400 {"code":"invalid","message":"failed to deserialize org/bucket/precision in request: duplicate field `bucket`"}

        > POST /api/v2/write?bucket=db&precision=s&precision=ns
        < 400 {"code":"invalid","message":"failed to deserialize org/bucket/precision in request: duplicate field `precision`"}

        > POST /api/v2/write?bucket=db&org=a&org=b
        < 400 {"code":"invalid","message":"failed to deserialize org/bucket/precision in request: duplicate field `org`"}

        > POST /write?db=db&db=other
        < 400 {"error":"failed to deserialize db/rp/precision in request: duplicate field `db`","code":"invalid","message":"failed to deserialize db/rp/precision in request: duplicate field `db`"}

        > POST /write?db=db&rp=a&rp=b
        < 400 {"error":"failed to deserialize db/rp/precision in request: duplicate field `rp`","code":"invalid","message":"failed to deserialize db/rp/precision in request: duplicate field `rp`"}

        > POST /api/v2/write?bucket=db&x=1&x=2&org=&orgID=7
        >
        > m f=1 1
        < 204

        > POST /write?db=db&consistency=whatever&u=anyone&x=1&x=2
        >
        > m f=1 1
        < 204
        "#,
    );
}

#[test]
fn precisions_are_those_of_each_api() {
    let server = server();
    let v2 = |precision: &str| {
        server.send(
            server
                .post("/api/v2/write")
                .query(&[("bucket", "db"), ("precision", precision)])
                .body("m f=1 1"),
        )
    };
    let v1 = |precision: &str| {
        server.send(
            server
                .post("/write")
                .query(&[("db", "db"), ("precision", precision)])
                .body("m f=1 1"),
        )
    };
    let variants = "expected one of `s`, `ms`, `us`, `ns`, `m`, `h`";
    for bad in ["u", "n", "µ", "NS", "x", "minute", "auto", ""] {
        let message = format!(
            "failed to deserialize org/bucket/precision in request: unknown variant `{bad}`, {variants}"
        );
        expect_error(&v2(bad), 400, "invalid", &message);
    }
    for bad in ["MS", "x", "d", "w", "auto"] {
        let message = format!(
            "failed to deserialize db/rp/precision in request: unknown variant `{bad}`, {variants}"
        );
        let expected = json!({ "error": message, "code": "invalid", "message": message });
        let answer = v1(bad);
        assert_eq!((answer.status.as_u16(), answer.json()), (400, expected));
    }
    for bad in [v1("x"), v2("x")] {
        assert_eq!(standard(&bad), Vec::<String>::new());
    }
}

#[test]
fn precisions_scale_timestamps() {
    const UNITS: [(&str, i64); 10] = [
        ("ns", 1),
        ("nanosecond", 1),
        ("us", 1_000),
        ("microsecond", 1_000),
        ("ms", 1_000_000),
        ("millisecond", 1_000_000),
        ("s", 1_000_000_000),
        ("second", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    const UNITS_OF_V1: [(&str, i64); 3] = [("n", 1), ("u", 1_000), ("µ", 1_000)];
    let server = server();
    let mut expected = Vec::new();
    let mut write = |api: &str, database: &str, unit: &str, nanos: i64| {
        let request = server
            .post(api)
            .query(&[(database, "db"), ("precision", unit)]);
        expect_empty(
            &server.send(request.body(format!("units,api={database},unit={unit} f=1i 7"))),
        );
        expected.push(json!({ "api": database, "unit": unit, "t": 7 * nanos }));
    };
    for (unit, nanos) in UNITS {
        write("/api/v2/write", "bucket", unit, nanos);
    }
    for (unit, nanos) in UNITS.into_iter().chain(UNITS_OF_V1) {
        write("/write", "db", unit, nanos);
    }
    let key = |row: &Value| (row["api"].to_string(), row["unit"].to_string());
    expected.sort_by_key(key);
    let rows = server.sql(
        "db",
        "SELECT api, unit, CAST(time AS BIGINT) AS t FROM units",
    );
    let mut rows = rows.as_array().unwrap().clone();
    rows.sort_by_key(key);
    assert_eq!(rows, expected);
}

#[test]
fn retention_policies_are_part_of_the_name() {
    let server = server();
    server.create_database("db/weekly");
    check(
        &server,
        r#"
        > POST /write?db=db&rp=AutoGen
        >
        > m,rp=autogen f=1 1
        < 204

        > POST /write?db=db&rp=default
        >
        > m,rp=default f=1 1
        < 204

        > POST /write?db=db&rp=''
        >
        > m,rp=quotes f=1 1
        < 204

        > POST /write?db=db&rp=
        >
        > m,rp=empty f=1 1
        < 204

        > POST /write?db=db&rp=Weekly
        >
        > m,rp=weekly f=1 1
        < 204

        > POST /write?db=db/weekly
        >
        > m,rp=slash f=1 1
        < 204

        > POST /api/v2/write?bucket=db/autogen
        < 404 {"code":"not found","message":"database \"db/autogen\" not found"}

        > POST /write?db=db&rp=Monthly
        < 404 {"error":"database not found: \"db/monthly\"","code":"not found","message":"database \"db/monthly\" not found"}
        "#,
    );
    let policies = |database| {
        let rows = server.sql(database, "SELECT rp FROM m ORDER BY rp");
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| row["rp"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(policies("db"), ["autogen", "default", "empty", "quotes"]);
    assert_eq!(policies("db/weekly"), ["slash", "weekly"]);
}

#[test]
fn who_may_not_write_is_told_so_and_nothing_else() {
    let server = server();
    server.create_database("secret");
    let reader = server.create_token(&["read:*"]);
    let writer = server.create_token(&["write:db", "write:gone"]);
    check_with(
        &server,
        &[("reader", &reader), ("writer", &writer)],
        r#"
        > POST /api/v2/write?bucket=db
        > Authorization: -
        < 401 {"code":"unauthorized","message":"no token"}

        > POST /write?db=db
        > Authorization: -
        < 401 {"error":"no token","code":"unauthorized","message":"no token"}

        > POST /api/v2/write?bucket=db
        > Authorization: bearer $writer
        < 401 {"code":"unauthorized","message":"no token"}

        > POST /api/v2/write?bucket=db
        > Authorization: Bearer
        < 401 {"code":"unauthorized","message":"no token"}

        > POST /api/v2/write?bucket=db
        > Authorization: Basic %%%
        < 401 {"code":"unauthorized","message":"no token"}

        > POST /api/v2/write?bucket=db
        > Authorization: Bearer apiv1_unknown
        < 401 {"code":"unauthorized","message":"unauthorized access"}

        > POST /write?db=db
        > Authorization: Token apiv1_unknown
        < 401 {"error":"unauthorized access","code":"unauthorized","message":"unauthorized access"}

        > POST /api/v2/write?bucket=db
        > Authorization: Bearer $reader
        < 403 {"code":"forbidden","message":"forbidden"}

        > POST /api/v2/write?bucket=missing
        > Authorization: Bearer $reader
        < 403 {"code":"forbidden","message":"forbidden"}

        > POST /write?db=secret
        > Authorization: Bearer $writer
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > POST /write?db=missing
        > Authorization: Bearer $writer
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > POST /api/v2/write?bucket=gone
        > Authorization: Bearer $writer
        < 404 {"code":"not found","message":"database \"gone\" not found"}

        > POST /api/v2/write?bucket=db
        > Authorization: Bearer $writer
        >
        > m f=1
        < 204
        "#,
    );
}

#[test]
fn a_missing_database_is_named() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=nope
        >
        > m f=1
        < 404 {"code":"not found","message":"database \"nope\" not found"}

        > POST /write?db=nope
        >
        > m f=1
        < 404 {"error":"database not found: \"nope\"","code":"not found","message":"database \"nope\" not found"}

        > POST /write?db=DB
        < 404 {"error":"database not found: \"DB\"","code":"not found","message":"database \"DB\" not found"}
        "#,
    );
}

#[test]
fn other_methods_and_paths_say_what_is_not_there() {
    let server = server();
    check(
        &server,
        r#"
        > GET /api/v2/write?bucket=db
        < 405 {"code":"method not allowed","message":"method not allowed"}

        > PUT /api/v2/write?bucket=db
        < 405 {"code":"method not allowed","message":"method not allowed"}

        > GET /write?db=db
        < 405 {"error":"method not allowed","code":"method not allowed","message":"method not allowed"}

        > DELETE /write?db=db
        < 405 {"error":"method not allowed","code":"method not allowed","message":"method not allowed"}

        > POST /api/v3/write_lp?db=db
        >
        > m f=1
        < 405 {"code":"method not allowed","message":"method not allowed"}

        > GET /api/v3/write_lp
        < 405 {"code":"method not allowed","message":"method not allowed"}

        > POST /api/v2/delete?bucket=db
        > Content-Type: application/json
        >
        > {"start":"2024-01-01T00:00:00Z","stop":"2025-01-01T00:00:00Z"}
        < 501 {"code":"not implemented","message":"deletes are not supported; let a retention period remove old points, or delete the database"}

        > POST /api/v2/query?org=o
        < 501 {"code":"not implemented","message":"Flux is not supported; use SQL over Flight or InfluxQL (GET or POST /query)"}

        > GET /api/v2/query/suggestions
        < 501 {"code":"not implemented","message":"Flux is not supported; use SQL over Flight or InfluxQL (GET or POST /query)"}

        > GET /
        < 404 {"code":"not found","message":"not found"}

        > POST /api/v2/writes
        < 404 {"code":"not found","message":"not found"}

        > GET /debug/vars
        < 404 {"code":"not found","message":"not found"}
        "#,
    );
}

#[test]
fn request_ids_are_echoed_or_made() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        > X-Request-Id: mine-1
        < 204
        < X-Request-Id: mine-1
        < Request-Id: mine-1

        > POST /api/v2/write
        > X-Request-Id: mine-2
        < 400 {"code":"invalid","message":"no org/bucket destination provided"}
        < X-Request-Id: mine-2
        "#,
    );
    let made = || {
        server
            .send(server.post("/api/v2/write?bucket=db"))
            .header("x-request-id")
            .to_owned()
    };
    let (first, second) = (made(), made());
    assert!(!first.is_empty());
    assert_ne!(first, second);
}

#[test]
fn content_encodings_are_none_identity_and_gzip() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        > Content-Encoding: deflate
        >
        > m f=1
        < 415 {"code":"unsupported media type","message":"unacceptable content-encoding: deflate"}

        > POST /write?db=db
        > Content-Encoding: br
        >
        > m f=1
        < 415 {"error":"unacceptable content-encoding: br","code":"unsupported media type","message":"unacceptable content-encoding: br"}

        > POST /api/v2/write?bucket=db
        > Content-Encoding: identity
        > Content-Type: application/json
        > Accept: text/csv
        > Zap-Trace-Span: 0123456789abcdef
        >
        > m f=1 1
        < 204
        "#,
    );
    expect_empty(&write_encoded(&server, "gzip", gzip("m f=2 2")));
    assert_eq!(count(&server, "m"), 2);
}

#[test]
fn gzip_of_several_members_is_read_whole() {
    let server = server();
    let members = [gzip("m f=1 1\nm f="), gzip("2 2\n"), gzip("m f=3 3")].concat();
    expect_empty(&write_encoded(&server, "gzip", members));
    let rows = server.sql("db", "SELECT f FROM m ORDER BY time");
    assert_eq!(rows, json!([{ "f": 1.0 }, { "f": 2.0 }, { "f": 3.0 }]));
}

#[test]
fn broken_gzip_is_refused_whole() {
    let server = server();
    server.write("db", "m f=0 0");
    let good = gzip("m f=1 1\nm f=2 2\n");
    let cut = good[..good.len() - 5].to_vec();
    let mut flipped = good.clone();
    let checksum_at = good.len() - 8;
    flipped[checksum_at] ^= 1;
    let trailing = [good.as_slice(), b"not gzip"].concat();
    for (what, body) in [
        ("cut", cut),
        ("flipped", flipped),
        ("trailing", trailing),
        ("plain", b"m f=1 1".to_vec()),
    ] {
        let answer = write_encoded(&server, "gzip", body);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        assert_eq!(standard(&answer), Vec::<String>::new(), "{what}");
        let error = answer.json();
        let message = error["message"].as_str().unwrap();
        assert_eq!(error["code"], "invalid", "{what}");
        assert!(
            message.starts_with("error decoding gzip stream: "),
            "{what}: {message}"
        );
    }
    assert_eq!(
        count(&server, "m"),
        1,
        "nothing of a broken body may be stored"
    );
}

#[test]
fn bodies_over_the_limit_are_refused_before_and_after_decompression() {
    const LIMIT: usize = 10_000;
    let server = server_with(&["--request-bytes-max", "10000"]);
    let refused = "max request size (10000 bytes) exceeded";
    let line = "m f=1 1\n";
    let fits = format!("{line}#{}", "x".repeat(LIMIT - line.len() - 1));
    let over = format!("{fits}x");
    expect_empty(&write_encoded(&server, "identity", fits.clone()));
    expect_error(
        &write_encoded(&server, "identity", over.clone()),
        413,
        "request too large",
        refused,
    );
    expect_empty(&write_encoded(&server, "gzip", gzip(&fits)));
    expect_error(
        &write_encoded(&server, "gzip", gzip(&over)),
        413,
        "request too large",
        refused,
    );

    let chunked = |text: &str| {
        let parts: Vec<_> = text
            .as_bytes()
            .chunks(999)
            .map(|part| Ok::<_, std::io::Error>(part.to_vec()))
            .collect();
        Body::wrap_stream(futures::stream::iter(parts))
    };
    expect_empty(&write_encoded(&server, "identity", chunked(&fits)));
    expect_error(
        &write_encoded(&server, "identity", chunked(&over)),
        413,
        "request too large",
        refused,
    );

    let bomb = gzip(vec![b'\n'; 5_000_000]);
    assert!(bomb.len() < LIMIT, "the bomb must be small on the wire");
    expect_error(
        &write_encoded(&server, "gzip", bomb),
        413,
        "request too large",
        refused,
    );

    let answer = server.send(server.post("/write?db=db").body(over));
    let expected = json!({ "error": refused, "code": "request too large", "message": refused });
    assert_eq!((answer.status.as_u16(), answer.json()), (413, expected));
    assert_eq!(count(&server, "m"), 1);
}

#[test]
fn an_announced_length_over_the_limit_is_refused_before_the_body_is_sent() {
    let server = server_with(&["--request-bytes-max", "10000"]);
    let mut wire = server.connect();
    wire.send(format!(
        "POST /api/v2/write?bucket=db HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\n\
         Content-Length: 10001\r\n\r\n"
    ));
    let message = "max request size (10000 bytes) exceeded";
    expect_error(&wire.answer(), 413, "request too large", message);
}

#[test]
fn a_request_without_rights_is_answered_before_its_body_is_sent() {
    let server = server();
    let mut wire = server.connect();
    wire.send("POST /api/v2/write?bucket=db HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    expect_error(&wire.answer(), 401, "unauthorized", "no token");
}

#[test]
fn a_body_that_is_not_text_is_refused() {
    let server = server();
    let answer = write_encoded(&server, "identity", b"m f=1 1\nm s=\"\xff\" 2".to_vec());
    let message = "body content is not valid utf8: invalid utf-8 sequence of 1 bytes from index 13";
    expect_error(&answer, 400, "invalid", message);
    let answer = write_encoded(&server, "gzip", gzip(b"m f=1 1\nm\xc3"));
    let message = "body content is not valid utf8: incomplete utf-8 byte sequence from index 9";
    expect_error(&answer, 400, "invalid", message);
    let tables = server.sql(
        "db",
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'iox'",
    );
    assert_eq!(tables, json!([]), "nothing of such a body may be stored");
}

#[test]
fn a_body_without_points_is_fine() {
    let server = server();
    check(
        &server,
        "
        > POST /api/v2/write?bucket=db
        < 204

        > POST /write?db=db
        < 204

        > POST /api/v2/write?bucket=db
        >
        > # only words
        >
        >    # and blank lines
        < 204
        ",
    );
    expect_empty(&write_encoded(&server, "gzip", gzip("")));
    expect_empty(&write_encoded(&server, "gzip", Vec::new()));
}

#[test]
fn bad_lines_are_told_by_physical_line_and_good_ones_are_stored() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        >
        > m f=1 1
        > # a comment
        >
        > m f=oops 2
        > m f=3 3
        > m,=b f=1 4
        > m f=1 1x
        < 400 {"code":"invalid","line":4,"message":"partial write has occurred, errors encountered on line(s): error parsing line 4 (1-based): No fields were provided\nerror parsing line 6 (1-based): Expected tag key, got `=b f=1 4`\nerror parsing line 7 (1-based): Could not parse entire line. Found trailing content: `x`"}

        > POST /write?db=db
        >
        > m f=5 5
        > m
        < 400 {"error":"partial write has occurred, errors encountered on line(s): error parsing line 2 (1-based): Expected at least one space character, got end of input","code":"invalid","line":2,"message":"partial write has occurred, errors encountered on line(s): error parsing line 2 (1-based): Expected at least one space character, got end of input"}

        > POST /api/v2/write?bucket=db
        >
        > m f=99999999999999999999i
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error parsing line 1 (1-based): Unable to parse integer value `99999999999999999999`"}

        > POST /write?db=db
        >
        > ,a=b f=1
        < 400 {"error":"partial write: no data written, errors encountered on line(s): error parsing line 1 (1-based): Invalid measurement was provided","code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error parsing line 1 (1-based): Invalid measurement was provided"}
        "#,
    );
    assert_eq!(
        server.sql("db", "SELECT f FROM m ORDER BY time"),
        json!([{ "f": 1.0 }, { "f": 3.0 }, { "f": 5.0 }])
    );
}

/// A bad line and what is said of it, without the words around.
const LINE_ERRORS: [(&str, &str); 14] = [
    (
        "m",
        "error parsing line 1 (1-based): Expected at least one space character, got end of input",
    ),
    (
        "m f=1u9",
        "error parsing line 1 (1-based): Could not parse entire line. Found trailing content: `9`",
    ),
    (
        "m f=99999999999999999999u",
        "error parsing line 1 (1-based): Unable to parse unsigned integer value `99999999999999999999`",
    ),
    (
        "m f=1e400",
        "error parsing line 1 (1-based): Unable to parse floating-point value `1e400`",
    ),
    (
        "m f=1 99999999999999999999",
        "error parsing line 1 (1-based): Unable to parse timestamp value `99999999999999999999`",
    ),
    (
        "m,a=b,a=c f=1",
        "error parsing line 1 (1-based): the tag 'a' is specified more than once with conflicting values",
    ),
    (
        "m,a=b,a=b f=1",
        "error parsing line 1 (1-based): the tag 'a' is specified more than once with conflicting values",
    ),
    (
        "m f=1,f=1i",
        "error parsing line 1 (1-based): the field 'f' is specified more than once with conflicting types",
    ),
    (
        "m,time=1 f=1",
        "error parsing line 1 (1-based): input tag \"time\" on measurement \"m\" is invalid",
    ),
    (
        "m time=1",
        "error parsing line 1 (1-based): invalid field name: input field \"time\" on measurement \"m\" is invalid",
    ),
    (
        "m\\ f=1",
        "error parsing line 1 (1-based): Expected at least one space character, got end of input",
    ),
    (
        "m,a=b\\\\ f=1 1",
        "error parsing line 1 (1-based): Measurements, tag keys and values, and field keys may not end with a backslash",
    ),
    (
        "m f=.5",
        "error parsing line 1 (1-based): No fields were provided",
    ),
    (
        "m f=NaN",
        "error parsing line 1 (1-based): No fields were provided",
    ),
];

#[test]
fn each_kind_of_bad_line_has_its_text() {
    let server = server();
    let mut failures = String::new();
    for (line, reason) in LINE_ERRORS {
        let answer = write_encoded(&server, "identity", line);
        let message = format!("no data written, errors encountered on line(s): {reason}");
        let expected = json!({ "code": "invalid", "message": message, "line": 1 });
        if answer.status != 400 || answer.text().parse::<Value>().ok() != Some(expected) {
            failures += &format!(
                "{line}\n  expected {reason}\n  got {} {}\n",
                answer.status,
                answer.text()
            );
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn a_hundred_bad_lines_are_listed_at_most() {
    let server = server();
    let lines: String = (0..150).map(|_| "m f=x\n").collect();
    let answer = write_encoded(&server, "identity", lines + "m f=1 1");
    assert_eq!(answer.status, 400);
    assert_eq!(standard(&answer), Vec::<String>::new());
    let reasons: Vec<String> = (1..=100)
        .map(|n| format!("error parsing line {n} (1-based): No fields were provided"))
        .collect();
    let message = format!(
        "partial write has occurred, errors encountered on line(s): {}",
        reasons.join("\n")
    );
    assert_eq!(
        answer.json(),
        json!({ "code": "invalid", "message": message, "line": 1 })
    );
    assert_eq!(count(&server, "m"), 1);
}

#[test]
fn a_column_keeps_its_type_and_kind() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        >
        > m,host=a temp="warm",n=1i,u=1u,b=t,f=1 1
        < 204

        > POST /api/v2/write?bucket=db
        >
        > m,host=a temp=5i 2
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error writing line 1 (1-based): Unable to insert iox::column_type::field::integer type into column temp with type iox::column_type::field::string"}

        > POST /api/v2/write?bucket=db
        >
        > m,host=a n=1 2
        > m,host=a u=1i 2
        > m,host=a b=1u 2
        > m,host=a f=t 2
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error writing line 1 (1-based): Unable to insert iox::column_type::field::float type into column n with type iox::column_type::field::integer\nerror writing line 2 (1-based): Unable to insert iox::column_type::field::integer type into column u with type iox::column_type::field::uinteger\nerror writing line 3 (1-based): Unable to insert iox::column_type::field::uinteger type into column b with type iox::column_type::field::boolean\nerror writing line 4 (1-based): Unable to insert iox::column_type::field::boolean type into column f with type iox::column_type::field::float"}

        > POST /api/v2/write?bucket=db
        >
        > m,temp=a f=1 2
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error writing line 1 (1-based): Unable to insert iox::column_type::tag type into column temp with type iox::column_type::field::string"}

        > POST /api/v2/write?bucket=db
        >
        > m host="a" 2
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error writing line 1 (1-based): Unable to insert iox::column_type::field::string type into column host with type iox::column_type::tag"}

        > POST /api/v2/write?bucket=db
        >
        > new f=1 1
        > new f=1i 2
        < 400 {"code":"invalid","line":2,"message":"partial write has occurred, errors encountered on line(s): error writing line 2 (1-based): Unable to insert iox::column_type::field::integer type into column f with type iox::column_type::field::float"}
        "#,
    );
    assert_eq!((count(&server, "m"), count(&server, "new")), (1, 1));
}

#[test]
fn limits_hold_for_new_tables_and_columns_only() {
    let server = Server::start();
    server.create_database_with(json!({ "name": "db", "maxTables": 2, "maxColumnsPerTable": 4 }));
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        >
        > a,t=x f=1,g=1 1
        > b f=1 1
        < 204

        > POST /api/v2/write?bucket=db
        >
        > c f=1 1
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error writing line 1 (1-based): service limit reached: couldn't create new table; namespace contains 2 existing tables, applying this write would result in 3 tables, limit is 2"}

        > POST /api/v2/write?bucket=db
        >
        > a,t=x f=1,h=1 2
        > a,t=x f=1 3
        < 400 {"code":"invalid","line":1,"message":"partial write has occurred, errors encountered on line(s): error writing line 1 (1-based): service limit reached: couldn't create columns in table `a`; table contains 4 existing columns, applying this write would result in 5 columns, limit is 4"}

        > POST /api/v2/write?bucket=db
        >
        > b f=1,g=1,h=1,i=1 2
        < 400 {"code":"invalid","line":1,"message":"no data written, errors encountered on line(s): error writing line 1 (1-based): service limit reached: couldn't create columns in table `b`; table contains 2 existing columns, applying this write would result in 5 columns, limit is 4"}

        > POST /api/v2/write?bucket=db
        >
        > b f=1,g=1,h=1 2
        < 204
        "#,
    );
    assert_eq!((count(&server, "a"), count(&server, "b")), (2, 2));
}

#[test]
fn points_older_than_the_retention_period_are_refused() {
    let server = Server::start();
    server.create_database_with(json!({ "name": "db", "retentionPeriod": 3_600_000_000_000_i64 }));
    let reason = |line: u32| {
        format!(
            "error writing line {line} (1-based): data in table m is outside of the retention period: minimum \
             acceptable timestamp is <time>, but observed timestamp 1970-01-01T00:00:00.00000000{line}Z is older."
        )
    };
    let write = |path: &str, lines: &str| {
        let answer = server.send(server.post(path).body(lines.to_owned()));
        assert_eq!(standard(&answer), Vec::<String>::new());
        (answer.status.as_u16(), without_oldest(answer.json()))
    };
    let all = format!(
        "no data written, errors encountered on line(s): {}\n{}",
        reason(1),
        reason(2)
    );
    let some = format!(
        "partial write has occurred, errors encountered on line(s): {}",
        reason(2)
    );
    let v2 = "/api/v2/write?bucket=db";
    assert_eq!(
        write(v2, "m f=1 1\nm f=1 2"),
        (
            422,
            json!({ "code": "unprocessable entity", "message": all, "line": 1 })
        )
    );
    assert_eq!(
        write(v2, "m f=1\nm f=1 2"),
        (
            400,
            json!({ "code": "invalid", "message": some, "line": 2 })
        )
    );
    let v1 = "/write?db=db";
    assert_eq!(
        write(v1, "m f=1 1\nm f=1 2"),
        (
            422,
            json!({
                "error": format!("partial write: {all}\npoints beyond retention policy"),
                "code": "unprocessable entity", "message": all, "line": 1,
            })
        )
    );
    assert_eq!(
        write(v1, "m f=1\nm f=1 2"),
        (
            400,
            json!({
                "error": format!("{some}\npoints beyond retention policy"),
                "code": "invalid", "message": some, "line": 2,
            })
        )
    );
    // One that is too old and one that is wrong: nothing is written, but not all are too old.
    let (status, body) = write(v2, "m f=1 1\nm f=x 2");
    assert_eq!((status, &body["code"]), (400, &json!("invalid")), "{body}");
    assert_eq!(count(&server, "m"), 2);
}

/// Puts `<time>` for the oldest acceptable instant, which depends on when the test runs.
fn without_oldest(mut body: Value) -> Value {
    for member in ["message", "error"] {
        let Some(text) = body[member].as_str() else {
            continue;
        };
        let mut parts = text.split("acceptable timestamp is ");
        let mut hidden = parts.next().unwrap().to_owned();
        for part in parts {
            let (_, rest) = part.split_once(',').unwrap();
            hidden += &format!("acceptable timestamp is <time>,{rest}");
        }
        body[member] = hidden.into();
    }
    body
}

#[test]
fn a_timestamp_must_fit_after_scaling() {
    let server = server();
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db&precision=s
        >
        > m f=1 9223372037
        > m f=1 9223372036
        < 400 {"code":"invalid","line":1,"message":"partial write has occurred, errors encountered on line(s): timestamp overflows i64 on line 1 (1-based)"}

        > POST /write?db=db&precision=h
        >
        > m f=1 -2562048
        < 400 {"error":"partial write: no data written, errors encountered on line(s): timestamp overflows i64 on line 1 (1-based)","code":"invalid","line":1,"message":"no data written, errors encountered on line(s): timestamp overflows i64 on line 1 (1-based)"}
        "#,
    );
    assert_eq!(count(&server, "m"), 1);
}

#[test]
fn without_partial_writes_one_bad_line_refuses_all() {
    let server = server_with(&["--without-partial-writes"]);
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        >
        > m f=1 1
        > m f=oops 2
        < 400 {"code":"invalid","line":2,"message":"failed to parse line protocol: errors encountered on line(s):\nerror parsing line 2 (1-based): No fields were provided"}

        > POST /write?db=db
        >
        > m f=1 1
        > m f=oops 2
        < 400 {"error":"partial write: failed to parse line protocol: errors encountered on line(s):\nerror parsing line 2 (1-based): No fields were provided","code":"invalid","line":2,"message":"failed to parse line protocol: errors encountered on line(s):\nerror parsing line 2 (1-based): No fields were provided"}

        > POST /api/v2/write?bucket=db
        >
        > m f=2 2
        < 204
        "#,
    );
    assert_eq!(server.sql("db", "SELECT f FROM m"), json!([{ "f": 2.0 }]));
}

/// A write whose head is sent and whose body is not; the server has begun with it.
#[track_caller]
pub(crate) fn open_write(server: &Server, length: usize) -> super::server::Wire {
    let mut wire = server.connect();
    wire.send(format!(
        "POST /api/v2/write?bucket=db HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(
        wire.answer().status,
        100,
        "the server asks for the body once the request is let in"
    );
    wire
}

#[test]
fn writes_over_the_limit_are_asked_to_come_back() {
    let server = server_with(&["--writes-max", "1"]);
    let mut slow = open_write(&server, 8);
    let overloaded = "this service is overloaded, please try again later";
    let answer = write_encoded(&server, "identity", "m f=2 2");
    expect_error(&answer, 503, "unavailable", overloaded);
    assert_eq!(answer.header("retry-after"), "1");
    let answer = server.send(server.post("/write?db=db").body("m f=2 2"));
    let expected = json!({ "error": overloaded, "code": "unavailable", "message": overloaded });
    assert_eq!((answer.status.as_u16(), answer.json()), (503, expected));
    assert_eq!(answer.header("retry-after"), "1");
    slow.send("m f=1 1\n");
    assert_eq!(slow.answer().status, 204);
    expect_empty(&write_encoded(&server, "identity", "m f=3 3"));
    assert_eq!(
        server.sql("db", "SELECT f FROM m ORDER BY time"),
        json!([{ "f": 1.0 }, { "f": 3.0 }])
    );
}

#[test]
fn a_batch_larger_than_the_buffer_is_to_be_split() {
    let server = server_with(&["--buffer-bytes-max", "1"]);
    check(
        &server,
        r#"
        > POST /api/v2/write?bucket=db
        >
        > m f=1 1
        < 413 {"code":"request too large","message":"the batch takes 36 bytes of memory, the buffer has at most 1"}
        "#,
    );
    assert_eq!(count(&server, "m"), 0);
}

#[test]
fn names_and_strings_have_a_longest_length() {
    const NAME_MAX: usize = 65_536;
    const STRING_MAX: usize = 1_048_576;
    let server = server();
    let (name, string) = ("n".repeat(NAME_MAX), "s".repeat(STRING_MAX));
    server.write(
        "db",
        &format!("m,t={name} s=\"{string}\",f=1 1\n{name} f=1 1"),
    );
    let lengths = server.sql("db", "SELECT length(t) AS t, length(s) AS s FROM m");
    assert_eq!(lengths, json!([{ "t": NAME_MAX, "s": STRING_MAX }]));
    for (line, reason) in [
        (format!("m,t={name}n f=1"), "String is greater than 64KB"),
        (format!("{name}n f=1"), "String is greater than 64KB"),
        (format!("m {name}n=1"), "String is greater than 64KB"),
        (format!("m s=\"{string}s\""), "String is greater than 1MB"),
    ] {
        let answer = write_encoded(&server, "identity", line);
        let message = format!(
            "no data written, errors encountered on line(s): error parsing line 1 (1-based): {reason}"
        );
        let expected = json!({ "code": "invalid", "message": message, "line": 1 });
        assert_eq!((answer.status.as_u16(), answer.json()), (400, expected));
    }
}

#[test]
fn points_without_a_timestamp_share_one_instant_in_nanoseconds() {
    let server = server();
    let request = server.post("/api/v2/write?bucket=db&precision=s");
    expect_empty(&server.send(request.body("m,t=a f=1\nm,t=b f=1\nm,t=a f=2\nm,t=c f=1 1")));
    let rows = server.sql(
        "db",
        "SELECT t, f, time > now() - INTERVAL '1 hour' AND time <= now() AS now FROM m ORDER BY t",
    );
    assert_eq!(
        rows,
        json!([
            { "t": "a", "f": 2.0, "now": true },
            { "t": "b", "f": 1.0, "now": true },
            { "t": "c", "f": 1.0, "now": false },
        ])
    );
    let instants = server.sql("db", "SELECT count(DISTINCT time) AS n FROM m");
    assert_eq!(instants, json!([{ "n": 2 }]));
}

#[test]
fn while_it_stops_the_server_finishes_what_it_has_and_takes_no_more() {
    let mut server = server();
    let mut open = open_write(&server, 8);
    let mut late = server.connect();
    late.send(format!(
        "POST /api/v2/write?bucket=db HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\n"
    ));
    // The server answers these after it has seen the beginning above.
    for _ in 0..20 {
        assert_eq!(server.send(server.get("/ping")).status, 204);
    }
    server.terminate();
    while std::net::TcpStream::connect(server.address()).is_ok() {
        std::thread::yield_now();
    }
    late.send("Content-Length: 7\r\n\r\nm f=2 2");
    let answer = late.answer();
    expect_error(&answer, 503, "unavailable", "the server is shutting down");
    open.send("m f=1 1\n");
    assert_eq!(open.answer().status, 204);
    assert!(server.wait().success());
    server.restart();
    assert_eq!(server.sql("db", "SELECT f FROM m"), json!([{ "f": 1.0 }]));
}
