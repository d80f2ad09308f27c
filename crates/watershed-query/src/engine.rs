//! Runs queries.

use crate::admission::Admission;
use crate::gap_fill;
use crate::output::{AbortOnDrop, QueryOutput, run};
use crate::running::{KillSignal, Registry, RunningQuery};
use crate::scan::Sources;
use crate::session::{self, Session};
use crate::views::without_views;
use crate::{Limits, Params, QueryError, UnpersistedRows};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::SchemaProvider;
use datafusion::catalog::information_schema::{INFORMATION_SCHEMA, InformationSchemaProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::TableType;
use datafusion::execution::SessionState;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use object_store::ObjectStore;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use watershed_catalog::Catalog;
use watershed_model::{Clock, DatabaseName};
use watershed_storage::ParquetReader;

/// How many of the largest users of memory an error of exhaustion names.
const MEMORY_CONSUMERS_NAMED: NonZeroUsize = match NonZeroUsize::new(5) {
    Some(count) => count,
    None => NonZeroUsize::MIN,
};

/// How the engine may use the machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most memory all queries together may take for sorting, grouping and joining, in bytes. What
    /// does not fit is spilled to disk where the operator can, else the query fails.
    pub memory_bytes_max: usize,
    /// The most bytes of spilled data on disk.
    pub spill_bytes_max: u64,
    /// Where spilled data goes; `None` for the temporary directory of the system.
    pub spill_directory: Option<PathBuf>,
    /// The most queries that run at once.
    pub running_max: usize,
    /// The most queries that wait for their turn.
    pub queued_max: usize,
    /// Into how many streams a query is split.
    pub target_partitions: usize,
    /// The most bytes of Parquet footers kept in memory.
    pub footer_cache_bytes_max: usize,
    /// The most one query may ask for.
    pub limits: Limits,
    /// Where queries are executed; `None` for the runtime of the caller. One of their own keeps long
    /// computations away from the threads that serve connections.
    pub executor: Option<tokio::runtime::Handle>,
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
        Self {
            memory_bytes_max: 1 << 30,
            spill_bytes_max: 10 << 30,
            spill_directory: None,
            running_max: (2 * cores).max(10),
            queued_max: 1000,
            target_partitions: cores,
            footer_cache_bytes_max: 64 << 20,
            limits: Limits::default(),
            executor: None,
        }
    }
}

/// What a caller can ask for beside the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions {
    /// Whether tables for finding faults are visible.
    pub debug: bool,
}

/// What a query will give, and what it needs.
#[derive(Debug, Clone)]
pub struct SqlDescription {
    /// The columns of the result.
    pub schema: SchemaRef,
    /// The placeholders by name (`$name`) and the types their places ask for.
    pub parameters: Vec<(String, DataType)>,
}

/// A table or a view, as Flight SQL lists them.
#[derive(Debug, Clone)]
pub struct TableListing {
    /// `iox` or `information_schema`.
    pub schema_name: String,
    /// The table.
    pub table_name: String,
    /// `BASE TABLE` or `VIEW`.
    pub table_type: &'static str,
    /// Its columns.
    pub schema: SchemaRef,
}

/// Plans and runs queries. Cheap to clone; clones share memory, caches and limits.
#[derive(Debug, Clone)]
pub struct QueryEngine {
    base: Arc<SessionState>,
    sources: Arc<Sources>,
    admission: Admission,
    planning: Arc<Semaphore>,
    running: Registry,
    executor: Option<tokio::runtime::Handle>,
}

