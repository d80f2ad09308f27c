//! Answers of `/query`, in each of their formats.

use super::{check_text, query, server};
use crate::msgpack;
use crate::scenario::check;
use reqwest::header::ACCEPT;
use serde_json::json;

#[test]
fn rows_come_as_series() {
    let server = server();
    check_text(
        &server,
        &[("q", "SELECT usage, n FROM cpu")],
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","usage","n"],"values":["#,
            r#"["2024-01-01T00:00:00Z",1.5,1],["2024-01-01T00:00:01.500Z",2,2],["2024-01-01T00:00:02Z",3,null]"#,
            "]}]}]}\n"
        ),
    );
    check_text(
        &server,
        &[
            ("q", "SELECT usage FROM cpu GROUP BY host"),
            ("epoch", "ms"),
        ],
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","usage"],"#,
            r#""values":[[1704067200000,1.5],[1704067201500,2]]},{"name":"cpu","tags":{"host":"b"},"#,
            r#""columns":["time","usage"],"values":[[1704067202000,3]]}]}]}"#,
            "\n"
        ),
    );
    check_text(
        &server,
        &[("q", "SELECT usage FROM nothing")],
        "{\"results\":[{\"statement_id\":0}]}\n",
    );
}

#[test]
fn epochs_round_down() {
    let server = server();
    server.write("db", "old v=1i -1");
    let time = |epoch: &str, table: &str| {
        let statement = format!("SELECT * FROM {table} LIMIT 1");
        query(&server, &[("q", &statement), ("epoch", epoch)]).json()["results"][0]["series"][0]["values"][0][0].clone()
    };
    let second = 1_704_067_200_i64;
    for (epoch, expected) in [
        ("ns", second * 1_000_000_000),
        ("n", second * 1_000_000_000),
        ("u", second * 1_000_000),
        ("us", second * 1_000_000),
        ("µ", second * 1_000_000),
        ("ms", second * 1_000),
        ("s", second),
        ("m", second / 60),
        ("h", second / 3600),
        ("d", second / 86_400),
        ("w", second / 604_800),
    ] {
        assert_eq!(time(epoch, "mem"), json!(expected), "{epoch}");
    }
    assert_eq!(time("", "mem"), json!("2024-01-01T00:00:00Z"));
    assert_eq!((time("s", "old"), time("w", "old")), (json!(-1), json!(-1)));
    assert_eq!(time("", "old"), json!("1969-12-31T23:59:59.999999999Z"));
}

#[test]
fn series_and_cardinalities_are_shown_as_by_1x() {
    let server = server();
    check(
        &server,
        r#"
        > GET /query?db=db&q=SHOW+SERIES;SHOW+SERIES+CARDINALITY
        < 200 {"results":[{"statement_id":0,"series":[{"columns":["key"],"values":[["cpu,host=a"],["cpu,host=b"],["mem,host=a"]]}]},{"statement_id":1,"series":[{"columns":["cardinality estimation"],"values":[[3]]}]}]}

        > GET /query?q=SHOW+SERIES+EXACT+CARDINALITY+ON+db+FROM+cpu+GROUP+BY+host
        < 200 {"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["count"],"values":[[1]]},{"name":"cpu","tags":{"host":"b"},"columns":["count"],"values":[[1]]}]}]}

        > GET /query?db=db&q=SHOW+TAG+KEYS+WITH+KEY+%21%3D+host;SHOW+MEASUREMENT+CARDINALITY+WHERE+host=%27b%27
        < 200 {"results":[{"statement_id":0},{"statement_id":1,"series":[{"columns":["count"],"values":[[1]]}]}]}
        "#,
    );
}

#[test]
fn chunks_are_lines_that_say_whether_more_follows() {
    let server = server();
    let lines: String = (1..=3).map(|n| format!("m1 v={n}i {n}\n")).collect();
    server.write("db", &(lines + "m2 v=1i 1"));
    let chunked = [("chunked", "true"), ("chunk_size", "2"), ("epoch", "ns")];
    let with = |q: &'static str| [&[("q", q)], chunked.as_slice()].concat();
    check_text(
        &server,
        &with("SELECT v FROM m1, m2"),
        concat!(
            r#"{"results":[{"statement_id":0,"series":[{"name":"m1","columns":["time","v"],"values":[[1,1],[2,2]],"partial":true}],"partial":true}]}"#,
            "\n",
            r#"{"results":[{"statement_id":0,"series":[{"name":"m1","columns":["time","v"],"values":[[3,3]]}],"partial":true}]}"#,
            "\n",
            r#"{"results":[{"statement_id":0,"series":[{"name":"m2","columns":["time","v"],"values":[[1,1]]}]}]}"#,
            "\n",
        ),
    );
    check_text(
        &server,
        &with("SELECT v FROM none; DROP SHARD 1; SELECT v FROM m2"),
        concat!(
            r#"{"results":[{"statement_id":0}]}"#,
            "\n",
            r#"{"results":[{"statement_id":1,"error":"not implemented: DROP SHARD: there are no shards; a database is split by table and day on its own"}]}"#,
            "\n",
            r#"{"results":[{"statement_id":2,"series":[{"name":"m2","columns":["time","v"],"values":[[1,1]]}]}]}"#,
            "\n",
        ),
    );
    let answer = query(&server, &with("SELECT v FROM m1"));
    assert_eq!(answer.header("transfer-encoding"), "chunked");
    assert_eq!(answer.text().lines().count(), 2);
}

#[test]
fn many_rows_are_the_same_however_they_are_cut() {
    let server = server();
    let lines: String = (0..25_000)
        .map(|n| format!("many,t={} v={n}i {n}\n", n % 3))
        .collect();
    server.write("db", &lines);
    let values = |parameters: &[(&str, &str)]| {
        let answer = query(&server, parameters);
        let mut rows = Vec::new();
        for line in answer.text().lines() {
            let chunk: serde_json::Value = line.parse().unwrap();
            for series in chunk["results"][0]["series"].as_array().unwrap() {
                rows.extend(
                    series["values"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|row| row[1].as_u64().unwrap()),
                );
            }
        }
        rows
    };
    let whole = values(&[("q", "SELECT v FROM many GROUP BY t")]);
    assert_eq!(whole.len(), 25_000);
    assert_eq!(whole[..3], [0, 3, 6]);
    assert_eq!(
        values(&[("q", "SELECT v FROM many GROUP BY t"), ("chunked", "true")]),
        whole
    );
    assert_eq!(
        values(&[
            ("q", "SELECT v FROM many GROUP BY t"),
            ("chunked", "true"),
            ("chunk_size", "777")
        ]),
        whole
    );
}

#[test]
fn pretty_answers_are_indented() {
    let server = server();
    check_text(
        &server,
        &[
            ("q", "SELECT n FROM cpu LIMIT 1"),
            ("pretty", "true"),
            ("epoch", "s"),
        ],
        r#"{
  "results": [
    {
      "statement_id": 0,
      "series": [
        {
          "name": "cpu",
          "columns": [
            "time",
            "n"
          ],
          "values": [
            [
              1704067200,
              1
            ]
          ]
        }
      ]
    }
  ]
}
"#,
    );
}

