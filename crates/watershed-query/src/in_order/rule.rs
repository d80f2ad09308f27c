//! Finds sorts that can be made stretch by stretch, and those that are not needed at all.

use super::exec::{InOrderExec, Inputs};
use crate::scan::ScanExec;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use std::sync::Arc;
use watershed_model::TIME_COLUMN;

/// The rows that are worth a sort of their own; smaller stretches are sorted together.
const STRETCH_ROWS: u64 = 1 << 18;

/// Replaces `merge(sort(rows of a scan))`: by time, where the scan has several stretches of time; by the
/// key of the table, where its files have that order already.
#[derive(Debug)]
pub(crate) struct TimeStretches;

impl PhysicalOptimizerRule for TimeStretches {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| {
            if let Some(replaced) = in_order(&node)? {
                return Ok(Transformed::yes(replaced));
            }
            Ok(match over_groups(&node)? {
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

/// What stands in the place of the node, if it merges or sorts and nothing but a scan, filters and
/// projections are below.
fn in_order(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let (order, fetch, input) = if let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>()
    {
        (merge.expr(), merge.fetch(), Arc::clone(merge.input()))
    } else if let Some(sort) = node.downcast_ref::<SortExec>() {
        if sort.preserve_partitioning() {
            return Ok(None);
        }
        let parted = sort.clone().with_preserve_partitioning(true);
        let parted: Arc<dyn ExecutionPlan> = Arc::new(parted);
        (sort.expr(), sort.fetch(), parted)
    } else {
        return Ok(None);
    };
    let Some(chain) = Chain::below(&input) else {
        return Ok(None);
    };
    if let Some(scan) = chain.time_stretches(order, fetch) {
        let order = order.iter().cloned().collect();
        let input = chain.over(scan, Sorts::Keep)?;
        let exec = InOrderExec::new(vec![input], order, Inputs::Stretches, fetch);
        return Ok(Some(Arc::new(exec)));
    }
    if let Some(scan) = chain.key_ordered(order) {
        let input = chain.over(scan, Sorts::Drop)?;
        let merge = SortPreservingMergeExec::new(order.clone(), input).with_fetch(fetch);
        return Ok(Some(Arc::new(merge)));
    }
    Ok(None)
}

/// Functions over the rows of groups, if those were dealt out by group and sorted, and the key of the
/// table is the order they ask for: they take them from one merge as well.
fn over_groups(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if !matches!(
        node.name(),
        "SeriesWindowExec" | "BoundedWindowAggExec" | "WindowAggExec"
    ) {
        return Ok(None);
    }
    let [input] = node.children()[..] else {
        return Ok(None);
    };
    let Some(sort) = input.downcast_ref::<SortExec>() else {
        return Ok(None);
    };
    let Some(dealt) = sort.input().downcast_ref::<RepartitionExec>() else {
        return Ok(None);
    };
    let sort_alone =
        replace_children_if_necessary(Arc::clone(input), vec![Arc::clone(dealt.input())])?;
    let Some(chain) = Chain::below(&sort_alone) else {
        return Ok(None);
    };
    let Some(scan) = chain.key_ordered(sort.expr()) else {
        return Ok(None);
    };
    let input = chain.over(scan, Sorts::Drop)?;
    let merge = SortPreservingMergeExec::new(sort.expr().clone(), input);
    let replaced = replace_children_if_necessary(Arc::clone(node), vec![Arc::new(merge)])?;
    Ok(Some(replaced))
}

/// What becomes of the sort of a chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sorts {
    Keep,
    Drop,
}

/// A sort, filters and projections over a scan, from above.
struct Chain {
    nodes: Vec<Arc<dyn ExecutionPlan>>,
    scan: Arc<dyn ExecutionPlan>,
}

impl Chain {
    /// The chain from `top` down; `None` when something else is there, or not exactly one sort.
    fn below(top: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let mut nodes = Vec::new();
        let mut sorted = false;
        let mut node = Arc::clone(top);
        loop {
            if node.is::<ScanExec>() {
                return sorted.then_some(Self { nodes, scan: node });
            }
            let below = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                projection.input()
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
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

    /// The column of the scan that an expression over the top of the chain is without change.
    fn source(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
        let mut at = expr.downcast_ref::<Column>()?.index();
        for node in &self.nodes {
            if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                let expr = &projection.expr().get(at)?.expr;
                at = expr.downcast_ref::<Column>()?.index();
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                // A filter may drop columns.
                if let Some(projection) = filter.projection() {
                    at = *projection.get(at)?;
                }
            }
        }
        Some(self.scan.schema().field(at).name().clone())
    }

    /// The scan with a partition for each stretch, in order, when time comes first in the order; `None`
    /// when there is only one stretch.
    fn time_stretches(
        &self,
        order: &LexOrdering,
        fetch: Option<usize>,
    ) -> Option<Arc<dyn ExecutionPlan>> {
        let first = order.first();
        if self.source(&first.expr)? != TIME_COLUMN {
            return None;
        }
        let scan = self.scan.downcast_ref::<ScanExec>()?;
        // Who wants few rows shall read no more than one stretch for them.
        let rows = fetch.map_or(STRETCH_ROWS, |fetch| STRETCH_ROWS.min(fetch as u64));
        let stretches = scan.stretches(rows, first.options.descending)?;
        Some(Arc::new(stretches))
    }

    /// The scan with partitions in key order, when that is the order asked for.
    fn key_ordered(&self, order: &LexOrdering) -> Option<Arc<dyn ExecutionPlan>> {
        let scan = self.scan.downcast_ref::<ScanExec>()?;
        let ascending = |sort: &PhysicalSortExpr, name: &str| {
            !sort.options.descending && (name == TIME_COLUMN || !sort.options.nulls_first)
        };
        let names = order.iter().map(|sort| {
            let name = self.source(&sort.expr)?;
            ascending(sort, &name).then_some(name)
        });
        let scan = scan.in_key_order(&names.collect::<Option<Vec<_>>>()?)?;
        Some(Arc::new(scan))
    }

    fn over(self, scan: Arc<dyn ExecutionPlan>, sorts: Sorts) -> Result<Arc<dyn ExecutionPlan>> {
        let mut nodes = self.nodes.into_iter().rev();
        nodes.try_fold(scan, |below, node| {
            if sorts == Sorts::Drop && node.is::<SortExec>() {
                return Ok(below);
            }
            replace_children_if_necessary(node, vec![below])
        })
    }
}
