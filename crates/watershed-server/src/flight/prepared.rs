//! Prepared statements without memory: the handle is the statement.
//!
//! A handle is an `Any` with the text and the values that were bound. Binding returns a new handle; closing does
//! nothing.

use super::metadata::Wire;
use super::query_param::{self, QueryParam};
use super::{command, placeholders, status, untrusted, wire};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::sql::{
    ActionCreatePreparedStatementResult, Any, Command, DoPutPreparedStatementResult,
};
use arrow_flight::{FlightData, IpcMessage, PutResult, SchemaAsIpc};
use bytes::Bytes;
use futures::StreamExt as _;
use prost::Message;
use tonic::metadata::MetadataMap;
use tonic::{Status, Streaming};
use watershed_model::DatabaseName;
use watershed_query::{ParamValue, Params, QueryEngine};

/// The type URL of a handle.
const HANDLE_URL: &str =
    "type.googleapis.com/influxdata.iox.querier.v1.FlightSqlPreparedStatementHandle";

/// `FlightSqlPreparedStatementHandle`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Handle {
    #[prost(string, tag = "1")]
    pub(super) query: String,
    /// The bound values. IOx has an Arrow IPC stream with the tag 2 in their place; nobody else reads our handles.
    #[prost(message, repeated, tag = "3")]
    bound: Vec<QueryParam>,
}

impl Handle {
    fn new(query: String, bound: &Params) -> Self {
        Self {
            query,
            bound: query_param::messages(bound),
        }
    }

    fn encode_any(&self) -> Bytes {
        let any = Any {
            type_url: HANDLE_URL.to_owned(),
            value: self.encode_to_vec().into(),
        };
        any.encode_to_vec().into()
    }

    /// Reads a handle. Older clients kept the bare text, which is taken too.
    pub(super) fn decode(bytes: &Bytes) -> Result<Self, Status> {
        let bad = || Status::invalid_argument("Error while planning Flight SQL : Invalid handle");
        match Any::decode(bytes.as_ref()) {
            Ok(any) if any.type_url == HANDLE_URL => {
                Self::decode_message(&any.value).map_err(|_| bad())
            }
            _ => {
                let text = std::str::from_utf8(bytes).map_err(|_| bad())?;
                Ok(Self::new(text.to_owned(), &Params::new()))
            }
        }
    }

    fn decode_message(bytes: &[u8]) -> Result<Self, prost::DecodeError> {
        Message::decode(bytes)
    }

    /// The bound values by the name of their placeholder.
    pub(super) fn params(&self) -> Params {
        query_param::params(&self.bound)
    }
}

/// The first row of a batch. Columns named `0`, `1`, … or `param_0`, `param_1`, … in order (ADBC, the dialect
/// for SQLAlchemy), or not named at all, are bound by position; all others by name.
fn bound_values(batch: &RecordBatch) -> Result<Params, Status> {
    let schema = batch.schema();
    let names: Vec<&String> = schema.fields().iter().map(|f| f.name()).collect();
    let positional = names
        .iter()
        .enumerate()
        .all(|(i, n)| n.is_empty() || n.strip_prefix("param_").unwrap_or(n) == i.to_string());
    let values = batch
        .columns()
        .iter()
        .map(|column| first_value(column.as_ref()));
    if positional {
        return Ok(Params::positional(values.collect::<Result<Vec<_>, _>>()?));
    }
    let named = names.iter().zip(values);
    named
        .map(|(name, value)| Ok((name.trim_start_matches('$').to_owned(), value?)))
        .collect()
}

fn first_value(column: &dyn Array) -> Result<ParamValue, Status> {
    use arrow::datatypes::{Float64Type, Int64Type, UInt64Type};
    if column.is_empty() || column.is_null(0) {
        return Ok(ParamValue::Null);
    }
    let as_type = |wanted: DataType| {
        cast(column, &wanted)
            .map_err(|e| Status::invalid_argument(format!("Invalid parameter: {e}")))
    };
    Ok(match column.data_type() {
        DataType::Boolean => ParamValue::Bool(column.as_boolean().value(0)),
        kind if kind.is_unsigned_integer() => ParamValue::U64(
            as_type(DataType::UInt64)?
                .as_primitive::<UInt64Type>()
                .value(0),
        ),
        kind if kind.is_signed_integer() => ParamValue::I64(
            as_type(DataType::Int64)?
                .as_primitive::<Int64Type>()
                .value(0),
        ),
        kind if kind.is_floating() || matches!(kind, DataType::Decimal128(..)) => ParamValue::F64(
            as_type(DataType::Float64)?
                .as_primitive::<Float64Type>()
                .value(0),
        ),
        DataType::Dictionary(_, value) => first_value(as_type(*value.clone())?.as_ref())?,
        // A dense or sparse union is how some drivers send values of any type.
        DataType::Union(..) => first_value(column.as_union().value(0).as_ref())?,
        _ => ParamValue::String(
            as_type(DataType::Utf8)?
                .as_string::<i32>()
                .value(0)
                .to_owned(),
        ),
    })
}

/// `DoPut` with values for a prepared statement: answers with a new handle.
pub(super) async fn bind(data: Streaming<FlightData>) -> Result<PutResult, Status> {
    let mut data = data.peekable();
    let first = std::pin::Pin::new(&mut data).peek().await;
    let descriptor = match first {
        Some(Ok(message)) => message.flight_descriptor.clone(),
        Some(Err(status)) => return Err(status.clone()),
        None => None,
    };
    let descriptor =
        descriptor.ok_or_else(|| Status::invalid_argument("DoPut needs a descriptor and data"))?;
    let any = command::of_descriptor(&descriptor)?;
    let url = any.type_url.clone();
    let Ok(Command::CommandPreparedStatementQuery(query)) = Command::try_from(any) else {
        return Err(command::unsupported(&url));
    };
    let handle = Handle::decode(&query.prepared_statement_handle)?;
    let batch = untrusted::first_batch(data).await?;
    let batch = batch.filter(|batch| batch.num_rows() > 0);
    let batch = batch.ok_or_else(|| Status::invalid_argument("DoPut needs a row of values"))?;
    let bound = bound_values(&batch)?;
    let result = DoPutPreparedStatementResult {
        prepared_statement_handle: Some(Handle::new(handle.query, &bound).encode_any()),
    };
    Ok(PutResult {
        app_metadata: result.encode_to_vec().into(),
    })
}

/// Plans a statement, and gives the handle and what is known about it.
pub(super) async fn create(
    engine: &QueryEngine,
    database: &DatabaseName,
    text: String,
    metadata: &MetadataMap,
) -> Result<ActionCreatePreparedStatementResult, Status> {
    let text = placeholders::numbered(text);
    let described = engine.describe_sql(database, &text, Params::new()).await;
    let described = described.map_err(|e| status::of_query(&e))?;
    let dataset = wire::schema(&described.schema, Wire::of(metadata)?);
    let parameters: Vec<Field> = described
        .parameters
        .iter()
        .map(|(name, kind)| Field::new(name, kind.clone(), true))
        .collect();
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: Handle::new(text, &Params::new()).encode_any(),
        dataset_schema: schema_bytes(&dataset)?,
        parameter_schema: schema_bytes(&Schema::new(parameters))?,
    })
}

fn schema_bytes(schema: &Schema) -> Result<Bytes, Status> {
    let options = IpcWriteOptions::default();
    let message: IpcMessage = SchemaAsIpc::new(schema, &options)
        .try_into()
        .map_err(|e: arrow::error::ArrowError| Status::internal(e.to_string()))?;
    Ok(message.0)
}
