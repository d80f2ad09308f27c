//! Result streams of Flight: sizes of messages, trailers, keep-alives, deadlines, cancelling, slow clients.

use super::flight_client::{Messages, client, flight_sql, get, request, table};
use super::proxy::Proxy;
use super::running_queries::wait_for;
use super::server::{OPERATOR_TOKEN, Server, runtime};
use arrow::datatypes::DataType;
use arrow_flight::sql::Any;
use arrow_flight::{
    Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo,
};
use prost::Message as _;
use std::time::{Duration, Instant};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Status};

#[track_caller]
fn server() -> Server {
    let server = Server::start();
    server.create_database("db");
    let points = "cpu,host=a n=1i 1\ncpu,host=a n=2i 2\ncpu,host=b n=3i 3";
    server.write("db", points);
    server
}

/// All messages of an SQL statement.
#[track_caller]
fn read(
    server: &Server,
    statement: &str,
    metadata: &[(&'static str, &str)],
) -> Result<Messages, Status> {
    runtime().block_on(async {
        let mut client = client(server.url()).await;
        Messages::read(&mut client, get(statement, metadata)).await
    })
}

fn bytes(messages: &Messages) -> Vec<usize> {
    let messages = messages.messages.iter();
    messages.map(|(_, message)| message.encoded_len()).collect()
}

#[test]
fn messages_are_small_whatever_the_rows() {
    const LIMIT: usize = (2 << 20) + (64 << 10);
    let server = server();
    // 8192 rows of 3 KB are 24 MB in one batch.
    let wide = "SELECT repeat('a', 1000) AS a, repeat('b', 1000) AS b, repeat('c', 1000) AS c \
                FROM generate_series(1, 8192)";
    let messages = read(&server, wide, &[]).unwrap();
    let sizes = bytes(&messages);
    assert!(sizes.iter().all(|size| *size <= LIMIT), "{sizes:?}");
    assert!(sizes.len() < 20, "{sizes:?}");
    let rows: usize = messages.batches().iter().map(|b| b.num_rows()).sum();
    assert_eq!(rows, 8192);

    // One row that no message has room for, among small ones.
    let one = "SELECT CASE WHEN value = 500 THEN repeat('x', 5000000) ELSE 'y' END AS t \
               FROM generate_series(1, 1000)";
    let messages = read(&server, one, &[]).unwrap();
    let large: Vec<usize> = bytes(&messages)
        .into_iter()
        .filter(|size| *size > LIMIT)
        .collect();
    assert_eq!(large.len(), 1);
    let alone = messages.batches().into_iter().find(|batch| {
        use arrow::array::AsArray as _;
        let texts = batch.column(0).as_string::<i32>();
        texts.iter().flatten().any(|text| text.len() == 5_000_000)
    });
    assert_eq!(alone.unwrap().num_rows(), 1);
}

#[test]
fn a_stream_ends_with_what_it_cost() {
    let server = server();
    let messages = read(&server, "SELECT n FROM cpu", &[]).unwrap();
    let trailers = messages.end.unwrap();
    let trailer = |key| {
        let value = trailers.get(key).unwrap_or_else(|| panic!("no {key}"));
        value.to_str().unwrap().parse::<f64>().unwrap()
    };
    for key in [
        "x-influxdata-queue-duration-seconds",
        "x-influxdata-logical-planning-duration-seconds",
        "x-influxdata-physical-planning-duration-seconds",
        "x-influxdata-planning-duration-seconds",
        "x-influxdata-execution-duration-seconds",
        "x-influxdata-compute-duration-seconds",
    ] {
        let seconds = trailer(key);
        assert!(seconds > 0.0 && seconds < 60.0, "{key}: {seconds}");
    }
    assert_eq!(trailer("x-influxdata-partitions"), 1.0);
    assert_eq!(trailer("x-influxdata-parquet-files"), 0.0);
    assert_eq!(trailer("x-influxdata-ingester-response-rows"), 3.0);
    let status = read(&server, "SELECT 1 / (n - n) FROM cpu", &[]);
    let status = status.map(|m| m.end).and_then(|end| end).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[test]
fn clients_may_limit_what_a_query_reads() {
    let server = server();
    let days = "day n=1i 1704067200000000000\nday n=2i 1704153600000000000";
    server.write("db", days);
    let run = |statement: &str, limit: &str| {
        let metadata = [("x-influxdata-partition-limit", limit)];
        read(&server, statement, &metadata).and_then(|messages| messages.end)
    };
    let status = run("SELECT n FROM day", "1").unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (
            Code::ResourceExhausted,
            "Query would process more than 1 partitions"
        )
    );
    assert!(run("SELECT n FROM day", "2").is_ok());
    assert!(run("SELECT n FROM day", "few").is_ok());
    assert!(run("SELECT n FROM day WHERE time < '2024-01-02'", "1").is_ok());
}

#[test]
fn batches_are_compressed_on_request() {
    let server = server();
    let statement =
        "SELECT value, 'the same text in every row' AS t FROM generate_series(1, 10000)";
    let size = |metadata: &[(&'static str, &str)]| {
        let messages = read(&server, statement, metadata).unwrap();
        let batches = messages.batches();
        let rows: usize = batches.iter().map(|b| b.num_rows()).sum();
        assert_eq!(rows, 10_000);
        assert!(table(&batches)[10_000].ends_with("10000|the same text in every row"));
        bytes(&messages).iter().sum::<usize>()
    };
    let plain = size(&[]);
    for name in ["lz4", "zstd"] {
        let compressed = size(&[("x-watershed-ipc-compression", name)]);
        assert!(compressed < plain / 4, "{name}: {compressed} of {plain}");
    }
    let status = read(
        &server,
        statement,
        &[("x-watershed-ipc-compression", "snappy")],
    );
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(
        status.message(),
        "Invalid IPC compression: 'snappy'. Valid values are 'lz4' and 'zstd'; leave out x-watershed-ipc-compression for none"
    );
}

#[test]
fn messages_are_compressed_for_clients_that_take_gzip() {
    let server = server();
    runtime().block_on(async {
        let client = client(server.url()).await;
        let mut client = client.accept_compressed(CompressionEncoding::Gzip);
        let messages = Messages::read(&mut client, get("SELECT n FROM cpu", &[])).await;
        let headers = messages.unwrap().headers;
        assert_eq!(headers.get("grpc-encoding").unwrap(), "gzip");
    });
    let messages = read(&server, "SELECT n FROM cpu", &[]).unwrap();
    assert!(messages.headers.get("grpc-encoding").is_none());
}

#[test]
fn tags_are_plain_text_unless_dictionaries_are_asked_for() {
    let server = server();
    let statement = "SELECT host, array_agg(host) AS hosts FROM cpu GROUP BY host ORDER BY host";
    let types = |metadata: &[(&'static str, &str)]| {
        let batches = read(&server, statement, metadata).unwrap().batches();
        assert_eq!(table(&batches), ["host|hosts", "a|[a, a]", "b|[b]"]);
        let schema = batches[0].schema();
        let types = schema.fields().iter().map(|f| f.data_type().clone());
        types.collect::<Vec<_>>()
    };
    let item = |list: &DataType| match list {
        DataType::List(item) => item.data_type().clone(),
        other => panic!("{other}"),
    };
    let plain = types(&[]);
    assert_eq!(
        (&plain[0], item(&plain[1])),
        (&DataType::Utf8, DataType::Utf8)
    );
    let kept = types(&[("x-watershed-dictionaries", "true")]);
    assert!(matches!(kept[0], DataType::Dictionary(..)), "{}", kept[0]);
    assert_eq!(item(&kept[1]), DataType::Utf8);

    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let info = client.execute(statement.to_owned(), None).await.unwrap();
        let announced = info.try_decode_schema().unwrap();
        let announced = announced.fields().iter().map(|f| f.data_type().clone());
        assert_eq!(announced.collect::<Vec<_>>(), plain);
    });
}

#[test]
fn a_deadline_ends_the_query() {
    let server = server();
    let begun = Instant::now();
    let slow = "SELECT n FROM cpu WHERE sleep(INTERVAL '5 minutes')";
    let messages = read(&server, slow, &[("grpc-timeout", "700m")]).unwrap();
    let status = messages.end.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(
        status.message(),
        "Deadline exceeded: the client waits 700ms; the query was cancelled"
    );
    assert!(begun.elapsed() >= Duration::from_millis(700));
    wait_for(&server, 0);
    // One that is met does nothing.
    let messages = read(&server, "SELECT n FROM cpu", &[("grpc-timeout", "60S")]).unwrap();
    assert!(messages.end.is_ok());
    let status = read(&server, slow, &[("grpc-timeout", "soon")]).unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

/// A result of `CancelFlightInfo`.
async fn cancel(server: &Server, info: FlightInfo) -> Result<CancelStatus, Status> {
    let request_message = CancelFlightInfoRequest { info: Some(info) };
    let action = Action {
        r#type: "CancelFlightInfo".to_owned(),
        body: request_message.encode_to_vec().into(),
    };
    let mut client = client(server.url()).await;
    let mut results = client.do_action(request(action, &[])).await?.into_inner();
    let body = results.message().await?.unwrap().body;
    Ok(CancelFlightInfoResult::decode(body).unwrap().status())
}

/// `CancelQuery` of Flight SQL.
async fn cancel_query(server: &Server, info: FlightInfo) -> Result<Any, Status> {
    // A message with one field of bytes.
    let mut message = vec![0x0a];
    prost::encoding::encode_varint(info.encoded_len() as u64, &mut message);
    info.encode(&mut message).unwrap();
    let any = Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.ActionCancelQueryRequest".into(),
        value: message.into(),
    };
    let action = Action {
        r#type: "CancelQuery".to_owned(),
        body: any.encode_to_vec().into(),
    };
    let mut client = client(server.url()).await;
    let mut results = client.do_action(request(action, &[])).await?.into_inner();
    Ok(Any::decode(results.message().await?.unwrap().body).unwrap())
}

#[test]
fn a_query_is_cancelled_by_its_flight_info() {
    let server = server();
    let slow = "SELECT n FROM cpu WHERE sleep(INTERVAL '5 minutes')";
    runtime().block_on(async {
        let mut sql = flight_sql(&server, "db").await;
        for way in 0..2 {
            let info = sql.execute(slow.to_owned(), None).await.unwrap();
            let other = sql.execute(slow.to_owned(), None).await.unwrap();
            let ticket = info.endpoint[0].ticket.clone().unwrap();
            let url = server.url();
            let rows = tokio::spawn(async move {
                let mut client = client(url).await;
                Messages::read(&mut client, request(ticket, &[])).await
            });
            tokio::task::block_in_place(|| wait_for(&server, 1));
            let missed = cancel(&server, other).await.unwrap_err();
            assert_eq!(missed.code(), Code::NotFound, "nobody reads that one");
            if way == 0 {
                let status = cancel(&server, info.clone()).await.unwrap();
                assert_eq!(status, CancelStatus::Cancelled);
            } else {
                let result = cancel_query(&server, info.clone()).await.unwrap();
                assert_eq!(
                    result.type_url,
                    "type.googleapis.com/arrow.flight.protocol.sql.ActionCancelQueryResult"
                );
                assert_eq!(result.value.as_ref(), [0x08, 1], "cancelled");
            }
            // It may have been planned still, or have run.
            let end = rows.await.unwrap().and_then(|messages| messages.end);
            let status = end.unwrap_err();
            assert_eq!(
                (status.code(), status.message()),
                (Code::Cancelled, "Query cancelled by its client")
            );
            tokio::task::block_in_place(|| wait_for(&server, 0));
            let again = cancel(&server, info).await.unwrap_err();
            assert_eq!(again.code(), Code::NotFound);
        }
        let nothing = cancel(&server, FlightInfo::new()).await.unwrap_err();
        assert_eq!(nothing.code(), Code::InvalidArgument);
    });
}

#[test]
fn a_query_ends_within_a_second_of_its_client() {
    let server = server();
    runtime().block_on(async {
        let mut client = client(server.url()).await;
        let slow = "SELECT n FROM cpu WHERE sleep(INTERVAL '5 minutes')";
        let rows = client.do_get(get(slow, &[])).await.unwrap();
        let mut rows = rows.into_inner();
        // The schema.
        rows.message().await.unwrap().unwrap();
        tokio::task::block_in_place(|| wait_for(&server, 1));
        let begun = Instant::now();
        drop(rows);
        tokio::task::block_in_place(|| wait_for(&server, 0));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
    });
}

/// Bytes of memory that the server has, as it says itself.
fn memory(server: &Server) -> u64 {
    let metrics = server.send(server.get("/metrics"));
    let line = metrics.text().lines().find_map(|line| {
        line.strip_prefix("process_resident_memory_bytes ")?
            .parse()
            .ok()
    });
    line.unwrap()
}

#[test]
fn a_slow_client_holds_back_its_query() {
    let server = server();
    runtime().block_on(async {
        let mut client = client(server.url()).await;
        // Gigabytes.
        let large = "SELECT value, repeat('x', 1000) AS x FROM generate_series(1, 10000000)";
        let rows = client.do_get(get(large, &[])).await.unwrap();
        let mut rows = rows.into_inner();
        for _ in 0..3 {
            rows.message().await.unwrap().unwrap();
        }
        let before = tokio::task::block_in_place(|| memory(&server));
        tokio::time::sleep(Duration::from_secs(3)).await;
        let after = tokio::task::block_in_place(|| memory(&server));
        let grown = after.saturating_sub(before);
        assert!(grown < 64 << 20, "{grown} bytes more than {before}");
        // It is there all the same.
        for _ in 0..20 {
            let message = rows.message().await.unwrap().unwrap();
            assert!(!message.data_body.is_empty());
        }
    });
}

#[test]
fn a_query_that_waits_for_its_turn_is_kept_alive() {
    let server = server();
    let cores = std::thread::available_parallelism().unwrap().get();
    let places = (2 * cores).max(10);
    let messages = runtime().block_on(async {
        let mut client = client(server.url()).await;
        let slow = "SELECT n FROM cpu WHERE sleep(INTERVAL '5 minutes')";
        let mut running = Vec::new();
        for _ in 0..places {
            let rows = client.do_get(get(slow, &[])).await.unwrap();
            let mut rows = rows.into_inner();
            rows.message().await.unwrap().unwrap();
            running.push(rows);
        }
        tokio::task::block_in_place(|| wait_for(&server, places));
        let mut other = client.clone();
        let waiting = tokio::spawn(async move {
            Messages::read(&mut other, get("SELECT n FROM cpu WHERE n = 3", &[])).await
        });
        tokio::time::sleep(Duration::from_millis(5500)).await;
        assert!(!waiting.is_finished());
        let begun = Instant::now();
        drop(running.pop());
        let messages = waiting.await.unwrap().unwrap();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
        messages
    });
    assert_eq!(messages.keep_alives(), 1);
    assert!(messages.end.is_ok(), "{:?}", messages.end);
    assert_eq!(table(&messages.batches()), ["n", "3"]);
}

/// A query that is silent for `seconds`, through a proxy that cuts connections after `idle_max` of silence.
#[track_caller]
fn survives(seconds: u64, idle_max: Duration) {
    let server = server();
    let proxy = Proxy::start(server.address(), idle_max);
    let statement =
        format!("SELECT n FROM cpu WHERE sleep(INTERVAL '{seconds} seconds') ORDER BY n");
    let begun = Instant::now();
    let messages = runtime().block_on(async {
        let mut client = client(proxy.url()).await;
        Messages::read(&mut client, get(&statement, &[])).await
    });
    let messages = messages.unwrap();
    assert!(messages.end.is_ok(), "{:?}", messages.end);
    assert!(begun.elapsed() >= Duration::from_secs(seconds));
    assert_eq!(table(&messages.batches()), ["n", "1", "2", "3"]);
    // One every five seconds, the schema before all.
    let expected = usize::try_from(seconds / 5).unwrap();
    let count = messages.keep_alives();
    assert!(
        count + 1 >= expected && count <= expected,
        "{count} keep-alives"
    );
    assert_eq!(proxy.cut(), 0);
}

#[test]
fn a_silent_query_survives_a_proxy_that_cuts_silent_connections() {
    survives(20, Duration::from_millis(6500));
}

#[test]
#[ignore = "takes five minutes: cargo xtask test --only keep-alive runs it"]
fn a_query_of_five_minutes_survives_a_proxy_that_cuts_silent_connections() {
    survives(300, Duration::from_secs(12));
}

/// What the tests above would show without keep-alives.
#[test]
fn the_proxy_cuts_silent_connections() {
    let server = server();
    let proxy = Proxy::start(server.address(), Duration::from_secs(1));
    runtime().block_on(async {
        let request = reqwest::Client::new()
            .get(format!("{}/api/v3/query_sql", proxy.url()))
            .bearer_auth(OPERATOR_TOKEN)
            .query(&[
                ("db", "db"),
                ("q", "SELECT n FROM cpu WHERE sleep(INTERVAL '1 minute')"),
            ]);
        let begun = Instant::now();
        let answer = async { request.send().await?.bytes().await }.await;
        assert!(answer.is_err(), "{answer:?}");
        assert!(begun.elapsed() < Duration::from_secs(30));
    });
    assert_eq!(proxy.cut(), 1);
    wait_for(&server, 0);
}
