//! What Flight SQL says about databases, tables and the server: what drivers ask before they query.

use super::flight::server;
use super::flight_client::{fetch, flight_sql, table};
use super::server::runtime;
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Schema, UInt32Type};
use arrow_flight::FlightInfo;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::{
    CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys,
    CommandGetPrimaryKeys, CommandGetTables, CommandGetXdbcTypeInfo, SqlInfo,
};
use std::sync::Arc;
use tonic::transport::Channel;

#[test]
fn flight_sql_shows_what_there_is() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let info = client.get_catalogs().await.unwrap();
        assert_eq!(
            table(&fetch(&mut client, info).await),
            ["catalog_name", "public"]
        );
        let filter = Some("i%".to_owned());
        let schemas = CommandGetDbSchemas {
            catalog: None,
            db_schema_filter_pattern: filter,
        };
        let info = client.get_db_schemas(schemas).await.unwrap();
        assert_eq!(
            table(&fetch(&mut client, info).await),
            [
                "catalog_name|db_schema_name",
                "public|information_schema",
                "public|iox"
            ]
        );
        let tables = CommandGetTables {
            catalog: Some("public".to_owned()),
            db_schema_filter_pattern: Some("iox".to_owned()),
            ..CommandGetTables::default()
        };
        let info = client.get_tables(tables).await.unwrap();
        assert_eq!(
            table(&fetch(&mut client, info).await),
            [
                "catalog_name|db_schema_name|table_name|table_type",
                "public|iox|cpu|BASE TABLE"
            ]
        );
    });
}

/// The schema that was announced for an answer, and its rows.
async fn answer(
    client: &mut FlightSqlServiceClient<Channel>,
    info: FlightInfo,
) -> (Schema, Vec<RecordBatch>) {
    let announced = info.clone().try_decode_schema().unwrap();
    let batches = fetch(client, info).await;
    for batch in &batches {
        assert_eq!(
            *batch.schema(),
            announced,
            "announced and sent are the same"
        );
    }
    (announced, batches)
}

#[test]
fn keys_are_answered_with_no_rows() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let info = client.get_primary_keys(CommandGetPrimaryKeys::default());
        let info = info.await.unwrap();
        let (schema, batches) = answer(&mut client, info).await;
        assert!(batches.is_empty());
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| format!("{} {} {}", f.name(), f.data_type(), f.is_nullable()))
            .collect();
        assert_eq!(
            columns,
            [
                "catalog_name Utf8 true",
                "db_schema_name Utf8 true",
                "table_name Utf8 false",
                "column_name Utf8 false",
                "key_name Utf8 true",
                "key_sequence Int32 false",
            ]
        );
        let exported = client.get_exported_keys(CommandGetExportedKeys::default());
        let exported = exported.await.unwrap();
        let imported = client.get_imported_keys(CommandGetImportedKeys::default());
        let imported = imported.await.unwrap();
        let crossed = client.get_cross_reference(CommandGetCrossReference::default());
        let crossed = crossed.await.unwrap();
        for info in [exported, imported, crossed] {
            let (schema, batches) = answer(&mut client, info).await;
            assert!(batches.is_empty());
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            assert_eq!(
                names.join(" "),
                "pk_catalog_name pk_db_schema_name pk_table_name pk_column_name \
                 fk_catalog_name fk_db_schema_name fk_table_name fk_column_name \
                 key_sequence fk_key_name pk_key_name update_rule delete_rule"
            );
            assert_eq!(schema.field(11).data_type(), &DataType::UInt8);
        }
    });
}

#[test]
fn types_are_listed_for_drivers() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let mut types = async |data_type| {
            let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo { data_type });
            let info = info.await.unwrap();
            let (_, batches) = answer(&mut client, info).await;
            let narrow: Vec<RecordBatch> = batches
                .iter()
                .map(|b| b.project(&[0, 1, 2, 3, 5, 7, 9, 17]).unwrap())
                .collect();
            table(&narrow)
        };
        assert_eq!(
            types(None).await,
            [
                "type_name|data_type|column_size|literal_prefix|create_params|case_sensitive|unsigned_attribute|num_prec_radix",
                "BOOLEAN|-7|1|||false||",
                "BIGINT|-5|64|||false|false|2",
                "BIGINT UNSIGNED|-5|64|||false|true|2",
                "INTEGER|4|32|||false|false|2",
                "FLOAT|6|24|||false|false|2",
                "DOUBLE|8|53|||false|false|2",
                "INTERVAL|10|2147483647|'||false||",
                "VARCHAR|12|2147483647|'|[length]|true||",
                "TIMESTAMP|93|2147483647|'||false||",
            ]
        );
        assert_eq!(types(Some(93)).await.len(), 2);
        assert_eq!(types(Some(12)).await[1], "VARCHAR|12|2147483647|'|[length]|true||");
    });
}

