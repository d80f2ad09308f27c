//! Runs queries.

use crate::admission::{Admission, Places, Ticket, Weight};
use crate::gap_fill;
use crate::memory::{Memory, QueryMemory};
use crate::output::{AbortOnDrop, QueryOutput, run};
use crate::running::{InProgress, QueryRecord, QueryType, Registry, RunningQuery};
use crate::scan::Sources;
use crate::session::{self, Session};
use crate::views::without_views;
use crate::weight::weight;
use crate::{Limits, Params, QueryError, QueryStatistics, UnpersistedRows, parameters};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::SchemaProvider;
use datafusion::catalog::information_schema::{INFORMATION_SCHEMA, InformationSchemaProvider};
use datafusion::common::DataFusionError;
use datafusion::datasource::TableType;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use object_store::ObjectStore;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use watershed_catalog::Catalog;
use watershed_model::{Clock, DatabaseName};
use watershed_storage::ParquetReader;

/// The least memory that is worth a heavy query more at the same time.
const SHARE_BYTES_MIN: usize = 128 << 20;

/// Heavy queries at the same time, on a machine with few cores: some wait for disk or for their readers.
const HEAVY_MIN: usize = 4;

/// Sorting keeps so much aside to merge what it has spilled, as DataFusion does by itself. With little memory it
/// is a part of the share of a query.
const SORT_MERGE_BYTES_MAX: usize = 10 << 20;

/// How the engine may use the machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most memory all queries together may take for sorting, grouping and joining, in bytes. What
    /// does not fit is spilled to disk where the operator can, else the query fails. It is divided evenly among the heavy
    /// queries that may run at once: as many as there are cores, and four at least, unless that leaves less than
    /// 128 MiB for each.
    pub memory_bytes_max: usize,
    /// The most bytes of spilled data on disk.
    pub spill_bytes_max: u64,
    /// Where spilled data goes; `None` for the temporary directory of the system.
    pub spill_directory: Option<PathBuf>,
    /// The most queries that run at once.
    pub running_max: usize,
    /// The most queries that wait for their turn.
    pub queued_max: usize,
    /// How long a query waits for its turn.
    pub queue_timeout: Duration,
    /// How long a query may take from its arrival to its last row, its reader included; `None` for ever.
    pub timeout: Option<Duration>,
    /// Into how many streams a query is split.
    pub target_partitions: usize,
    /// The most bytes of Parquet footers kept in memory.
    pub footer_cache_bytes_max: usize,
    /// The most one query may ask for.
    pub limits: Limits,
    /// Where queries are planned and executed; `None` for the runtime of the caller. Some of their own keep long
    /// computations away from the threads that serve connections.
    pub executors: Option<Executors>,
}

/// How many queries are planned at a time, at least: more than there are cores, so that the system shares them and a
/// short planning does not wait for a long one.
const PLANNED_MIN: usize = 8;

/// The runtimes of queries.
#[derive(Debug, Clone)]
pub struct Executors {
    /// Plans all queries and executes those that are soon done. Needs [`light_threads`](Self::light_threads).
    pub light: Handle,
    /// Executes the others. Best on threads that the system gives a lower priority.
    pub heavy: Handle,
}

impl Executors {
    /// How many threads plan and execute light queries on so many cores: when all places for planning are taken, as
    /// many threads again are left for those that are planned.
    pub fn light_threads(cores: usize) -> usize {
        2 * planned_max(cores)
    }
}

fn planned_max(cores: usize) -> usize {
    cores.max(PLANNED_MIN)
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
            queue_timeout: Duration::from_secs(300),
            timeout: None,
            target_partitions: cores,
            footer_cache_bytes_max: 64 << 20,
            limits: Limits::default(),
            executors: None,
        }
    }
}

/// What a caller can ask for beside the query.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueryOptions {
    /// Whether tables for finding faults are visible.
    pub debug: bool,
    /// Whether SQL came over Flight SQL, for those who look at the list of queries.
    pub flight_sql: bool,
    /// The most partitions it may read; a table that is read twice counts twice.
    pub partitions_max: Option<u64>,
    /// The most Parquet files it may read.
    pub parquet_files_max: Option<u64>,
}

