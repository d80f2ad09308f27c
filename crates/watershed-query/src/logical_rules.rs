//! DataFusion's rules for logical plans, one of them within its bounds.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule};
use std::sync::Arc;

type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The rules in their order.
pub(crate) fn logical_rules() -> Vec<Rule> {
    let rules = Optimizer::new().rules.into_iter();
    let rules = rules.map(|rule| match rule.name() {
        "extract_equijoin_predicate" => Arc::new(KeysOfOneKind(rule)),
        _ => rule,
    });
    rules.collect()
}

/// Makes keys of a join of its conditions unless it has keys for which null is null.
///
/// `l.a IS NOT DISTINCT FROM r.a` becomes a key of a join that takes nulls for equal. Were `l.b = r.b`, which may come
/// down to the join later, made a key of the same join, it would hold for nulls, too.
#[derive(Debug)]
struct KeysOfOneKind(Rule);

impl OptimizerRule for KeysOfOneKind {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Join(join) if join.null_equality == NullEquality::NullEqualsNull => {
                Ok(Transformed::no(plan))
            }
            _ => self.0.rewrite(plan, config),
        }
    }
}
