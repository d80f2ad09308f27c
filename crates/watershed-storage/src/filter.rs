//! What a reader of rows is after.

use std::collections::BTreeSet;
use watershed_model::{ColumnName, TimeRange};

/// Rows a scan needs. Readers use it to leave rows out, and may still return rows outside: the query
/// engine filters again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFilter {
    /// The instants, both ends inside.
    pub times: TimeRange,
    /// All of these must hold.
    pub tags: Vec<TagFilter>,
}

impl ScanFilter {
    /// Every row.
    pub const ALL: Self = Self {
        times: TimeRange::ALL,
        tags: Vec::new(),
    };
}

impl Default for ScanFilter {
    fn default() -> Self {
        Self::ALL
    }
}

/// `column IN values`. A row without the tag does not match, unless the empty string is among the
/// values: InfluxQL writes "absent" as `''`, so such a filter prunes nothing by absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFilter {
    /// A tag column of the table.
    pub column: ColumnName,
    /// The values that match.
    pub values: BTreeSet<String>,
}

impl TagFilter {
    /// Whether the filter may match a row that lacks the tag.
    pub fn matches_absent(&self) -> bool {
        self.values.contains("")
    }

    /// Whether the filter may match some value from `min` to `max`, both inside.
    pub fn matches_between(&self, min: &[u8], max: &[u8]) -> bool {
        self.values
            .iter()
            .any(|value| min <= value.as_bytes() && value.as_bytes() <= max)
    }
}
