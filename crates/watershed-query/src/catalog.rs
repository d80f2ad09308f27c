//! A database as DataFusion sees it: the catalog `public` with the schemas `iox` and `system`.

use crate::scan::Sources;
use crate::system::{SYSTEM_SCHEMA, SystemTables};
use crate::table::Table;
use async_trait::async_trait;
use datafusion::catalog::CatalogProvider;
use datafusion::catalog::{
    CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
    TableProvider,
};
use datafusion::common::DataFusionError;
use datafusion::datasource::TableType;
use std::sync::Arc;
use watershed_model::{DatabaseSchema, TableName};

/// The catalog every database is seen under.
pub const DEFAULT_CATALOG: &str = "public";

/// The schema that holds the tables of users.
pub const DEFAULT_SCHEMA: &str = "iox";

/// The catalog list of one query. `debug` shows all system tables.
pub(crate) fn catalog_list(
    database: &Arc<DatabaseSchema>,
    sources: &Arc<Sources>,
    debug: bool,
) -> Result<Arc<dyn CatalogProviderList>, DataFusionError> {
    let tables = DatabaseTables {
        database: Arc::clone(database),
        sources: Arc::clone(sources),
    };
    let public = MemoryCatalogProvider::new();
    public.register_schema(DEFAULT_SCHEMA, Arc::new(tables))?;
    let system = SystemTables {
        database: Arc::clone(database),
        sources: Arc::clone(sources),
        debug,
    };
    public.register_schema(SYSTEM_SCHEMA, Arc::new(system))?;
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(DEFAULT_CATALOG.to_owned(), Arc::new(public));
    Ok(Arc::new(list))
}

/// The tables of a database at one moment.
#[derive(Debug)]
struct DatabaseTables {
    database: Arc<DatabaseSchema>,
    sources: Arc<Sources>,
}

#[async_trait]
impl SchemaProvider for DatabaseTables {
    fn table_names(&self) -> Vec<String> {
        self.database
            .tables
            .keys()
            .map(TableName::to_string)
            .collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(schema) = self.database.table(name) else {
            return Ok(None);
        };
        let table = Table::new(
            &self.database,
            Arc::clone(schema),
            Arc::clone(&self.sources),
        );
        Ok(Some(Arc::new(table)))
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>, DataFusionError> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.database.table(name).is_some()
    }
}
