//! A catalog and an object store that fail on command.

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;
use watershed_catalog::{
    Catalog, CatalogError, DatabaseInfo, NewDatabase, NewToken, PartitionProgress, PersistCommit,
    TableFiles, TableRequest, TokenHash, TokenInfo, WriterStart,
};
use watershed_model::{
    DatabaseId, DatabaseName, DatabaseSchema, TableId, TimeRange, TokenId, WriterId,
};

/// What happens to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// It is not done, and says so.
    Fail,
    /// It is done, and says it was not.
    FailAfter,
    /// It is not done and never returns: the last moment before a crash.
    Hang,
    /// It is done and never returns.
    HangAfter,
}

/// A switch, and a counter of how often a fault struck.
#[derive(Debug)]
pub(crate) struct Switch {
    fault: Mutex<Fault>,
    struck: watch::Sender<u64>,
}

impl Switch {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            fault: Mutex::new(Fault::None),
            struck: watch::Sender::new(0),
        })
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    /// Waits until faults have struck `times` times in all.
    pub(crate) async fn struck(&self, times: u64) {
        self.struck
            .subscribe()
            .wait_for(|struck| *struck >= times)
            .await
            .unwrap();
    }

    async fn before(&self) -> Result<Fault, ()> {
        let fault = *self.fault.lock();
        match fault {
            Fault::Fail => {
                self.struck.send_modify(|struck| *struck += 1);
                Err(())
            }
            Fault::Hang => {
                self.struck.send_modify(|struck| *struck += 1);
                std::future::pending().await
            }
            Fault::None | Fault::FailAfter | Fault::HangAfter => Ok(fault),
        }
    }

    async fn after(&self, fault: Fault) -> Result<(), ()> {
        match fault {
            Fault::FailAfter => {
                self.struck.send_modify(|struck| *struck += 1);
                Err(())
            }
            Fault::HangAfter => {
                self.struck.send_modify(|struck| *struck += 1);
                std::future::pending().await
            }
            Fault::None | Fault::Fail | Fault::Hang => Ok(()),
        }
    }
}

/// A catalog whose `commit_persist` fails on command.
#[derive(Debug)]
pub(crate) struct FaultyCatalog {
    pub(crate) inner: Arc<dyn Catalog>,
    pub(crate) commits: Arc<Switch>,
}

fn catalog_down() -> CatalogError {
    CatalogError::Corrupt("injected fault".to_owned())
}

#[async_trait]
impl Catalog for FaultyCatalog {
    async fn create_database(&self, new: NewDatabase) -> Result<DatabaseInfo, CatalogError> {
        self.inner.create_database(new).await
    }
    async fn databases(&self) -> Result<Vec<DatabaseInfo>, CatalogError> {
        self.inner.databases().await
    }
    async fn set_retention(
        &self,
        name: &DatabaseName,
        retention_nanos: Option<i64>,
    ) -> Result<DatabaseInfo, CatalogError> {
        self.inner.set_retention(name, retention_nanos).await
    }
    async fn delete_database(&self, name: &DatabaseName) -> Result<(), CatalogError> {
        self.inner.delete_database(name).await
    }
    async fn database(&self, name: &DatabaseName) -> Result<Arc<DatabaseSchema>, CatalogError> {
        self.inner.database(name).await
    }
    async fn ensure_columns(
        &self,
        database: DatabaseId,
        requests: Vec<TableRequest>,
    ) -> Result<Arc<DatabaseSchema>, CatalogError> {
        self.inner.ensure_columns(database, requests).await
    }
    async fn create_token(&self, new: NewToken) -> Result<TokenInfo, CatalogError> {
        self.inner.create_token(new).await
    }
    async fn tokens(&self) -> Result<Vec<TokenInfo>, CatalogError> {
        self.inner.tokens().await
    }
    async fn token_by_hash(
        &self,
        hash: &TokenHash,
    ) -> Result<Option<Arc<TokenInfo>>, CatalogError> {
        self.inner.token_by_hash(hash).await
    }
    async fn revoke_token(&self, id: TokenId) -> Result<TokenInfo, CatalogError> {
        self.inner.revoke_token(id).await
    }
    async fn start_writer(&self) -> Result<WriterStart, CatalogError> {
        self.inner.start_writer().await
    }
    async fn progress(&self, writer: WriterId) -> Result<Vec<PartitionProgress>, CatalogError> {
        self.inner.progress(writer).await
    }
    async fn commit_persist(&self, commit: PersistCommit) -> Result<(), CatalogError> {
        let fault = self.commits.before().await.map_err(|()| catalog_down())?;
        self.inner.commit_persist(commit).await?;
        self.commits.after(fault).await.map_err(|()| catalog_down())
    }
    async fn table_files(
        &self,
        table: TableId,
        times: TimeRange,
    ) -> Result<TableFiles, CatalogError> {
        self.inner.table_files(table, times).await
    }
    async fn table_is_active(&self, table: TableId) -> Result<bool, CatalogError> {
        self.inner.table_is_active(table).await
    }
}

/// A store whose puts fail on command.
#[derive(Debug)]
pub(crate) struct FaultyStore {
    pub(crate) inner: Arc<dyn ObjectStore>,
    pub(crate) puts: Arc<Switch>,
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

fn store_down() -> object_store::Error {
    object_store::Error::Generic {
        store: "faulty",
        source: "injected fault".into(),
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let fault = self.puts.before().await.map_err(|()| store_down())?;
        let result = self.inner.put_opts(location, payload, options).await?;
        self.puts.after(fault).await.map_err(|()| store_down())?;
        Ok(result)
    }
    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.puts.before().await.map_err(|()| store_down())?;
        self.inner.put_multipart_opts(location, options).await
    }
    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }
    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }
    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
