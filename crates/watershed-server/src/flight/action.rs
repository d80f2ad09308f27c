//! `DoAction`: prepared statements, and the end of queries and sessions.
//!
//! Flight's own actions are told by their name, those of Flight SQL by the message inside.

use super::ticket::ReadTicket;
use super::{Flight, command, metadata, prepared};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, Any,
    ProstMessageExt as _,
};
use arrow_flight::{
    Action, ActionType, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightInfo,
};
use bytes::Bytes;
use prost::Message as _;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// Flight's action that ends a query.
const CANCEL_FLIGHT_INFO: &str = "CancelFlightInfo";

/// Flight's action that ends a session.
const CLOSE_SESSION: &str = "CloseSession";

/// The name and the meaning of every action.
const ACTIONS: [(&str, &str); 5] = [
    (
        "CreatePreparedStatement",
        "Plans a statement and returns a handle for it",
    ),
    (
        "ClosePreparedStatement",
        "Ends the use of a handle; nothing is kept, so nothing happens",
    ),
    (
        CANCEL_FLIGHT_INFO,
        "Ends the calls of DoGet with the tickets of a FlightInfo, on this server",
    ),
    ("CancelQuery", "The same for clients of Flight SQL"),
    (
        CLOSE_SESSION,
        "Ends a session; nothing is kept, so nothing happens",
    ),
];

/// `ActionCancelQueryRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct CancelQueryRequest {
    /// A `FlightInfo`.
    #[prost(bytes = "bytes", tag = "1")]
    info: Bytes,
}

impl CancelQueryRequest {
    const URL: &str = "type.googleapis.com/arrow.flight.protocol.sql.ActionCancelQueryRequest";
}

/// `ActionCancelQueryResult`; its statuses have the numbers of [`CancelStatus`].
#[derive(Clone, PartialEq, prost::Message)]
struct CancelQueryResult {
    #[prost(int32, tag = "1")]
    result: i32,
}

impl CancelQueryResult {
    const URL: &str = "type.googleapis.com/arrow.flight.protocol.sql.ActionCancelQueryResult";
}

/// `CloseSessionResult`.
#[derive(Clone, PartialEq, prost::Message)]
struct CloseSessionResult {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `CloseSessionResult.Status.CLOSED`.
const CLOSED: i32 = 1;

/// What `ListActions` says.
pub(super) fn list() -> impl Iterator<Item = ActionType> {
    ACTIONS.into_iter().map(|(name, description)| ActionType {
        r#type: name.to_owned(),
        description: description.to_owned(),
    })
}

/// Does what an action asks for.
pub(super) async fn act(
    flight: &Flight,
    metadata: &MetadataMap,
    action: &Action,
) -> Result<Option<arrow_flight::Result>, Status> {
    match action.r#type.as_str() {
        CANCEL_FLIGHT_INFO => {
            let request = CancelFlightInfoRequest::decode(action.body.as_ref());
            let info = request.map_err(|e| command::invalid(&e))?.info;
            let status = cancel(flight, metadata, &info.unwrap_or_default()).await?;
            let result = CancelFlightInfoResult {
                status: status.into(),
            };
            return Ok(Some(body(result.encode_to_vec())));
        }
        CLOSE_SESSION => {
            flight.identify(metadata).await?;
            let result = CloseSessionResult { status: CLOSED };
            return Ok(Some(body(result.encode_to_vec())));
        }
        _ => {}
    }
    let any = command::decode(&action.body)?;
    if any.type_url == CancelQueryRequest::URL {
        return cancel_query(flight, metadata, &any.value).await.map(Some);
    }
    let database = metadata::database_of(metadata)?;
    flight.reader(metadata, &database).await?;
    if any.type_url == ActionClosePreparedStatementRequest::type_url() {
        return Ok(None);
    }
    if any.type_url != ActionCreatePreparedStatementRequest::type_url() {
        return Err(command::unsupported(&any.type_url));
    }
    let request = ActionCreatePreparedStatementRequest::decode(any.value.as_ref());
    let text = request.map_err(|e| command::invalid(&e))?.query;
    let engine = &flight.state.query;
    let result = prepared::create(engine, &database, text, metadata).await?;
    Ok(Some(body(result.as_any().encode_to_vec())))
}

async fn cancel_query(
    flight: &Flight,
    metadata: &MetadataMap,
    request: &[u8],
) -> Result<arrow_flight::Result, Status> {
    let request = CancelQueryRequest::decode(request).map_err(|e| command::invalid(&e))?;
    let info = FlightInfo::decode(request.info.as_ref()).map_err(|e| command::invalid(&e))?;
    let status = cancel(flight, metadata, &info).await?;
    let result = CancelQueryResult {
        result: status.into(),
    };
    let any = Any {
        type_url: CancelQueryResult::URL.to_owned(),
        value: result.encode_to_vec().into(),
    };
    Ok(body(any.encode_to_vec()))
}

fn body(bytes: Vec<u8>) -> arrow_flight::Result {
    arrow_flight::Result { body: bytes.into() }
}

/// Ends the calls with the tickets of `info`. Whoever may read their database and has the ticket may do so.
async fn cancel(
    flight: &Flight,
    metadata: &MetadataMap,
    info: &FlightInfo,
) -> Result<CancelStatus, Status> {
    let tickets = info.endpoint.iter().filter_map(|e| e.ticket.as_ref());
    let tickets: Vec<ReadTicket> = tickets
        .map(|ticket| ReadTicket::decode(&ticket.ticket))
        .collect::<Result<_, _>>()?;
    if tickets.is_empty() {
        return Err(Status::invalid_argument(
            "the FlightInfo to cancel has no ticket; send the one that GetFlightInfo gave",
        ));
    }
    for ticket in &tickets {
        flight.reader(metadata, &ticket.database).await?;
    }
    let mut cancelled = false;
    for id in tickets.iter().filter_map(|ticket| ticket.id) {
        cancelled |= flight.cancellable.cancel(id);
    }
    if cancelled {
        Ok(CancelStatus::Cancelled)
    } else {
        Err(Status::not_found(
            "no query with these tickets is running on this server",
        ))
    }
}
