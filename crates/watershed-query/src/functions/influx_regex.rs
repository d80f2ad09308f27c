//! `influx_regex_match` and `influx_regex_not_match`: regular expressions as InfluxQL has them.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use regex::Regex;
use std::sync::Arc;
use watershed_influxql::translate_regex;

/// `influx_regex_match(text, pattern)` and its opposite: whether the pattern, in the syntax of Go without
/// slashes around it, matches somewhere in the text. Null if one of them is null.
///
/// # Errors
/// While running: a pattern that is none.
pub(super) fn all() -> Vec<Arc<ScalarUDF>> {
    let function = |name, wanted| Match {
        name,
        wanted,
        signature: Signature::user_defined(Volatility::Immutable),
    };
    [
        function("influx_regex_match", true),
        function("influx_regex_not_match", false),
    ]
    .into_iter()
    .map(|function| Arc::new(ScalarUDF::new_from_impl(function)))
    .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Match {
    name: &'static str,
    wanted: bool,
    signature: Signature,
}

impl ScalarUDFImpl for Match {
    fn name(&self) -> &str {
        self.name
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [text, pattern] = types else {
            return plan_err!("{} expects 2 arguments, got {}", self.name, types.len());
        };
        for data_type in [text, pattern] {
            if !is_text(data_type) {
                return plan_err!("{} requires texts, got {data_type}", self.name);
            }
        }
        // Tags stay as they are: each value is matched once, not once a row.
        let text = match text {
            DataType::Dictionary(key, value)
                if **key == DataType::Int32 && **value == DataType::Utf8 =>
            {
                text.clone()
            }
            _ => DataType::Utf8,
        };
        Ok(vec![text, DataType::Utf8])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [text, pattern] = args.args.as_slice() else {
            return internal_err!("{} has two arguments", self.name);
        };
        let matched = match pattern {
            ColumnarValue::Scalar(pattern) => {
                let Some(pattern) = pattern.try_as_str().flatten() else {
                    return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(None)));
                };
                let regex = compile(pattern)?;
                match text {
                    ColumnarValue::Scalar(text) => {
                        let text = text.try_as_str().flatten();
                        let found = text.map(|text| regex.is_match(text) == self.wanted);
                        return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(found)));
                    }
                    ColumnarValue::Array(texts) => self.by_one(texts, &regex)?,
                }
            }
            ColumnarValue::Array(patterns) => {
                let texts = text.to_array(args.number_rows)?;
                let texts = arrow::compute::cast(&texts, &DataType::Utf8)?;
                Arc::new(self.by_rows(texts.as_string(), patterns.as_string())?)
            }
        };
        Ok(ColumnarValue::Array(matched))
    }
}

impl Match {
    fn by_one(&self, texts: &ArrayRef, regex: &Regex) -> Result<ArrayRef> {
        if let Some(tags) = texts.as_dictionary_opt::<Int32Type>() {
            let matched = self.by_one(tags.values(), regex)?;
            return Ok(take(&matched, tags.keys(), None)?);
        }
        let Some(texts) = texts.as_string_opt::<i32>() else {
            return internal_err!("{} of {}", self.name, texts.data_type());
        };
        let matched = texts
            .iter()
            .map(|text| text.map(|text| regex.is_match(text) == self.wanted));
        Ok(Arc::new(matched.collect::<BooleanArray>()))
    }

    fn by_rows(&self, texts: &StringArray, patterns: &StringArray) -> Result<BooleanArray> {
        // The same pattern often stands in many rows that follow each other.
        let mut last: Option<(&str, Regex)> = None;
        let matched = texts.iter().zip(patterns).map(|(text, pattern)| {
            let (Some(text), Some(pattern)) = (text, pattern) else {
                return Ok(None);
            };
            let regex = match last.take() {
                Some((compiled, regex)) if compiled == pattern => regex,
                _ => compile(pattern)?,
            };
            let found = regex.is_match(text) == self.wanted;
            last = Some((pattern, regex));
            Ok(Some(found))
        });
        matched.collect()
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string() || other.is_null(),
    }
}

fn compile(pattern: &str) -> Result<Regex> {
    let translated = translate_regex(pattern).map_err(|error| exec_datafusion_err!("{error}"))?;
    Regex::new(&translated)
        .map_err(|error| exec_datafusion_err!("invalid regular expression '{pattern}': {error}"))
}

#[cfg(test)]
mod tests;
