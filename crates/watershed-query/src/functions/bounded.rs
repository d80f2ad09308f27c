//! Functions that make much of little, with a limit.
//!
//! What a function returns is not counted against the memory of its query, and of a short statement `repeat` or `range`
//! would make as many gigabytes as they are told. How much it will be is known from the arguments ([`growth`]).

mod growth;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use growth::Growth;
use std::sync::Arc;

/// The most bytes that a function makes of one batch of rows.
const BYTES_MAX: u64 = 64 << 20;

/// The functions of the state that are limited, under their own names.
pub(super) fn limited(state: &SessionState) -> Vec<Arc<ScalarUDF>> {
    let functions = [
        ("repeat", Growth::Times),
        ("lpad", Growth::Characters),
        ("rpad", Growth::Characters),
        ("replace", Growth::Replaced),
        ("regexp_replace", Growth::ReplacedMatches),
        ("array_repeat", Growth::Items),
        ("array_resize", Growth::Resized),
        ("array_to_string", Growth::Joined),
        ("range", Growth::Steps),
        ("generate_series", Growth::Steps),
    ];
    let known = functions.into_iter().filter_map(|(name, growth)| {
        let inner = Arc::clone(state.scalar_functions().get(name)?);
        Some(Arc::new(ScalarUDF::new_from_impl(Limited {
            inner,
            growth,
        })))
    });
    known.collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Limited {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl Limited {
    /// The bytes of all rows, about; more than [`BYTES_MAX`] as soon as that is sure.
    fn bytes(&self, args: &ScalarFunctionArgs) -> Result<u64> {
        let all_constant = args
            .args
            .iter()
            .all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if all_constant { 1 } else { args.number_rows };
        // A constant is one row, which stands for all: it is not copied for each.
        let arrays = args.args.iter().map(|arg| match arg {
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
            ColumnarValue::Scalar(value) => value.to_array(),
        });
        let arrays: Vec<ArrayRef> = arrays.collect::<Result<_>>()?;
        let measure = self.growth.measure(self.name(), &arrays)?;
        let at_most = sum(rows, |row| measure.at_most(row))?;
        if at_most <= BYTES_MAX {
            return Ok(at_most);
        }
        sum(rows, |row| measure.bytes(row))
    }
}

/// The bytes of rows, as far as they are allowed.
fn sum(rows: usize, bytes: impl Fn(usize) -> Result<u64>) -> Result<u64> {
    let mut sum = 0_u64;
    for row in 0..rows {
        sum = sum.saturating_add(bytes(row)?);
        if sum > BYTES_MAX {
            break;
        }
    }
    Ok(sum)
}

impl ScalarUDFImpl for Limited {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = self.bytes(&args)?;
        if bytes > BYTES_MAX {
            return exec_err!(
                "{} would make {bytes} bytes or more of {} rows, the most is {BYTES_MAX}",
                self.name(),
                args.number_rows
            );
        }
        self.inner.invoke_with_args(args)
    }
}
