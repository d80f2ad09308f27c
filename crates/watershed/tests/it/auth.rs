//! Credentials: the forms they come in, which one counts, what a token may do, and that none is logged.

use super::scenario::{check, check_with, standard};
use super::server::{OPERATOR_TOKEN, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

/// A server with a database `db` that has a point.
#[track_caller]
fn server() -> Server {
    let server = Server::start();
    server.create_database("db");
    server.write("db", "m f=1 1");
    server
}

fn basic(user: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{token}")))
}

/// The status of a request with an `Authorization` header, or without.
#[track_caller]
fn status(server: &Server, request: RequestBuilder, authorization: &str) -> u16 {
    let request = if authorization.is_empty() {
        request
    } else {
        request.header("authorization", authorization)
    };
    server.send(request).status.as_u16()
}

#[test]
fn credentials_come_in_several_forms() {
    let server = server();
    let token = server.create_token(&["read:db", "write:db"]);
    let forms = [
        (format!("Bearer {token}"), true),
        (format!("Token {token}"), true),
        (basic("anyone", &token), true),
        (basic("", &token), true),
        (format!("bearer {token}"), false),
        (format!("Bearer  {token}"), false),
        (format!("Digest {token}"), false),
        (token.clone(), false),
        (basic("anyone", ""), false),
        (format!("Basic {}", STANDARD.encode(&token)), false),
        (String::new(), false),
    ];
    let paths = [
        (Method::POST, "/api/v2/write?bucket=db", 204),
        (Method::POST, "/write?db=db", 204),
        (Method::GET, "/query?db=db&q=SHOW+MEASUREMENTS", 200),
        (Method::GET, "/api/v3/query_sql?db=db&q=SELECT+1", 200),
    ];
    for (authorization, good) in &forms {
        for (method, path, success) in &paths {
            let got = status(&server, server.bare(method.clone(), path), authorization);
            let expected = if *good { *success } else { 401 };
            let shown = authorization.replace(&token, "<token>");
            assert_eq!(got, expected, "{path} with {shown:?}");
        }
    }
}

#[test]
fn the_p_parameter_is_for_1x_endpoints_only() {
    let server = server();
    let good = server.create_token(&["read:db", "write:db"]);
    check_with(
        &server,
        &[("good", &good)],
        r#"
        > POST /write?db=db&u=anyone&p=$good
        > Authorization: -
        < 204

        > GET /query?db=db&q=SHOW+MEASUREMENTS&u=anyone&p=$good
        > Authorization: -
        < 200 {"results":[{"statement_id":0,"series":[{"name":"measurements","columns":["name"],"values":[["m"]]}]}]}

        > POST /query
        > Authorization: -
        > Content-Type: application/x-www-form-urlencoded
        >
        > db=db&q=SHOW+MEASUREMENTS&u=anyone&p=$good
        < 200 {"results":[{"statement_id":0,"series":[{"name":"measurements","columns":["name"],"values":[["m"]]}]}]}

        > POST /write?db=db&p=
        > Authorization: -
        < 401 {"error":"no token","code":"unauthorized","message":"no token"}

        > POST /write?db=db&p=wrong
        > Authorization: -
        < 401 {"error":"unauthorized access","code":"unauthorized","message":"unauthorized access"}

        > POST /api/v2/write?bucket=db&p=$good
        > Authorization: -
        < 401 {"code":"unauthorized","message":"no token"}

        > GET /api/v3/query_sql?db=db&q=SELECT+1&p=$good
        > Authorization: -
        < 401 {"code":"unauthorized","message":"no token"}
        "#,
    );
}

#[test]
fn writes_prefer_the_header_and_1x_queries_the_parameter() {
    let server = server();
    let good = server.create_token(&["read:db", "write:db"]);
    check_with(
        &server,
        &[("good", &good)],
        r#"
        > POST /write?db=db&p=wrong
        > Authorization: Bearer $good
        < 204

        > POST /write?db=db&p=$good
        > Authorization: Bearer wrong
        < 401 {"error":"unauthorized access","code":"unauthorized","message":"unauthorized access"}

        > POST /write?db=db&p=$good
        > Authorization: Negotiate abc
        < 204

        > POST /write?db=db&p=$good
        > Authorization: Basic %%%
        < 204

        > GET /query?db=db&q=SHOW+DATABASES&p=$good
        > Authorization: Bearer wrong
        < 200 {"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["db"]]}]}]}

        > GET /query?db=db&q=SHOW+DATABASES&p=wrong
        > Authorization: Bearer $good
        < 401 {"error":"unauthorized access","code":"unauthorized","message":"unauthorized access"}

        > GET /query?db=db&q=SHOW+DATABASES&p=
        > Authorization: Bearer $good
        < 200 {"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["db"]]}]}]}
        "#,
    );
}

#[test]
fn rights_are_by_action_and_database() {
    let server = server();
    server.create_database("other");
    let write = |database: &str| {
        server
            .bare(Method::POST, "/api/v2/write")
            .query(&[("bucket", database)])
    };
    let read = |database: &str| {
        server
            .bare(Method::GET, "/api/v3/query_sql")
            .query(&[("db", database), ("q", "SELECT 1")])
    };
    let manage = || server.bare(Method::GET, "/api/v0/databases");
    // Status of: write db, read db, write other, read other, manage.
    for (rights, expected) in [
        (&["read:db"][..], [403, 200, 403, 403, 403]),
        (&["write:db"], [204, 403, 403, 403, 403]),
        (&["read:db", "write:other"], [403, 200, 204, 403, 403]),
        (&["read:*"], [403, 200, 403, 200, 403]),
        (&["write:*"], [204, 403, 204, 403, 403]),
        (&["read:*", "write:*"], [204, 200, 204, 200, 403]),
        (&[], [403, 403, 403, 403, 403]),
    ] {
        let bearer = format!("Bearer {}", server.create_token(rights));
        let requests = [
            write("db"),
            read("db"),
            write("other"),
            read("other"),
            manage(),
        ];
        assert_eq!(
            requests.map(|request| status(&server, request, &bearer)),
            expected,
            "{rights:?}"
        );
    }
    let operator = format!("Bearer {OPERATOR_TOKEN}");
    let requests = [
        write("db"),
        read("db"),
        write("other"),
        read("other"),
        manage(),
    ];
    assert_eq!(
        requests.map(|request| status(&server, request, &operator)),
        [204, 200, 204, 200, 200]
    );
}

#[test]
fn expired_and_revoked_tokens_are_unknown() {
    let server = server();
    let text = |token: &serde_json::Value| token["accessToken"].as_str().unwrap().to_owned();
    let expired = server.create_token_with(
        &["write:db"],
        json!({ "expiresAt": "2020-01-01T00:00:00Z" }),
    );
    let lasting = server.create_token_with(
        &["write:db"],
        json!({ "expiresAt": "2262-01-01T00:00:00Z" }),
    );
    let revoked = server.create_token_with(&["write:db"], json!({}));
    let write = |token: &serde_json::Value| {
        let answer = server.send(
            server
                .bare(Method::POST, "/api/v2/write?bucket=db")
                .bearer_auth(text(token)),
        );
        (answer.status.as_u16(), answer.text().to_owned())
    };
    let unknown = r#"{"code":"unauthorized","message":"unauthorized access"}"#.to_owned();
    assert_eq!(write(&expired), (401, unknown.clone()));
    assert_eq!(write(&lasting), (204, String::new()));
    assert_eq!(
        write(&revoked),
        (204, String::new()),
        "before it is revoked"
    );
    let path = format!("/api/v0/tokens/{}", revoked["id"].as_str().unwrap());
    let revoke = || {
        server.send(
            server
                .bare(Method::DELETE, &path)
                .bearer_auth(OPERATOR_TOKEN),
        )
    };
    assert_eq!(revoke().status, 204);
    assert_eq!(write(&revoked), (401, unknown), "at once");
    let listed = server.send(server.get(&path)).json();
    assert!(
        listed["revokedAt"].is_string() && listed["accessToken"].is_null(),
        "{listed}"
    );
}

#[test]
fn the_management_api_needs_the_operator() {
    let server = server();
    let token = server.create_token(&["read:*", "write:*"]);
    check_with(
        &server,
        &[("token", &token)],
        r#"
        > GET /api/v0/databases
        > Authorization: -
        < 401 {"code":401,"message":"no token"}

        > POST /api/v0/databases
        > Authorization: Bearer wrong
        >
        > {"name":"x"}
        < 401 {"code":401,"message":"unauthorized access"}

        > POST /api/v0/databases
        > Authorization: Bearer $token
        >
        > {"name":"x"}
        < 403 {"code":403,"message":"forbidden"}

        > DELETE /api/v0/databases/db
        > Authorization: Bearer $token
        < 403 {"code":403,"message":"forbidden"}

        > POST /api/v0/tokens
        > Authorization: Bearer $token
        >
        > {"description":"mine","permissions":[{"action":"read","resource":"*"}]}
        < 403 {"code":403,"message":"forbidden"}

        > POST /api/v0/databases
        >
        > {"name":"db"}
        < 409 {"code":409,"message":"A namespace with the name `db` already exists"}

        > POST /api/v0/databases
        >
        > {"name":"a.b"}
        < 400 {"code":400,"message":"namespace name 'a.b' contains invalid character, character number 1 is not allowed"}

        > POST /api/v0/databases
        >
        > {"name":"x","retentionPeriod":-1}
        < 400 {"code":400,"message":"invalid negative retention period"}

        > DELETE /api/v0/databases/nope
        < 404 {"code":404,"message":"database \"nope\" not found"}

        > DELETE /api/v0/databases/db
        < 204

        > POST /api/v2/write?bucket=db
        < 404 {"code":"not found","message":"database \"db\" not found"}
        "#,
    );
}

#[test]
fn without_authentication_everyone_may_do_everything() {
    let server = Server::with(&["--without-auth"]);
    check(
        &server,
        r#"
        > POST /query?q=CREATE+DATABASE+db
        > Authorization: -
        < 200 {"results":[{"statement_id":0}]}

        > POST /api/v2/write?bucket=db
        > Authorization: Bearer anything
        >
        > m f=1 1
        < 204

        > POST /write?db=db
        > Authorization: -
        >
        > m f=2 2
        < 204

        > GET /api/v3/query_sql?db=db&q=SELECT+f+FROM+m+ORDER+BY+time
        > Authorization: -
        < 200 [{"f":1.0},{"f":2.0}]

        > DELETE /api/v0/databases/db
        > Authorization: -
        < 204
        "#,
    );
    assert!(
        server.log().contains("AUTHENTICATION IS OFF"),
        "{}",
        server.log()
    );
}

#[test]
fn tokens_are_never_logged() {
    let mut server = Server::with(&["--log-filter", "trace"]);
    server.create_database("db");
    let token = server.create_token(&["read:db", "write:db"]);
    let requests = [
        server
            .bare(Method::POST, "/api/v2/write?bucket=db")
            .bearer_auth(&token)
            .body("m f=1"),
        server
            .bare(Method::POST, "/api/v2/write?bucket=db")
            .header("authorization", basic("u", &token)),
        server
            .bare(Method::POST, "/api/v2/write")
            .bearer_auth(&token),
        server
            .bare(Method::POST, "/api/v2/write?bucket=none")
            .bearer_auth(&token),
        server
            .bare(Method::POST, &format!("/write?db=db&u=u&p={token}"))
            .body("m f=oops"),
        server.bare(
            Method::GET,
            &format!("/query?db=db&q=SHOW+MEASUREMENTS&p={token}"),
        ),
        server.bare(Method::GET, &format!("/query?db=db&q=SHO&p={token}")),
        server
            .bare(Method::GET, "/api/v3/query_sql?db=db&q=SELEC")
            .bearer_auth(&token),
        server
            .bare(Method::GET, "/api/v0/tokens")
            .bearer_auth(&token),
    ];
    for request in requests {
        assert_eq!(standard(&server.send(request)), Vec::<String>::new());
    }
    assert!(server.stop().success());
    let log = server.log();
    assert!(
        log.contains("created token"),
        "the log is that of this server"
    );
    for secret in [
        token.as_str(),
        OPERATOR_TOKEN,
        &STANDARD.encode(format!("u:{token}")),
    ] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a line of the log has a token");
    }
}
