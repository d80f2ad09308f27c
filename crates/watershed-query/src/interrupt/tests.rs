use super::*;
use crate::error::stopped;
use crate::running::{Entry, QueryType, Registry, Stopped};
use datafusion::common::DataFusionError;
use watershed_model::{DatabaseName, ManualClock, Timestamp};

fn registry() -> Registry {
    Registry::new(Arc::new(ManualClock::at(Timestamp::from_nanos(0))), None)
}

fn enter(registry: &Registry) -> Entry {
    let database = DatabaseName::new("db").unwrap();
    registry.enter(&database, &"SELECT 1", QueryType::Sql)
}

fn base() -> SessionState {
    let builder = SessionStateBuilder::new();
    builder.with_default_features().build()
}

fn of_query(base: &SessionState, entry: &Entry) -> SessionState {
    let builder = SessionStateBuilder::new_from_existing(base.clone());
    with_interrupts(builder, base, &entry.in_progress().stop).build()
}

#[track_caller]
fn assert_stopped<T>(result: Result<T>) {
    let error = result.map(drop).unwrap_err();
    assert_eq!(stopped(&error), Some(Stopped::Killed), "{error}");
}

/// A plan at each stage.
struct Stages {
    text: LogicalPlan,
    analyzed: LogicalPlan,
    optimized: LogicalPlan,
}

impl Stages {
    async fn of(state: &SessionState) -> Result<Self> {
        let text = "SELECT sum(value) FROM generate_series(1, 3) WHERE value > 1";
        let text = state.create_logical_plan(text).await?;
        let analyzer = state.analyzer();
        let analyzed =
            analyzer.execute_and_check(text.clone(), state.config_options(), |_, _| {})?;
        let optimizer = state.optimizer();
        let optimized = optimizer.optimize(analyzed.clone(), state, |_, _| {})?;
        Ok(Self {
            text,
            analyzed,
            optimized,
        })
    }

    /// Every stage fails.
    #[track_caller]
    fn assert_stopped<'a>(&'a self, state: &'a SessionState) -> impl Future<Output = ()> + 'a {
        let (analyzer, options) = (state.analyzer(), state.config_options());
        assert_stopped(analyzer.execute_and_check(self.text.clone(), options, |_, _| {}));
        let optimizer = state.optimizer();
        assert_stopped(optimizer.optimize(self.analyzed.clone(), state, |_, _| {}));
        async {
            let planner = state.query_planner();
            let physical = planner.create_physical_plan(&self.optimized, state);
            assert_stopped(physical.await);
        }
    }
}

#[tokio::test]
async fn a_plan_is_made_as_without_interrupts() {
    let (base, registry) = (base(), registry());
    let entry = enter(&registry);
    let state = of_query(&base, &entry);
    let (expected, stages) = (Stages::of(&base).await, Stages::of(&state).await);
    let (expected, stages) = (expected.unwrap(), stages.unwrap());
    assert_eq!(stages.analyzed, expected.analyzed);
    assert_eq!(stages.optimized, expected.optimized);
    let names = |state: &SessionState| -> Vec<String> {
        let analyzer = state.analyzer().rules.iter().map(|r| r.name().to_owned());
        let optimizer = state.optimizer().rules.iter();
        let optimizer = optimizer.map(|r| format!("{} {:?}", r.name(), r.apply_order()));
        let physical = state.physical_optimizers().iter();
        let physical = physical.map(|r| format!("{} {}", r.name(), r.schema_check()));
        analyzer.chain(optimizer).chain(physical).collect()
    };
    assert_eq!(names(&state), names(&base));
}

#[tokio::test]
async fn no_stage_goes_on_when_the_query_is_killed() {
    let registry = registry();
    let entry = enter(&registry);
    let state = of_query(&base(), &entry);
    let stages = Stages::of(&state).await.unwrap();
    assert!(registry.kill(1));
    stages.assert_stopped(&state).await;
}

#[tokio::test]
async fn no_stage_goes_on_when_nobody_waits_for_it() {
    let registry = registry();
    let (entry, other) = (enter(&registry), enter(&registry));
    let state = of_query(&base(), &entry);
    drop(other);
    let stages = Stages::of(&state).await.unwrap();
    drop(entry);
    stages.assert_stopped(&state).await;
}

/// A rule during which the query is killed.
#[derive(Debug)]
struct Kills(Registry);

impl OptimizerRule for Kills {
    fn name(&self) -> &str {
        "kills"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if self.0.kill(1) {
            return Ok(Transformed::no(plan));
        }
        Err(DataFusionError::Internal("no such query".to_owned()))
    }
}

#[tokio::test]
async fn a_rule_ends_between_two_nodes() {
    let registry = registry();
    let entry = enter(&registry);
    let rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![Arc::new(Kills(registry))];
    let builder = SessionStateBuilder::new_from_existing(base());
    let base = builder.with_optimizer_rules(rules).build();
    let state = of_query(&base, &entry);
    let stages = Stages::of(&state).await;
    let error = stages.map(|_| ()).unwrap_err();
    assert_eq!(stopped(&error), Some(Stopped::Killed));
    assert!(error.to_string().contains("kills"), "{error}");
}
