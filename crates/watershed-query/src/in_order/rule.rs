//! Finds sorts that can be made stretch by stretch.

use super::exec::{InOrderExec, Inputs};
use crate::scan::ScanExec;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use std::sync::Arc;
use watershed_model::TIME_COLUMN;

/// The rows that are worth a sort of their own; smaller stretches are sorted together.
const STRETCH_ROWS: u64 = 1 << 18;

/// Replaces `merge(sort by time(rows of a scan))` where the scan has several stretches of time.
#[derive(Debug)]
pub(crate) struct TimeStretches;

impl PhysicalOptimizerRule for TimeStretches {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            Ok(match in_order(&node)? {
                Some(replaced) => Transformed::yes(replaced),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "time_stretches"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What stands in the place of the node, if it merges or sorts by time and nothing but a scan, filters
/// and projections are below.
fn in_order(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (order, fetch, input) = if let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>()
    {
        (merge.expr(), merge.fetch(), Arc::clone(merge.input()))
    } else if let Some(sort) = node.downcast_ref::<SortExec>() {
        if sort.preserve_partitioning() {
            return Ok(None);
        }
        let parted = sort.clone().with_preserve_partitioning(true);
        (
            sort.expr(),
            sort.fetch(),
            Arc::new(parted) as Arc<dyn ExecutionPlan>,
        )
    } else {
        return Ok(None);
    };
    let order: Vec<PhysicalSortExpr> = order.iter().cloned().collect();
    let Some(chain) = Chain::below(&input, &order[0]) else {
        return Ok(None);
    };
    let Some(scan) = chain.stretches(fetch) else {
        return Ok(None);
    };
    let input = chain.over(scan)?;
    let exec = InOrderExec::new(vec![input], order, Inputs::Stretches, fetch);
    Ok(Some(Arc::new(exec)))
}

/// A sort, filters and projections over a scan, from above.
struct Chain {
    nodes: Vec<Arc<dyn ExecutionPlan>>,
    scan: Arc<dyn ExecutionPlan>,
    descending: bool,
}

impl Chain {
    /// The chain from `top` down, if what is ordered by first is the time of the scan.
    fn below(top: &Arc<dyn ExecutionPlan>, first: &PhysicalSortExpr) -> Option<Self> {
        let mut at = first.expr.downcast_ref::<Column>()?.index();
        let mut nodes = Vec::new();
        let mut sorted = false;
        let mut node = Arc::clone(top);
        loop {
            if node.is::<ScanExec>() {
                let named = node.schema().field(at).name() == TIME_COLUMN;
                return (sorted && named).then_some(Self {
                    nodes,
                    scan: node,
                    descending: first.options.descending,
                });
            }
            let below = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                let expr = &projection.expr().get(at)?.expr;
                at = expr.downcast_ref::<Column>()?.index();
                projection.input()
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                // A filter may drop columns.
                if let Some(projection) = filter.projection() {
                    at = *projection.get(at)?;
                }
                filter.input()
            } else if let Some(sort) = node.downcast_ref::<SortExec>() {
                // Two sorts: the upper one is of rows that are not the scan's any more.
                if sorted || !sort.preserve_partitioning() {
                    return None;
                }
                sorted = true;
                sort.input()
            } else {
                return None;
            };
            let below = Arc::clone(below);
            nodes.push(node);
            node = below;
        }
    }

    /// The scan with a partition for each stretch, in order; `None` when there is only one.
    fn stretches(&self, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let scan = self.scan.downcast_ref::<ScanExec>()?;
        // Who wants few rows shall read no more than one stretch for them.
        let rows = fetch.map_or(STRETCH_ROWS, |fetch| STRETCH_ROWS.min(fetch as u64));
        let stretches = scan.stretches(rows, self.descending)?;
        Some(Arc::new(stretches))
    }

    fn over(self, scan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut nodes = self.nodes.into_iter().rev();
        nodes.try_fold(scan, |below, node| {
            replace_children_if_necessary(node, vec![below])
        })
    }
}
