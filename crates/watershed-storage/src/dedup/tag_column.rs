//! A tag column out of columns with different dictionaries.
//!
//! Arrow's own kernels put dictionaries end to end or merge them once per stretch; an output batch is
//! often made of hundreds of stretches of a few batches. Here each entry of each input dictionary is looked
//! at once, when its first row comes.

use super::assembly::Source;
use arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, StringArray};
use arrow::array::{ArrowPrimitiveType, AsArray};
use arrow::datatypes::Int32Type;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

type Index = <Int32Type as ArrowPrimitiveType>::Native;

/// An input entry not met yet.
const UNKNOWN: Index = -1;
/// An input entry that is null.
const NULL: Index = -2;

/// The values of `sources`, with a dictionary of just those, each once, in the order of their first rows.
///
/// `arrays` are of the type of tags; there are fewer than 2^31 sources.
pub(super) fn gather(arrays: &[&dyn Array], sources: &[Source]) -> ArrayRef {
    let mut inputs: Vec<Input<'_>> = arrays.iter().map(|array| Input::new(*array)).collect();
    let mut entries = Entries::default();
    let mut keys: Vec<Index> = Vec::with_capacity(sources.len());
    for (slot, row) in sources {
        keys.push(inputs[*slot].index_of(*row, &mut entries));
    }
    let keys: Int32Array = if keys.contains(&NULL) {
        keys.into_iter()
            .map(|key| (key != NULL).then_some(key))
            .collect()
    } else {
        Int32Array::from(keys)
    };
    let values = StringArray::from_iter_values(entries.values);
    Arc::new(DictionaryArray::new(keys, Arc::new(values)))
}

/// The output dictionary in the making.
#[derive(Default)]
struct Entries<'a> {
    values: Vec<&'a str>,
    indexes: HashMap<&'a str, Index, RandomState>,
}

impl<'a> Entries<'a> {
    fn index_of(&mut self, value: &'a str) -> Index {
        let Self { values, indexes } = self;
        *indexes.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() as Index - 1
        })
    }
}

/// An input column, and where its entries went.
struct Input<'a> {
    keys: &'a Int32Array,
    values: &'a StringArray,
    indexes: Vec<Index>,
}

impl<'a> Input<'a> {
    fn new(array: &'a dyn Array) -> Self {
        let column = array.as_dictionary::<Int32Type>();
        let values = column.values().as_string::<i32>();
        Self {
            keys: column.keys(),
            values,
            indexes: vec![UNKNOWN; values.len()],
        }
    }

    fn index_of(&mut self, row: usize, entries: &mut Entries<'a>) -> Index {
        if self.keys.is_null(row) {
            return NULL;
        }
        let entry = self.keys.value(row) as usize;
        if self.indexes[entry] == UNKNOWN {
            let values = self.values;
            let is_null = values.is_null(entry);
            self.indexes[entry] = if is_null {
                NULL
            } else {
                entries.index_of(values.value(entry))
            };
        }
        self.indexes[entry]
    }
}

#[cfg(test)]
mod tests;
