//! What requests ask for all the time, in memory.
//!
//! Every entry is an immutable snapshot behind an `Arc`; a committed change replaces snapshots, so a
//! reader holds the lock for one map lookup and keeps a consistent state as long as it likes.

use crate::{DatabaseInfo, TokenHash, TokenInfo};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use watershed_model::{DatabaseId, DatabaseName, DatabaseSchema, Timestamp};

/// The active databases and all tokens, as of the last committed change.
#[derive(Debug, Default)]
pub(super) struct Cache {
    databases: BTreeMap<DatabaseName, CachedDatabase>,
    names: HashMap<DatabaseId, DatabaseName>,
    tokens: HashMap<TokenHash, Arc<TokenInfo>>,
}

/// An active database.
#[derive(Debug)]
pub(super) struct CachedDatabase {
    pub(super) schema: Arc<DatabaseSchema>,
    pub(super) created_at: Timestamp,
}

impl CachedDatabase {
    pub(super) fn info(&self) -> DatabaseInfo {
        DatabaseInfo {
            id: self.schema.id,
            name: self.schema.name.clone(),
            retention_nanos: self.schema.retention_nanos,
            tables_max: self.schema.tables_max,
            columns_max: self.schema.columns_max,
            created_at: self.created_at,
        }
    }
}

impl Cache {
    pub(super) fn database(&self, name: &DatabaseName) -> Option<&CachedDatabase> {
        self.databases.get(name)
    }

    pub(super) fn schema_by_id(&self, id: DatabaseId) -> Option<Arc<DatabaseSchema>> {
        let name = self.names.get(&id)?;
        Some(Arc::clone(&self.databases.get(name)?.schema))
    }

    /// In name order.
    pub(super) fn databases(&self) -> impl Iterator<Item = &CachedDatabase> {
        self.databases.values()
    }

    pub(super) fn token(&self, hash: &TokenHash) -> Option<Arc<TokenInfo>> {
        self.tokens.get(hash).cloned()
    }

    pub(super) fn add_database(&mut self, database: CachedDatabase) {
        let name = database.schema.name.clone();
        self.names.insert(database.schema.id, name.clone());
        self.databases.insert(name, database);
    }

    pub(super) fn replace_schema(&mut self, schema: Arc<DatabaseSchema>) {
        if let Some(database) = self.databases.get_mut(&schema.name) {
            database.schema = schema;
        }
    }

    pub(super) fn remove_database(&mut self, name: &DatabaseName) {
        if let Some(database) = self.databases.remove(name) {
            self.names.remove(&database.schema.id);
        }
    }

    pub(super) fn put_token(&mut self, hash: TokenHash, token: Arc<TokenInfo>) {
        self.tokens.insert(hash, token);
    }
}