/// The answers to `CommandGetSqlInfo` by their number.
async fn sql_info(
    client: &mut FlightSqlServiceClient<Channel>,
    wanted: Vec<SqlInfo>,
) -> Vec<(u32, ArrayRef)> {
    let info = client.get_sql_info(wanted).await.unwrap();
    let (_, batches) = answer(client, info).await;
    let rows = batches.iter().flat_map(|batch| {
        let numbers = batch.column(0).as_primitive::<UInt32Type>().clone();
        let values = batch.column(1).as_union().clone();
        (0..numbers.len()).map(move |row| (numbers.value(row), values.value(row)))
    });
    rows.collect()
}

#[test]
fn the_server_says_what_it_can() {
    let server = server();
    let functions: Vec<String> = server
        .sql(
            "db",
            "SELECT DISTINCT routine_name AS n FROM information_schema.routines",
        )
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["n"].as_str().unwrap().to_owned())
        .collect();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let all = sql_info(&mut client, vec![]).await;
        let find = |number: SqlInfo| {
            let row = all.iter().find(|(n, _)| *n == number as u32);
            Arc::clone(&row.unwrap_or_else(|| panic!("{number:?}")).1)
        };
        let text = |number| find(number).as_string::<i32>().value(0).to_owned();
        let bits = |number| find(number).as_primitive::<Int32Type>().value(0);
        let flag = |number| find(number).as_boolean().value(0);
        assert_eq!(text(SqlInfo::FlightSqlServerName), "Watershed");
        assert_eq!(text(SqlInfo::FlightSqlServerArrowVersion), "1.3");
        assert_eq!(text(SqlInfo::SqlIdentifierQuoteChar), "\"");
        assert!(flag(SqlInfo::FlightSqlServerReadOnly));
        assert!(flag(SqlInfo::FlightSqlServerSql));
        assert!(!flag(SqlInfo::FlightSqlServerSubstrait));
        assert!(flag(SqlInfo::SqlCorrelatedSubqueriesSupported));
        assert!(!flag(SqlInfo::SqlTransactionsSupported));
        assert_eq!(bits(SqlInfo::FlightSqlServerTransaction), 0);
        assert_eq!(bits(SqlInfo::SqlIdentifierCase), 3);
        assert_eq!(bits(SqlInfo::SqlQuotedIdentifierCase), 1);
        assert_eq!(bits(SqlInfo::SqlNullOrdering), 0);
        assert_eq!(bits(SqlInfo::SqlSupportedGroupBy), 3);
        assert_eq!(bits(SqlInfo::SqlAnsi92SupportedLevel), 7);
        assert_eq!(bits(SqlInfo::SqlOuterJoinsSupportLevel), 2);
        assert_eq!(bits(SqlInfo::SqlSupportedSubqueries), 15);
        assert_eq!(bits(SqlInfo::SqlSupportedUnions), 3);
        let words = |number| {
            let list = find(number).as_list::<i32>().value(0);
            let words = list.as_string::<i32>().iter().flatten().map(str::to_owned);
            words.collect::<Vec<String>>()
        };
        assert!(words(SqlInfo::SqlKeywords).len() > 200);
        for list in [
            SqlInfo::SqlNumericFunctions,
            SqlInfo::SqlStringFunctions,
            SqlInfo::SqlSystemFunctions,
            SqlInfo::SqlDatetimeFunctions,
        ] {
            let words = words(list);
            assert!(words.len() > 2, "{words:?}");
            let unknown: Vec<&String> = words.iter().filter(|w| !functions.contains(w)).collect();
            assert!(unknown.is_empty(), "{list:?}: {unknown:?}");
        }
        // Unknown ones are left out.
        let some = vec![
            SqlInfo::SqlNullOrdering,
            SqlInfo::FlightSqlServerSubstraitMinVersion,
        ];
        let numbers = sql_info(&mut client, some).await;
        let numbers: Vec<u32> = numbers.into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [SqlInfo::SqlNullOrdering as u32]);
    });
}

