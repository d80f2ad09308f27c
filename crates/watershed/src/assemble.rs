//! Puts a single-machine server together. Nothing else in the code knows which parts are local.
//!
//! A data directory holds:
//!
//! | path | what |
//! |---|---|
//! | `BALLAST` | room for a start on a full disk |
//! | `LOCK` | held by the one server that uses the directory |
//! | `catalog.sqlite` | databases, tables, tokens, list of files |
//! | `wal/` | the log: what is acknowledged and not yet in files |
//! | `objects/` | Parquet files |
//! | `spill/` | what queries put aside; empty while none runs |

use crate::ballast;
use anyhow::{Context as _, bail};
use object_store::ObjectStore;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use std::fs::{DirBuilder, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;
use watershed_catalog::{Catalog, CatalogError, NewToken, SqliteCatalog, TokenHash};
use watershed_ingester::{Dependencies, Ingester, Settings as IngesterSettings};
use watershed_model::{Clock, SystemClock};
use watershed_query::{Executors, Limits, QueryEngine, Settings as QuerySettings};
use watershed_router::{Router, Settings as RouterSettings, WriteSink};
use watershed_server::auth::{Authenticator, Secret};
use watershed_server::local::{LocalRows, LocalSink};
use watershed_server::{HttpSettings, Metrics, Origin, Parts, Server};
use watershed_storage::LocalStore;

/// What a single-machine server is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) authentication: bool,
    /// The operator token to use instead of a new one.
    pub(crate) operator_token: Option<Secret>,
    pub(crate) request_bytes_max: usize,
    pub(crate) writes_max: usize,
    pub(crate) in_flight_bytes_max: u64,
    pub(crate) silence_max: Duration,
    pub(crate) cors_origins: Vec<Origin>,
    pub(crate) partial_writes: bool,
    pub(crate) wal_bytes_max: u64,
    pub(crate) buffer_bytes_max: u64,
    pub(crate) disk_reserve_bytes: Option<u64>,
    pub(crate) query_memory_bytes_max: usize,
    pub(crate) query_spill_bytes_max: u64,
    /// `None` for the default of the engine.
    pub(crate) queries_max: Option<usize>,
    pub(crate) queries_queued_max: usize,
    pub(crate) query_queue_timeout: Duration,
    pub(crate) query_timeout: Option<Duration>,
    pub(crate) query_limits: Limits,
}

/// A server ready to accept connections.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) server: Server,
    pub(crate) ingester: Ingester,
    /// The operator token, when one was made just now.
    pub(crate) new_operator_token: Option<Secret>,
    _ballast: AbortOnDropHandle<()>,
    /// Held as long as the node lives.
    _lock: File,
}

