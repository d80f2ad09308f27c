//! Values for placeholders, as clients send them: a JSON object.

use serde_json::Value;
use std::collections::BTreeMap;
use watershed_influxql as influxql;
use watershed_query::{ParamValue, Params};

/// Why a `params` object was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ParamsJsonError {
    #[error("params: expected a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    #[error(
        "JSON arrays are not supported as query parameters. Parameter '{0}' must be a string, a number, a boolean or null"
    )]
    Array(String),
    #[error(
        "JSON objects are not supported as query parameters. Parameter '{0}' must be a string, a number, a boolean or null"
    )]
    Object(String),
    #[error("Parameter type 'NULL' is not supported by InfluxQL")]
    Null,
}

/// Reads a JSON object of bind values from text.
pub(crate) fn params_from_json(text: &str) -> Result<Params, ParamsJsonError> {
    let members: BTreeMap<String, Value> = serde_json::from_str(text)?;
    params_from_members(members)
}

/// Integers from zero up are unsigned, negative ones signed, all other numbers floats.
pub(crate) fn params_from_members(
    members: impl IntoIterator<Item = (String, Value)>,
) -> Result<Params, ParamsJsonError> {
    members
        .into_iter()
        .map(|(name, value)| {
            // Both `name` and `$name` are seen as keys.
            let name = name.strip_prefix('$').map_or(name.clone(), str::to_owned);
            let value = match value {
                Value::Null => ParamValue::Null,
                Value::Bool(value) => ParamValue::Bool(value),
                Value::String(text) => ParamValue::String(text),
                Value::Number(number) => {
                    match (number.as_u64(), number.as_i64(), number.as_f64()) {
                        (Some(value), ..) => ParamValue::U64(value),
                        (None, Some(value), _) => ParamValue::I64(value),
                        (None, None, value) => ParamValue::F64(value.unwrap_or(f64::NAN)),
                    }
                }
                Value::Array(_) => return Err(ParamsJsonError::Array(name)),
                Value::Object(_) => return Err(ParamsJsonError::Object(name)),
            };
            Ok((name, value))
        })
        .collect()
}

/// The same values for InfluxQL, which has no null.
pub(crate) fn influxql_params(
    params: &Params,
) -> Result<BTreeMap<String, influxql::ParamValue>, ParamsJsonError> {
    params
        .iter()
        .map(|(name, value)| {
            let value = match value {
                ParamValue::Null => return Err(ParamsJsonError::Null),
                ParamValue::Bool(value) => influxql::ParamValue::Boolean(*value),
                ParamValue::I64(value) => influxql::ParamValue::Integer(*value),
                // A number that fits is compared as an integer with integer columns.
                ParamValue::U64(value) => i64::try_from(*value).map_or(
                    influxql::ParamValue::Unsigned(*value),
                    influxql::ParamValue::Integer,
                ),
                ParamValue::F64(value) => influxql::ParamValue::Float(*value),
                ParamValue::String(text) => influxql::ParamValue::String(text.clone()),
            };
            Ok((name.to_owned(), value))
        })
        .collect()
}
