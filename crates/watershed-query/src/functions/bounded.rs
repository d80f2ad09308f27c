//! Functions that make long texts of short ones, with a limit.
//!
//! What a function returns is not counted against the memory of its query, and of a short statement `repeat` would
//! make as many gigabytes as it is told.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// The most bytes that a function makes of one batch of rows.
const BYTES_MAX: i64 = 64 << 20;

/// How much is made of the arguments of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Length {
    /// The second argument is how often the first is there.
    Times,
    /// The second argument is the number of characters.
    Characters,
}

/// The functions of the state that are limited, under their own names.
pub(super) fn limited(state: &SessionState) -> Vec<Arc<ScalarUDF>> {
    let functions = [
        ("repeat", Length::Times),
        ("lpad", Length::Characters),
        ("rpad", Length::Characters),
    ];
    let known = functions.into_iter().filter_map(|(name, length)| {
        let inner = Arc::clone(state.scalar_functions().get(name)?);
        Some(Arc::new(ScalarUDF::new_from_impl(Limited {
            inner,
            length,
        })))
    });
    known.collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Limited {
    inner: Arc<ScalarUDF>,
    length: Length,
}

impl Limited {
    /// The bytes of all rows, at least.
    fn bytes(&self, args: &ScalarFunctionArgs) -> Result<i64> {
        let [text, number, ..] = args.args.as_slice() else {
            return Ok(0);
        };
        let rows = match (text, number) {
            (ColumnarValue::Scalar(_), ColumnarValue::Scalar(_)) => 1,
            _ => args.number_rows,
        };
        let numbers = cast(&number.to_array(rows)?, &DataType::Int64)?;
        let numbers = numbers.as_primitive::<Int64Type>();
        let lengths = match self.length {
            Length::Times => Some(cast(&length(&text.to_array(rows)?)?, &DataType::Int64)?),
            Length::Characters => None,
        };
        let lengths = lengths.as_ref().map(|all| all.as_primitive::<Int64Type>());
        let mut bytes = 0_i64;
        for row in 0..numbers.len() {
            let number = match numbers.is_valid(row) {
                true => numbers.value(row).max(0),
                false => 0,
            };
            let of_one = match lengths {
                Some(lengths) if lengths.is_valid(row) => lengths.value(row),
                Some(_) => 0,
                None => 1,
            };
            bytes = bytes.saturating_add(number.saturating_mul(of_one));
        }
        Ok(bytes)
    }
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
