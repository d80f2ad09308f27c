//! Flight SQL, as ADBC, JDBC, ODBC and Grafana use it.

use super::flight::{do_get, operator, server};
use super::flight_client::{channel, client, fetch, flight_sql, request, table};
use super::server::{OPERATOR_TOKEN, Server, runtime};
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UnionArray};
use arrow::datatypes::Schema;
use arrow::datatypes::{DataType, Field, UnionFields};
use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::Any;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::{Action, Criteria, Empty, FlightDescriptor};
use futures::TryStreamExt as _;
use prost::Message as _;
use serde_json::{Value, json};
use std::sync::Arc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

#[test]
fn flight_sql_runs_statements() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let statement = "SELECT host, sum(n) AS n FROM cpu GROUP BY host ORDER BY host";
        let info = client.execute(statement.to_owned(), None).await.unwrap();
        assert!(
            info.endpoint[0].location.is_empty(),
            "the ticket is for the same connection"
        );
        assert_eq!((info.total_records, info.total_bytes), (-1, -1));
        let schema = info.clone().try_decode_schema().unwrap();
        let batches = fetch(&mut client, info).await;
        assert_eq!(table(&batches), ["host|n", "a|3", "b|"]);
        let names = |schema: &Schema| {
            schema
                .fields()
                .iter()
                .map(|f| format!("{} {}", f.name(), f.data_type()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(&schema),
            names(&batches[0].schema()),
            "announced and sent columns are the same"
        );
    });
}

#[test]
fn flight_sql_runs_influxql_when_asked() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        client.set_header("x-influxdata-query-language", "InfluxQL");
        let info = client
            .execute("SHOW MEASUREMENTS".to_owned(), None)
            .await
            .unwrap();
        let batches = fetch(&mut client, info).await;
        assert_eq!(
            table(&batches),
            ["iox::measurement|name", "measurements|cpu"]
        );
    });
}

#[test]
fn flight_sql_prepares_statements() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let statement = "SELECT n FROM cpu WHERE host = $host AND n > $n";
        let mut prepared = client.prepare(statement.to_owned(), None).await.unwrap();
        let parameters: Vec<String> = prepared
            .parameter_schema()
            .unwrap()
            .fields()
            .iter()
            .map(|f| f.name().trim_start_matches('$').to_owned())
            .collect();
        assert_eq!(parameters.len(), 2, "{parameters:?}");
        let batch = RecordBatch::try_from_iter([
            ("host", Arc::new(StringArray::from(vec!["a"])) as ArrayRef),
            ("n", Arc::new(Int64Array::from(vec![1]))),
        ]);
        prepared.set_parameters(batch.unwrap()).unwrap();
        let info = prepared.execute().await.unwrap();
        let batches = fetch(&mut client, info).await;
        assert_eq!(table(&batches), ["n", "2"]);
        prepared.close().await.unwrap();
    });
}

#[test]
fn flight_sql_needs_one_database() {
    let server = server();
    let message = |headers: &[(&'static str, &'static str)]| {
        runtime().block_on(async {
            let mut client = FlightSqlServiceClient::new(channel(server.url()).await);
            client.set_token(OPERATOR_TOKEN.to_owned());
            for (name, value) in headers {
                client.set_header(*name, *value);
            }
            client
                .execute("SELECT 1".to_owned(), None)
                .await
                .map(drop)
                .map_err(|e| e.to_string())
        })
    };
    assert_eq!(message(&[("database", "db"), ("bucket", "db")]), Ok(()));
    assert_eq!(message(&[("bucket-name", "db")]), Ok(()));
    assert_eq!(message(&[("iox-namespace-name", "db")]), Ok(()));
    let failed = |headers, text: &str| {
        let message = message(headers).unwrap_err();
        assert!(message.contains(text), "{message}");
    };
    failed(&[], "no 'database' header in request");
    failed(
        &[("database", "db"), ("bucket", "other")],
        "More than one headers are found in request: ",
    );
    failed(&[("database", "nope")], "Database 'nope' not found");
}

