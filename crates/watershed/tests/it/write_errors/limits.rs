//! Limits of the server, and its end.

use super::{count, expect_empty, expect_error, server, server_with, write_encoded};
use crate::scenario::check;
use crate::server::{OPERATOR_TOKEN, Server, Wire};
use serde_json::json;

/// A write whose head is sent and whose body is not; the server has begun with it.
#[track_caller]
pub(crate) fn open_write(server: &Server, length: usize) -> Wire {
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
