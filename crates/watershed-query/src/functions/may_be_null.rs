//! A value of which the planner shall believe that it may be null.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::LazyLock;

static FUNCTION: LazyLock<ScalarUDF> = LazyLock::new(|| {
    // A volatile one stays where it is: the value of a stable one over a constant would be put in its place.
    let signature = Signature::any(1, Volatility::Volatile);
    ScalarUDF::new_from_impl(MayBeNull { signature })
});

/// The value of an expression, which is nullable for whoever asks. Nobody can write it in a query.
pub(super) fn may_be_null(expr: Expr) -> Expr {
    FUNCTION.call(vec![expr])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct MayBeNull {
    signature: Signature,
}

impl ScalarUDFImpl for MayBeNull {
    fn name(&self) -> &str {
        "may_be_null"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args.swap_remove(0))
    }
}
