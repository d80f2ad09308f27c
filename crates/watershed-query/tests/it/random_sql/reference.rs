//! The same rows in one batch in memory, and DataFusion with nothing that makes plans better.

use super::answers::Answer;
use super::data::Data;
use crate::world::World;
use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::MemTable;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, when};
use datafusion::optimizer::decorrelate_predicate_subquery::DecorrelatePredicateSubquery;
use datafusion::optimizer::eliminate_limit::EliminateLimit;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::push_down_limit::PushDownLimit;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::scalar_subquery_to_join::ScalarSubqueryToJoin;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::ensure_requirements::EnsureRequirements;
use datafusion::physical_optimizer::output_requirements::OutputRequirements;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt;
use std::sync::Arc;
use watershed_storage::arrow_schema;

/// `coalesce` is written as `CASE`, without which it can't be computed.
#[derive(Debug)]
struct CoalesceAsCase;

impl OptimizerRule for CoalesceAsCase {
    fn name(&self) -> &str {
        "coalesce_as_case"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|node| {
            let names = NamePreserver::new(&node);
            node.map_expressions(|expr| {
                let name = names.save(&expr);
                let rewritten = expr.transform_up(coalesce_as_case)?;
                Ok(rewritten.update_data(|expr| name.restore(expr)))
            })
        })
    }
}

fn coalesce_as_case(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let [first, second] = call.args.as_slice() else {
        return Ok(Transformed::no(expr));
    };
    if call.name() != "coalesce" {
        return Ok(Transformed::no(expr));
    }
    let case = when(first.clone().is_not_null(), first.clone()).otherwise(second.clone())?;
    Ok(Transformed::yes(case))
}

pub(super) struct Reference(SessionContext);

impl Reference {
    /// The name of its table.
    pub(super) const TABLE: &'static str = "reference";

    pub(super) async fn new(data: &Data, world: &World, layout: &str) -> Self {
        let schema = arrow_schema(world.table(layout, "").await.as_ref());
        let rows = vec![vec![data.rows.batch(&schema)]];
        let table = MemTable::try_new(schema, rows).unwrap();
        let mut config = SessionConfig::new().with_target_partitions(1);
        let options = config.options_mut();
        options.sql_parser.map_string_types_to_utf8view = false;
        options.optimizer.expand_views_at_output = true;
        // Only what plans can't be run without.
        let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
            Arc::new(CoalesceAsCase),
            Arc::new(ReplaceDistinctWithAggregate::new()),
            Arc::new(DecorrelatePredicateSubquery::new()),
            Arc::new(ScalarSubqueryToJoin::new()),
            // Joins for `NOT IN` heed nulls only where they compare columns.
            Arc::new(ExtractEquijoinPredicate::new()),
            // Sorts below limits would be taken for needless.
            Arc::new(EliminateLimit::new()),
            Arc::new(PushDownLimit::new()),
        ];
        let physical: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![
            Arc::new(OutputRequirements::new_add_mode()),
            Arc::new(EnsureRequirements::new()),
            Arc::new(OutputRequirements::new_remove_mode()),
        ];
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_optimizer_rules(rules)
            .with_physical_optimizer_rules(physical)
            .build();
        let context = SessionContext::new_with_state(state);
        context
            .register_table(Self::TABLE, Arc::new(table))
            .unwrap();
        Self(context)
    }

    pub(super) async fn answer(&self, text: &str) -> Answer {
        let run = async || -> Result<_> {
            let rows = self.0.sql(text).await?.execute_stream().await?;
            let schema = rows.schema();
            let mut batches: Vec<RecordBatch> = rows.try_collect().await?;
            batches.insert(0, RecordBatch::new_empty(schema));
            Ok(batches)
        };
        match run().await {
            Ok(batches) => Answer::of(&batches),
            Err(error) => Answer::Failed(error.strip_backtrace()),
        }
    }
}
