//! What one query is planned with.

use crate::catalog::{DEFAULT_CATALOG, DEFAULT_SCHEMA, catalog_list};
use crate::functions;
use crate::in_order::OrderedScans;
use crate::logical_rules::logical_rules;
use crate::physical_rules::physical_rules;
use crate::planner;
use crate::running::StopSignal;
use crate::scan::Sources;
use crate::{
    Limits, Params, QueryError, advice, dialect, interrupt, null_aware_in, parameters,
    set_comparison, show_functions, sql_size,
};
use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::context::{SQLOptions, SessionState};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use std::sync::Arc;
use watershed_model::{Clock, DatabaseSchema, TableName};

/// The most rows in a batch.
pub(crate) const BATCH_ROWS: usize = 8192;

/// The state every session starts from: made once, because registering a few hundred functions takes
/// longer than planning a small query.
pub(crate) fn base_state(
    runtime: Arc<RuntimeEnv>,
    target_partitions: usize,
    limits: Limits,
) -> datafusion::common::Result<SessionState> {
    let state = SessionStateBuilder::new()
        .with_config(config(target_partitions).with_extension(Arc::new(limits)))
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rules(logical_rules())
        .with_query_planner(Arc::new(planner::QueryPlanner))
        .with_physical_optimizer_rules(physical_rules())
        .with_physical_optimizer_rule(Arc::new(OrderedScans))
        .build();
    functions::register(state)
}

/// The settings clients can see in `SHOW ALL`.
fn config(target_partitions: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(DEFAULT_CATALOG, DEFAULT_SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(true)
        .with_batch_size(BATCH_ROWS)
        .with_target_partitions(target_partitions);
    never_view_types(config.options_mut());
    // Expressions like `x IS TRUE` are never null, but computed by one of which only its inputs tell: the check
    // would take that for another column and refuse the query.
    config
        .options_mut()
        .execution
        .skip_physical_aggregate_schema_check = true;
    config
}

/// Many Flight clients can't read view types, so nothing may make one.
fn never_view_types(options: &mut ConfigOptions) {
    options.sql_parser.map_string_types_to_utf8view = false;
    options.execution.parquet.schema_force_view_types = false;
    options.optimizer.expand_views_at_output = true;
}

/// One database at one moment, and everything a query on it is planned with.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    state: SessionState,
    database: Arc<DatabaseSchema>,
    sources: Arc<Sources>,
    stop: Option<StopSignal>,
}

impl Session {
    /// A session on that database; `now()` is what the clock says now. `debug` shows all system tables. Planning fails
    /// at the next opportunity after `stop`.
    pub(crate) fn new(
        base: &SessionState,
        database: Arc<DatabaseSchema>,
        sources: Arc<Sources>,
        clock: &dyn Clock,
        debug: bool,
        stop: Option<StopSignal>,
    ) -> Result<Self, QueryError> {
        let catalogs = catalog_list(&database, &sources, debug).map_err(QueryError::Planning)?;
        let now = chrono::DateTime::from_timestamp_nanos(clock.now().nanos());
        let props = ExecutionProps::new().with_query_execution_start_time(now);
        let mut builder = SessionStateBuilder::new_from_existing(base.clone())
            .with_catalog_list(catalogs)
            .with_execution_props(props);
        if let Some(stop) = &stop {
            builder = interrupt::with_interrupts(builder, base, stop);
        }
        Ok(Self {
            state: builder.build(),
            database,
            sources,
            stop,
        })
    }

    /// The database.
    pub(crate) fn database(&self) -> &Arc<DatabaseSchema> {
        &self.database
    }

    /// DataFusion's side of it.
    pub(crate) fn state(&self) -> &SessionState {
        &self.state
    }

    /// For loops of planning that may take long: asks whether the plan is still wanted.
    ///
    /// # Errors
    /// As [`StopSignal::check`].
    pub(crate) fn check(&self) -> datafusion::common::Result<()> {
        self.stop.as_ref().map_or(Ok(()), StopSignal::check)
    }