impl QueryOptions {
    const fn type_of_sql(self) -> QueryType {
        if self.flight_sql {
            QueryType::FlightSql
        } else {
            QueryType::Sql
        }
    }

    /// Refuses a query that is planned to read more than it may.
    fn check(self, planned: &QueryStatistics) -> Result<(), QueryError> {
        let beyond = |read: Option<u64>, max: Option<u64>| max.filter(|max| read > Some(*max));
        if let Some(max) = beyond(planned.partitions, self.partitions_max) {
            return Err(QueryError::Partitions(max));
        }
        if let Some(max) = beyond(planned.parquet_files, self.parquet_files_max) {
            return Err(QueryError::ParquetFiles(max));
        }
        Ok(())
    }
}

/// What a query will give, and what it needs.
#[derive(Debug, Clone)]
pub struct SqlDescription {
    /// The columns of the result.
    pub schema: SchemaRef,
    /// The placeholders without values by name (`$name`) and the types their places ask for.
    pub parameters: Vec<(String, DataType)>,
}

/// A table or a view, as Flight SQL lists them.
#[derive(Debug, Clone)]
pub struct TableListing {
    /// `iox`, `system` or `information_schema`.
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
    memory: Arc<Memory>,
    executors: Option<Executors>,
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
        let mut base = base.map_err(QueryError::Start)?;
        let places = settings.places();
        let admission = Admission::new(places);
        let memory = Memory::new(
            settings.memory_bytes_max,
            places.heavy_max,
            admission.heavy_places(),
        );
        let sorts = settings.target_partitions.max(1) * 4;
        base.config_mut()
            .options_mut()
            .execution
            .sort_spill_reservation_bytes = SORT_MERGE_BYTES_MAX.min(memory.share() / sorts);
        let running = Registry::new(Arc::clone(&clock), settings.timeout);
        Ok(Self {
            base: Arc::new(base),
            running: running.clone(),
            sources: Arc::new(Sources {
                catalog,
                reader,
                unpersisted,
                clock,
                queries: running,
            }),
            admission,
            planning: Arc::new(Semaphore::new(planned_max(settings.target_partitions))),
            memory: Arc::new(memory),
            executors: settings.executors,
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
        options: QueryOptions,
    ) -> Result<QueryOutput, QueryError> {
        let (engine, database, text) = (self.clone(), database.clone(), text.to_owned());
        let query_type = options.type_of_sql();
        let entry = self.running.enter(&database, &text, query_type);
        let query = entry.in_progress();
        let planned = self.plan(async move |ticket| {
            query.progress.planning_begins();
            let session = engine.session(&database, options).await?;
            let plan = session.sql(&text, &params).await?;
            parameters::all_bound(&plan).map_err(QueryError::Planning)?;
            let plan =
                gap_fill::sql::rewrite(plan, session.state()).map_err(QueryError::Planning)?;
            engine
                .run(&session, plan, None, query, ticket, options)
                .await
        });
        entry.plan(Box::pin(planned)).await
    }

    /// What one SQL statement would give, without running it. Placeholders need no values; with values the columns are
    /// those that [`sql`](Self::sql) gives with them.
    ///
    /// # Errors
    /// [`QueryError::ParameterType`] when the place of a placeholder does not tell its type; else as
    /// [`sql`](Self::sql).
    pub async fn describe_sql(
        &self,
        database: &DatabaseName,
        text: &str,
        params: Params,
    ) -> Result<SqlDescription, QueryError> {
        let (engine, database, text) = (self.clone(), database.clone(), text.to_owned());
        // Who runs the statement says what may be seen; columns of a system table are no secret.
        let all_tables = QueryOptions {
            debug: true,
            ..QueryOptions::default()
        };
        self.plan(async move |_ticket| {
            let session = engine.session(&database, all_tables).await?;
            let mut plan = session.sql(&text, &params).await?;
            let parameters = match params.is_empty() {
                true => parameters::of(&plan)?,
                false => Vec::new(),
            };
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

    /// Takes a place in the queue and runs the planning of a query where queries are planned: it may take long and
    /// recurse deeply. Only a few are planned at a time; the others wait.
    pub(crate) async fn plan<T, F>(&self, work: impl FnOnce(Ticket) -> F) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, QueryError>> + Send + 'static,
    {
        let ticket = self.admission.enter()?;
        let Some(executors) = &self.executors else {
            return work(ticket).await;
        };
        let _place = ticket.wait(&self.planning).await?;
        let mut task = AbortOnDrop(executors.light.spawn(work(ticket)));
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

    /// The queries of a database, or of all databases, in the order in which they came: those in progress, and the
    /// last thousand that have ended within a day.
    pub fn queries(&self, database: Option<&DatabaseName>) -> Vec<QueryRecord> {
        self.running.records(database)
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
    pub async fn tables(
        &self,
        database: &DatabaseName,
        options: QueryOptions,
    ) -> Result<Vec<TableListing>, QueryError> {
        let session = self.session(database, options).await?;
        session.tables().await.map_err(QueryError::Planning)
    }

    /// A session on the database as it is now.
    pub(crate) async fn session(
        &self,
        database: &DatabaseName,
        options: QueryOptions,
    ) -> Result<Session, QueryError> {
        let schema = self.sources.catalog.database(database).await;
        let schema = schema.map_err(|error| QueryError::from_catalog(database, error))?;
        let sources = Arc::clone(&self.sources);
        let clock = self.sources.clock.as_ref();
        Session::new(&self.base, schema, sources, clock, options.debug)
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
        query: InProgress,
        ticket: Ticket,
        options: QueryOptions,
    ) -> Result<QueryOutput, QueryError> {
        query.progress.logically_planned();
        let physical = session.state().create_physical_plan(&plan).await;
        let physical = physical.map_err(QueryError::Planning)?;
        let schema = schema.unwrap_or_else(|| without_views(physical.schema()));
        let weight = weight(&physical);
        let memory = Arc::new(QueryMemory::new(Arc::clone(&self.memory), weight));
        let context = context(session, &memory);
        query.progress.planned(Arc::clone(&physical), memory);
        options.check(&query.progress.statistics())?;
        let executor = self.executors.as_ref().map(|executors| match weight {
            Weight::Light => executors.light.clone(),
            Weight::Heavy => executors.heavy.clone(),
        });
        Ok(run(
            physical, context, schema, ticket, weight, executor, query,
        ))
    }
}

/// What the operators of a query share, with the memory of this query.
fn context(session: &Session, memory: &Arc<QueryMemory>) -> Arc<TaskContext> {
    let runtime = RuntimeEnv {
        memory_pool: Arc::clone(memory) as Arc<dyn MemoryPool>,
        ..session.state().runtime_env().as_ref().clone()
    };
    Arc::new(TaskContext::from(session.state()).with_runtime(Arc::new(runtime)))
}

impl Settings {
    fn places(&self) -> Places {
        let cores = self.target_partitions.max(HEAVY_MIN);
        let by_memory = (self.memory_bytes_max / SHARE_BYTES_MIN).max(1);
        // One place at least is for light queries, if there is more than one.
        let heavy_max = cores.min(by_memory).min(self.running_max.saturating_sub(1));
        Places {
            running_max: self.running_max,
            heavy_max: heavy_max.max(1),
            queued_max: self.queued_max,
            patience: self.queue_timeout,
        }
    }
}

/// The disk that all queries share. Memory is given to each query by itself.
fn runtime(settings: &Settings) -> Result<Arc<RuntimeEnv>, QueryError> {
    let disk = match &settings.spill_directory {
        Some(directory) => DiskManagerMode::Directories(vec![directory.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    RuntimeEnvBuilder::new()
        .with_disk_manager_builder(
            DiskManagerBuilder::default()
                .with_mode(disk)
                .with_max_temp_directory_size(settings.spill_bytes_max),
        )
        .build_arc()
        .map_err(QueryError::Start)
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
        let mut names = catalog.schema_names();
        names.sort();
        for name in names {
            schemas.extend(catalog.schema(&name).map(|schema| (name, schema)));
        }
        schemas.sort_by(|a, b| a.0.cmp(&b.0));
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
