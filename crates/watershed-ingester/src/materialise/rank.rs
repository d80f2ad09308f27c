//! The place of each series in key order.

use super::{UnknownTag, unknown};
use crate::buffer::SeriesKeys;
use crate::error::MaterialiseError;
use arrow::array::{ArrayRef, StringArray};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;
use watershed_model::{Column, ColumnId, TableSchema};
use watershed_storage::TagFilter;

/// The rank of a series that is left out.
const LEFT_OUT: u32 = u32::MAX;

/// Code of a tag that a series does not have. Higher than all others: nulls come last.
const ABSENT: u32 = u32::MAX;

/// The series that a filter lets through, by rank: tags compared in name order, each by bytes, absent
/// after present.
#[derive(Debug)]
pub(super) struct RankedSeries {
    rank_of: Vec<u32>,
    len: usize,
    tags: Vec<RankedTag>,
}

/// One tag column over the ranked series.
#[derive(Debug)]
pub(super) struct RankedTag {
    pub(super) column: ColumnId,
    /// The distinct values, ascending.
    pub(super) values: ArrayRef,
    /// For each rank the index of its value, or −1 where it is absent.
    pub(super) keys: Vec<i32>,
    /// Whether there is such a rank.
    pub(super) is_absent_somewhere: bool,
}

impl RankedSeries {
    /// Ranks the series of a piece that match all filters. Filters on columns the table does not have
    /// as tags are passed over: they prune nothing.
    pub(super) fn new(
        series: &SeriesKeys,
        table: &TableSchema,
        filters: &[TagFilter],
        unknown_tag: UnknownTag,
    ) -> Result<Self, MaterialiseError> {
        let tags: Vec<&Column> = table.tags().collect();
        let mut coded = CodedSeries::new(&tags);
        for id in 0..series.len() {
            coded.add(series, id, table, filters, unknown_tag)?;
        }
        Ok(coded.rank(series.len()))
    }

    /// The number of series with a rank: ranks lie below.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The rank of a series; `None` when it is left out.
    pub(super) fn rank(&self, series: u32) -> Option<u32> {
        Some(self.rank_of[series as usize]).filter(|rank| *rank != LEFT_OUT)
    }

    /// The tag column with that id.
    pub(super) fn tag(&self, column: ColumnId) -> Option<&RankedTag> {
        self.tags.iter().find(|tag| tag.column == column)
    }
}

/// Series as rows of small numbers, one a tag column: numbers are cheap to compare.
struct CodedSeries<'a> {
    tags: Vec<CodedTag<'a>>,
    position_of: HashMap<ColumnId, usize, RandomState>,
    /// The series kept so far.
    ids: Vec<u32>,
    /// For each kept series one code a tag.
    codes: Vec<u32>,
    /// The tags of the series at hand.
    row: Vec<Option<&'a str>>,
}

struct CodedTag<'a> {
    column: &'a Column,
    /// Codes from 0 on, by first appearance.
    code_of: HashMap<&'a str, u32, RandomState>,
}

impl<'a> CodedSeries<'a> {
    fn new(tags: &[&'a Column]) -> Self {
        let coded = |column: &&'a Column| CodedTag {
            column,
            code_of: HashMap::default(),
        };
        Self {
            tags: tags.iter().map(coded).collect(),
            position_of: tags
                .iter()
                .enumerate()
                .map(|(at, column)| (column.id, at))
                .collect(),
            ids: Vec::new(),
            codes: Vec::new(),
            row: vec![None; tags.len()],
        }
    }

    fn add(
        &mut self,
        series: &'a SeriesKeys,
        id: u32,
        table: &TableSchema,
        filters: &[TagFilter],
        unknown_tag: UnknownTag,
    ) -> Result<(), MaterialiseError> {
        self.row.fill(None);
        for (column, value) in series.tags(id) {
            match self.position_of.get(&column) {
                Some(at) => self.row[*at] = Some(value),
                None if unknown_tag == UnknownTag::LeaveOut => return Ok(()),
                None => return Err(unknown(table, column)),
            }
        }
        if filters.iter().all(|filter| self.matches(filter)) {
            self.ids.push(id);
            for (tag, value) in self.tags.iter_mut().zip(&self.row) {
                let code = value.map_or(ABSENT, |value| tag.code(value));
                self.codes.push(code);
            }
        }
        Ok(())
    }

    fn matches(&self, filter: &TagFilter) -> bool {
        let Some(at) = self
            .tags
            .iter()
            .position(|tag| tag.column.name == filter.column)
        else {
            return true;
        };
        match self.row[at] {
            Some(value) => filter.values.contains(value),
            None => filter.matches_absent(),
        }
    }

    fn rank(mut self, series: u32) -> RankedSeries {
        let width = self.tags.len();
        let sorted: Vec<(ArrayRef, Vec<u32>)> = self.tags.iter().map(CodedTag::sorted).collect();
        for (at, code) in self.codes.iter_mut().enumerate() {
            if *code != ABSENT {
                *code = sorted[at % width].1[*code as usize];
            }
        }
        let row = |kept: u32| &self.codes[kept as usize * width..][..width];
        let mut by_rank: Vec<u32> = (0..self.ids.len() as u32).collect();
        by_rank.sort_unstable_by(|a, b| row(*a).cmp(row(*b)));

        let mut rank_of = vec![LEFT_OUT; series as usize];
        for (rank, kept) in by_rank.iter().enumerate() {
            rank_of[self.ids[*kept as usize] as usize] = rank as u32;
        }
        let keys =
            |at: usize| -> Vec<i32> { by_rank.iter().map(|kept| index(row(*kept)[at])).collect() };
        let ranked = |(at, (tag, (values, _))): (usize, (&CodedTag<'_>, (ArrayRef, _)))| {
            let keys = keys(at);
            RankedTag {
                column: tag.column.id,
                values,
                is_absent_somewhere: keys.iter().any(|key| *key < 0),
                keys,
            }
        };
        let tags = self
            .tags
            .iter()
            .zip(sorted)
            .enumerate()
            .map(ranked)
            .collect();
        RankedSeries {
            rank_of,
            len: by_rank.len(),
            tags,
        }
    }
}

/// The index of a value by its code, −1 for an absent one.
fn index(code: u32) -> i32 {
    i32::try_from(code).unwrap_or(-1)
}

impl<'a> CodedTag<'a> {
    fn code(&mut self, value: &'a str) -> u32 {
        let next = self.code_of.len() as u32;
        *self.code_of.entry(value).or_insert(next)
    }

    /// The values in order, and for each old code the code in that order.
    fn sorted(&self) -> (ArrayRef, Vec<u32>) {
        let mut values: Vec<(&str, u32)> =
            self.code_of.iter().map(|(v, code)| (*v, *code)).collect();
        values.sort_unstable();
        let mut new_codes = vec![ABSENT; values.len()];
        for (at, (_, code)) in values.iter().enumerate() {
            new_codes[*code as usize] = at as u32;
        }
        let values = StringArray::from_iter_values(values.iter().map(|(value, _)| value));
        (Arc::new(values), new_codes)
    }
}