impl QueryEngine {
    /// An engine over what the catalog lists, the store holds and `unpersisted` gives.
    ///
    /// # Errors
    /// [`QueryError::Start`] when the directory for spilled data can't be made.
    pub fn new(
        settings: Settings,
        catalog: Arc<dyn Catalog>,
        store: Arc<dyn ObjectStore>,
        unpersisted: Arc<dyn UnpersistedRows>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, QueryError> {
        let runtime = runtime(&settings)?;
        let reader = Arc::new(ParquetReader::new(store, settings.footer_cache_bytes_max));
        let base = session::base_state(runtime, settings.target_partitions, settings.limits);
        Ok(Self {
            base: Arc::new(base.map_err(QueryError::Start)?),
            running: Registry::new(Arc::clone(&clock)),
            sources: Arc::new(Sources {
                catalog,
                reader,
                unpersisted,
                clock,
            }),
            admission: Admission::new(settings.running_max, settings.queued_max),
            planning: Arc::new(Semaphore::new(settings.target_partitions.max(1))),
            executor: settings.executor,
        })
    }

    /// Runs one SQL statement that reads. Planning is done when this returns, and with it the choice of
    /// files and rows: what is written later is not in the result.
    ///
    /// # Errors
    /// [`QueryError`]; those of execution come in the stream.
    pub async fn sql(
        &self,
        database: &DatabaseName,
        text: &str,
        params: Params,
        _options: QueryOptions,
    ) -> Result<QueryOutput, QueryError> {
        let (engine, database, text) = (self.clone(), database.clone(), text.to_owned());
        let entry = self.running.enter(&database, &text);
        let killed = entry.signal();
        let planned = self.plan(async move {
            let session = engine.session(&database).await?;
            let plan = session.sql(&text).await?;
            let plan = plan
                .with_param_values(params.to_datafusion())
                .map_err(QueryError::Planning)?;
            let plan =
                gap_fill::sql::rewrite(plan, session.state()).map_err(QueryError::Planning)?;
            engine.run(&session, plan, None, killed).await
        });
        entry.plan(Box::pin(planned)).await
    }

    /// What one SQL statement would give, without running it. Placeholders need no values.
    ///
    /// # Errors
    /// [`QueryError::ParameterType`] when the place of a placeholder does not tell its type; else as
    /// [`sql`](Self::sql).
    pub async fn describe_sql(
        &self,
        database: &DatabaseName,
        text: &str,
    ) -> Result<SqlDescription, QueryError> {
        let (engine, database, text) = (self.clone(), database.clone(), text.to_owned());
        self.plan(async move {
            let session = engine.session(&database).await?;
            let mut plan = session.sql(&text).await?;
            let parameters = parameters(&plan)?;
            // Coercion decides the types of a CASE or a UNION; it can't be done around a placeholder.
            if parameters.is_empty() {
                plan = gap_fill::sql::rewrite(plan, session.state())
                    .and_then(|plan| session.state().optimize(&plan))
                    .map_err(QueryError::Planning)?;
            }
            let schema = without_views(Arc::new(plan.schema().as_arrow().clone()));
            Ok(SqlDescription { schema, parameters })
        })
        .await
    }

    /// Runs the planning of a query where queries run: it may take long and recurse deeply. No more than
    /// there are cores at a time; the others wait.
    pub(crate) async fn plan<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, QueryError>> + Send + 'static,
    ) -> Result<T, QueryError> {
        let Some(executor) = &self.executor else {
            return work.await;
        };
        // The semaphore is never closed.
        let _place = self.planning.acquire().await;
        let mut task = AbortOnDrop(executor.spawn(work));
        match (&mut task.0).await {
            Ok(result) => result,
            Err(error) => Err(QueryError::Planning(DataFusionError::ExecutionJoin(
                Box::new(error),
            ))),
        }
    }

    /// The queries in progress on this engine, oldest first: those that are planned, that wait for their turn,
    /// and whose rows are not all read yet.
    pub fn running(&self) -> Vec<RunningQuery> {
        self.running.queries()
    }

    /// Ends a query: its planning or its stream fails with [`QueryError::Killed`]. Its memory and its threads
    /// are given back at once, even if nobody reads its rows. False when there is no query of that number.
    pub fn kill(&self, id: u64) -> bool {
        self.running.kill(id)
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.running
    }

    /// Every table and view of a database, by schema and name.
    ///
    /// # Errors
    /// [`QueryError::DatabaseNotFound`] and failures of the catalog.
    pub async fn tables(&self, database: &DatabaseName) -> Result<Vec<TableListing>, QueryError> {
        let session = self.session(database).await?;
        session.tables().await.map_err(QueryError::Planning)
    }

