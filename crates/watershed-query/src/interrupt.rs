//! Planning that ends with its query.
//!
//! DataFusion plans without a pause, for minutes if the text asks for it. Every rule it applies is wrapped here, and
//! asks first whether the plan is still wanted: for each node of the plan, where the rule is applied node by node. The
//! question is one load of an atomic.

use crate::running::StopSignal;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{
    Analyzer, AnalyzerRule, ApplyOrder, Optimizer, OptimizerConfig, OptimizerRule,
};
use datafusion::physical_optimizer::{PhysicalOptimizerContext, PhysicalOptimizerRule};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;

/// The same rules for a session of `base`, which fail from the moment on when the plan is not wanted any more.
pub(crate) fn with_interrupts(
    builder: SessionStateBuilder,
    base: &SessionState,
    stop: &StopSignal,
) -> SessionStateBuilder {
    let analyzer = base.analyzer();
    let analyzer = Analyzer {
        function_rewrites: analyzer.function_rewrites.clone(),
        rules: wrapped(&analyzer.rules, stop, |rule| Arc::new(rule)),
    };
    let optimizer = Optimizer {
        rules: wrapped(&base.optimizer().rules, stop, |rule| Arc::new(rule)),
    };
    let physical = wrapped(base.physical_optimizers(), stop, |rule| Arc::new(rule));
    let mut builder = builder.with_physical_optimizer_rules(physical);
    *builder.analyzer() = Some(analyzer);
    *builder.optimizer() = Some(optimizer);
    builder
}

fn wrapped<R: ?Sized>(
    rules: &[Arc<R>],
    stop: &StopSignal,
    wrap: impl Fn(Interrupted<R>) -> Arc<R>,
) -> Vec<Arc<R>> {
    let rules = rules.iter().map(|rule| Interrupted {
        rule: Arc::clone(rule),
        stop: stop.clone(),
    });
    rules.map(wrap).collect()
}

/// A rule that is applied only as long as the plan is wanted.
#[derive(Debug)]
struct Interrupted<R: ?Sized> {
    rule: Arc<R>,
    stop: StopSignal,
}

impl AnalyzerRule for Interrupted<dyn AnalyzerRule + Send + Sync> {
    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        self.stop.check()?;
        self.rule.analyze(plan, config)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }
}

impl OptimizerRule for Interrupted<dyn OptimizerRule + Send + Sync> {
    fn name(&self) -> &str {
        self.rule.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.rule.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        self.stop.check()?;
        self.rule.rewrite(plan, config)
    }
}

impl PhysicalOptimizerRule for Interrupted<dyn PhysicalOptimizerRule + Send + Sync> {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.stop.check()?;
        self.rule.optimize(plan, config)
    }

    fn optimize_with_context(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        context: &dyn PhysicalOptimizerContext,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.stop.check()?;
        self.rule.optimize_with_context(plan, context)
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

#[cfg(test)]
mod tests;
