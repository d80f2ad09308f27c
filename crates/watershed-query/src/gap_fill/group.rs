//! Fills the gaps of one group.

use super::{Fill, Spec};
use arrow::array::{
    Array, ArrayRef, AsArray, PrimitiveArray, RecordBatch, StructArray, TimestampNanosecondArray,
    UInt32Array,
};
use arrow::compute::kernels::zip::zip;
use arrow::compute::{is_not_null, take};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float64Type, Int64Type, SchemaRef,
    TimestampNanosecondType, UInt64Type,
};
use datafusion::common::{Result, internal_err};
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

/// The member of a selector's struct that is interpolated.
const VALUE_MEMBER: &str = "value";

/// Whether [`Fill::Linear`] can be computed for the type.
pub(super) fn is_interpolated(data_type: &DataType) -> bool {
    match data_type {
        DataType::Int64 | DataType::UInt64 | DataType::Float64 => true,
        DataType::Struct(members) => members
            .iter()
            .any(|m| m.name() == VALUE_MEMBER && is_interpolated(m.data_type())),
        _ => false,
    }
}

/// How far a time is on the way from one row to another.
#[derive(Debug, Clone, Copy)]
struct Part {
    done: i128,
    whole: i128,
}

impl Part {
    fn float(self) -> f64 {
        self.done as f64 / self.whole as f64
    }

    /// The point so far on the way from one integer to another, truncated toward zero: exactly, unless numbers
    /// and times together have more than 127 bits.
    fn truncated(self, from: i128, to: i128) -> i128 {
        let exact = || {
            let rise = (to - from).checked_mul(self.done)?;
            Some(from.checked_mul(self.whole)?.checked_add(rise)? / self.whole)
        };
        exact().unwrap_or_else(|| from + ((to - from) as f64 * self.float()) as i128)
    }
}

/// One group: its rows, and how far they have come out.
pub(super) struct Filling {
    spec: Arc<Spec>,
    schema: SchemaRef,
    rows: RecordBatch,
    times: TimestampNanosecondArray,
    /// The rows before it are out.
    next_row: usize,
    /// The start of the next bucket; `None` behind the last.
    next_start: Option<i64>,
    last_start: i64,
}

/// A row that comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// Which row of the input; `None` for an inserted one.
    row: Option<u32>,
    /// The start of the bucket; `None` for a row that has none.
    time: Option<i64>,
}

/// Rows that come out together.
struct Chunk {
    slots: Vec<Slot>,
    /// The rows of the input before the chunk are `0..first_row`, those after it `end_row..`.
    first_row: usize,
    end_row: usize,
}

impl Filling {
    /// Lays the rows of a group (one or more, in the order of time) over the grid.
    pub(super) fn new(spec: Arc<Spec>, schema: SchemaRef, rows: RecordBatch) -> Result<Self> {
        let Some(times) = rows
            .column(spec.time)
            .as_primitive_opt::<TimestampNanosecondType>()
        else {
            return internal_err!("the time of a gap-filled query is no timestamp");
        };
        let times = times.clone();
        let mut timed = (0..times.len())
            .filter(|at| times.is_valid(*at))
            .map(|at| times.value(at));
        // Without any time there is no place on the grid.
        let (next_start, last_start) = match timed.next() {
            Some(first) => {
                let last = timed.next_back().unwrap_or(first);
                let (first, last) = spec.grid.ends(first, last);
                (Some(first).filter(|first| *first <= last), last)
            }
            None => (None, i64::MIN),
        };
        Ok(Self {
            spec,
            schema,
            rows,
            times,
            next_row: 0,
            next_start,
            last_start,
        })
    }

    /// How many buckets there are to come.
    pub(super) fn buckets(&self) -> u64 {
        let first = self.next_start;
        first.map_or(0, |first| self.spec.grid.buckets(first, self.last_start))
    }

