//! The order by which `sample` chooses: the rows that come first in it are a random choice of all rows.
//!
//! Each row has a key, made of a seed and of what is in the row, so that it does not matter in what order or
//! in how many parts the rows are read. Rows with the least keys are a sample without replacement.

use arrow::array::{ArrayRef, UInt64Array};
use arrow::datatypes::DataType;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// The key of a row with those columns. Another seed gives another order; rows that are equal in all
/// columns have the same key.
pub(super) fn random_key(seed: u64, columns: Vec<Expr>) -> Expr {
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::from(RandomKey { seed, signature }).call(columns)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct RandomKey {
    seed: u64,
    signature: Signature,
}

impl ScalarUDFImpl for RandomKey {
    fn name(&self) -> &str {
        "influxql_random_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if args.args.is_empty() {
            return internal_err!("a random key of no columns");
        }
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        Ok(ColumnarValue::Array(Arc::new(keys(self.seed, &columns)?)))
    }
}

fn keys(seed: u64, columns: &[ArrayRef]) -> Result<UInt64Array> {
    let rows = columns.first().map_or(0, |column| column.len());
    let mut keys = vec![0; rows];
    create_hashes(columns, &QualityRandomState::with_seed(seed), &mut keys)?;
    Ok(UInt64Array::from(keys))
}

#[cfg(test)]
mod tests;
