//! A table as DataFusion sees it.

use crate::scan::{self, ScanExec, ScanRequest, Sources};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use watershed_model::{DatabaseSchema, TableSchema};

/// A table of a database at one moment.
#[derive(Debug)]
pub(crate) struct Table {
    table: Arc<TableSchema>,
    retention_nanos: Option<i64>,
    arrow: SchemaRef,
    sources: Arc<Sources>,
}

impl Table {
    /// The table with the retention of its database.
    pub(crate) fn new(
        database: &DatabaseSchema,
        table: Arc<TableSchema>,
        sources: Arc<Sources>,
    ) -> Self {
        let arrow = watershed_storage::arrow_schema(&table);
        Self {
            table,
            retention_nanos: database.retention_nanos,
            arrow,
            sources,
        }
    }
}

#[async_trait]
impl TableProvider for Table {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// Time bounds and tag values prune, and never exactly: DataFusion filters again.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match scan::prunes(&self.table, filter) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(support).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.arrow.fields().len()).collect();
        let request = ScanRequest {
            table: Arc::clone(&self.table),
            schema: Arc::clone(&self.arrow),
            projection: projection.cloned().unwrap_or_else(all),
            filter: scan::filter(&self.table, filters),
            // DataFusion gives a limit only when no filter stands between it and the scan.
            limit: if filters.is_empty() { limit } else { None },
            retention_nanos: self.retention_nanos,
            target_partitions: state.config_options().execution.target_partitions,
        };
        let exec = ScanExec::plan(request, &self.sources).await?;
        Ok(Arc::new(exec))
    }
}