#[test]
fn tables_are_filtered_as_asked() {
    let server = server();
    server.write("db", "cpu_load v=1 1\nmem v=1 1");
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let mut names = async |command: CommandGetTables| {
            let info = client.get_tables(command).await.unwrap();
            let (_, batches) = answer(&mut client, info).await;
            // Without the names of the columns.
            table(&batches).into_iter().skip(1).collect::<Vec<_>>()
        };
        let text = |text: &str| Some(text.to_owned());
        let all = names(CommandGetTables::default()).await;
        assert_eq!(all[0], "public|information_schema|columns|VIEW");
        let [.., mem, queries] = all.as_slice() else {
            panic!("{all:?}");
        };
        assert_eq!(mem, "public|iox|mem|BASE TABLE");
        assert_eq!(queries, "public|system|queries|BASE TABLE");
        assert!(all.is_sorted_by_key(|row| row.split('|').collect::<Vec<_>>()));
        let of_users = CommandGetTables {
            table_name_filter_pattern: text("cpu%"),
            table_types: vec!["BASE TABLE".to_owned()],
            ..CommandGetTables::default()
        };
        assert_eq!(
            names(of_users).await,
            [
                "public|iox|cpu|BASE TABLE",
                "public|iox|cpu_load|BASE TABLE"
            ]
        );
        let underscore = CommandGetTables {
            table_name_filter_pattern: text("m_m"),
            ..CommandGetTables::default()
        };
        assert_eq!(names(underscore).await, ["public|iox|mem|BASE TABLE"]);
        for nothing in [
            CommandGetTables {
                catalog: text("other"),
                ..CommandGetTables::default()
            },
            CommandGetTables {
                table_types: vec!["TABLE".to_owned()],
                ..CommandGetTables::default()
            },
            CommandGetTables {
                db_schema_filter_pattern: text("io"),
                ..CommandGetTables::default()
            },
        ] {
            assert!(names(nothing).await.is_empty());
        }
    });
}

#[test]
fn tables_come_with_their_columns() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        let command = CommandGetTables {
            table_name_filter_pattern: Some("cpu".to_owned()),
            include_schema: true,
            ..CommandGetTables::default()
        };
        let info = client.get_tables(command).await.unwrap();
        let (_, batches) = answer(&mut client, info).await;
        let bytes = batches[0].column(4).as_binary::<i32>().value(0).to_vec();
        let schema = Schema::try_from(arrow_flight::IpcMessage(bytes.into())).unwrap();
        let columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| format!("{} {}", f.name(), f.data_type()))
            .collect();
        assert_eq!(
            columns,
            [
                "host Utf8",
                "n Int64",
                "time Timestamp(ns)",
                "usage Float64"
            ]
        );
    });
}

#[test]
fn tables_have_the_name_that_odbc_asks_for() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "db").await;
        client.set_header("x-influxdata-base-table-type", "table");
        // The ticket does not keep it; the client sends it again.
        let info = client.get_table_types().await.unwrap();
        assert_eq!(
            table(&fetch(&mut client, info).await),
            ["table_type", "TABLE", "VIEW"]
        );
        let command = CommandGetTables {
            table_types: vec!["TABLE".to_owned()],
            ..CommandGetTables::default()
        };
        let info = client.get_tables(command).await.unwrap();
        let tables = table(&fetch(&mut client, info).await);
        assert_eq!(
            tables[1..],
            ["public|iox|cpu|TABLE", "public|system|queries|TABLE"]
        );
        client.set_header("x-influxdata-base-table-type", "VIEW");
        let error = client.get_table_types().await.unwrap_err().to_string();
        assert!(
            error.contains(
                "Invalid base table type: 'VIEW'. Valid values are 'BASE TABLE' or 'TABLE'"
            ),
            "{error}"
        );
    });
}

#[test]
fn questions_about_a_missing_database_are_not_answered() {
    let server = server();
    runtime().block_on(async {
        let mut client = flight_sql(&server, "nope").await;
        for error in [
            client.get_catalogs().await.unwrap_err(),
            client.get_table_types().await.unwrap_err(),
            client.get_sql_info(vec![]).await.unwrap_err(),
            client
                .get_tables(CommandGetTables::default())
                .await
                .unwrap_err(),
        ] {
            let text = error.to_string();
            assert!(text.contains("Database 'nope' not found"), "{text}");
        }
    });
}
