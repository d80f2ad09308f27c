//! `SHOW SERIES`.

use super::{Reach, series_key, window};
use crate::in_order::Sequence;
use crate::influxql::Planner;
use crate::influxql::error::Result;
use crate::influxql::relation::column;
use crate::influxql::result::{MEASUREMENT, Statement};
use arrow::compute::SortOptions;
use datafusion::logical_expr::{Expr as PlanExpr, Extension, LogicalPlan, LogicalPlanBuilder, lit};
use std::sync::Arc;
use watershed_influxql::{Expr, ShowSeries};
use watershed_model::TableSchema;

/// The column with the key of a series.
const KEY: &str = "key";
/// The column with the name of the table.
const TABLE: &str = "table";
/// The column by which the series of a table are sorted.
const ORDER: &str = "order";

impl Planner<'_> {
    /// `SHOW SERIES`: the series with rows that satisfy the condition, all of them in one series without
    /// name; by measurement and then by tags ([`series_key::order`]).
    ///
    /// Without a time in the condition all rows count, as in InfluxDB 1.x. Of them only the tags are read,
    /// and what the condition names. One table follows the other, so that a limit ends the reading early.
    pub(in crate::influxql) fn show_series(&self, show: &ShowSeries) -> Result<Statement> {
        self.check_database(show.on.as_deref(), None)?;
        let (skip, fetch) = window(show.limit, show.offset)?;
        let mut parts = Vec::new();
        for table in self.tables(&show.from)? {
            parts.extend(self.series_of(&table, show.condition.as_ref())?);
        }
        if parts.is_empty() {
            return self.nothing("", &[KEY]);
        }
        let ascending = SortOptions {
            descending: false,
            nulls_first: false,
        };
        let plan = match parts.len() {
            1 => LogicalPlanBuilder::from(parts.remove(0)),
            _ => {
                let node = Arc::new(Sequence::try_new(parts, 0, vec![(1, ascending)])?);
                LogicalPlanBuilder::from(LogicalPlan::Extension(Extension { node }))
            }
        };
        let plan = plan
            .sort([TABLE, ORDER].map(|name| column(name).sort(true, false)))?
            .limit(skip, fetch)?
            .project(vec![lit("").alias(MEASUREMENT), column(KEY)])?
            .build()?;
        Ok(Statement::new(plan, super::text_schema(&[KEY])))
    }

    /// The series of a table: the columns [`TABLE`], [`ORDER`] and [`KEY`], in no order.
    fn series_of(
        &self,
        table: &TableSchema,
        condition: Option<&Expr>,
    ) -> Result<Option<LogicalPlan>> {
        let Some(rows) = self.matching(table, condition, Reach::All)? else {
            return Ok(None);
        };
        let exprs = vec![
            lit(table.name().to_string()).alias(TABLE),
            series_key::order(tags_of(table)).alias(ORDER),
            series_key::key(table.name().as_str(), tags_of(table)).alias(KEY),
        ];
        Ok(Some(distinct_series(rows, table)?.project(exprs)?.build()?))
    }
}

/// The tags of a table: name and column.
pub(super) fn tags_of(table: &TableSchema) -> Vec<(String, PlanExpr)> {
    let names = table.tags().map(|tag| tag.name.to_string());
    names.map(|name| (name.clone(), column(&name))).collect()
}

/// One row for each series among the rows of a table, with its tags.
pub(super) fn distinct_series(
    rows: LogicalPlanBuilder,
    table: &TableSchema,
) -> Result<LogicalPlanBuilder> {
    let tags: Vec<PlanExpr> = tags_of(table).into_iter().map(|(_, tag)| tag).collect();
    Ok(match tags.is_empty() {
        // The table is one series; any row tells that it is there.
        true => rows.limit(0, Some(1))?,
        false => rows.aggregate(tags, Vec::<PlanExpr>::new())?,
    })
}