#[test]
fn what_is_not_offered_is_said() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let update = client
            .execute_update("DELETE FROM cpu".to_owned(), None)
            .await;
        let message = update.unwrap_err().to_string();
        assert!(
            message.contains("nvalid") || message.contains("nimplemented"),
            "{message}"
        );
        let mut plain = FlightServiceClient::new(channel(server.url()).await);
        let mut request = Request::new(FlightDescriptor::new_path(vec!["cpu".to_owned()]));
        request
            .metadata_mut()
            .insert("authorization", operator().parse().unwrap());
        request
            .metadata_mut()
            .insert("database", "db".parse().unwrap());
        let status = plain.get_flight_info(request).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(
            status.message(),
            "Unsupported message type: FlightInfo with Path"
        );
        let status = plain.list_flights(Criteria::default()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    });
}

#[test]
fn a_handshake_turns_a_password_into_a_bearer_token() {
    let server = server();
    let token = runtime().block_on(async {
        let mut client = FlightSqlServiceClient::new(channel(server.url()).await);
        client.handshake("anyone", OPERATOR_TOKEN).await.unwrap();
        client.token().cloned()
    });
    let ticket: Value = json!({ "database": "db", "sql_query": "SELECT count(*) AS n FROM cpu" });
    let authorization = format!("Bearer {}", token.unwrap());
    let batches = do_get(&server, Some(&authorization), ticket.to_string()).unwrap();
    assert_eq!(table(&batches), ["n", "3"]);
}

/// Runs a prepared statement with one row of values.
async fn bound(
    client: &mut FlightSqlServiceClient<Channel>,
    statement: &str,
    values: Vec<(&str, ArrayRef)>,
) -> Result<Vec<String>, String> {
    let prepared = client.prepare(statement.to_owned(), None).await;
    let mut prepared = prepared.map_err(|e| e.to_string())?;
    let values = RecordBatch::try_from_iter(values).unwrap();
    prepared.set_parameters(values).unwrap();
    let info = prepared.execute().await.map_err(|e| e.to_string())?;
    Ok(table(&fetch(client, info).await))
}

fn texts(texts: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn numbers(numbers: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(numbers.to_vec()))
}

#[test]
fn values_are_bound_by_name_and_by_position() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let mut check = async |statement: &str, names: [&str; 2]| {
            let values = vec![(names[0], texts(&["a"])), (names[1], numbers(&[1]))];
            let rows = bound(&mut client, statement, values).await;
            assert_eq!(rows.unwrap(), ["n", "2"], "{statement} {names:?}");
        };
        let named = "SELECT n FROM cpu WHERE host = $host AND n > $n";
        check(named, ["host", "n"]).await;
        check(named, ["$host", "$n"]).await;
        let numbered = "SELECT n FROM cpu WHERE host = $1 AND n > $2";
        check(numbered, ["1", "2"]).await;
        check(numbered, ["0", "1"]).await;
        check(numbered, ["", ""]).await;
        let marked = "SELECT n FROM cpu WHERE host = ? AND n > ?";
        check(marked, ["0", "1"]).await;
        check(marked, ["param_0", "param_1"]).await;
        // The dialect for SQLAlchemy sends each value as one of a union of types.
        let values = vec![
            ("param_0", one_of(texts(&["a"]))),
            ("param_1", one_of(numbers(&[1]))),
        ];
        let rows = bound(&mut client, marked, values).await;
        assert_eq!(rows.unwrap(), ["n", "2"]);
    });
}

/// The values as the second child of a dense union.
fn one_of(values: ArrayRef) -> ArrayRef {
    let other: ArrayRef = Arc::new(BooleanArray::from(vec![true; values.len()]));
    let fields = UnionFields::try_new(
        [0, 1],
        [
            Field::new("other", DataType::Boolean, true),
            Field::new("value", values.data_type().clone(), true),
        ],
    );
    let rows = 0..i32::try_from(values.len()).unwrap();
    let (kinds, offsets) = rows
        .map(|row| (1_i8, row))
        .unzip::<i8, i32, Vec<_>, Vec<_>>();
    let children = vec![other, values];
    let union = UnionArray::try_new(
        fields.unwrap(),
        kinds.into(),
        Some(offsets.into()),
        children,
    );
    Arc::new(union.unwrap())
}

#[test]
fn binding_needs_a_row_and_types() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let statement = "SELECT n FROM cpu WHERE n > $n";
        let none = bound(&mut client, statement, vec![("n", numbers(&[]))]).await;
        let error = none.unwrap_err();
        assert!(error.contains("DoPut needs a row of values"), "{error}");
        // Only the first row counts.
        let two = bound(&mut client, statement, vec![("n", numbers(&[1, 7]))]).await;
        assert_eq!(two.unwrap(), ["n", "2"]);
        let untyped = client.prepare("SELECT $x".to_owned(), None).await;
        let error = untyped.map(drop).unwrap_err().to_string();
        assert!(
            error.contains("Unable to infer the type of parameter '$x' in prepared statement; say it, for example $x::BIGINT"),
            "{error}"
        );
    });
}

