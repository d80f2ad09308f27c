//! Tickets.
//!
//! A ticket is tried as protobuf `Any` with our type, then as the bare message, then as JSON. An `Any` that says it is ours
//! and isn't fails at once, and so does one of another type.

use super::metadata::database_name;
use super::query_param::{self, QueryParam};
use arrow_flight::sql::Any;
use bytes::Bytes;
use prost::Message;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tonic::Status;
use uuid::Uuid;
use watershed_model::DatabaseName;
use watershed_query::Params;

/// The type URL of [`ReadInfo`] in an `Any`.
const READ_INFO_URL: &str = "type.googleapis.com/influxdata.iox.querier.v1.ReadInfo";

/// What the type URLs of messages begin with.
const TYPE_URLS: &str = "type.googleapis.com/";

/// The language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    Sql,
    InfluxQl,
}

/// What a ticket asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadTicket {
    pub(super) database: DatabaseName,
    pub(super) read: Read,
    pub(super) debug: bool,
    /// The number by which calls with this ticket can be cancelled.
    pub(super) id: Option<Uuid>,
}

/// A text with its values, or a Flight SQL command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Text {
        text: String,
        language: Language,
        params: Params,
    },
    Command(Any),
}

/// `influxdata.iox.querier.v1.ReadInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct ReadInfo {
    #[prost(string, tag = "1")]
    database: String,
    #[prost(string, tag = "2")]
    sql_query: String,
    #[prost(int32, tag = "3")]
    query_type: i32,
    #[prost(bytes = "bytes", tag = "4")]
    flightsql_command: Bytes,
    #[prost(bool, tag = "5")]
    is_debug: bool,
    #[prost(message, repeated, tag = "6")]
    params: Vec<QueryParam>,
    /// Ours, 16 bytes; others skip what they don't know.
    #[prost(bytes = "bytes", tag = "100")]
    id: Bytes,
}

/// `ReadInfo.query_type`.
mod query_type {
    pub(super) const UNSPECIFIED: i32 = 0;
    pub(super) const SQL: i32 = 1;
    pub(super) const INFLUX_QL: i32 = 2;
    pub(super) const FLIGHT_SQL_MESSAGE: i32 = 3;
}

/// The JSON ticket of the v3 clients. Members nobody knows are ignored.
#[derive(Deserialize)]
struct JsonTicket {
    #[serde(alias = "namespace_name", alias = "bucket", alias = "bucket-name")]
    database: String,
    sql_query: String,
    #[serde(default)]
    query_type: Option<String>,
    #[serde(default)]
    params: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    is_debug: Option<bool>,
}

fn invalid_ticket() -> Status {
    Status::invalid_argument("Invalid ticket. Error: Invalid ticket")
}

fn unknown_type(type_url: &str) -> Status {
    Status::invalid_argument(format!(
        "Invalid ticket. Error: Invalid ticket: it is a {type_url}, expected one of GetFlightInfo, a {READ_INFO_URL}, or \
         JSON"
    ))
}

impl ReadTicket {
    /// A ticket for a text without values.
    pub(super) fn text(
        database: &DatabaseName,
        text: &str,
        language: Language,
        debug: bool,
    ) -> Self {
        let read = Read::Text {
            text: text.to_owned(),
            language,
            params: Params::new(),
        };
        Self {
            database: database.clone(),
            read,
            debug,
            id: None,
        }
    }

    /// The same ticket for calls that can be cancelled by that number.
    pub(super) fn with_id(self, id: Uuid) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// A ticket for a Flight SQL command.
    pub(super) fn command(database: &DatabaseName, command: &Any, debug: bool) -> Self {
        Self {
            database: database.clone(),
            read: Read::Command(command.clone()),
            debug,
            id: None,
        }
    }

    /// Writes the ticket as an `Any` that [`decode`](Self::decode) reads.
    pub(super) fn encode(&self) -> Bytes {
        let mut info = ReadInfo {
            database: self.database.as_str().to_owned(),
            is_debug: self.debug,
            id: self
                .id
                .map(|id| Bytes::copy_from_slice(id.as_bytes()))
                .unwrap_or_default(),
            ..ReadInfo::default()
        };
        match &self.read {
            Read::Text {
                text,
                language,
                params,
            } => {
                info.sql_query = text.clone();
                info.query_type = match language {
                    Language::Sql => query_type::SQL,
                    Language::InfluxQl => query_type::INFLUX_QL,
                };
                info.params = query_param::messages(params);
            }
            Read::Command(any) => {
                info.flightsql_command = any.encode_to_vec().into();
                info.query_type = query_type::FLIGHT_SQL_MESSAGE;
            }
        }
        let any = Any {
            type_url: READ_INFO_URL.to_owned(),
            value: info.encode_to_vec().into(),
        };
        any.encode_to_vec().into()
    }

    /// Reads a ticket in any of its forms.
    ///
    /// # Errors
    /// `InvalidArgument` for anything else, and for a name that is no database name.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, Status> {
        if let Ok(any) = Any::decode(bytes.as_ref())
            && any.type_url.starts_with(TYPE_URLS)
        {
            // Read as the bare message, the type of another would be the database.
            if any.type_url != READ_INFO_URL {
                return Err(unknown_type(&any.type_url));
            }
            let info = ReadInfo::decode(any.value.as_ref()).map_err(|_| invalid_ticket())?;
            return Self::from_info(info);
        }
        let bare = ReadInfo::decode(bytes.as_ref())
            .ok()
            .filter(|info| !info.database.is_empty());
        match bare {
            Some(info) => Self::from_info(info),
            None => Self::from_json(bytes),
        }
    }

    fn from_info(info: ReadInfo) -> Result<Self, Status> {
        let database = database_name(&info.database)?;
        let debug = info.is_debug;
        let text = |language| {
            if !info.flightsql_command.is_empty() {
                return Err(invalid_ticket());
            }
            Ok(Read::Text {
                text: info.sql_query.clone(),
                language,
                params: query_param::params(&info.params),
            })
        };
        let read = match info.query_type {
            query_type::UNSPECIFIED | query_type::SQL => text(Language::Sql)?,
            query_type::INFLUX_QL => text(Language::InfluxQl)?,
            query_type::FLIGHT_SQL_MESSAGE if info.sql_query.is_empty() => {
                let any =
                    Any::decode(info.flightsql_command.as_ref()).map_err(|_| invalid_ticket())?;
                Read::Command(any)
            }
            _ => return Err(invalid_ticket()),
        };
        Ok(Self {
            database,
            read,
            debug,
            id: Uuid::from_slice(&info.id).ok(),
        })
    }

    fn from_json(bytes: &[u8]) -> Result<Self, Status> {
        let ticket: JsonTicket = serde_json::from_slice(bytes).map_err(|_| invalid_ticket())?;
        let language = match ticket.query_type.as_deref() {
            None | Some("sql") => Language::Sql,
            Some("influxql") => Language::InfluxQl,
            Some(_) => return Err(invalid_ticket()),
        };
        let params = crate::bind::params_from_members(ticket.params.unwrap_or_default());
        let params =
            params.map_err(|e| Status::invalid_argument(format!("Invalid ticket. Error: {e}")))?;
        Ok(Self {
            database: database_name(&ticket.database)?,
            read: Read::Text {
                text: ticket.sql_query,
                language,
                params,
            },
            debug: ticket.is_debug.unwrap_or(false),
            id: None,
        })
    }
}

#[cfg(test)]
mod tests;
