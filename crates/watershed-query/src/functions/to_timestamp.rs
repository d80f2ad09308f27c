//! `to_timestamp`, with numbers as nanoseconds.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::config::ConfigOptions;
use datafusion::functions::datetime::to_timestamp_nanos;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// `to_timestamp(x[, format…])`: a text as DataFusion reads it, a number as nanoseconds since 1970
/// (DataFusion's own takes it for seconds). The result is a timestamp in nanoseconds without zone.
pub(super) fn to_timestamp() -> Arc<ScalarUDF> {
    let nanos = to_timestamp_nanos(&ConfigOptions::new());
    Arc::new(ScalarUDF::new_from_impl(ToTimestamp { nanos }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToTimestamp {
    nanos: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for ToTimestamp {
    fn name(&self) -> &str {
        "to_timestamp"
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        self.nanos.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.nanos.return_type(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.nanos.invoke_with_args(args)
    }
}
