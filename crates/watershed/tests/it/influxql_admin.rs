//! InfluxQL statements about databases, retention policies and the server itself, and who may run them.

use super::scenario::{check, check_with};
use super::server::{OPERATOR_TOKEN, Server};
use reqwest::Method;
use serde_json::{Value, json};

/// The first result of a statement, sent with a token.
#[track_caller]
fn ask(server: &Server, method: Method, token: &str, database: &str, statement: &str) -> Value {
    let request = server.bare(method, "/query").bearer_auth(token);
    let answer = server.send(request.query(&[("db", database), ("q", statement)]));
    assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
    answer.json()["results"][0].clone()
}

/// The first result of a statement of the operator.
#[track_caller]
fn run(server: &Server, statement: &str) -> Value {
    ask(server, Method::POST, OPERATOR_TOKEN, "db", statement)
}

#[track_caller]
fn succeeds(server: &Server, statement: &str) {
    assert_eq!(
        run(server, statement),
        json!({ "statement_id": 0 }),
        "{statement}"
    );
}

#[track_caller]
fn fails(server: &Server, statement: &str, error: &str) {
    assert_eq!(
        run(server, statement),
        json!({ "statement_id": 0, "error": error }),
        "{statement}"
    );
}

/// Name and duration of the policies of a database.
#[track_caller]
fn policies(server: &Server, database: &str) -> Value {
    let result = run(server, &format!("SHOW RETENTION POLICIES ON {database}"));
    let rows = result["series"][0]["values"].as_array().unwrap();
    rows.iter()
        .map(|row| json!([row[0], row[1], row[4]]))
        .collect()
}