    /// The next rows, at most `rows_max`; `None` when all have come.
    pub(super) fn next(&mut self, rows_max: usize) -> Option<Result<RecordBatch>> {
        let first_row = self.next_row;
        let mut slots = Vec::new();
        while slots.len() < rows_max {
            match self.next_slot() {
                Some(slot) => slots.push(slot),
                None => break,
            }
        }
        if slots.is_empty() {
            return None;
        }
        Some(self.batch(&Chunk {
            slots,
            first_row,
            end_row: self.next_row,
        }))
    }

    /// What comes out next: the rows of the input where their times are, and between them the buckets
    /// that have none. Rows without time keep their place, which is at one of the ends.
    fn next_slot(&mut self) -> Option<Slot> {
        let at = self.next_row;
        let row =
            (at < self.times.len()).then(|| self.times.is_valid(at).then(|| self.times.value(at)));
        let Some(start) = self.next_start else {
            let time = row?;
            self.next_row += 1;
            return Some(Slot {
                row: u32::try_from(at).ok(),
                time,
            });
        };
        match row {
            // Sorted before every time, or not on the grid and before the next bucket.
            Some(time) if self.precedes(at, time, start) => {
                self.next_row += 1;
                Some(Slot {
                    row: u32::try_from(at).ok(),
                    time,
                })
            }
            Some(Some(time)) if time == start => {
                self.next_row += 1;
                self.advance(start);
                Some(Slot {
                    row: u32::try_from(at).ok(),
                    time: Some(time),
                })
            }
            _ => {
                self.advance(start);
                Some(Slot {
                    row: None,
                    time: Some(start),
                })
            }
        }
    }

    /// Whether the row stands before the bucket. Rows without time stand before all buckets when a row
    /// with a time follows them, and else after all.
    fn precedes(&self, at: usize, time: Option<i64>, start: i64) -> bool {
        match time {
            Some(time) => time < start,
            None => (at + 1..self.times.len()).any(|after| self.times.is_valid(after)),
        }
    }

    fn advance(&mut self, start: i64) {
        let next = self.spec.grid.step.next(start);
        self.next_start = next.filter(|next| *next <= self.last_start);
    }

