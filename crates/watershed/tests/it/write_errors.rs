//! Every way in which a write is refused, and what the client then sees.
//!
//! The texts are part of the interface: agents look for words in them, and people look them up.

mod bodies;
mod limits;
mod lines;
mod requests;

pub(crate) use limits::open_write;

use super::scenario::standard;
use super::server::{Answer, Server};
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Body;
use serde_json::json;
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
