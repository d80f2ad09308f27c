//! From logical to physical plans: DataFusion's planner, and ours for the nodes of our own.

use crate::constants;
use crate::gap_fill::GapFillPlanner;
use crate::in_order::SequencePlanner;
use crate::influxql::SeriesWindowPlanner;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner as DataFusionQueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use std::sync::Arc;

/// DataFusion's planner with our nodes.
#[derive(Debug)]
pub(crate) struct QueryPlanner;

#[async_trait]
impl DataFusionQueryPlanner for QueryPlanner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        state: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        constants::check(plan)?;
        let ours: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![
            Arc::new(GapFillPlanner),
            Arc::new(SequencePlanner),
            Arc::new(SeriesWindowPlanner),
        ];
        DefaultPhysicalPlanner::with_extension_planners(ours)
            .create_physical_plan(plan, state)
            .await
    }
}
