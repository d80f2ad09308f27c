//! Aggregate functions that DataFusion has not, or not in this meaning: `mode` and `percentile`.
//!
//! Both need all values of a group at once; they are kept as the arrays they came in.

use arrow::array::make_comparator;
use arrow::array::{Array, ArrayRef, AsArray, ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{
    SortColumn, SortOptions, concat, filter, is_not_null, lexsort_to_indices, take,
};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility, lit,
};
use datafusion::physical_expr::expressions::Literal;
use std::cmp::Ordering;
use std::sync::Arc;

use super::types::time_data_type;

/// The value of nearest rank `n` percent; null when that rank is outside the values.
pub(super) fn percentile(value: Expr, n: f64) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    AggregateUDF::from(Percentile { signature }).call(vec![value, lit(n)])
}

/// The zero-based rank of the `n`th percentile among `count` values, if there is one.
pub(super) fn percentile_rank(count: usize, n: f64) -> Option<usize> {
    let rank = (count as f64 * n / 100.0 + 0.5).floor() - 1.0;
    (rank >= 0.0 && rank < count as f64).then_some(rank as usize)
}

/// The most frequent value; of several the one whose run among the values sorted by value and time says
/// so by the rule of InfluxDB 1.x.
pub(super) fn mode(value: Expr, time: Expr) -> Expr {
    let signature = Signature::any(2, Volatility::Immutable);
    AggregateUDF::from(Mode { signature }).call(vec![value, time])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    signature: Signature,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "influxql_percentile"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        first_type(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![list_field("values", args.return_field.data_type())])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let literal = args
            .exprs
            .get(1)
            .and_then(|expr| expr.downcast_ref::<Literal>());
        let Some(ScalarValue::Float64(Some(n))) = literal.map(Literal::value) else {
            return plan_err!("percentile needs a number as its second argument");
        };
        let kept = Kept::new(vec![args.return_field.data_type().clone()]);
        Ok(Box::new(PercentileAccumulator { kept, n: *n }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Mode {
    signature: Signature,
}

impl AggregateUDFImpl for Mode {
    fn name(&self) -> &str {
        "influxql_mode"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        first_type(arguments)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(vec![
            list_field("values", args.return_field.data_type()),
            list_field("times", &time_data_type()),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let types = vec![args.return_field.data_type().clone(), time_data_type()];
        Ok(Box::new(ModeAccumulator {
            kept: Kept::new(types),
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

fn first_type(arguments: &[DataType]) -> Result<DataType> {
    match arguments.first() {
        Some(first) => Ok(first.clone()),
        None => plan_err!("an aggregate without arguments"),
    }
}

fn list_field(name: &str, item: &DataType) -> FieldRef {
    Arc::new(Field::new_list(
        name,
        Field::new_list_field(item.clone(), true),
        true,
    ))
}

/// Some columns of a group, of which the first is never null.
#[derive(Debug)]
struct Kept {
    types: Vec<DataType>,
    columns: Vec<Vec<ArrayRef>>,
}

impl Kept {
    fn new(types: Vec<DataType>) -> Self {
        let columns = types.iter().map(|_| Vec::new()).collect();
        Self { types, columns }
    }

    /// Keeps the rows in which the first column is not null.
    fn push(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(first) = values.first() else {
            return internal_err!("an aggregate without input");
        };
        if first.null_count() == first.len() {
            return Ok(());
        }
        let valid = is_not_null(first)?;
        for (column, array) in self.columns.iter_mut().zip(values) {
            let kept = if first.null_count() == 0 {
                Arc::clone(array)
            } else {
                filter(array, &valid)?
            };
            column.push(kept);
        }
        Ok(())
    }

    /// The columns, each as one array.
    fn arrays(&self) -> Result<Vec<ArrayRef>> {
        let joined = self
            .columns
            .iter()
            .zip(&self.types)
            .map(|(chunks, data_type)| {
                let chunks: Vec<&dyn Array> = chunks.iter().map(AsRef::as_ref).collect();
                if chunks.is_empty() {
                    return Ok(new_empty_array(data_type));
                }
                Ok(concat(&chunks)?)
            });
        joined.collect()
    }

    fn state(&self) -> Result<Vec<ScalarValue>> {
        let lists = self.arrays()?.into_iter().map(|array| {
            let item = Arc::new(Field::new_list_field(array.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([array.len()]);
            Ok(ScalarValue::List(Arc::new(ListArray::try_new(
                item, offsets, array, None,
            )?)))
        });
        lists.collect()
    }

    fn merge(&mut self, states: &[ArrayRef]) -> Result<()> {
        let rows = states.first().map_or(0, |state| state.len());
        for row in 0..rows {
            let values: Vec<ArrayRef> = states
                .iter()
                .map(|state| state.as_list::<i32>().value(row))
                .collect();
            if values.first().is_some_and(|first| !first.is_empty()) {
                self.push(&values)?;
            }
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let arrays = self.columns.iter().flatten();
        size_of_val(self)
            + arrays
                .map(|array| array.get_array_memory_size())
                .sum::<usize>()
    }

    /// The columns sorted by all of them, the first one first.
    fn sorted(&self) -> Result<Vec<ArrayRef>> {
        let arrays = self.arrays()?;
        let options = Some(SortOptions {
            descending: false,
            nulls_first: true,
        });
        let by: Vec<SortColumn> = arrays
            .iter()
            .map(|array| SortColumn {
                values: Arc::clone(array),
                options,
            })
            .collect();
        let order = lexsort_to_indices(&by, None)?;
        let sorted = arrays.iter().map(|array| Ok(take(array, &order, None)?));
        sorted.collect()
    }
}

#[derive(Debug)]
struct PercentileAccumulator {
    kept: Kept,
    n: f64,
}

impl Accumulator for PercentileAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.kept.push(&values[..1])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sorted = self.kept.sorted()?;
        match percentile_rank(sorted[0].len(), self.n) {
            Some(rank) => ScalarValue::try_from_array(&sorted[0], rank),
            None => ScalarValue::try_from(sorted[0].data_type()),
        }
    }

    fn size(&self) -> usize {
        self.kept.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.kept.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.kept.merge(states)
    }
}

#[derive(Debug)]
struct ModeAccumulator {
    kept: Kept,
}

impl Accumulator for ModeAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.kept.push(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let sorted = self.kept.sorted()?;
        match most_frequent(&sorted[0], &sorted[1])? {
            Some(row) => ScalarValue::try_from_array(&sorted[0], row),
            None => ScalarValue::try_from(sorted[0].data_type()),
        }
    }

    fn size(&self) -> usize {
        self.kept.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.kept.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.kept.merge(states)
    }
}

/// The row of the mode among values sorted by value and time.
///
/// A run of equal values takes over at the element that makes it longer than the best so far, or as long
/// while the run began no later than the last element the best had counted. The first element of a run
/// is not tried, except that of the very first run.
fn most_frequent(values: &ArrayRef, times: &ArrayRef) -> Result<Option<usize>> {
    if values.is_empty() {
        return Ok(None);
    }
    let options = SortOptions::default();
    let same_value = make_comparator(values, values, options)?;
    let compare_times = make_comparator(times, times, options)?;
    let (mut best, mut best_length) = (0, 1);
    let mut run_start = 0;
    for row in 1..values.len() {
        if same_value(row, run_start) != Ordering::Equal {
            run_start = row;
            continue;
        }
        let length = row - run_start + 1;
        let later = compare_times(run_start, best) == Ordering::Greater;
        if length > best_length || (length == best_length && !later) {
            (best, best_length) = (row, length);
        }
    }
    Ok(Some(best))
}

#[cfg(test)]
mod tests;
