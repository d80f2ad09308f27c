//! Values of placeholders, as tickets and handles of prepared statements carry them.

use watershed_query::{ParamValue, Params};

/// `QueryParam` of the IOx query protocol.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct QueryParam {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(oneof = "QueryParamValue", tags = "2, 3, 4, 5, 6, 7")]
    value: Option<QueryParamValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum QueryParamValue {
    #[prost(int32, tag = "2")]
    Null(i32),
    #[prost(bool, tag = "3")]
    Bool(bool),
    #[prost(uint64, tag = "4")]
    U64(u64),
    #[prost(int64, tag = "5")]
    I64(i64),
    #[prost(double, tag = "6")]
    F64(f64),
    #[prost(string, tag = "7")]
    String(String),
}

/// The values as messages, by name.
pub(super) fn messages(params: &Params) -> Vec<QueryParam> {
    let messages = params.iter().map(|(name, value)| QueryParam {
        name: name.to_owned(),
        value: Some(match value {
            ParamValue::Null => QueryParamValue::Null(0),
            ParamValue::Bool(value) => QueryParamValue::Bool(*value),
            ParamValue::I64(value) => QueryParamValue::I64(*value),
            ParamValue::U64(value) => QueryParamValue::U64(*value),
            ParamValue::F64(value) => QueryParamValue::F64(*value),
            ParamValue::String(text) => QueryParamValue::String(text.clone()),
        }),
    });
    messages.collect()
}

/// The values of messages. One without a value is null.
pub(super) fn params(messages: &[QueryParam]) -> Params {
    let values = messages.iter().map(|message| {
        let value = match &message.value {
            None | Some(QueryParamValue::Null(_)) => ParamValue::Null,
            Some(QueryParamValue::Bool(value)) => ParamValue::Bool(*value),
            Some(QueryParamValue::U64(value)) => ParamValue::U64(*value),
            Some(QueryParamValue::I64(value)) => ParamValue::I64(*value),
            Some(QueryParamValue::F64(value)) => ParamValue::F64(*value),
            Some(QueryParamValue::String(text)) => ParamValue::String(text.clone()),
        };
        (message.name.clone(), value)
    });
    values.collect()
}
