//! Functions that have no body: they mark what [`gap_fill`](crate::gap_fill) rewrites.

use super::date_bin_wallclock::bin_argument_types;
use arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use std::sync::Arc;

/// Buckets of UTC.
pub(crate) const DATE_BIN_GAPFILL: &str = "date_bin_gapfill";
/// Buckets on a wall clock.
pub(crate) const DATE_BIN_WALLCLOCK_GAPFILL: &str = "date_bin_wallclock_gapfill";
/// The last value goes on.
pub(crate) const LOCF: &str = "locf";
/// Points on a line.
pub(crate) const INTERPOLATE: &str = "interpolate";

/// All of them.
pub(crate) fn all() -> Vec<Arc<ScalarUDF>> {
    let names = [
        DATE_BIN_GAPFILL,
        DATE_BIN_WALLCLOCK_GAPFILL,
        LOCF,
        INTERPOLATE,
    ];
    // Volatile, so that no optimizer computes or moves one.
    let marker = |name| Marker {
        name,
        signature: Signature::user_defined(Volatility::Volatile),
    };
    names
        .into_iter()
        .map(|name| Arc::new(ScalarUDF::new_from_impl(marker(name))))
        .collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Marker {
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
        let name = self.name.to_uppercase();
        match (self.name, types) {
            (LOCF | INTERPOLATE, [value]) => Ok(vec![value.clone()]),
            (LOCF | INTERPOLATE, _) => plan_err!("{name} expects 1 argument, got {}", types.len()),
            _ => bin_argument_types(&name, types),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match (self.name, types) {
            (LOCF | INTERPOLATE, [value]) => Ok(value.clone()),
            (_, [_, time, ..]) => Ok(time.clone()),
            _ => internal_err!("{} has too few arguments", self.name),
        }
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match self.name {
            LOCF | INTERPOLATE => plan_err!(
                "{} may only be used in the SELECT list of a gap-filling query",
                self.name
            ),
            _ => plan_err!("{} may only be used as a GROUP BY expression", self.name),
        }
    }
}
