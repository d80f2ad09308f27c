//! `holt_winters`: what comes after the last bucket.
//!
//! The buckets are filled as the statement says, and as many empty ones are put behind them as there are
//! points to forecast ([`plan`](super::plan)). Over those rows a forecast is a function of the
//! whole group: it looks at the buckets with values and writes into those it is asked for.
//!
//! 1. [`holt_winters`] is the model.
//! 2. [`nelder_mead`] finds its parameters.

mod holt_winters;
mod nelder_mead;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, TimestampNanosecondType};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};
use std::sync::Arc;

/// The buckets a model is made of at most. The search runs through them some ten thousand times: a second
/// or two.
const BUCKETS_MAX: usize = 10_000;

/// A forecast with its constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Forecast {
    /// How many points behind the last value.
    pub(super) points: usize,
    /// How many points a season has; none below 2.
    pub(super) season: usize,
    /// The distance of buckets, in nanoseconds.
    pub(super) interval: i64,
    /// Whether the points up to the last value have results too, those of the model.
    pub(super) with_fit: bool,
}

impl Forecast {
    /// The forecast over the rows of a group. `order` is ascending by time.
    pub(super) fn over(
        self,
        value: Expr,
        time: Expr,
        groups: Vec<Expr>,
        order: Vec<Sort>,
    ) -> Result<Expr> {
        let signature = Signature::any(2, Volatility::Immutable);
        WindowUDF::from(Function {
            forecast: self,
            signature,
        })
        .call(vec![value, time])
        .partition_by(groups)
        .order_by(order)
        .build()
    }

    /// The results for rows at ascending times. A row belongs to the nearest of the points that begin at the
    /// first value and are an interval apart, so that a change of the clocks does not matter.
    fn evaluate(&self, values: &Float64Array, times: &[i64]) -> Result<Float64Array> {
        let nothing = || Float64Array::new_null(values.len());
        let Some(first) = (0..values.len()).find(|row| values.is_valid(*row)) else {
            return Ok(nothing());
        };
        let place = |time: i64| {
            let distance = usize::try_from(time.checked_sub(times[first])?).ok()?;
            let interval = usize::try_from(self.interval).ok()?;
            let rest = distance.checked_rem(interval)?;
            Some(distance / interval + usize::from(rest > interval / 2))
        };
        let mut known: Vec<f64> = Vec::new();
        for (value, time) in values.iter().zip(times).skip(first) {
            let (Some(value), Some(place)) = (value, place(*time)) else {
                continue;
            };
            if place >= BUCKETS_MAX {
                return exec_err!(
                    "holt_winters takes at most {BUCKETS_MAX} buckets: use longer ones or a shorter range"
                );
            }
            if place >= known.len() {
                known.resize(place, f64::NAN);
                known.push(value);
            }
        }
        let Some(forecast) = holt_winters::forecast(&known, self.season, self.points) else {
            return Ok(nothing());
        };
        let shown_from = if self.with_fit { 0 } else { known.len() };
        let results = times.iter().map(|time| {
            let place = place(*time).filter(|place| *place >= shown_from)?;
            let result = forecast.get(place).copied();
            result.filter(|result| result.is_finite())
        });
        Ok(results.collect())
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    forecast: Forecast,
    signature: Signature,
}

impl WindowUDFImpl for Function {
    fn name(&self) -> &str {
        match self.forecast.with_fit {
            true => "holt_winters_with_fit",
            false => "holt_winters",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn field(&self, args: WindowUDFFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Float64, true)))
    }

    fn partition_evaluator(
        &self,
        _: PartitionEvaluatorArgs,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Evaluator(self.forecast)))
    }
}

#[derive(Debug)]
struct Evaluator(Forecast);

impl PartitionEvaluator for Evaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let [values, times, ..] = values else {
            return internal_err!("a forecast without arguments");
        };
        let values = cast(values, &DataType::Float64)?;
        let times = times.as_primitive::<TimestampNanosecondType>();
        let results = self
            .0
            .evaluate(values.as_primitive::<Float64Type>(), times.values())?;
        Ok(Arc::new(results))
    }
}

#[cfg(test)]
mod tests;