#[test]
fn csv_has_a_header_for_each_kind_of_rows() {
    let server = server();
    let csv = |accept: &str, q: &str| {
        let request = server
            .get("/query?db=db")
            .query(&[("q", q)])
            .header(ACCEPT, accept);
        let answer = server.send(request);
        assert_eq!(answer.header("content-type"), "application/csv");
        answer.text().to_owned()
    };
    assert_eq!(
        csv(
            "application/csv",
            "SELECT * FROM mem; DROP SHARD 1; SELECT usage FROM cpu GROUP BY host"
        ),
        "name,tags,time,free,host,note,ok\n\
         mem,,1704067200000000000,10,a,\"a \"\"b\"\", c\",true\n\
         \n\
         error\n\
         not implemented: DROP SHARD: there are no shards; a database is split by table and day on its own\n\
         \n\
         name,tags,time,usage\n\
         cpu,host=a,1704067200000000000,1.5\n\
         cpu,host=a,1704067201500000000,2\n\
         cpu,host=b,1704067202000000000,3\n"
    );
    let list = "text/html, text/csv;q=0.9, application/json;q=0.1";
    assert_eq!(
        csv(list, "SELECT n FROM cpu LIMIT 1"),
        "name,tags,time,n\ncpu,,1704067200000000000,1\n"
    );
}

#[test]
fn messagepack_says_the_same_as_json() {
    let server = server();
    server.write("db", "mem,host=a free=10u -1500000000");
    let statements = "SELECT * FROM mem; SELECT usage, n FROM cpu GROUP BY host; SELECT x FROM none; DROP SHARD 1";
    for epoch in ["", "ns", "s"] {
        let ask = |accept: &str| {
            let request = server
                .get("/query?db=db")
                .query(&[("q", statements), ("epoch", epoch)]);
            server.send(request.header(ACCEPT, accept))
        };
        let packed = ask("application/x-msgpack");
        assert_eq!(packed.header("content-type"), "application/x-msgpack");
        assert_eq!(
            msgpack::decode(&packed.body),
            ask("application/json").json(),
            "epoch {epoch:?}"
        );
    }
}

#[test]
fn retention_policies_are_shown_as_in_1x() {
    let server = server();
    server.create_database_with(
        json!({ "name": "db/weekly", "retentionPeriod": 604_800_000_000_000_i64 }),
    );
    let series = server.influxql("db", "SHOW RETENTION POLICIES");
    let columns = json!([
        "name",
        "duration",
        "shardGroupDuration",
        "replicaN",
        "default"
    ]);
    assert_eq!(series[0]["columns"], columns);
    assert_eq!(
        series[0]["values"][0],
        json!(["autogen", "0s", "168h0m0s", 1, true])
    );
}

#[test]
fn answers_are_compressed_for_those_who_ask() {
    let server = server();
    let lines: Vec<String> = (0..500).map(|i| format!("long v={i} {i}")).collect();
    server.write("db", &lines.join("\n"));
    let ask = |parameters: &[(&str, &str)], accept: &str| {
        let request = server
            .get("/query?db=db&q=SELECT v FROM long")
            .query(parameters);
        server.send(request.header("accept-encoding", accept))
    };
    for parameters in [&[][..], &[("chunked", "true"), ("chunk_size", "7")]] {
        let plain = ask(parameters, "identity");
        assert_eq!(plain.headers.get("content-encoding"), None);
        let small = ask(parameters, "gzip");
        assert_eq!(small.header("content-encoding"), "gzip");
        assert!(small.body.len() < plain.body.len() / 2);
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(small.body.as_slice());
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        assert_eq!(text, plain.text());
    }
}
