//! How much a function makes of its arguments.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNanoType, TimeUnit, TimestampNanosecondType,
};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use regex::Regex;
use std::cell::RefCell;

/// The bytes of an item of a list of numbers or times, and of an index.
const ITEM_BYTES: u64 = 8;

/// The most bytes of a number or a time as text.
const NUMBER_BYTES: u64 = 40;

const DAY_NANOS: i128 = 86_400_000_000_000;

/// What decides how much is made of the arguments of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// The second argument is how often the first is there.
    Times,
    /// The second argument is how many items of a list the first becomes.
    Items,
    /// The second argument is the number of characters.
    Characters,
    /// The third argument replaces the second wherever it is in the first.
    Replaced,
    /// The third argument replaces what matches the second in the first; the fourth has flags.
    ReplacedMatches,
    /// The second argument is the number of items, the third what new ones are.
    Resized,
    /// The items of the first argument with the second between them, and the third for null.
    Joined,
    /// From the first argument to the second in steps of the third.
    Steps,
}

/// The arguments of a batch, read. An argument of one row stands for all rows.
pub(super) struct Measure<'a> {
    growth: Growth,
    name: &'a str,
    arrays: &'a [ArrayRef],
    texts: Vec<Option<StringArray>>,
    numbers: Vec<Option<Int64Array>>,
    /// The pattern of the row before, which is mostly that of all.
    last_pattern: RefCell<Option<(String, Option<Regex>)>>,
}

impl Growth {
    /// # Errors
    /// An argument that is not of the type its function takes.
    pub(super) fn measure<'a>(self, name: &'a str, arrays: &'a [ArrayRef]) -> Result<Measure<'a>> {
        let wants_text = |at: usize| match self {
            Self::Replaced => at < 3,
            Self::ReplacedMatches => at < 4,
            Self::Joined => at == 1 || at == 2,
            _ => false,
        };
        let wants_number = |at: usize, array: &ArrayRef| match self {
            Self::Times | Self::Items | Self::Characters | Self::Resized => at == 1,
            Self::Steps => array.data_type().is_integer(),
            _ => false,
        };
        let mut texts = Vec::with_capacity(arrays.len());
        let mut numbers = Vec::with_capacity(arrays.len());
        for (at, array) in arrays.iter().enumerate() {
            let as_type = |wanted: &DataType| cast(array, wanted);
            texts.push(match wants_text(at) {
                true => Some(as_type(&DataType::Utf8)?.as_string::<i32>().clone()),
                false => None,
            });
            numbers.push(match wants_number(at, array) {
                true => Some(
                    as_type(&DataType::Int64)?
                        .as_primitive::<Int64Type>()
                        .clone(),
                ),
                false => None,
            });
        }
        Ok(Measure {
            growth: self,
            name,
            arrays,
            texts,
            numbers,
            last_pattern: RefCell::new(None),
        })
    }
}

