//! Flight SQL questions about the catalog.

use super::command::Metadata;
use super::status;
use arrow::array::RecordBatch;
use arrow_flight::sql::metadata::SqlInfoDataBuilder;
use arrow_flight::sql::{
    SqlInfo, SqlNullOrdering, SqlSupportedCaseSensitivity, SqlSupportedTransaction,
};
use tonic::Status;
use watershed_model::DatabaseName;
use watershed_query::{DEFAULT_CATALOG, QueryEngine};

/// The schemas of every database.
const SCHEMAS: [&str; 3] = ["information_schema", "iox", "system"];

/// The kinds of tables there are.
const TABLE_TYPES: [&str; 2] = ["BASE TABLE", "VIEW"];

/// Answers a question with one batch in the schema that Flight SQL prescribes.
pub(super) async fn answer(
    engine: &QueryEngine,
    database: &DatabaseName,
    version: &str,
    question: &Metadata,
) -> Result<RecordBatch, Status> {
    let batch = match question {
        Metadata::Catalogs(command) => {
            let mut builder = (*command).into_builder();
            builder.append(DEFAULT_CATALOG);
            builder.build()
        }
        Metadata::DbSchemas(command) => {
            let mut builder = command.clone().into_builder();
            SCHEMAS
                .iter()
                .for_each(|schema| builder.append(DEFAULT_CATALOG, schema));
            builder.build()
        }
        Metadata::TableTypes(command) => {
            let mut builder = (*command).into_builder();
            TABLE_TYPES.iter().for_each(|kind| builder.append(kind));
            builder.build()
        }
        Metadata::Tables(command) => {
            let tables = engine
                .tables(database)
                .await
                .map_err(|e| status::of_query(&e))?;
            let mut builder = command.clone().into_builder();
            for table in tables {
                let schema = watershed_storage::hydrate_schema(&table.schema);
                builder
                    .append(
                        DEFAULT_CATALOG,
                        &table.schema_name,
                        &table.table_name,
                        table.table_type,
                        &schema,
                    )
                    .map_err(|e| Status::internal(e.to_string()))?;
            }
            builder.build()
        }
        Metadata::SqlInfo(command) => {
            let infos = sql_infos(version)
                .build()
                .map_err(|e| Status::internal(e.to_string()))?;
            command.clone().into_builder(&infos).build()
        }
    };
    batch.map_err(|e| Status::internal(e.to_string()))
}

/// What drivers ask about the server as such.
fn sql_infos(version: &str) -> SqlInfoDataBuilder {
    let mut infos = SqlInfoDataBuilder::new();
    infos.append(SqlInfo::FlightSqlServerName, "Watershed");
    infos.append(SqlInfo::FlightSqlServerVersion, version);
    infos.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
    infos.append(SqlInfo::FlightSqlServerReadOnly, true);
    infos.append(SqlInfo::FlightSqlServerSql, true);
    infos.append(SqlInfo::FlightSqlServerSubstrait, false);
    infos.append(
        SqlInfo::FlightSqlServerTransaction,
        SqlSupportedTransaction::None as i32,
    );
    infos.append(SqlInfo::FlightSqlServerCancel, false);
    infos.append(SqlInfo::FlightSqlServerStatementTimeout, 0_i32);
    infos.append(SqlInfo::FlightSqlServerTransactionTimeout, 0_i32);
    infos.append(SqlInfo::SqlDdlCatalog, false);
    infos.append(SqlInfo::SqlDdlSchema, false);
    infos.append(SqlInfo::SqlDdlTable, false);
    infos.append(
        SqlInfo::SqlIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32,
    );
    infos.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    infos.append(
        SqlInfo::SqlQuotedIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32,
    );
    infos.append(SqlInfo::SqlAllTablesAreSelectable, true);
    infos.append(
        SqlInfo::SqlNullOrdering,
        SqlNullOrdering::SqlNullsSortedHigh as i32,
    );
    infos.append(SqlInfo::SqlSearchStringEscape, "\\");
    infos.append(SqlInfo::SqlSchemaTerm, "schema");
    infos.append(SqlInfo::SqlProcedureTerm, "procedure");
    infos.append(SqlInfo::SqlTransactionsSupported, false);
    infos
}
