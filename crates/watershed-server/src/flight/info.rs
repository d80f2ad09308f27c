//! Flight SQL questions about the catalog.

use super::command::Metadata;
use super::{keys, sql_info, status, types};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::error::FlightError;
use tonic::Status;
use watershed_model::DatabaseName;
use watershed_query::{DEFAULT_CATALOG, QueryEngine, QueryOptions};

/// The schemas of every database.
const SCHEMAS: [&str; 3] = ["information_schema", "iox", "system"];

/// What views are called.
const VIEW: &str = "VIEW";

/// Whom the answers are about.
pub(super) struct About<'a> {
    pub(super) engine: &'a QueryEngine,
    pub(super) database: &'a DatabaseName,
    /// The version of the server.
    pub(super) version: &'a str,
    /// What tables that are no views are called.
    pub(super) base_table_type: &'static str,
    /// Which tables may be seen.
    pub(super) options: QueryOptions,
}

/// The columns of the answer to a question, which Flight SQL prescribes.
pub(super) fn schema(about: &About<'_>, question: &Metadata) -> Result<SchemaRef, Status> {
    Ok(match question {
        Metadata::Catalogs(command) => (*command).into_builder().schema(),
        Metadata::DbSchemas(command) => command.clone().into_builder().schema(),
        Metadata::TableTypes(command) => (*command).into_builder().schema(),
        Metadata::Tables(command) => command.clone().into_builder().schema(),
        Metadata::SqlInfo(_) => sql_info::all(about.version).map_err(failed)?.schema(),
        Metadata::XdbcTypeInfo(_) => types::all().map_err(failed)?.schema(),
        Metadata::PrimaryKeys => keys::primary().schema(),
        Metadata::ForeignKeys => keys::foreign().schema(),
    })
}

/// Answers a question with one batch.
pub(super) async fn answer(about: &About<'_>, question: &Metadata) -> Result<RecordBatch, Status> {
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
            builder.append(about.base_table_type);
            builder.append(VIEW);
            builder.build()
        }
        Metadata::Tables(command) => {
            let tables = about.engine.tables(about.database, about.options).await;
            let mut builder = command.clone().into_builder();
            for table in tables.map_err(|e| status::of_query(&e))? {
                let kind = match table.table_type {
                    VIEW => VIEW,
                    _ => about.base_table_type,
                };
                let schema = watershed_storage::hydrate_schema(&table.schema);
                builder
                    .append(
                        DEFAULT_CATALOG,
                        &table.schema_name,
                        &table.table_name,
                        kind,
                        &schema,
                    )
                    .map_err(failed)?;
            }
            builder.build()
        }
        Metadata::SqlInfo(command) => {
            let infos = sql_info::all(about.version).map_err(failed)?;
            command.clone().into_builder(&infos).build()
        }
        Metadata::XdbcTypeInfo(command) => {
            let types = types::all().map_err(failed)?;
            (*command).into_builder(&types).build()
        }
        Metadata::PrimaryKeys => Ok(keys::primary()),
        Metadata::ForeignKeys => Ok(keys::foreign()),
    };
    batch.map_err(failed)
}

fn failed(error: FlightError) -> Status {
    Status::internal(error.to_string())
}
