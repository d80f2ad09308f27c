//! More than a server can take: it says so before it reads a body, to whoever takes most, and keeps what it has
//! acknowledged.

use super::server::{Answer, OPERATOR_TOKEN, Server, Wire};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const OVERLOADED: &str = "this service is overloaded, please try again later";

fn server(flags: &[&str]) -> Server {
    let server = Server::with(flags);
    server.create_database("a");
    server.create_database("b");
    server
}

/// Sends the head of a write and waits for the first answer: 100 when the body is asked for.
#[track_caller]
fn open(server: &Server, path: &str, length: &str) -> (Wire, Answer) {
    let mut wire = server.connect();
    wire.send(format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {OPERATOR_TOKEN}\r\n{length}\r\n\
         Expect: 100-continue\r\n\r\n"
    ));
    let answer = wire.answer();
    (wire, answer)
}

#[track_caller]
fn let_in(server: &Server, path: &str, length: &str) -> Wire {
    let (wire, answer) = open(server, path, length);
    assert_eq!(answer.status, 100, "{}", answer.text());
    wire
}

/// Both dialects are refused, and nobody asks for the body.
#[track_caller]
fn assert_refused(server: &Server, database: &str, length: &str) {
    let (_, v2) = open(server, &format!("/api/v2/write?bucket={database}"), length);
    let (_, v1) = open(server, &format!("/write?db={database}"), length);
    for answer in [&v2, &v1] {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
        // The body was not asked for, so nothing more can come on this connection.
        assert_eq!(answer.header("connection"), "close");
    }
    let body = json!({ "code": "unavailable", "message": OVERLOADED });
    assert_eq!(v2.json(), body);
    let body = json!({ "error": OVERLOADED, "code": "unavailable", "message": OVERLOADED });
    assert_eq!(v1.json(), body);
}

#[track_caller]
fn check_metric(server: &Server, line: &str) {
    let metrics = server.send(server.get("/metrics"));
    assert!(
        metrics.text().lines().any(|l| l == line),
        "no {line} in\n{}",
        metrics.text()
    );
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn places_are_limited_and_one_database_leaves_some_to_others() {
    let server = server(&["--writes-max", "4"]);
    let a = "/api/v2/write?bucket=a";
    let mut held: Vec<Wire> = (0..3)
        .map(|_| let_in(&server, a, "Content-Length: 8"))
        .collect();
    assert_refused(&server, "a", "Content-Length: 8");
    let mut other = let_in(&server, "/api/v2/write?bucket=b", "Content-Length: 8");
    assert_refused(&server, "b", "Content-Length: 8");
    check_metric(&server, "watershed_server_writes_in_flight 4");
    check_metric(
        &server,
        r#"watershed_server_writes_refused_total{reason="writes"} 4"#,
    );
    for (time, wire) in held.iter_mut().enumerate() {
        wire.send(format!("m f=1 {time}\n"));
    }
    other.send("m f=1 1\n");
    for wire in held.iter_mut().chain([&mut other]) {
        assert_eq!(wire.answer().status, 204);
    }
    check_metric(&server, "watershed_server_writes_in_flight 0");
}

#[test]
fn memory_for_bodies_is_limited_and_grows_with_chunks() {
    let server = server(&[
        "--request-bytes-max",
        "1MiB",
        "--in-flight-bytes-max",
        "3MiB",
    ]);
    let a = "/api/v2/write?bucket=a";
    // Each takes twice its length: 2 MB of 3.1 MB.
    let held = [(); 2].map(|()| let_in(&server, a, "Content-Length: 500000"));
    assert_refused(&server, "a", "Content-Length: 500000");
    check_metric(&server, "watershed_server_in_flight_bytes 2000000");
    server.write("b", "m f=1 1");
    // Chunks are let in, for nobody knows how many will come, and given up when there are too many.
    let mut chunks = let_in(&server, a, "Transfer-Encoding: chunked");
    let lines = "m f=1 1\n".repeat(100_000);
    for chunk in lines.as_bytes().chunks(50_000).take(4) {
        chunks.send(format!("{:x}\r\n", chunk.len()));
        chunks.send(chunk);
        chunks.send("\r\n");
    }
    let answer = chunks.answer();
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "1")
    );
    assert_eq!(answer.json()["message"], OVERLOADED);
    drop((held, chunks));
    // Clients that go away give back what they held.
    let began = Instant::now();
    let given_back = || {
        let metrics = server.send(server.get("/metrics"));
        metrics.text().contains("in_flight_bytes 0\n")
    };
    while !given_back() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "memory was not given back"
        );
    }
    server.write("a", &lines);
    assert_eq!(
        server.sql("a", "SELECT count(*) AS n FROM m"),
        json!([{ "n": 1 }])
    );
}

