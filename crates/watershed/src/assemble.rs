//! Puts a single-machine server together. Nothing else in the code knows which parts are local.
//!
//! A data directory holds:
//!
//! | path | what |
//! |---|---|
//! | `catalog.sqlite` | databases, tables, tokens, list of files |
//! | `wal/` | the log: what is acknowledged and not yet in files |
//! | `objects/` | Parquet files |
//! | `spill/` | what queries put aside; empty while none runs |

use anyhow::{Context as _, bail};
use object_store::ObjectStore;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Handle;
use watershed_catalog::{Catalog, CatalogError, NewToken, SqliteCatalog, TokenHash};
use watershed_ingester::{Dependencies, Ingester, Settings as IngesterSettings};
use watershed_model::{Clock, SystemClock};
use watershed_query::{QueryEngine, Settings as QuerySettings};
use watershed_router::{Router, Settings as RouterSettings};
use watershed_server::auth::{Authenticator, Secret};
use watershed_server::local::{LocalRows, LocalSink};
use watershed_server::{HttpSettings, Metrics, Parts, Server};
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
    pub(crate) partial_writes: bool,
    pub(crate) wal_bytes_max: u64,
    pub(crate) buffer_bytes_max: u64,
    pub(crate) query_memory_bytes_max: usize,
}

/// A server ready to accept connections.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) server: Server,
    pub(crate) ingester: Ingester,
    /// The operator token, when one was made just now.
    pub(crate) new_operator_token: Option<Secret>,
}

/// Opens the data directory, replays the log, and connects all parts. `queries` runs the queries.
pub(crate) async fn node(settings: Settings, queries: Handle) -> anyhow::Result<Node> {
    let dir = &settings.data_dir;
    let objects = dir.join("objects");
    let spill = dir.join("spill");
    for each in [dir, &objects, &spill] {
        std::fs::create_dir_all(each).with_context(|| format!("create the directory {}", each.display()))?;
    }
    restrict(dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let catalog = catalog(&dir.join("catalog.sqlite"), Arc::clone(&clock)).await?;
    let new_operator_token = match (&settings.operator_token, settings.authentication) {
        (Some(secret), _) => preset_operator_token(catalog.as_ref(), secret).await.map(|()| None)?,
        (None, true) => first_operator_token(catalog.as_ref()).await?,
        (None, false) => None,
    };
    let store: Arc<dyn ObjectStore> = Arc::new(
        LocalStore::new(&objects).with_context(|| format!("open {}", objects.display()))?,
    );
    let mut registry = Registry::default();
    let dependencies = Dependencies {
        catalog: Arc::clone(&catalog),
        store: Arc::clone(&store),
        clock: Arc::clone(&clock),
        metrics: &mut registry,
    };
    let ingester = Ingester::start(ingester_settings(&settings), dependencies).await.context("open the log")?;
    let router = Router::new(
        Arc::clone(&catalog),
        Arc::new(LocalSink(ingester.clone())),
        Arc::clone(&clock),
        RouterSettings { partial_writes: settings.partial_writes, ..RouterSettings::default() },
    );
    let query = QueryEngine::new(
        QuerySettings {
            memory_bytes_max: settings.query_memory_bytes_max,
            spill_directory: Some(spill),
            executor: Some(queries),
            ..QuerySettings::default()
        },
        Arc::clone(&catalog),
        store,
        Arc::new(LocalRows(ingester.clone())),
        Arc::clone(&clock),
    )?;
    let server = Server::new(Parts {
        settings: HttpSettings {
            request_bytes_max: settings.request_bytes_max,
            writes_max: settings.writes_max,
            version: format!("watershed-{}", env!("CARGO_PKG_VERSION")),
        },
        authenticator: Authenticator::new(Arc::clone(&catalog), Arc::clone(&clock), settings.authentication),
        catalog,
        clock,
        router: Arc::new(router),
        query,
        metrics: Metrics::new(Arc::new(Mutex::new(registry))),
    });
    Ok(Node { server, ingester, new_operator_token })
}

fn ingester_settings(settings: &Settings) -> IngesterSettings {
    let mut ingester = IngesterSettings::new(settings.data_dir.join("wal"));
    ingester.wal_bytes_max = settings.wal_bytes_max;
    ingester.buffer_bytes_hard = settings.buffer_bytes_max;
    ingester.buffer_bytes_soft = settings.buffer_bytes_max / 3;
    ingester
}

/// The directory holds everyone's data: only its owner may look inside.
#[cfg(unix)]
fn restrict(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("restrict the directory {} to its owner", dir.display()))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> anyhow::Result<()> {
    Ok(())
}

async fn catalog(path: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<dyn Catalog>> {
    let catalog = SqliteCatalog::open(path, clock).await;
    Ok(Arc::new(catalog.with_context(|| format!("open the catalog {}", path.display()))?))
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
        None => match catalog.create_token(operator(secret.hash(), "operator token given at start")).await {
            Ok(_) | Err(CatalogError::TokenExists) => Ok(()),
            Err(error) => Err(error.into()),
        },
    }
}

/// Makes an operator token when there is none yet.
async fn first_operator_token(catalog: &dyn Catalog) -> anyhow::Result<Option<Secret>> {
    if catalog.tokens().await?.iter().any(|token| token.operator && token.revoked_at.is_none()) {
        return Ok(None);
    }
    let secret = Secret::generate().context("make the operator token")?;
    catalog.create_token(operator(secret.hash(), "operator token of the first start")).await?;
    Ok(Some(secret))
}

fn operator(hash: TokenHash, description: &str) -> NewToken {
    let description = description.to_owned();
    NewToken { hash, description, operator: true, permissions: Vec::new(), expires_at: None }
}
