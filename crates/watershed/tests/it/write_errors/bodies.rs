//! Bodies: encodings, sizes, texts.

use super::{count, expect_empty, expect_error, gzip, server, server_with, write_encoded};
use crate::scenario::{check, standard};
use crate::server::OPERATOR_TOKEN;
use reqwest::Body;
use serde_json::json;

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
