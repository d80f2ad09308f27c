//! Values for the placeholders of a query.

use datafusion::common::ParamValues;
use datafusion::scalar::ScalarValue;
use std::collections::BTreeMap;

/// A value a placeholder can stand for.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A float.
    F64(f64),
    /// A text.
    String(String),
}

impl From<&ParamValue> for ScalarValue {
    fn from(value: &ParamValue) -> Self {
        match value {
            ParamValue::Null => Self::Null,
            ParamValue::Bool(v) => Self::Boolean(Some(*v)),
            ParamValue::I64(v) => Self::Int64(Some(*v)),
            ParamValue::U64(v) => Self::UInt64(Some(*v)),
            ParamValue::F64(v) => Self::Float64(Some(*v)),
            ParamValue::String(v) => Self::Utf8(Some(v.clone())),
        }
    }
}

/// Values by the name of their placeholder, without its `$`. Positional placeholders are named by their
/// number: `$1` is `1`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(BTreeMap<String, ParamValue>);

impl Params {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Values for `$1`, `$2` and so on.
    pub fn positional(values: impl IntoIterator<Item = ParamValue>) -> Self {
        let named = values
            .into_iter()
            .enumerate()
            .map(|(i, v)| ((i + 1).to_string(), v));
        Self(named.collect())
    }

    /// Sets the value of `$name`.
    pub fn insert(&mut self, name: impl Into<String>, value: ParamValue) {
        self.0.insert(name.into(), value);
    }

    /// The value of `$name`.
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.0.get(name)
    }

    /// All values by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ParamValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As DataFusion takes them.
    pub(crate) fn to_datafusion(&self) -> ParamValues {
        let named: Vec<(String, ScalarValue)> = self
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value.into()))
            .collect();
        named.into()
    }
}

impl FromIterator<(String, ParamValue)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, ParamValue)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}