    /// A session on the database as it is now.
    pub(crate) async fn session(&self, database: &DatabaseName) -> Result<Session, QueryError> {
        let schema = self.sources.catalog.database(database).await;
        let schema = schema.map_err(|error| QueryError::from_catalog(database, error))?;
        let sources = Arc::clone(&self.sources);
        Session::new(&self.base, schema, sources, self.sources.clock.as_ref())
    }

    /// Plans physically, chooses files and rows, and gives the stream that executes it all.
    ///
    /// `schema` is what the batches shall say they are, where names, metadata, nullability or the zone of a
    /// time differ from the plan's own schema; types must be the same otherwise, column by column.
    pub(crate) async fn run(
        &self,
        session: &Session,
        plan: LogicalPlan,
        schema: Option<SchemaRef>,
        killed: KillSignal,
    ) -> Result<QueryOutput, QueryError> {
        let ticket = self.admission.enter()?;
        let physical = session.state().create_physical_plan(&plan).await;
        let physical = physical.map_err(QueryError::Planning)?;
        let schema = schema.unwrap_or_else(|| without_views(physical.schema()));
        let context = session.state().task_ctx();
        Ok(run(
            physical,
            context,
            schema,
            ticket,
            self.executor.clone(),
            killed,
        ))
    }
}

/// Memory and disk that all queries share.
fn runtime(settings: &Settings) -> Result<Arc<RuntimeEnv>, QueryError> {
    let pool = FairSpillPool::new(settings.memory_bytes_max);
    let disk = match &settings.spill_directory {
        Some(directory) => DiskManagerMode::Directories(vec![directory.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(
            pool,
            MEMORY_CONSUMERS_NAMED,
        )))
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(disk)
                .with_max_temp_directory_size(settings.spill_bytes_max),
        )
        .build_arc()
        .map_err(QueryError::Start)
}

/// The placeholders of a plan, by name.
fn parameters(plan: &LogicalPlan) -> Result<Vec<(String, DataType)>, QueryError> {
    let types = plan.get_parameter_types().map_err(QueryError::Planning)?;
    let typed = types.into_iter().map(|(name, data_type)| match data_type {
        Some(data_type) => Ok((name, data_type)),
        None => Err(QueryError::ParameterType(name)),
    });
    let mut parameters = typed.collect::<Result<Vec<_>, _>>()?;
    parameters.sort_by(|a, b| placeholder_order(&a.0).cmp(&placeholder_order(&b.0)));
    Ok(parameters)
}

/// `$2` before `$10`, and numbers before names.
fn placeholder_order(name: &str) -> (u64, &str) {
    let number = name.trim_start_matches('$').parse().unwrap_or(u64::MAX);
    (number, name)
}

impl Session {
    /// Every table and view, by schema and name.
    async fn tables(&self) -> datafusion::common::Result<Vec<TableListing>> {
        let mut listings = Vec::new();
        let list = self.state().catalog_list();
        let Some(catalog) = list.catalog(crate::DEFAULT_CATALOG) else {
            return Ok(listings);
        };
        let information = InformationSchemaProvider::new(Arc::clone(list));
        let mut schemas: Vec<(String, Arc<dyn SchemaProvider>)> =
            vec![(INFORMATION_SCHEMA.to_owned(), Arc::new(information))];
        for name in catalog.schema_names() {
            schemas.extend(catalog.schema(&name).map(|schema| (name, schema)));
        }
        for (schema_name, schema) in schemas {
            let mut names = schema.table_names();
            names.sort();
            for table_name in names {
                let Some(table) = schema.table(&table_name).await? else {
                    continue;
                };
                let table_type = match table.table_type() {
                    TableType::Base | TableType::Temporary => "BASE TABLE",
                    TableType::View => "VIEW",
                };
                listings.push(TableListing {
                    schema_name: schema_name.clone(),
                    table_name,
                    table_type,
                    schema: table.schema(),
                });
            }
        }
        Ok(listings)
    }
}
