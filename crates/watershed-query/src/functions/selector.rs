//! Selectors: the value, the time and whatever else of one row of a group.

use arrow::array::{Array, ArrayRef, StructArray, make_comparator};
use arrow::buffer::NullBuffer;
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use datafusion::common::{Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Signature, Volatility,
};
use std::cmp::Ordering;
use std::sync::Arc;

/// Which row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Choice {
    First,
    Last,
    Min,
    Max,
}

/// `selector_first(value, time[, other…])`: the row with the first time. The result is a struct
/// `{value, time[, other_1…]}`; rows without value or time don't count, and without any row all members
/// are null.
pub(crate) fn selector_first() -> Arc<AggregateUDF> {
    selector(Choice::First)
}

/// The row with the last time; else as [`selector_first`].
pub(crate) fn selector_last() -> Arc<AggregateUDF> {
    selector(Choice::Last)
}

/// The row with the smallest value, the earliest of those; else as [`selector_first`].
pub(crate) fn selector_min() -> Arc<AggregateUDF> {
    selector(Choice::Min)
}

/// The row with the largest value, the earliest of those; else as [`selector_first`].
pub(crate) fn selector_max() -> Arc<AggregateUDF> {
    selector(Choice::Max)
}

fn selector(choice: Choice) -> Arc<AggregateUDF> {
    let signature = Signature::variadic_any(Volatility::Immutable);
    Arc::new(AggregateUDF::new_from_impl(Selector { choice, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Selector {
    choice: Choice,
    signature: Signature,
}

impl AggregateUDFImpl for Selector {
    fn name(&self) -> &str {
        match self.choice {
            Choice::First => "selector_first",
            Choice::Last => "selector_last",
            Choice::Min => "selector_min",
            Choice::Max => "selector_max",
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        super::documents::of(self.name())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [_, time, ..] = types else {
            return plan_err!(
                "{} requires at least 2 arguments, got {}",
                self.name(),
                types.len()
            );
        };
        if !matches!(time, DataType::Timestamp(TimeUnit::Nanosecond, _)) {
            return plan_err!(
                "{} second argument must be a timestamp, but got {time}",
                self.name()
            );
        }
        Ok(DataType::Struct(members(types)))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let DataType::Struct(members) = args.return_field.data_type() else {
            return internal_err!("a selector gives a struct");
        };
        Ok(Box::new(Chosen {
            choice: self.choice,
            members: members.clone(),
            row: None,
        }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let DataType::Struct(members) = args.return_field.data_type() else {
            return internal_err!("a selector gives a struct");
        };
        let named = |member: &FieldRef| {
            let name = format!("{}[{}]", args.name, member.name());
            Arc::new(Field::clone(member).with_name(name))
        };
        Ok(members.iter().map(named).collect())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }
}

/// `value`, `time`, `other_1` and so on.
fn members(types: &[DataType]) -> Fields {
    let name = |at: usize| match at {
        0 => "value".to_owned(),
        1 => "time".to_owned(),
        other => format!("other_{}", other - 1),
    };
    let typed = types.iter().enumerate();
    typed
        .map(|(at, data_type)| Field::new(name(at), data_type.clone(), true))
        .collect()
}

/// The row chosen so far. Its state is the row itself, so that merging is choosing among rows.
#[derive(Debug)]
struct Chosen {
    choice: Choice,
    members: Fields,
    row: Option<Vec<ScalarValue>>,
}

impl Chosen {
    fn nulls(&self) -> Result<Vec<ScalarValue>> {
        self.members
            .iter()
            .map(|member| ScalarValue::try_from(member.data_type()))
            .collect()
    }

    fn members_or_null(&self) -> Result<Vec<ScalarValue>> {
        match &self.row {
            Some(row) => Ok(row.clone()),
            None => self.nulls(),
        }
    }

    /// Whether a row is chosen over one that came before it.
    fn wins(&self, by_value: impl Fn() -> Ordering, by_time: impl Fn() -> Ordering) -> bool {
        match self.choice {
            Choice::First => by_time().is_lt(),
            Choice::Last => by_time().is_gt(),
            Choice::Min => by_value().then_with(by_time).is_lt(),
            Choice::Max => by_value().reverse().then_with(by_time).is_lt(),
        }
    }

    /// The chosen one among the rows of the columns.
    fn best(&self, columns: &[ArrayRef]) -> Result<Option<usize>> {
        let [value, time, ..] = columns else {
            return internal_err!("a selector has two arguments");
        };
        let ascending = SortOptions::default();
        let by_value = make_comparator(value, value, ascending)?;
        let by_time = make_comparator(time, time, ascending)?;
        let nulls = NullBuffer::union(
            value.logical_nulls().as_ref(),
            time.logical_nulls().as_ref(),
        );
        let mut best: Option<usize> = None;
        for row in 0..value.len() {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                continue;
            }
            let chosen = match best {
                None => true,
                Some(best) => self.wins(|| by_value(row, best), || by_time(row, best)),
            };
            if chosen {
                best = Some(row);
            }
        }
        Ok(best)
    }
}

impl Accumulator for Chosen {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let Some(best) = self.best(columns)? else {
            return Ok(());
        };
        let scalars = columns
            .iter()
            .map(|column| ScalarValue::try_from_array(column, best));
        let new = scalars.collect::<Result<Vec<_>>>()?;
        let chosen = match &self.row {
            None => true,
            Some(old) => {
                let order = |at: usize| new[at].partial_cmp(&old[at]).unwrap_or(Ordering::Equal);
                self.wins(|| order(0), || order(1))
            }
        };
        if chosen {
            self.row = Some(new);
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.members_or_null()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let row = self.members_or_null()?;
        let columns = row
            .iter()
            .map(ScalarValue::to_array)
            .collect::<Result<Vec<_>>>()?;
        let row = StructArray::try_new(self.members.clone(), columns, None)?;
        Ok(ScalarValue::Struct(Arc::new(row)))
    }

    fn size(&self) -> usize {
        let row = self
            .row
            .iter()
            .flatten()
            .map(ScalarValue::size)
            .sum::<usize>();
        size_of_val(self) + row
    }
}