impl Measure<'_> {
    /// The bytes that are made of a row, about. None of a row with null.
    ///
    /// # Errors
    /// What a function would not find out before it has no end.
    pub(super) fn bytes(&self, row: usize) -> Result<u64> {
        Ok(match self.growth {
            Growth::Times => self.count(1, row).saturating_mul(self.size(0, row)),
            Growth::Items => {
                let one = self.size(0, row).saturating_add(ITEM_BYTES);
                self.count(1, row).saturating_mul(one)
            }
            Growth::Characters => self.count(1, row),
            Growth::Replaced => self.replaced(row),
            Growth::ReplacedMatches => self.replaced_matches(row),
            Growth::Resized => {
                if self.number(1, row).is_some_and(|size| size < 0) {
                    return exec_err!("{} expects a size of 0 or more", self.name);
                }
                let items = self.count(1, row);
                items.saturating_mul(ITEM_BYTES.saturating_add(self.size(2, row)))
            }
            Growth::Joined => self.joined(row),
            Growth::Steps => self.steps(row)?.saturating_mul(ITEM_BYTES),
        })
    }

    fn number(&self, at: usize, row: usize) -> Option<i64> {
        let numbers = self.numbers.get(at)?.as_ref()?;
        let row = place(numbers, row);
        (row < numbers.len() && numbers.is_valid(row)).then(|| numbers.value(row))
    }

    /// A number that is one of items; less than none is none.
    fn count(&self, at: usize, row: usize) -> u64 {
        let number = self.number(at, row).unwrap_or_default();
        u64::try_from(number).unwrap_or_default()
    }

    fn text(&self, at: usize, row: usize) -> Option<&str> {
        let texts = self.texts.get(at)?.as_ref()?;
        let row = place(texts, row);
        (row < texts.len() && texts.is_valid(row)).then(|| texts.value(row))
    }

    /// The bytes of the value in a row.
    fn size(&self, at: usize, row: usize) -> u64 {
        let Some(array) = self.arrays.get(at) else {
            return 0;
        };
        let row = place(array, row);
        if row >= array.len() {
            return 0;
        }
        match array.data_type() {
            DataType::Utf8 if array.is_valid(row) => bytes(array.as_string::<i32>().value(row)),
            DataType::LargeUtf8 if array.is_valid(row) => {
                bytes(array.as_string::<i64>().value(row))
            }
            DataType::Utf8View if array.is_valid(row) => bytes(array.as_string_view().value(row)),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => 0,
            _ => {
                let value = array.slice(row, 1);
                let size = value.to_data().get_slice_memory_size();
                let size = size.unwrap_or_else(|_| value.get_array_memory_size());
                size as u64
            }
        }
    }

    /// No less than [`bytes`](Self::bytes) gives, and cheap: without looking for what is replaced.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub(super) fn at_most(&self, row: usize) -> Result<u64> {
        let length = self.text(0, row).map_or(0, bytes);
        let one = self.text(2, row).map_or(0, bytes);
        Ok(match self.growth {
            Growth::Replaced => (length + 1).saturating_mul(one).saturating_add(length),
            Growth::ReplacedMatches => {
                let found = if self.is_global(row) { length + 1 } else { 1 };
                let groups = self.groups(row).saturating_mul(length);
                found.saturating_mul(one).saturating_add(groups)
            }
            _ => self.bytes(row)?,
        })
    }

    fn replaced(&self, row: usize) -> u64 {
        let (Some(text), Some(from), Some(to)) =
            (self.text(0, row), self.text(1, row), self.text(2, row))
        else {
            return 0;
        };
        let found = match from.is_empty() {
            true => text.chars().count() + 1,
            false => text.matches(from).count(),
        };
        bytes(text).saturating_add((found as u64).saturating_mul(bytes(to)))
    }

    fn replaced_matches(&self, row: usize) -> u64 {
        let (Some(text), Some(pattern), Some(to)) =
            (self.text(0, row), self.text(1, row), self.text(2, row))
        else {
            return 0;
        };
        let found = match self.is_global(row) {
            true => self.matches(text, pattern, row),
            false => 1,
        };
        let groups = self.groups(row).saturating_mul(bytes(text));
        groups.saturating_add(found.saturating_mul(bytes(to)))
    }

    fn is_global(&self, row: usize) -> bool {
        self.text(3, row).is_some_and(|flags| flags.contains('g'))
    }

    /// How often the text may be there beside what replaces: once by itself, and once for each group that is named. All
    /// that one group stands for is no more than the text.
    fn groups(&self, row: usize) -> u64 {
        let to = self.text(2, row).unwrap_or_default();
        let named = to.bytes().filter(|byte| matches!(byte, b'\\' | b'$'));
        named.count() as u64 + 1
    }

    /// How often a pattern is found. Never, if it is none: the function says so itself.
    fn matches(&self, text: &str, pattern: &str, row: usize) -> u64 {
        let flags = self.text(3, row).unwrap_or_default();
        let flags: String = flags.chars().filter(|flag| *flag != 'g').collect();
        let pattern = match flags.is_empty() {
            true => pattern.to_owned(),
            false => format!("(?{flags}){pattern}"),
        };
        let mut last = self.last_pattern.borrow_mut();
        let known = last.take().filter(|(known, _)| *known == pattern);
        let (_, compiled) = last.insert(known.unwrap_or_else(|| {
            let compiled = Regex::new(&pattern).ok();
            (pattern, compiled)
        }));
        let found = compiled.as_ref().map(|regex| regex.find_iter(text).count());
        found.unwrap_or_default() as u64
    }

    fn joined(&self, row: usize) -> u64 {
        let Some(list) = self.arrays.first() else {
            return 0;
        };
        let row_of_list = place(list, row);
        if row_of_list >= list.len() {
            return 0;
        }
        let between = self.text(1, row).map_or(0, bytes);
        let for_null = self.text(2, row).map_or(0, bytes);
        let each = between + for_null.max(NUMBER_BYTES);
        let items = items(&list.slice(row_of_list, 1));
        self.size(0, row).saturating_add(items.saturating_mul(each))
    }

    /// How many items a range has.
    fn steps(&self, row: usize) -> Result<u64> {
        if self
            .arrays
            .iter()
            .all(|array| array.data_type().is_integer())
        {
            let (start, stop, step) = match self.arrays.len() {
                1 => (Some(0), self.number(0, row), Some(1)),
                2 => (self.number(0, row), self.number(1, row), Some(1)),
                _ => (
                    self.number(0, row),
                    self.number(1, row),
                    self.number(2, row),
                ),
            };
            return Ok(match (start, stop, step) {
                (Some(start), Some(stop), Some(step)) => {
                    items_between(start.into(), stop.into(), step.into())
                }
                _ => 0,
            });
        }
        let (Some(start), Some(stop), Some(step)) = (
            self.instant(0, row)?,
            self.instant(1, row)?,
            self.step(row)?,
        ) else {
            return Ok(0);
        };
        Ok(items_between(start, stop, step))
    }

    /// A date or time in nanoseconds; dates reach further than times do.
    fn instant(&self, at: usize, row: usize) -> Result<Option<i128>> {
        let Some(array) = self.arrays.get(at) else {
            return Ok(None);
        };
        let row = place(array, row);
        if row >= array.len() || array.is_null(row) {
            return Ok(None);
        }
        let one = array.slice(row, 1);
        if matches!(one.data_type(), DataType::Date32 | DataType::Date64) {
            let days = cast(&cast(&one, &DataType::Date32)?, &DataType::Int32)?;
            let days = cast(&days, &DataType::Int64)?;
            let days = days.as_primitive::<Int64Type>().value(0);
            return Ok(Some(i128::from(days) * DAY_NANOS));
        }
        let time = cast(&one, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
        let time = time.as_primitive_opt::<TimestampNanosecondType>();
        Ok(time.map(|time| time.value(0).into()))
    }

    /// The least that an interval may be, in nanoseconds.
    fn step(&self, row: usize) -> Result<Option<i128>> {
        let Some(array) = self.arrays.get(2) else {
            return Ok(None);
        };
        let row = place(array, row);
        let Some(intervals) = array.as_primitive_opt::<IntervalMonthDayNanoType>() else {
            return Ok(None);
        };
        if row >= intervals.len() || intervals.is_null(row) {
            return Ok(None);
        }
        let step = intervals.value(row);
        let signs = [
            i64::from(step.months),
            i64::from(step.days),
            step.nanoseconds,
        ];
        let signs = signs.map(i64::signum);
        if signs.contains(&1) && signs.contains(&-1) {
            return Err(exec_datafusion_err!(
                "{} expects an interval that goes forward or backward in all its parts",
                self.name
            ));
        }
        // The shortest month, and the day on which clocks are put forward.
        let days = i128::from(step.months) * 28 + i128::from(step.days);
        Ok(Some(
            days * DAY_NANOS * 23 / 24 + i128::from(step.nanoseconds),
        ))
    }
}