#[test]
fn retention_policies_are_databases() {
    let server = Server::start();
    succeeds(&server, "CREATE DATABASE db WITH DURATION 3d REPLICATION 2");
    succeeds(&server, "CREATE DATABASE db");
    succeeds(&server, "CREATE DATABASE db WITH DURATION 72h NAME autogen");
    fails(
        &server,
        "CREATE DATABASE db WITH DURATION 4d",
        "retention policy conflicts with an existing policy",
    );
    succeeds(
        &server,
        "CREATE RETENTION POLICY week ON db DURATION 7d REPLICATION 1 SHARD DURATION 30m",
    );
    succeeds(
        &server,
        "CREATE RETENTION POLICY Ever ON db DURATION INF REPLICATION 1",
    );
    assert_eq!(
        policies(&server, "db"),
        json!([
            ["autogen", "72h0m0s", true],
            ["ever", "0s", false],
            ["week", "168h0m0s", false]
        ])
    );
    check(
        &server,
        r#"
        > POST /write?db=db&rp=ever
        >
        > m v=1i 1
        < 204

        > GET /query?db=db&epoch=ns&q=SELECT+v+FROM+ever.m
        < 200 {"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[[1,1]]}]}]}
        "#,
    );
    // Older than a week.
    let old = server.post("/write?db=db&rp=week").body("m v=1i 1");
    assert_eq!(server.send(old).status, 422);

    succeeds(&server, "ALTER RETENTION POLICY week ON db DURATION 2h");
    succeeds(
        &server,
        "ALTER RETENTION POLICY autogen ON db DURATION INF DEFAULT",
    );
    succeeds(&server, "ALTER RETENTION POLICY week ON db REPLICATION 3");
    assert_eq!(
        policies(&server, "db"),
        json!([
            ["autogen", "0s", true],
            ["ever", "0s", false],
            ["week", "2h0m0s", false]
        ])
    );
    let listed = server.send(server.get("/api/v0/databases")).json();
    let week = listed.as_array().unwrap().iter();
    let week = week.clone().find(|d| d["name"] == "db/week").unwrap();
    assert_eq!(week["retentionPeriod"], json!(7_200_000_000_000_i64));

    succeeds(&server, "DROP RETENTION POLICY ever ON db");
    succeeds(&server, "DROP RETENTION POLICY ever ON db");
    succeeds(&server, "DROP RETENTION POLICY ever ON nodb");
    assert_eq!(
        policies(&server, "db"),
        json!([["autogen", "0s", true], ["week", "2h0m0s", false]])
    );
}

#[test]
fn wrong_retention_policies_are_refused_with_the_reason() {
    let server = Server::start();
    succeeds(&server, "CREATE DATABASE db");
    succeeds(
        &server,
        "CREATE RETENTION POLICY week ON db DURATION 7d REPLICATION 1",
    );
    let short = "retention policy duration must be at least 1h0m0s";
    let conflict = "retention policy conflicts with an existing policy";
    let not_default = |policy: &str| {
        format!(
            "retention policy {policy} can't be the default one of db: that is always autogen. Leave out \
             DEFAULT (or NAME) and name the policy where points are written and read (rp={policy}), or give \
             autogen the duration"
        )
    };
    let create = |rest: &str| format!("CREATE RETENTION POLICY {rest}");
    for (statement, error) in [
        (create(r#""." ON db DURATION 1d REPLICATION 1"#), "invalid name".to_owned()),
        (create(r#""a/b" ON db DURATION 1d REPLICATION 1"#), "invalid name".to_owned()),
        (
            create(r#""1.5y" ON db DURATION 1d REPLICATION 1"#),
            "namespace name 'db/1.5y' contains invalid character, character number 4 is not allowed".to_owned(),
        ),
        (create("x ON db DURATION 1s REPLICATION 1"), short.to_owned()),
        (create("x ON nodb DURATION 1h REPLICATION 1"), "database not found: nodb".to_owned()),
        (create("week ON db DURATION 1h REPLICATION 1"), conflict.to_owned()),
        (create("week ON db DURATION 7d REPLICATION 1 DEFAULT"), conflict.to_owned()),
        (create("autogen ON db DURATION 7d REPLICATION 1"), conflict.to_owned()),
        (create("x ON db DURATION 7d REPLICATION 1 DEFAULT"), not_default("x")),
        ("ALTER RETENTION POLICY week ON db DEFAULT".to_owned(), not_default("week")),
        ("ALTER RETENTION POLICY week ON db DURATION 59m".to_owned(), short.to_owned()),
        (
            "ALTER RETENTION POLICY x ON db DURATION 2h".to_owned(),
            "retention policy not found: x".to_owned(),
        ),
        (
            "ALTER RETENTION POLICY x ON nodb DURATION 2h".to_owned(),
            "database not found: nodb".to_owned(),
        ),
        (
            "DROP RETENTION POLICY autogen ON db".to_owned(),
            "retention policy autogen is the database db itself; DROP DATABASE deletes it with all its policies"
                .to_owned(),
        ),
        ("CREATE DATABASE x WITH DURATION 30m".to_owned(), short.to_owned()),
        (
            "CREATE DATABASE db WITH DURATION 2h NAME day".to_owned(),
            not_default("day"),
        ),
        (
            r#"CREATE DATABASE "a.b""#.to_owned(),
            "namespace name 'a.b' contains invalid character, character number 1 is not allowed".to_owned(),
        ),
    ] {
        fails(&server, &statement, &error);
    }
    // What is as it is asked for is no conflict.
    succeeds(&server, &create("week ON db DURATION 168h REPLICATION 5"));
    succeeds(
        &server,
        &create("autogen ON db DURATION INF REPLICATION 1 DEFAULT"),
    );
    assert_eq!(
        policies(&server, "db"),
        json!([["autogen", "0s", true], ["week", "168h0m0s", false]])
    );
}

#[test]
fn a_dropped_database_takes_its_policies_along() {
    let server = Server::start();
    for name in ["db", "db/week", "db2", "other/db"] {
        server.create_database(name);
    }
    server.write("db", "m v=1 1");
    succeeds(&server, "DROP DATABASE nothing");
    succeeds(&server, r#"DROP DATABASE "no.name""#);
    succeeds(&server, "DROP DATABASE db");
    let databases = server.influxql("", "SHOW DATABASES");
    assert_eq!(databases[0]["values"], json!([["db2"], ["other/db"]]));
    succeeds(&server, "CREATE DATABASE db");
    assert_eq!(server.influxql("db", "SELECT * FROM m"), json!(null));
}

#[test]
fn policies_of_a_database_are_shown_to_those_who_may_use_them() {
    let server = Server::start();
    for name in ["db", "db/a", "db/b", "db2", "lone/x"] {
        server.create_database(name);
    }
    let reader = server.create_token(&["read:db", "write:db/b"]);
    let shown = |token: &str, database: &str| {
        let result = ask(
            &server,
            Method::GET,
            token,
            database,
            "SHOW RETENTION POLICIES",
        );
        let rows = result["series"][0]["values"].as_array().unwrap().clone();
        rows.iter().map(|row| row[0].clone()).collect::<Value>()
    };
    assert_eq!(shown(&reader, "db"), json!(["autogen", "b"]));
    assert_eq!(shown(OPERATOR_TOKEN, "db"), json!(["autogen", "a", "b"]));
    assert_eq!(shown(OPERATOR_TOKEN, "lone"), json!(["x"]));
    fails(
        &server,
        "SHOW RETENTION POLICIES ON nodb",
        "Database nodb not found (database not found: nodb)",
    );
    // The same statements for those who ask over the other endpoint.
    let v3 = server.get("/api/v3/query_influxql");
    let v3 = server.send(v3.query(&[("db", "db"), ("q", "SHOW RETENTION POLICIES")]));
    let names: Value = v3
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(names, json!(["autogen", "a", "b"]));
}

#[test]
fn statements_for_one_endpoint_are_sent_there() {
    let server = Server::start();
    server.create_database("db");
    check(
        &server,
        r#"
        > GET /api/v3/query_influxql?db=db&q=CREATE+DATABASE+x
        < 400 {"code":"invalid","message":"This feature is not implemented: CREATE DATABASE over this endpoint; send it to /query"}

        > POST /api/v3/query_influxql?db=db&q=SELECT+v+INTO+t+FROM+m
        < 400 {"code":"invalid","message":"This feature is not implemented: SELECT INTO over this endpoint; send it to /query"}

        > GET /api/v3/query_influxql?db=db&q=SHOW+STATS
        < 400 {"code":"invalid","message":"This feature is not implemented: SHOW STATS over this endpoint; send it to /query"}

        > GET /api/v3/query_influxql?db=db&q=DELETE+FROM+m
        < 400 {"code":"invalid","message":"This feature is not implemented: DELETE"}

        > GET /api/v3/query_influxql?db=db&q=SHOW+DATABASES
        < 200 [{"iox::measurement":"databases","name":"db"}]

        > GET /api/v3/query_influxql?db=nodb&q=SHOW+RETENTION+POLICIES
        < 404 {"code":"not found","message":"database \"nodb\" not found"}
        "#,
    );
}

#[test]
fn rights_are_asked_for_by_statement() {
    let server = Server::start();
    server.create_database("db");
    server.write("db", "m v=1i 1");
    let tokens = [
        ("reader", server.create_token(&["read:db"])),
        ("writer", server.create_token(&["write:db"])),
    ];
    let operators = [
        "CREATE DATABASE x",
        "DROP DATABASE db",
        "CREATE RETENTION POLICY x ON db DURATION 1d REPLICATION 1",
        "ALTER RETENTION POLICY autogen ON db DURATION 1d",
        "DROP RETENTION POLICY x ON db",
        "KILL QUERY 1",
        "SHOW STATS",
        "SHOW DIAGNOSTICS",
    ];
    for method in [Method::GET, Method::POST] {
        for (who, token) in &tokens {
            for statement in operators {
                let result = ask(&server, method.clone(), token, "db", statement);
                let name = match statement {
                    s if s.contains("POLICY") => s.split(' ').take(3).collect::<Vec<_>>().join(" "),
                    s => s.split(' ').take(2).collect::<Vec<_>>().join(" "),
                };
                assert_eq!(
                    result["error"],
                    json!(format!("forbidden: {name} needs an operator token")),
                    "{who}: {method} {statement}"
                );
            }
            for statement in [
                "SHOW QUERIES",
                "SHOW SUBSCRIPTIONS",
                "SHOW CONTINUOUS QUERIES",
            ] {
                let result = ask(&server, method.clone(), token, "db", statement);
                assert_eq!(result, json!({ "statement_id": 0 }), "{who}: {statement}");
            }
        }
    }
    // Nothing of it was done.
    assert_eq!(policies(&server, "db"), json!([["autogen", "0s", true]]));
    let both = server.create_token(&["read:db", "write:db"]);
    check_with(
        &server,
        &[
            ("reader", &tokens[0].1),
            ("writer", &tokens[1].1),
            ("both", &both),
        ],
        r#"
        > POST /query?db=db&q=SELECT+v+INTO+t+FROM+m
        > Authorization: Bearer $reader
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > POST /query?db=db&q=SELECT+v+INTO+t+FROM+m
        > Authorization: Bearer $writer
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > GET /query?db=db&q=SHOW+SERIES
        > Authorization: Bearer $writer
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > POST /query?db=db&q=SELECT+v+INTO+other..t+FROM+m
        > Authorization: Bearer $both
        < 403 {"error":"forbidden","code":"forbidden","message":"forbidden"}

        > GET /query?db=db&epoch=ns&q=SELECT+v+INTO+t+FROM+m
        > Authorization: Bearer $both
        < 200 {"results":[{"statement_id":0,"series":[{"name":"result","columns":["time","written"],"values":[[0,1]]}]}]}

        > POST /query?q=SHOW+QUERIES
        > Authorization: -
        < 401 {"error":"no token","code":"unauthorized","message":"no token"}
        "#,
    );
}

#[test]
fn statements_that_are_not_there_say_what_to_do_instead() {
    let server = Server::start();
    server.create_database("db");
    fails(
        &server,
        "DROP MEASUREMENT m",
        "not implemented: DROP MEASUREMENT: measurements can't be deleted; write to a new one, or delete the \
         database with DROP DATABASE",
    );
    let rows = "rows can't be deleted; let a retention period remove old points, write points anew to change \
                their fields, or delete the database with DROP DATABASE";
    fails(
        &server,
        "DELETE FROM m WHERE time < 5",
        &format!("not implemented: DELETE: {rows}"),
    );
    fails(
        &server,
        "DROP SERIES FROM m WHERE host = 'a'",
        &format!("not implemented: DROP SERIES: {rows}"),
    );
    fails(
        &server,
        "DROP SERIES FROM m WHERE time < 5",
        "DROP SERIES doesn't support time in WHERE clause",
    );
    fails(
        &server,
        "CREATE USER me WITH PASSWORD 'secret'",
        "not implemented: CREATE USER: there are no users but tokens with rights; see `watershed token` or \
         /api/v0/tokens",
    );
}

/// The series of a statement by name.
#[track_caller]
fn series(server: &Server, statement: &str) -> Vec<Value> {
    let result = run(server, statement);
    result["series"].as_array().unwrap().clone()
}

#[test]
fn the_server_tells_what_it_counts_and_what_it_is() {
    let server = Server::start();
    server.create_database("db");
    server.write("db", "a v=1\nb v=1");
    server.sql("db", "SELECT 1");
    let stats = series(&server, "SHOW STATS");
    let names: Vec<&str> = stats.iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["database", "httpd", "queryExecutor", "runtime", "write"]
    );
    assert_eq!(stats[0]["tags"], json!({ "database": "db" }));
    assert_eq!(stats[0]["values"], json!([[2]]));
    // The SQL query and this statement's request.
    let executor = series(&server, "SHOW STATS FOR 'queryExecutor'");
    assert_eq!(
        executor,
        [json!({
            "name": "queryExecutor",
            "columns": ["queriesActive", "queriesExecuted", "queriesFinished"],
            "values": [[0, 3, 3]],
        })]
    );
    let write = series(&server, "SHOW STATS FOR 'write'");
    assert_eq!(write[0]["values"], json!([[2, 0]]));
    assert_eq!(
        run(&server, "SHOW STATS FOR 'subscriber'"),
        json!({ "statement_id": 0 })
    );

    let diagnostics = series(&server, "SHOW DIAGNOSTICS");
    let names: Vec<&str> = diagnostics
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["build", "runtime", "system"]);
    let system = series(&server, "SHOW DIAGNOSTICS FOR 'system'");
    assert_eq!(
        system[0]["columns"],
        json!(["PID", "currentTime", "started", "uptime"])
    );
    // As CSV, too, each kind of rows has its header.
    let request = server.get("/query?q=SHOW+STATS+FOR+'write'");
    let csv = server.send(request.header("accept", "text/csv"));
    assert_eq!(csv.text(), "name,tags,pointReq,refused\nwrite,,2,0\n");
}
