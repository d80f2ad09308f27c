//! What web pages do: gRPC-Web over HTTP/1.1, and questions of other origins.

use super::flight::ticket;
use super::server::{Answer, OPERATOR_TOKEN, Server};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::{FlightData, Ticket};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures::TryStreamExt as _;
use prost::Message as _;
use reqwest::Method;

/// One message as gRPC frames it: a byte of flags, four of length.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}

/// The messages of an answer, and its trailers, which come as the last message, with the highest flag set.
fn unframed(mut body: &[u8]) -> (Vec<FlightData>, String) {
    let mut messages = Vec::new();
    while let [flags, a, b, c, d, rest @ ..] = body {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (message, rest) = rest.split_at(length);
        if *flags == 0x80 {
            assert!(rest.is_empty(), "trailers are the end");
            return (messages, String::from_utf8(message.to_vec()).unwrap());
        }
        assert_eq!(*flags, 0);
        messages.push(FlightData::decode(message).unwrap());
        body = rest;
    }
    panic!("no trailers");
}

fn do_get(server: &Server, kind: &'static str, body: Vec<u8>, token: &str) -> Answer {
    let path = "/arrow.flight.protocol.FlightService/DoGet";
    let request = server.bare(Method::POST, path).bearer_auth(token);
    let headers = [
        ("content-type", kind),
        ("accept", kind),
        ("x-grpc-web", "1"),
        ("origin", "https://app.example"),
    ];
    let request = headers.into_iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    server.send(request.body(body))
}

fn question(statement: &str) -> Vec<u8> {
    let ticket = Ticket {
        ticket: ticket("db", statement, "sql").into(),
    };
    framed(&ticket.encode_to_vec())
}

fn rows(messages: Vec<FlightData>) -> Vec<String> {
    let stream = futures::stream::iter(messages.into_iter().map(Ok));
    let stream = FlightRecordBatchStream::new_from_flight_data(stream);
    let batches: Vec<_> = super::server::runtime()
        .block_on(stream.try_collect())
        .unwrap();
    super::flight_client::table(&batches)
}

#[test]
fn flight_over_grpc_web() {
    let server = Server::with(&["--cors-origins", "https://app.example"]);
    server.create_database("db");
    server.write("db", "m,host=a v=1 1\nm,host=b v=2 2");
    let statement = "SELECT host, v FROM m ORDER BY v";

    let kind = "application/grpc-web+proto";
    let answer = do_get(&server, kind, question(statement), OPERATOR_TOKEN);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), kind);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example"
    );
    let (messages, trailers) = unframed(&answer.body);
    assert_eq!(rows(messages), ["host|v", "a|1.0", "b|2.0"]);
    assert!(trailers.contains("grpc-status:0\r\n"), "{trailers}");

    // As text, for clients that cannot read bytes as they come. Each piece is padded for itself.
    let kind = "application/grpc-web-text+proto";
    let body = BASE64_STANDARD.encode(question(statement)).into_bytes();
    let answer = do_get(&server, kind, body, OPERATOR_TOKEN);
    assert_eq!(answer.header("content-type"), kind);
    let pieces = answer.body.chunks(4);
    let body: Vec<u8> = pieces
        .flat_map(|piece| BASE64_STANDARD.decode(piece).unwrap())
        .collect();
    let (messages, trailers) = unframed(&body);
    assert_eq!(rows(messages), ["host|v", "a|1.0", "b|2.0"]);
    assert!(trailers.contains("grpc-status:0\r\n"), "{trailers}");

    // Errors before the first message are in the head, which pages may read then.
    let kind = "application/grpc-web";
    let answer = do_get(
        &server,
        kind,
        question("SELECT nope FROM m"),
        OPERATOR_TOKEN,
    );
    assert_eq!(answer.header("grpc-status"), "3", "{answer:?}");
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("grpc-status"), "{exposed}");
    let answer = do_get(&server, kind, question(statement), "wrong");
    assert_eq!(answer.header("grpc-status"), "16", "{answer:?}");

    // What is no message harms nothing.
    for body in [
        vec![],
        vec![0, 255, 255, 255, 255, 1],
        vec![1; 5],
        vec![0; 4],
    ] {
        let answer = do_get(&server, kind, body.clone(), OPERATOR_TOKEN);
        let in_head = !["", "0"].contains(&answer.header("grpc-status"));
        let refused = in_head || answer.text().contains("grpc-status:");
        assert!(refused, "{body:?}: {answer:?}");
    }
}

/// Asks as a browser does before it lets a page send a request that is not simple.
fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let request = server
        .bare(Method::OPTIONS, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,x-grpc-web");
    server.send(request)
}

#[test]
fn pages_of_listed_origins_are_let_in() {
    let flags = [
        "--cors-origins",
        "https://app.example,http://localhost:3000",
    ];
    let server = Server::with(&flags);
    for path in [
        "/api/v2/write?bucket=db",
        "/query",
        "/arrow.flight.protocol.FlightService/DoGet",
    ] {
        let answer = preflight(&server, path, "http://localhost:3000");
        assert_eq!(answer.status, 200, "{path}");
        let allowed = ["origin", "methods", "headers"]
            .map(|what| answer.header(&format!("access-control-allow-{what}")));
        assert_eq!(
            allowed,
            ["http://localhost:3000", "POST", "authorization,x-grpc-web"],
            "{path}"
        );
        let answer = preflight(&server, path, "https://evil.example");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{path}");
    }
    // Errors may be read too: the page wants to show them.
    let request = server.bare(Method::GET, "/query?q=SHOW+DATABASES");
    let answer = server.send(request.header("origin", "https://app.example"));
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example"
    );
    let mut vary = answer.headers.get_all("vary").into_iter();
    let by_origin = vary.any(|value| value.to_str().unwrap().contains("origin"));
    assert!(by_origin, "{answer:?}");
}

#[test]
fn all_origins_can_be_let_in_and_none_are_by_default() {
    let server = Server::with(&["--cors-origins", "*"]);
    let answer = preflight(&server, "/query", "https://any.example");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "authorization,x-grpc-web"
    );

    let server = Server::start();
    let answer = preflight(&server, "/query", "https://any.example");
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
