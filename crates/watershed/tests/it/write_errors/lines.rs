//! Lines that are wrong, and points that do not fit.

use super::{count, expect_empty, gzip, server, server_with, write_encoded};
use crate::scenario::{check, standard};
use crate::server::Server;
use serde_json::{Value, json};

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