/// The answer to an action.
async fn act(server: &Server, name: &str, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    let mut client = client(server.url()).await;
    let action = Action {
        r#type: name.to_owned(),
        body: body.into(),
    };
    let mut results = client
        .do_action(request(action, &[("database", "db")]))
        .await?
        .into_inner();
    let result = results.message().await?;
    Ok(result.map(|r| r.body.to_vec()).unwrap_or_default())
}

#[test]
fn actions_are_listed_and_others_refused() {
    let server = server();
    runtime().block_on(async {
        let mut plain = client(server.url()).await;
        let actions = plain.list_actions(Empty {}).await.unwrap().into_inner();
        let names: Vec<String> = actions.map_ok(|a| a.r#type).try_collect().await.unwrap();
        assert_eq!(
            names,
            [
                "CreatePreparedStatement",
                "ClosePreparedStatement",
                "CancelFlightInfo",
                "CancelQuery",
                "CloseSession"
            ]
        );
        // CloseSessionResult with the status CLOSED.
        assert_eq!(
            act(&server, "CloseSession", vec![]).await.unwrap(),
            [0x08, 1]
        );
        let begin = Any {
            type_url: "type.googleapis.com/arrow.flight.protocol.sql.ActionBeginTransactionRequest"
                .to_owned(),
            value: vec![].into(),
        };
        let refused = act(&server, "BeginTransaction", begin.encode_to_vec()).await;
        let status = refused.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(
            status.message(),
            "Error while planning Flight SQL : Unsupported FlightSQL message type: \
             type.googleapis.com/arrow.flight.protocol.sql.ActionBeginTransactionRequest"
        );
        let status = act(&server, "CancelFlightInfo", vec![0xff])
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("Invalid protobuf: "), "{status}");
        let mut nobody = FlightServiceClient::new(channel(server.url()).await);
        let action = Action {
            r#type: "CloseSession".to_owned(),
            body: vec![].into(),
        };
        let status = nobody.do_action(Request::new(action)).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    });
}

#[test]
fn schemas_are_given_without_running() {
    let server = server();
    runtime().block_on(async {
        let mut plain = client(server.url()).await;
        let command = Any {
            type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery"
                .to_owned(),
            // Field 1, a text.
            value: [&[0x0a, 20][..], b"SELECT host FROM cpu"].concat().into(),
        };
        let descriptor = FlightDescriptor::new_cmd(command.encode_to_vec());
        let result = plain.get_schema(request(descriptor, &[("database", "db")]));
        let schema: Schema = result.await.unwrap().into_inner().try_into().unwrap();
        assert_eq!(schema.field(0).name(), "host");
        let garbage = FlightDescriptor::new_cmd(vec![0xff; 20]);
        let status = plain.get_flight_info(request(garbage, &[("database", "db")]));
        let status = status.await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(
            status
                .message()
                .starts_with("Error while planning Flight SQL : Invalid protobuf: "),
            "{status}"
        );
    });
}

#[test]
fn the_health_service_answers() {
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    let server = server();
    runtime().block_on(async {
        let mut health = HealthClient::new(channel(server.url()).await);
        for service in ["", "arrow.flight.protocol.FlightService"] {
            let request = HealthCheckRequest {
                service: service.to_owned(),
            };
            let status = health.check(request).await.unwrap().into_inner().status;
            assert_eq!(status, 1, "serving: '{service}'");
        }
    });
}

#[test]
fn a_handshake_needs_a_message_or_credentials() {
    let server = server();
    runtime().block_on(async {
        let mut plain = client(server.url()).await;
        let status = plain.handshake(futures::stream::empty()).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (
                Code::InvalidArgument,
                "Invalid handshake. No payload provided"
            )
        );
        let mut request = Request::new(futures::stream::empty());
        let basic = "Basic YW55OnNlY3JldA==".parse().unwrap();
        request.metadata_mut().insert("authorization", basic);
        let answer = plain.handshake(request).await.unwrap();
        let header = answer.metadata().get("authorization").unwrap();
        assert_eq!(header, "Bearer secret");
    });
}
