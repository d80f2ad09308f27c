//! What `EXPLAIN ANALYZE` says of a scan.

use datafusion::physical_plan::metrics::{
    BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder,
};
use watershed_storage::parquet_reader::ScanExtent;

/// Counters of one partition. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub(super) struct ScanMetrics {
    baseline: BaselineMetrics,
    files: Count,
    row_groups: Count,
    row_groups_read: Count,
    file_rows: Count,
    file_rows_read: Count,
    unpersisted_rows: Count,
}

impl ScanMetrics {
    pub(super) fn new(metrics: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let count = |name| MetricBuilder::new(metrics).counter(name, partition);
        Self {
            baseline: BaselineMetrics::new(metrics, partition),
            files: count("files_read"),
            row_groups: count("row_groups"),
            row_groups_read: count("row_groups_read"),
            file_rows: count("file_rows"),
            file_rows_read: count("file_rows_read"),
            unpersisted_rows: count("unpersisted_rows_read"),
        }
    }

    /// A file has been opened.
    pub(super) fn opened(&self, extent: &ScanExtent) {
        let rows = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        self.files.add(1);
        self.row_groups.add(extent.row_groups);
        self.row_groups_read.add(extent.row_groups_read);
        self.file_rows.add(rows(extent.rows));
        self.file_rows_read.add(rows(extent.rows_read));
    }

    /// Rows in memory are read.
    pub(super) fn unpersisted(&self, rows: usize) {
        self.unpersisted_rows.add(rows);
    }

    /// Rows come out.
    pub(super) fn output(&self, rows: usize) {
        self.baseline.record_output(rows);
    }
}
