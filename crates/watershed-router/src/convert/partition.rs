//! From the rows of a table to batches of one partition each.

use super::TooLarge;
use super::field::finished;
use super::table::{TableBuilder, TableRows};
use std::collections::BTreeMap;
use watershed_model::{
    Bitmap, FieldColumn, FieldValues, PartitionKey, SeriesList, StringValues, TableBatch, Timestamp,
};

/// The most partitions of one request. Each costs about a KiB here and a buffer in the ingester; a line of a
/// dozen bytes can ask for one. Enough for ten years of days in eighteen tables.
const PARTITIONS_MAX: usize = 1 << 16;

/// Appends the rows of a table to `out`, one batch for each day. Rows keep their order.
///
/// # Errors
/// [`TooLarge::Partitions`].
pub(super) fn split(table: TableBuilder<'_>, out: &mut Vec<TableBatch>) -> Result<(), TooLarge> {
    let Some(rows) = table.finish() else {
        return Ok(());
    };
    let (first, last) = days(&rows.times);
    if first == last {
        out.push(whole(rows, first));
        return Ok(());
    }
    let mut by_day: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for (row, time) in rows.times.iter().enumerate() {
        by_day.entry(day(*time)).or_default().push(row as u32);
    }
    if out.len() + by_day.len() > PARTITIONS_MAX {
        return Err(TooLarge::Partitions {
            max: PARTITIONS_MAX,
        });
    }
    let mut gatherer = Gatherer::new(&rows);
    out.extend(
        by_day
            .iter()
            .map(|(day, picked)| gatherer.gather(*day, picked)),
    );
    Ok(())
}

fn day(nanos: i64) -> i64 {
    PartitionKey::day_of(Timestamp::from_nanos(nanos))
}

/// The first and the last day of the rows.
fn days(times: &[i64]) -> (i64, i64) {
    let first = times.iter().min().copied().unwrap_or_default();
    let last = times.iter().max().copied().unwrap_or_default();
    (day(first), day(last))
}

fn whole(rows: TableRows, day: i64) -> TableBatch {
    TableBatch {
        table: rows.table,
        partition: PartitionKey::for_day(day),
        series: rows.series,
        row_series: rows.row_series,
        times: rows.times,
        fields: rows.fields,
    }
}

/// Picks the rows of one partition after another.
struct Gatherer<'a> {
    rows: &'a TableRows,
    /// For each series its number in the partition at hand, if `round` is that of the partition.
    renumbered: Vec<Renumbered>,
    round: u32,
}

#[derive(Clone, Copy, Default)]
struct Renumbered {
    round: u32,
    number: u32,
}

impl<'a> Gatherer<'a> {
    fn new(rows: &'a TableRows) -> Self {
        Self {
            rows,
            renumbered: vec![Renumbered::default(); rows.series.len()],
            round: 0,
        }
    }

    fn gather(&mut self, day: i64, picked: &[u32]) -> TableBatch {
        self.round += 1;
        let mut series = SeriesList::default();
        let row_series = picked
            .iter()
            .map(|row| self.series(*row, &mut series))
            .collect();
        let fields = self
            .rows
            .fields
            .iter()
            .filter_map(|field| gather_field(field, picked))
            .collect();
        TableBatch {
            table: self.rows.table,
            partition: PartitionKey::for_day(day),
            series,
            row_series,
            times: picked
                .iter()
                .map(|row| self.rows.times[*row as usize])
                .collect(),
            fields,
        }
    }

    /// The number of the row's series in `series`, which gets it if it does not have it.
    fn series(&mut self, row: u32, series: &mut SeriesList) -> u32 {
        let number = self.rows.row_series[row as usize];
        let renumbered = &mut self.renumbered[number as usize];
        if renumbered.round != self.round {
            let number = series.push_key(self.rows.series.key(number));
            *renumbered = Renumbered {
                round: self.round,
                number,
            };
        }
        renumbered.number
    }
}

fn gather_field(field: &FieldColumn, picked: &[u32]) -> Option<FieldColumn> {
    let validity = field.validity.as_ref().map(|bits| {
        let mut picked_bits = Bitmap::default();
        picked
            .iter()
            .for_each(|row| picked_bits.push(bits.get(*row as usize)));
        picked_bits
    });
    let values = match &field.values {
        FieldValues::F64(values) => FieldValues::F64(pick(values, picked)),
        FieldValues::I64(values) => FieldValues::I64(pick(values, picked)),
        FieldValues::U64(values) => FieldValues::U64(pick(values, picked)),
        FieldValues::Bool(values) => FieldValues::Bool(pick(values, picked)),
        FieldValues::String(values) => {
            let mut texts = StringValues::default();
            picked
                .iter()
                .for_each(|row| texts.push(values.get(*row as usize)));
            FieldValues::String(texts)
        }
    };
    finished(field.column, values, validity)
}

fn pick<T: Copy>(values: &[T], picked: &[u32]) -> Vec<T> {
    picked.iter().map(|row| values[*row as usize]).collect()
}