/// Where the value of a row is.
fn place(array: &dyn Array, row: usize) -> usize {
    if array.len() == 1 { 0 } else { row }
}

fn bytes(text: &str) -> u64 {
    text.len() as u64
}

/// How many items there are from start to stop, both included. None for a step that does not lead there.
fn items_between(start: i128, stop: i128, step: i128) -> u64 {
    let way = stop - start;
    if step == 0 || (way != 0 && way.signum() != step.signum()) {
        return 0;
    }
    u64::try_from(way / step + 1).unwrap_or(u64::MAX)
}

/// The items of lists, those of lists inside of them instead of these.
fn items(array: &ArrayRef) -> u64 {
    match array.data_type() {
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let offsets = lists.value_offsets();
            inner_items(
                lists.values(),
                i64::from(offsets[0]),
                i64::from(offsets[lists.len()]),
            )
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            let offsets = lists.value_offsets();
            inner_items(lists.values(), offsets[0], offsets[lists.len()])
        }
        DataType::FixedSizeList(..) => items(array.as_fixed_size_list().values()),
        _ => array.len() as u64,
    }
}

fn inner_items(values: &ArrayRef, from: i64, to: i64) -> u64 {
    let (from, to) = (from.max(0) as usize, to.max(0) as usize);
    items(&values.slice(from, to.saturating_sub(from)))
}

#[cfg(test)]
mod tests;
