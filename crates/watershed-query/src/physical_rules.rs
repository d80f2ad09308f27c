//! DataFusion's rules for physical plans but one, and some that mend what they break.

mod ordered_offset;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_expr::OrderingRequirements;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;
use datafusion::physical_optimizer::sanity_checker::check_plan_sanity;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::{ChildSatisfactionOptions, ExecutionPlan, ExecutionPlanProperties};
use ordered_offset::{OrderOffsets, PlainOffsets};
use std::sync::Arc;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules in their order.
pub(crate) fn physical_rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for rule in PhysicalOptimizer::new().rules {
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
            "SanityCheckPlan" => rules.push(Arc::new(CheckedPlan)),
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

/// Refuses plans in which rows have not the order or the place that a node asks for; gives those their sorts back
/// that have lost them.
///
/// A sort by columns that a filter makes constant is not needed, and is removed. A later rule may write the
/// filter's projection so that nothing shows any more that they are constant. (`top(x, n)` over a subquery that
/// computes `x`, with a condition `x = 1`, was such a case.)
#[derive(Debug)]
struct CheckedPlan;

impl PhysicalOptimizerRule for CheckedPlan {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if check(&plan, config).is_ok() {
            return Ok(plan);
        }
        let again: [Rule; 5] = [
            Arc::new(OutputRequirements::new_add_mode()),
            Arc::new(OrderOffsets),
            Arc::new(EnsureRequirements::new()),
            Arc::new(PlainOffsets),
            Arc::new(OutputRequirements::new_remove_mode()),
        ];
        let mut restored = plan;
        for rule in again {
            restored = rule.optimize(restored, config)?;
        }
        check(&restored, config)?;
        Ok(restored)
    }

    fn name(&self) -> &str {
        "SanityCheckPlan"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn check(plan: &Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<()> {
    for child in plan.children() {
        check(child, config)?;
    }
    match check_plan_sanity(plan, &config.optimizer) {
        Err(error) if !is_ordered_as_asked(plan.as_ref())? => Err(error),
        _ => Ok(()),
    }
}

/// Whether the inputs of a node have the order and place that it asks for, and the order by the very same
/// expressions.
///
/// DataFusion looks into what expressions are made of before it compares them. It gives up where it knows no range of
/// a function, as in `date_part('hour', time) < 12`, and takes rows that are sorted by it for unsorted.
fn is_ordered_as_asked(node: &dyn ExecutionPlan) -> Result<bool> {
    let places = node.input_distribution_requirements();
    let orders = node.required_input_ordering();
    for (at, (child, order)) in node.children().into_iter().zip(orders).enumerate() {
        let options = ChildSatisfactionOptions::new().with_allow_subset(true);
        if !places
            .child_satisfaction(at, child.as_ref(), options)?
            .is_satisfied()
        {
            return Ok(false);
        }
        let Some(order) = order.map(OrderingRequirements::into_single) else {
            continue;
        };
        let sorted = child
            .equivalence_properties()
            .ordering_satisfy_requirement(order.clone())?;
        let sorted = sorted || {
            let there = child.output_ordering().map(|order| order.iter());
            let mut there = there.into_iter().flatten();
            order.iter().all(|asked| {
                there.next().is_some_and(|sort| {
                    sort.expr.eq(&asked.expr)
                        && asked.options.is_none_or(|options| options == sort.options)
                })
            })
        };
        if !sorted {
            return Ok(false);
        }
    }
    Ok(true)
}