    fn batch(&self, chunk: &Chunk) -> Result<RecordBatch> {
        let columns = (0..self.rows.num_columns()).map(|at| self.column(at, chunk));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn column(&self, at: usize, chunk: &Chunk) -> Result<ArrayRef> {
        let values = self.rows.column(at);
        let slots = &chunk.slots;
        if at == self.spec.time {
            let times = slots
                .iter()
                .map(|slot| slot.time)
                .collect::<TimestampNanosecondArray>();
            return Ok(Arc::new(times.with_data_type(values.data_type().clone())));
        }
        if self.spec.is_of_group(at) {
            // Every row of a group has the same values here.
            let first = slots.iter().map(|_| 0_u32).collect::<UInt32Array>();
            return Ok(take(values, &first, None)?);
        }
        let present = slots.iter().map(|slot| slot.row).collect::<UInt32Array>();
        match self.spec.fill(at) {
            Fill::Null => Ok(take(values, &present, None)?),
            Fill::Value(value) => or_value(&take(values, &present, None)?, value),
            Fill::Previous => self.previous(values, chunk),
            Fill::Linear => self.linear(values, chunk),
        }
    }

    fn previous(&self, values: &ArrayRef, chunk: &Chunk) -> Result<ArrayRef> {
        let latest: UInt32Array = Self::before(values, chunk).into_iter().collect();
        Ok(take(values, &latest, None)?)
    }

    /// For each row of the chunk, the row of the input with the latest value up to there.
    fn before(values: &ArrayRef, chunk: &Chunk) -> Vec<Option<u32>> {
        let has_value = |row: &u32| !values.is_null(*row as usize);
        let mut latest = (0..chunk.first_row as u32).rev().find(has_value);
        let mut found = Vec::with_capacity(chunk.slots.len());
        for slot in &chunk.slots {
            latest = slot.row.filter(has_value).or(latest);
            found.push(latest);
        }
        found
    }

    /// For each row of the chunk, the row of the input with the first value from there on.
    fn after(values: &ArrayRef, chunk: &Chunk) -> Vec<Option<u32>> {
        let has_value = |row: &u32| !values.is_null(*row as usize);
        let mut next = (chunk.end_row as u32..values.len() as u32).find(has_value);
        let mut found = Vec::with_capacity(chunk.slots.len());
        for slot in chunk.slots.iter().rev() {
            next = slot.row.filter(has_value).or(next);
            found.push(next);
        }
        found.reverse();
        found
    }

    fn linear(&self, values: &ArrayRef, chunk: &Chunk) -> Result<ArrayRef> {
        match values.data_type() {
            DataType::Float64 => self.line::<Float64Type>(values, chunk, |from, to, part| {
                from + (to - from) * part.float()
            }),
            // The difference may not fit into the type, and a float does not hold all of it.
            DataType::Int64 => self.line::<Int64Type>(values, chunk, |from, to, part| {
                part.truncated(from.into(), to.into()) as i64
            }),
            DataType::UInt64 => self.line::<UInt64Type>(values, chunk, |from, to, part| {
                part.truncated(from.into(), to.into()) as u64
            }),
            DataType::Struct(_) => self.line_of_member(values, chunk),
            other => internal_err!("unsupported data type {other} for interpolation gap filling"),
        }
    }

    /// Each null between two values becomes a point between them; `part` is how far it is along.
    fn line<T: ArrowPrimitiveType>(
        &self,
        values: &ArrayRef,
        chunk: &Chunk,
        point: impl Fn(T::Native, T::Native, Part) -> T::Native,
    ) -> Result<ArrayRef> {
        let typed = values.as_primitive::<T>();
        let (before, after) = (Self::before(values, chunk), Self::after(values, chunk));
        let ends = before.into_iter().zip(after).zip(&chunk.slots);
        let filled: PrimitiveArray<T> = ends
            .map(|((before, after), slot)| {
                let (before, after) = (before? as usize, after? as usize);
                if before == after {
                    return Some(typed.value(before));
                }
                let part = self.part(before, after, slot.time?)?;
                Some(point(typed.value(before), typed.value(after), part))
            })
            .collect();
        Ok(Arc::new(filled))
    }

    /// How far the time is on the way from one row to another.
    fn part(&self, before: usize, after: usize, time: i64) -> Option<Part> {
        if self.times.is_null(before) || self.times.is_null(after) {
            return None;
        }
        let (from, to) = (
            i128::from(self.times.value(before)),
            i128::from(self.times.value(after)),
        );
        Some(Part {
            done: i128::from(time) - from,
            whole: to - from,
        })
    }

    /// What a selector gives: its value is interpolated, its time and the rest can't be.
    fn line_of_member(&self, values: &ArrayRef, chunk: &Chunk) -> Result<ArrayRef> {
        let of = values.as_struct();
        let present: UInt32Array = chunk.slots.iter().map(|slot| slot.row).collect();
        let members = of.fields().iter().zip(of.columns()).map(|(field, member)| {
            let filled = if field.name() == VALUE_MEMBER {
                self.linear(member, chunk)?
            } else {
                take(member, &present, None)?
            };
            let field = Field::clone(field).with_nullable(true);
            Ok((Arc::new(field), filled))
        });
        let members = members.collect::<Result<Vec<_>>>()?;
        let (fields, columns): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let filled = StructArray::try_new(fields.into(), columns, None)?;
        Ok(arrow::compute::cast(&filled, values.data_type())?)
    }
}

/// The values, with `value` where there is none.
fn or_value(values: &ArrayRef, value: &ScalarValue) -> Result<ArrayRef> {
    if values.null_count() == 0 || value.is_null() {
        return Ok(Arc::clone(values));
    }
    Ok(zip(&is_not_null(values)?, values, &value.to_scalar()?)?)
}

#[cfg(test)]
mod tests;
