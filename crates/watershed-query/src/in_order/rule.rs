//! Finds sorts that can be made stretch by stretch, and those that are not needed at all.

use super::exec::{InOrderExec, Inputs};
use super::time_sort::{By, TimeSortExec};
use crate::scan::ScanExec;
use arrow::compute::SortOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
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
pub(crate) struct OrderedScans;

impl PhysicalOptimizerRule for OrderedScans {
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
        "ordered_scans"
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
    if let Some(scan) = chain.key_ordered() {
        let input = chain.over(chain.rows(scan)?)?;
        let merge = SortPreservingMergeExec::new(order.clone(), input).with_fetch(fetch);
        return Ok(Some(Arc::new(merge)));
    }
    let by = chain.by_time();
    if let Some(by) = &by
        && !by.groups.is_empty()
        && fetch.is_none()
        && let Some(sorted) = chain.sorted_in_groups(by)?
    {
        return Ok(Some(chain.over(sorted)?));
    }
    let Some(scan) = chain.time_stretches(fetch) else {
        return Ok(None);
    };
    let in_memory = fetch.is_none() && scan.sorts_in_memory();
    let rows = chain.rows(Arc::new(scan))?;
    let sorted: Arc<dyn ExecutionPlan> = match by {
        Some(by) if in_memory => Arc::new(TimeSortExec::new(rows, by, chain.order())),
        _ => replace_children_if_necessary(Arc::clone(&chain.sort), vec![rows])?,
    };
    let order = order.iter().cloned().collect();
    let input = chain.over(sorted)?;
    let exec = InOrderExec::new(vec![input], order, Inputs::Stretches, fetch);
    Ok(Some(Arc::new(exec)))
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
    let sorted: Arc<dyn ExecutionPlan> = if let Some(scan) = chain.key_ordered() {
        let rows = chain.rows(scan)?;
        Arc::new(SortPreservingMergeExec::new(sort.expr().clone(), rows))
    } else if let Some(by) = chain.by_time().filter(|by| !by.groups.is_empty()) {
        match chain.sorted_in_groups(&by)? {
            Some(sorted) => sorted,
            None => return Ok(None),
        }
    } else {
        return Ok(None);
    };
    let replaced = replace_children_if_necessary(Arc::clone(node), vec![sorted])?;
    Ok(Some(replaced))
}

/// A sort over a scan, with projections above and projections and filters below.
struct Chain {
    /// From above.
    above: Vec<Arc<dyn ExecutionPlan>>,
    /// Each partition for itself.
    sort: Arc<dyn ExecutionPlan>,
    /// From above.
    below: Vec<Arc<dyn ExecutionPlan>>,
    scan: Arc<dyn ExecutionPlan>,
}

