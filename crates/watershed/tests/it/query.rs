//! `/query` as 1.x clients use it, and `/api/v3/query_*` for people with curl.

mod answers;
mod requests;
mod v3;

use super::scenario::{check, standard};
use super::server::{Answer, OPERATOR_TOKEN, Server, runtime};
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
