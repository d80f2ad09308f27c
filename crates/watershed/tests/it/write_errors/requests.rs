//! What is asked for: destination, parameters, rights, methods.

use super::{expect_empty, expect_error, server};
use crate::scenario::{check, check_with, standard};
use serde_json::{Value, json};

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
