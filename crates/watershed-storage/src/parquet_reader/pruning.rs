//! What of a file can hold rows that match a filter.
//!
//! Statistics may be absent or cut short (text is cut to 64 bytes, the least one down, the largest one
//! up): they exclude rows only when they prove it.

use crate::{ScanFilter, TagFilter};
use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::statistics::Statistics;
use watershed_model::{TIME_COLUMN, TimeRange};

/// What to read.
#[derive(Debug)]
pub(super) struct Plan {
    /// Ascending.
    pub(super) row_groups: Vec<usize>,
    /// The rows of those row groups, one after the other; `None` for all.
    pub(super) selection: Option<RowSelection>,
}

/// Row groups and pages that may hold rows for `filter`.
pub(super) fn plan(metadata: &ParquetMetaData, filter: &ScanFilter) -> Result<Plan, ParquetError> {
    let conditions = conditions(metadata, filter);
    let mut plan = Plan {
        row_groups: Vec::new(),
        selection: None,
    };
    let Some(conditions) = conditions else {
        return Ok(plan);
    };
    let mut selectors: Vec<RowSelector> = Vec::new();
    let mut skips = false;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        if !conditions
            .iter()
            .all(|condition| condition.may_match_group(group))
        {
            continue;
        }
        let rows = usize::try_from(group.num_rows())?;
        let selection = select_pages(metadata, index, rows, &conditions)?;
        if !selection.selects_any() {
            continue;
        }
        skips |= selection.row_count() < rows;
        selectors.extend(Vec::<RowSelector>::from(selection));
        plan.row_groups.push(index);
    }
    plan.selection = skips.then(|| RowSelection::from(selectors));
    Ok(plan)
}

/// A condition on one column of the file.
struct Condition<'a> {
    column: usize,
    test: Test<'a>,
}

enum Test<'a> {
    Times(TimeRange),
    Values(&'a TagFilter),
}

/// The conditions that the file's columns can be held against; `None` when no row can match.
fn conditions<'a>(
    metadata: &ParquetMetaData,
    filter: &'a ScanFilter,
) -> Option<Vec<Condition<'a>>> {
    let schema = metadata.file_metadata().schema_descr();
    let column = |name: &str| {
        schema
            .columns()
            .iter()
            .position(|column| column.name() == name)
    };
    let mut conditions = Vec::new();
    if filter.times != TimeRange::ALL {
        let time = column(TIME_COLUMN);
        conditions.extend(time.map(|column| Condition {
            column,
            test: Test::Times(filter.times),
        }));
    }
    for tag in &filter.tags {
        match column(tag.column.as_str()) {
            Some(column) => conditions.push(Condition {
                column,
                test: Test::Values(tag),
            }),
            // All rows of the file lack the tag.
            None if !tag.matches_absent() => return None,
            None => {}
        }
    }
    Some(conditions)
}

impl Condition<'_> {
    fn may_match_group(&self, group: &RowGroupMetaData) -> bool {
        let Some(statistics) = group.column(self.column).statistics() else {
            return true;
        };
        let all_null = statistics.null_count_opt() == u64::try_from(group.num_rows()).ok();
        match (&self.test, statistics) {
            (Test::Times(times), Statistics::Int64(values)) => {
                match (values.min_opt(), values.max_opt()) {
                    (Some(min), Some(max)) => times.overlaps(&TimeRange::from_nanos(*min, *max)),
                    _ => true,
                }
            }
            (Test::Values(tag), _) if all_null => tag.matches_absent(),
            (Test::Values(tag), Statistics::ByteArray(values)) => {
                // Rows that lack the tag are in no range.
                if tag.matches_absent() && values.null_count_opt() != Some(0) {
                    return true;
                }
                match (values.min_bytes_opt(), values.max_bytes_opt()) {
                    (Some(min), Some(max)) => tag.matches_between(min, max),
                    _ => true,
                }
            }
            _ => true,
        }
    }

    fn may_match_page(&self, index: &ColumnIndexMetaData, page: usize) -> bool {
        match (&self.test, index) {
            (Test::Times(times), ColumnIndexMetaData::INT64(values)) => {
                match (values.min_value(page), values.max_value(page)) {
                    (Some(min), Some(max)) => times.overlaps(&TimeRange::from_nanos(*min, *max)),
                    _ => true,
                }
            }
            (Test::Values(tag), ColumnIndexMetaData::BYTE_ARRAY(values)) => {
                if values.is_null_page(page) {
                    return tag.matches_absent();
                }
                if tag.matches_absent() && values.null_count(page) != Some(0) {
                    return true;
                }
                match (values.min_value(page), values.max_value(page)) {
                    (Some(min), Some(max)) => tag.matches_between(min, max),
                    _ => true,
                }
            }
            _ => true,
        }
    }
}

/// The rows of a row group in whose pages every condition may hold.
fn select_pages(
    metadata: &ParquetMetaData,
    group: usize,
    rows: usize,
    conditions: &[Condition<'_>],
) -> Result<RowSelection, ParquetError> {
    let mut selection = RowSelection::from(vec![RowSelector::select(rows)]);
    for condition in conditions {
        if let Some(pages) = pages_of(metadata, group, rows, condition)? {
            selection = selection.intersection(&pages);
        }
    }
    Ok(selection)
}

/// The rows in whose pages the condition may hold; `None` without a page index.
fn pages_of(
    metadata: &ParquetMetaData,
    group: usize,
    rows: usize,
    condition: &Condition<'_>,
) -> Result<Option<RowSelection>, ParquetError> {
    let column = condition.column;
    let values = metadata
        .column_index()
        .and_then(|groups| groups.get(group)?.get(column));
    let offsets = metadata
        .offset_index()
        .and_then(|groups| groups.get(group)?.get(column));
    let (Some(values), Some(offsets)) = (values, offsets) else {
        return Ok(None);
    };
    let pages = offsets.page_locations();
    if matches!(values, ColumnIndexMetaData::NONE) || values.num_pages() != pages.len() as u64 {
        return Ok(None);
    }
    let mut selectors = Vec::with_capacity(pages.len());
    for (page, location) in pages.iter().enumerate() {
        let start = usize::try_from(location.first_row_index)?;
        let end = match pages.get(page + 1) {
            Some(next) => usize::try_from(next.first_row_index)?,
            None => rows,
        };
        let count = end.checked_sub(start).ok_or_else(|| {
            ParquetError::General("pages of the offset index are out of order".to_owned())
        })?;
        let keep = condition.may_match_page(values, page);
        selectors.push(if keep {
            RowSelector::select(count)
        } else {
            RowSelector::skip(count)
        });
    }
    Ok(Some(RowSelection::from(selectors)))
}