/// Opens the data directory, replays the log, and connects all parts. `queries` runs the queries.
pub(crate) async fn node(settings: Settings, queries: Executors) -> anyhow::Result<Node> {
    let dir = &settings.data_dir;
    let objects = dir.join("objects");
    let spill = dir.join("spill");
    create_private(dir)?;
    // Before anything is read or changed: two servers on one directory would undo each other's work.
    let lock = lock(dir)?;
    ballast::release(dir).context("remove the ballast file")?;
    // What a killed server left behind; nobody reads it again.
    if spill.exists() {
        std::fs::remove_dir_all(&spill).with_context(|| format!("empty {}", spill.display()))?;
    }
    for each in [&objects, &spill] {
        std::fs::create_dir_all(each)
            .with_context(|| format!("create the directory {}", each.display()))?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalog = catalog(&dir.join("catalog.sqlite"), Arc::clone(&clock)).await?;
    let store: Arc<dyn ObjectStore> =
        Arc::new(LocalStore::new(&objects).with_context(|| format!("open {}", objects.display()))?);
    let mut registry = Registry::default();
    let dependencies = Dependencies {
        catalog: Arc::clone(&catalog),
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        metrics: &mut registry,
    };
    let ingester = Ingester::start(ingester_settings(&settings), dependencies)
        .await
        .context("open the log")?;
    // Only now, when nothing can fail any more: a token that is recorded must also be shown.
    let new_operator_token = match (&settings.operator_token, settings.authentication) {
        (Some(secret), _) => preset_operator_token(catalog.as_ref(), secret)
            .await
            .map(|()| None)?,
        (None, true) => first_operator_token(catalog.as_ref()).await?,
        (None, false) => None,
    };
    let sink = Arc::new(LocalSink(ingester.clone()));
    let router = Router::new(
        Arc::clone(&catalog),
        Arc::clone(&sink) as Arc<dyn WriteSink>,
        Arc::clone(&clock),
        RouterSettings {
            partial_writes: settings.partial_writes,
            ..RouterSettings::default()
        },
    );
    let query = QueryEngine::new(
        query_settings(&settings, spill, queries),
        Arc::clone(&catalog),
        store,
        Arc::new(LocalRows(ingester.clone())),
        Arc::clone(&clock),
    )?;
    let server = Server::new(Parts {
        settings: HttpSettings {
            request_bytes_max: settings.request_bytes_max,
            writes_max: settings.writes_max,
            in_flight_bytes_max: in_flight_bytes_max(&settings),
            silence_max: settings.silence_max,
            cors_origins: settings.cors_origins.clone(),
            version: format!("watershed-{}", env!("CARGO_PKG_VERSION")),
        },
        authenticator: Authenticator::new(
            Arc::clone(&catalog),
            Arc::clone(&clock),
            settings.authentication,
        ),
        catalog,
        clock,
        router: Arc::new(router),
        pressure: sink,
        query,
        metrics: Metrics::new(Arc::new(Mutex::new(registry))),
    });
    let ballast = tokio::spawn(ballast::take(settings.data_dir));
    Ok(Node {
        server,
        ingester,
        new_operator_token,
        _ballast: AbortOnDropHandle::new(ballast),
        _lock: lock,
    })
}

fn query_settings(settings: &Settings, spill: PathBuf, executors: Executors) -> QuerySettings {
    let default = QuerySettings::default();
    QuerySettings {
        memory_bytes_max: settings.query_memory_bytes_max,
        spill_bytes_max: settings.query_spill_bytes_max,
        spill_directory: Some(spill),
        running_max: settings.queries_max.unwrap_or(default.running_max),
        queued_max: settings.queries_queued_max,
        queue_timeout: settings.query_queue_timeout,
        timeout: settings.query_timeout,
        limits: settings.query_limits,
        executors: Some(executors),
        ..default
    }
}

fn ingester_settings(settings: &Settings) -> IngesterSettings {
    let mut ingester = IngesterSettings::new(settings.data_dir.join("wal"));
    ingester.wal_bytes_max = settings.wal_bytes_max;
    // A body that is taken must fit a record, whatever is in it.
    ingester.wal_queue_bytes_max = ingester
        .wal_queue_bytes_max
        .max(2 * settings.request_bytes_max);
    ingester.buffer_bytes_hard = settings.buffer_bytes_max;
    ingester.buffer_bytes_soft = settings.buffer_bytes_max / 3;
    ingester.persist_partition_bytes = ingester
        .persist_partition_bytes
        .min(ingester.buffer_bytes_soft.max(1));
    // The log is watched anyway. The catalog is beside the two.
    ingester.data_dirs = vec![settings.data_dir.clone(), settings.data_dir.join("objects")];
    ingester.disk_reserve_bytes = settings.disk_reserve_bytes;
    ingester
}

/// What was set, and never less than the largest body needs that is alone.
fn in_flight_bytes_max(settings: &Settings) -> u64 {
    settings
        .in_flight_bytes_max
        .max(3 * settings.request_bytes_max as u64)
}

/// Makes the data directory if it is missing, for its owner alone: it holds everyone's data. One that is
/// there keeps the rights its owner gave it.
fn create_private(dir: &Path) -> anyhow::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(dir)
        .with_context(|| format!("create the directory {}", dir.display()))
}

/// Takes the data directory for this process.
fn lock(dir: &Path) -> anyhow::Result<File> {
    let path = dir.join("LOCK");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = file.with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!(
                "another watershed server uses the data directory {}; stop it, or give another with --data-dir",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}

async fn catalog(path: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Catalog>> {
    let catalog = SqliteCatalog::open(path, clock).await;
    Ok(Arc::new(catalog.with_context(|| {
        format!("open the catalog {}", path.display())
    })?))
}

/// Makes sure that the given token is an operator token in force.
async fn preset_operator_token(catalog: &dyn Catalog, secret: &Secret) -> anyhow::Result<()> {
    match catalog.token_by_hash(&secret.hash()).await? {
        Some(token) if token.revoked_at.is_some() => {
            bail!("the operator token given at start was revoked; give another")
        }
        Some(token) if !token.operator => {
            bail!("the operator token given at start is a database token; give another")
        }
        Some(_) => Ok(()),
        None => match catalog
            .create_token(operator(secret.hash(), "operator token given at start"))
            .await
        {
            Ok(_) | Err(CatalogError::TokenExists) => Ok(()),
            Err(error) => Err(error.into()),
        },
    }
}

/// Makes an operator token when there is none yet.
async fn first_operator_token(catalog: &dyn Catalog) -> anyhow::Result<Option<Secret>> {
    if catalog
        .tokens()
        .await?
        .iter()
        .any(|token| token.operator && token.revoked_at.is_none())
    {
        return Ok(None);
    }
    let secret = Secret::generate().context("make the operator token")?;
    catalog
        .create_token(operator(secret.hash(), "operator token of the first start"))
        .await?;
    Ok(Some(secret))
}

fn operator(hash: TokenHash, description: &str) -> NewToken {
    let description = description.to_owned();
    NewToken {
        hash,
        description,
        operator: true,
        permissions: Vec::new(),
        expires_at: None,
    }
}