#[test]
fn a_gzip_bomb_takes_no_more_than_the_largest_body() {
    let server = server(&["--request-bytes-max", "1MiB"]);
    let bomb = gzip(&vec![b'\n'; 64 << 20]);
    let several = [bomb.clone(), gzip(b"m f=1 1")].concat();
    let sent: Vec<u16> = [bomb, several]
        .into_iter()
        .map(|body| {
            let request = server
                .post("/api/v2/write?bucket=a")
                .header("Content-Encoding", "gzip");
            server.send(request.body(body)).status.as_u16()
        })
        .collect();
    assert_eq!(sent, [413, 413]);
    let members = [gzip(&vec![b'\n'; 500_000]), gzip(b"m f=1 1")].concat();
    let request = server
        .post("/api/v2/write?bucket=a")
        .header("Content-Encoding", "gzip");
    assert_eq!(server.send(request.body(members)).status, 204);
    check_metric(&server, "watershed_server_in_flight_bytes 0");
}

#[test]
fn bodies_and_heads_that_stop_coming_are_given_up() {
    let server = server(&["--silence-max", "1"]);
    let mut wire = let_in(&server, "/api/v2/write?bucket=a", "Content-Length: 100");
    wire.send("m f=1 1\n");
    let mut head = TcpStream::connect(server.address()).unwrap();
    head.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    head.write_all(b"POST /write?db=a HTT").unwrap();
    let answer = wire.answer();
    assert_eq!(answer.status, 408, "{}", answer.text());
    assert_eq!(
        answer.json()["message"],
        "nothing of the request body came for 1 s"
    );
    check_metric(&server, "watershed_server_writes_in_flight 0");
    // The connection is closed, with or without a word.
    let mut rest = Vec::new();
    head.read_to_end(&mut rest).unwrap();
    server.write("a", "m f=1 1");
}

/// Batches of one writer: points of a series of its own.
fn lines(writer: usize, batch: u64, points: u64) -> String {
    let mut lines = String::new();
    for point in batch * points..(batch + 1) * points {
        let _ = writeln!(
            lines,
            "m,w={writer} a={point}i,b={point}.5,c=\"some text\" {point}"
        );
    }
    lines
}

#[test]
fn a_flood_of_one_database_does_not_keep_another_from_writing() {
    const WRITERS: usize = 24;
    const SMALL_WRITES: u64 = 150;
    let flags = [
        "--writes-max",
        "8",
        "--buffer-bytes-max",
        "16MiB",
        "--in-flight-bytes-max",
        "8MiB",
        "--request-bytes-max",
        "2MiB",
    ];
    let server = server(&flags);
    let done = AtomicBool::new(false);
    let (stored, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (server, done, stored, refused) = (&server, &done, &stored, &refused);
            scope.spawn(move || {
                let mut batch = 0;
                while !done.load(Ordering::Relaxed) {
                    let request = server.post("/api/v2/write?bucket=a");
                    let answer = server.send(request.body(lines(writer, batch, 4_000)));
                    match answer.status.as_u16() {
                        204 => {
                            stored.fetch_add(4_000, Ordering::Relaxed);
                            batch += 1;
                        }
                        503 => {
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        status => panic!("{status} {}", answer.text()),
                    }
                }
            });
        }
        for batch in 0..SMALL_WRITES {
            let began = Instant::now();
            server.write("b", &lines(0, batch, 10));
            slowest = slowest.max(began.elapsed());
        }
        done.store(true, Ordering::Relaxed);
    });
    let (stored, refused) = (stored.into_inner(), refused.into_inner());
    println!(
        "{stored} rows of the flood were stored, {refused} requests refused; the slowest small write took {slowest:?}"
    );
    assert!(refused > 0, "the flood was none");
    assert!(
        slowest < Duration::from_secs(10),
        "a small write took {slowest:?}"
    );
    let count = |database| server.sql(database, "SELECT count(*) AS n FROM m")[0]["n"].as_u64();
    assert_eq!(count("a"), Some(stored));
    assert_eq!(count("b"), Some(SMALL_WRITES * 10));
    check_metric(&server, "watershed_server_writes_in_flight 0");
    check_metric(&server, "watershed_server_in_flight_bytes 0");
}
