//! DataFusion's rules for physical plans but one, and some that mend what they break.

mod ordered_offset;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use ordered_offset::{OrderOffsets, PlainOffsets};
use std::sync::Arc;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules in their order.
pub(crate) fn physical_rules() -> Vec<Rule> {
    let check = SanityCheckPlan::new();
    let mut rules = Vec::new();
    for rule in PhysicalOptimizer::new().rules {
        if rule.name() == check.name() {
            rules.push(Arc::new(RestoredOrder) as Rule);
        }
        match rule.name() {
            // It looks for the columns of filters by their names. Above a join of a table with itself there are two
            // of each, and `l.host < r.host` would become `r.host < r.host` and be moved below the join. Nothing is
            // lost without it: filters are moved in the logical plan before, and scans take none later.
            "FilterPushdown" | "FilterPushdown(Post)" => {}
            "EnsureRequirements" => {
                rules.push(Arc::new(OrderOffsets));
                rules.push(rule);
                rules.push(Arc::new(PlainOffsets));
            }
            "LimitAggregation" => rules.push(Arc::new(FewGroups(rule))),
            "aggregate_statistics" => rules.push(Arc::new(CountsIfPossible(rule))),
            _ => rules.push(rule),
        }
    }
    rules
}

/// Takes the rule that answers counts from statistics for what it is: a short cut. It fails on plans in which
/// one aggregate over nothing is made of another.
#[derive(Debug)]
struct CountsIfPossible(Rule);

impl PhysicalOptimizerRule for CountsIfPossible {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let shorter = self.0.optimize(Arc::clone(&plan), config);
        Ok(shorter.unwrap_or(plan))
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// Keeps no more groups than a limit asks for, where it can tell groups apart: groups of floats it does not, each
/// NaN would be one.
#[derive(Debug)]
struct FewGroups(Rule);

impl PhysicalOptimizerRule for FewGroups {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.exists(|node| groups_by_float(node.as_ref()))? {
            return Ok(plan);
        }
        self.0.optimize(plan, config)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn groups_by_float(node: &dyn ExecutionPlan) -> Result<bool> {
    let Some(aggregate) = node.downcast_ref::<AggregateExec>() else {
        return Ok(false);
    };
    let input = aggregate.input().schema();
    for (key, _) in aggregate.group_expr().expr() {
        if key.data_type(&input)?.is_floating() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Gives plans that would be refused their sorts back; costs others one check.
///
/// A sort by columns that a filter makes constant is not needed, and is removed. A later rule may write the
/// filter's projection so that nothing shows any more that they are constant: the last rule, which only checks,
/// then refuses the plan. (`top(x, n)` over a subquery that computes `x`, with a condition `x = 1`, was such a
/// case.)
#[derive(Debug)]
struct RestoredOrder;

impl PhysicalOptimizerRule for RestoredOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match SanityCheckPlan::new().optimize(Arc::clone(&plan), config) {
            Ok(plan) => Ok(plan),
            Err(_) => EnsureRequirements::new().optimize(plan, config),
        }
    }

    fn name(&self) -> &str {
        "restored_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