    /// The most a query may ask for.
    pub(crate) fn limits(&self) -> Limits {
        Limits::of(self.state.config())
    }

    /// A table of the database as a source for a plan.
    pub(crate) fn table(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let schema = self.database.table(name)?;
        let sources = Arc::clone(&self.sources);
        Some(Arc::new(crate::table::Table::new(
            &self.database,
            Arc::clone(schema),
            sources,
        )))
    }

    /// The plan with its types settled. That of an `EXPLAIN` stays as it is: planning shows each step of it.
    ///
    /// # Errors
    /// Types that don't fit.
    pub(crate) fn analyzed(&self, plan: LogicalPlan) -> datafusion::common::Result<LogicalPlan> {
        if let LogicalPlan::Explain(_) = plan {
            return Ok(plan);
        }
        let options = self.state.config_options();
        self.state
            .analyzer()
            .execute_and_check(plan, options, |_, _| {})
    }

    /// The plan to execute for one that is [`analyzed`](Self::analyzed).
    ///
    /// # Errors
    /// What can't be planned, and what the sources of the tables fail with.
    pub(crate) async fn physical(
        &self,
        analyzed: LogicalPlan,
    ) -> datafusion::common::Result<Arc<dyn ExecutionPlan>> {
        let state = &self.state;
        if let LogicalPlan::Explain(_) = analyzed {
            return state.create_physical_plan(&analyzed).await;
        }
        let optimizer = state.optimizer();
        let plan = optimizer.optimize(analyzed, state, |_, _| {})?;
        state
            .query_planner()
            .create_physical_plan(&plan, state)
            .await
    }

    /// Plans one SQL statement that reads, with the values of its placeholders. Without any values the placeholders stay.
    ///
    /// # Errors
    /// Syntax, unknown names, types that don't fit, more than one statement, a statement that would
    /// change something, a result without columns; a placeholder without value beside others that have one.
    pub(crate) async fn sql(&self, text: &str, params: &Params) -> Result<LogicalPlan, QueryError> {
        sql_size::check(text)?;
        let plan = self.bound(text, params).await.and_then(|plan| {
            let plan = set_comparison::named_apart(null_aware_in::with_nulls(plan)?)?;
            let plan = functions::mended(plan)?;
            match plan.schema().fields().is_empty() {
                true => plan_err!("the query has no columns; write SELECT * for all of a table"),
                false => Ok(plan),
            }
        });
        plan.map_err(|error| {
            let tables = self.database.tables.keys().map(TableName::as_str);
            let windows = self.state.window_functions();
            let is_window = |name: &str| windows.contains_key(name);
            let mut error = advice::with_advice(error, text, tables, is_window);
            if params.is_empty() && parameters::any(text) {
                error = advice::with_values(error);
            }
            QueryError::Planning(error)
        })
    }

    /// The plan of the text with the values in it.
    ///
    /// Values are put into the plan, where the types that their places ask for are known. Where a plan can't be made
    /// without them, because a zone or an interval has to be a constant, they are put into the text.
    async fn bound(&self, text: &str, params: &Params) -> Result<LogicalPlan, DataFusionError> {
        let depth = self.state.config_options().sql_parser.recursion_limit.get();
        let mut statement = dialect::statement(text, depth)?;
        if let Some(query) = show_functions::query(&statement) {
            statement = dialect::statement(&query, depth)?;
        }
        if params.is_empty() {
            return self.planned(statement).await;
        }
        let with_values = parameters::in_statement(statement.clone(), params);
        let plan = self.planned(statement).await.and_then(|plan| {
            let values = parameters::typed(&plan, params)?;
            plan.with_param_values(values)
        });
        match (plan, with_values) {
            (Err(_), Some(statement)) => self.planned(statement).await,
            (plan, _) => plan,
        }
    }

    async fn planned(&self, statement: Statement) -> Result<LogicalPlan, DataFusionError> {
        // Boxed, because it is far larger than the futures of those who wait for it.
        let plan = Box::pin(self.state.statement_to_plan(statement)).await?;
        self.check()?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&plan)?;
        Ok(plan)
    }
}
