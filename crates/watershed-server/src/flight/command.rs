//! Flight SQL commands: what each asks for.

use super::prepared::Handle;
use super::ticket::{Language, Read, ReadTicket};
use arrow_flight::FlightDescriptor;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{
    Any, Command, CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo,
};
use prost::Message as _;
use tonic::Status;
use watershed_query::Params;

/// What is to be answered.
#[derive(Debug, Clone)]
pub(super) enum Plan {
    Sql { text: String, params: Params },
    InfluxQl { text: String, params: Params },
    Metadata(Metadata),
}

/// A question about the catalog rather than about rows.
#[derive(Debug, Clone)]
pub(super) enum Metadata {
    Catalogs(CommandGetCatalogs),
    DbSchemas(CommandGetDbSchemas),
    Tables(CommandGetTables),
    TableTypes(CommandGetTableTypes),
    SqlInfo(CommandGetSqlInfo),
    XdbcTypeInfo(CommandGetXdbcTypeInfo),
    PrimaryKeys,
    /// Exported, imported, and those between two tables.
    ForeignKeys,
}

/// The command inside a descriptor.
pub(super) fn of_descriptor(descriptor: &FlightDescriptor) -> Result<Any, Status> {
    if descriptor.r#type() != DescriptorType::Cmd {
        return Err(Status::unimplemented(
            "Unsupported message type: FlightInfo with Path",
        ));
    }
    decode(&descriptor.cmd)
}

/// Reads an `Any`.
pub(super) fn decode(bytes: &[u8]) -> Result<Any, Status> {
    Any::decode(bytes).map_err(|e| invalid(&e))
}

/// The answer to bytes that are not the message they should be.
pub(super) fn invalid(error: &prost::DecodeError) -> Status {
    planning(&format!("Invalid protobuf: {error}"))
}

/// What a command asks for. `language` is that of statement texts.
pub(super) fn plan(any: &Any, language: Language) -> Result<Plan, Status> {
    let command =
        Command::try_from(any.clone()).map_err(|e| planning(&format!("Invalid protobuf: {e}")))?;
    Ok(match command {
        Command::CommandStatementQuery(query) => text(query.query, language, Params::new()),
        Command::CommandPreparedStatementQuery(query) => {
            let handle = Handle::decode(&query.prepared_statement_handle)?;
            let params = handle.params();
            text(handle.query, Language::Sql, params)
        }
        Command::CommandGetCatalogs(command) => Plan::Metadata(Metadata::Catalogs(command)),
        Command::CommandGetDbSchemas(command) => Plan::Metadata(Metadata::DbSchemas(command)),
        Command::CommandGetTables(command) => Plan::Metadata(Metadata::Tables(command)),
        Command::CommandGetTableTypes(command) => Plan::Metadata(Metadata::TableTypes(command)),
        Command::CommandGetSqlInfo(command) => Plan::Metadata(Metadata::SqlInfo(command)),
        Command::CommandGetXdbcTypeInfo(command) => Plan::Metadata(Metadata::XdbcTypeInfo(command)),
        Command::CommandGetPrimaryKeys(_) => Plan::Metadata(Metadata::PrimaryKeys),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => Plan::Metadata(Metadata::ForeignKeys),
        other => return Err(unsupported(other.type_url())),
    })
}

/// What a ticket asks for.
pub(super) fn of_ticket(ticket: &ReadTicket) -> Result<Plan, Status> {
    match &ticket.read {
        Read::Text {
            text: query,
            language,
            params,
        } => Ok(text(query.clone(), *language, params.clone())),
        Read::Command(any) => plan(any, Language::Sql),
    }
}

fn text(text: String, language: Language, params: Params) -> Plan {
    match language {
        Language::Sql => Plan::Sql { text, params },
        Language::InfluxQl => Plan::InfluxQl { text, params },
    }
}

/// The answer to a message this server has no use for.
pub(super) fn unsupported(type_url: &str) -> Status {
    planning(&format!("Unsupported FlightSQL message type: {type_url}"))
}

fn planning(text: &str) -> Status {
    Status::invalid_argument(format!("Error while planning Flight SQL : {text}"))
}