impl Chain {
    /// The chain from `top` down; `None` when something else is there, or not exactly one sort.
    fn below(top: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let (mut above, mut below, mut sort) = (Vec::new(), Vec::new(), None);
        let mut node = Arc::clone(top);
        loop {
            if node.is::<ScanExec>() {
                return Some(Self {
                    above,
                    sort: sort?,
                    below,
                    scan: node,
                });
            }
            let next = if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                projection.input()
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                filter.input()
            } else if let Some(yielding) = node.downcast_ref::<CooperativeExec>() {
                yielding.input()
            } else if let Some(found) = node.downcast_ref::<SortExec>() {
                // Two sorts: the upper one is of rows that are not the scan's any more.
                if sort.is_some() || !found.preserve_partitioning() {
                    return None;
                }
                let next = Arc::clone(found.input());
                sort = Some(node);
                node = next;
                continue;
            } else {
                return None;
            };
            let next = Arc::clone(next);
            match sort {
                None => above.push(node),
                Some(_) => below.push(node),
            }
            node = next;
        }
    }

    /// What is sorted by, over the columns below the sort.
    fn order(&self) -> Vec<PhysicalSortExpr> {
        let sort = self.sort.downcast_ref::<SortExec>();
        sort.map_or_else(Vec::new, |sort| sort.expr().iter().cloned().collect())
    }

    /// What is sorted by, as columns of the scan; `None` when something else is among it.
    fn sources(&self) -> Option<Vec<(String, SortOptions)>> {
        let order = self.order();
        let names = order
            .iter()
            .map(|sort| Some((self.source(&sort.expr)?, sort.options)));
        names.collect()
    }

    /// The column of the scan that an expression below the sort is without change.
    fn source(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<String> {
        let mut at = expr.downcast_ref::<Column>()?.index();
        for node in &self.below {
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

    fn scan(&self) -> Option<&ScanExec> {
        self.scan.downcast_ref()
    }

    /// The scan with a partition for each stretch, in order, when time comes first in the order; `None`
    /// when there is only one stretch.
    fn time_stretches(&self, fetch: Option<usize>) -> Option<ScanExec> {
        let order = self.order();
        let first = order.first()?;
        if self.source(&first.expr)? != TIME_COLUMN {
            return None;
        }
        // Who wants few rows shall read no more than one stretch for them.
        let rows = fetch.map_or(STRETCH_ROWS, |fetch| STRETCH_ROWS.min(fetch as u64));
        self.scan()?.stretches(rows, first.options.descending)
    }

    /// The scan with partitions in key order, when that is the order asked for.
    fn key_ordered(&self) -> Option<Arc<dyn ExecutionPlan>> {
        let scan = self.scan()?;
        let sources = self.sources()?;
        let names = sources.iter().map(|(name, _)| name.as_str());
        if !names.eq(scan.key()) || !sources.iter().all(|(name, options)| in_key(name, *options)) {
            return None;
        }
        Some(Arc::new(scan.by_group()?))
    }

    /// How the order can be had from rows in key order by sorting by time alone: it is the first tags of
    /// the key, then the time, and then none or more of the next tags.
    fn by_time(&self) -> Option<By> {
        let sources = self.sources()?;
        let at = sources.iter().position(|(name, _)| name == TIME_COLUMN)?;
        let tags = || sources.iter().filter(|(name, _)| name != TIME_COLUMN);
        let of_key = self.scan()?.key().take(sources.len() - 1);
        if !tags().map(|(name, _)| name.as_str()).eq(of_key)
            || !tags().all(|(name, options)| in_key(name, *options))
        {
            return None;
        }
        let order = self.order();
        let index = |sort: &PhysicalSortExpr| Some(sort.expr.downcast_ref::<Column>()?.index());
        Some(By {
            groups: order[..at].iter().map(index).collect::<Option<_>>()?,
            time: index(&order[at])?,
            descending: order[at].options.descending,
        })
    }

    /// The rows of each group by time, groups in order: the pieces of the scan are merged by their key as
    /// far as it matters.
    fn sorted_in_groups(&self, by: &By) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(scan) = self.scan().and_then(ScanExec::by_group) else {
            return Ok(None);
        };
        let order = self.order();
        let mut key = order.clone();
        key.remove(by.groups.len());
        let Some(key) = LexOrdering::new(key) else {
            return Ok(None);
        };
        let rows = self.rows(Arc::new(scan))?;
        let merged = Arc::new(SortPreservingMergeExec::new(key, rows));
        Ok(Some(Arc::new(TimeSortExec::new(merged, by.clone(), order))))
    }

    /// What is below the sort, over another scan.
    fn rows(&self, scan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        over(&self.below, scan)
    }

    /// What is above the sort, over something else.
    fn over(&self, sorted: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        over(&self.above, sorted)
    }
}

/// The nodes, given from above, over another input.
fn over(
    nodes: &[Arc<dyn ExecutionPlan>],
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    nodes.iter().rev().try_fold(input, |below, node| {
        replace_children_if_necessary(Arc::clone(node), vec![below])
    })
}

/// Whether a column is sorted as in the key. Time has no nulls.
fn in_key(name: &str, options: SortOptions) -> bool {
    !options.descending && (name == TIME_COLUMN || !options.nulls_first)
}
