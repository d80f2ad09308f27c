//! A catalog in memory, a sink that remembers, and text for what is in them.

use crate::{SinkError, WriteSink};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use watershed_catalog::{
    Catalog, CatalogError, ColumnRequest, DatabaseInfo, NewDatabase, NewToken, PartitionProgress,
    PersistCommit, TableFiles, TableRequest, TokenHash, TokenInfo, WriterStart,
};
use watershed_model::batch::codec;
use watershed_model::{
    Column, ColumnId, ColumnType, DatabaseId, DatabaseName, DatabaseSchema, FieldColumn,
    FieldValues, TIME_COLUMN, TableBatch, TableId, TableName, TableSchema, TimeRange, TokenId,
    WriteBatch, WriterId,
};

/// One database. Other requests can be made to slip in just before a change.
#[derive(Debug)]
pub(crate) struct MemoryCatalog {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    schema: Arc<DatabaseSchema>,
    next_id: i64,
    /// Taken from the end, one before each change.
    intruders: Vec<Vec<TableRequest>>,
    changes: usize,
}

impl MemoryCatalog {
    pub(crate) fn new(schema: DatabaseSchema) -> Self {
        let state = State {
            schema: Arc::new(schema),
            next_id: 1,
            intruders: vec![],
            changes: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Lets `requests` through just before the next change that the router asks for.
    pub(crate) fn intrude(&self, requests: Vec<TableRequest>) {
        self.state.lock().unwrap().intruders.insert(0, requests);
    }

    pub(crate) fn create(&self, requests: &[TableRequest]) {
        self.state.lock().unwrap().ensure(requests).unwrap();
    }

    /// Creates what the limits allow.
    pub(crate) fn create_if_allowed(&self, requests: &[TableRequest]) {
        let _ = self.state.lock().unwrap().ensure(requests);
    }

    /// Deletes a table; one that gets its name is another one.
    pub(crate) fn delete(&self, table: &str) {
        let mut state = self.state.lock().unwrap();
        let mut schema = DatabaseSchema::clone(&state.schema);
        schema.tables.remove(&TableName::from(table));
        state.schema = Arc::new(schema);
    }

    pub(crate) fn schema(&self) -> Arc<DatabaseSchema> {
        Arc::clone(&self.state.lock().unwrap().schema)
    }

    /// How often the router has asked for a change.
    pub(crate) fn changes(&self) -> usize {
        self.state.lock().unwrap().changes
    }
}

impl State {
    fn ensure(&mut self, requests: &[TableRequest]) -> Result<(), CatalogError> {
        let mut schema = DatabaseSchema::clone(&self.schema);
        for request in requests {
            let table = self.ensure_table(&schema, request)?;
            schema.tables.insert(request.table.clone(), Arc::new(table));
        }
        self.schema = Arc::new(schema);
        Ok(())
    }

    fn ensure_table(
        &mut self,
        schema: &DatabaseSchema,
        request: &TableRequest,
    ) -> Result<TableSchema, CatalogError> {
        let known = schema.tables.get(&request.table);
        let tables = schema.tables.len() as u32;
        if known.is_none() && tables >= schema.tables_max {
            let (wanted, limit) = (tables + 1, schema.tables_max);
            return Err(CatalogError::TablesMax {
                existing: tables,
                wanted,
                limit,
            });
        }
        let id = known.map_or_else(|| TableId::new(self.fresh_id()), |table| table.id());
        let limit = known.map_or(schema.columns_max, |table| table.columns_max());
        let mut columns = known.map_or_else(|| vec![self.time()], |table| table.columns().to_vec());
        let existing = columns.len() as u32;
        for wanted in &request.columns {
            self.ensure_column(&request.table, &mut columns, wanted)?;
        }
        let wanted = columns.len() as u32;
        if wanted > existing && wanted > limit {
            let table = request.table.clone();
            return Err(CatalogError::ColumnsMax {
                table,
                existing,
                wanted,
                limit,
            });
        }
        Ok(TableSchema::new(id, request.table.clone(), columns, limit))
    }

    fn ensure_column(
        &mut self,
        table: &TableName,
        columns: &mut Vec<Column>,
        wanted: &ColumnRequest,
    ) -> Result<(), CatalogError> {
        match columns.iter().find(|column| column.name == wanted.name) {
            Some(column) if column.column_type == wanted.column_type => Ok(()),
            Some(column) => Err(CatalogError::ColumnType {
                table: table.clone(),
                column: wanted.name.clone(),
                existing: column.column_type,
                requested: wanted.column_type,
            }),
            None => {
                // Ids fall, so that neither name order nor order of appearance is id order.
                let id = ColumnId::new(1_000_000 - self.fresh_id());
                let (name, column_type) = (wanted.name.clone(), wanted.column_type);
                columns.push(Column {
                    id,
                    name,
                    column_type,
                });
                Ok(())
            }
        }
    }

    fn time(&mut self) -> Column {
        let id = ColumnId::new(self.fresh_id());
        Column {
            id,
            name: TIME_COLUMN.into(),
            column_type: ColumnType::Time,
        }
    }

    fn fresh_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }
}

fn not_here<T>() -> Result<T, CatalogError> {
    Err(CatalogError::Incompatible(
        "the fake has no such thing".to_owned(),
    ))
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn database(&self, name: &DatabaseName) -> Result<Arc<DatabaseSchema>, CatalogError> {
        let schema = self.schema();
        if schema.name == *name {
            Ok(schema)
        } else {
            Err(CatalogError::DatabaseNotFound(name.to_string()))
        }
    }

    async fn ensure_columns(
        &self,
        database: DatabaseId,
        requests: Vec<TableRequest>,
    ) -> Result<Arc<DatabaseSchema>, CatalogError> {
        let mut state = self.state.lock().unwrap();
        assert_eq!(database, state.schema.id);
        state.changes += 1;
        if let Some(intruder) = state.intruders.pop() {
            // Limits hold for others as well.
            let _ = state.ensure(&intruder);
        }
        state.ensure(&requests)?;
        Ok(Arc::clone(&state.schema))
    }

    async fn create_database(&self, _: NewDatabase) -> Result<DatabaseInfo, CatalogError> {
        not_here()
    }

    async fn databases(&self) -> Result<Vec<DatabaseInfo>, CatalogError> {
        not_here()
    }

    async fn set_retention(
        &self,
        _: &DatabaseName,
        _: Option<i64>,
    ) -> Result<DatabaseInfo, CatalogError> {
        not_here()
    }

    async fn delete_database(&self, _: &DatabaseName) -> Result<(), CatalogError> {
        not_here()
    }

    async fn create_token(&self, _: NewToken) -> Result<TokenInfo, CatalogError> {
        not_here()
    }

    async fn tokens(&self) -> Result<Vec<TokenInfo>, CatalogError> {
        not_here()
    }

    async fn token_by_hash(&self, _: &TokenHash) -> Result<Option<Arc<TokenInfo>>, CatalogError> {
        not_here()
    }

    async fn revoke_token(&self, _: TokenId) -> Result<TokenInfo, CatalogError> {
        not_here()
    }

    async fn start_writer(&self) -> Result<WriterStart, CatalogError> {
        not_here()
    }

    async fn progress(&self, _: WriterId) -> Result<Vec<PartitionProgress>, CatalogError> {
        not_here()
    }

    async fn commit_persist(&self, _: PersistCommit) -> Result<(), CatalogError> {
        not_here()
    }

    async fn table_files(&self, _: TableId, _: TimeRange) -> Result<TableFiles, CatalogError> {
        not_here()
    }

    async fn table_is_active(&self, _: TableId) -> Result<bool, CatalogError> {
        not_here()
    }
}

/// Keeps batches, after checking that they are what the rest of the system relies on.
#[derive(Debug, Default)]
pub(crate) struct MemorySink {
    batches: Mutex<Vec<WriteBatch>>,
    refusal: Mutex<Option<SinkError>>,
}

impl MemorySink {
    pub(crate) fn take(&self) -> Vec<WriteBatch> {
        std::mem::take(&mut self.batches.lock().unwrap())
    }

    /// From now on every batch is refused.
    pub(crate) fn refuse(&self, error: SinkError) {
        *self.refusal.lock().unwrap() = Some(error);
    }
}

#[async_trait]
impl WriteSink for MemorySink {
    async fn write(&self, batch: WriteBatch) -> Result<(), SinkError> {
        if let Some(error) = self.refusal.lock().unwrap().clone() {
            return Err(error);
        }
        check_batch(&batch);
        self.batches.lock().unwrap().push(batch);
        Ok(())
    }
}

fn check_batch(batch: &WriteBatch) {
    let mut bytes = Vec::new();
    codec::encode(batch, &mut bytes);
    assert_eq!(
        codec::decode(&bytes).as_ref(),
        Ok(batch),
        "the batch breaks its rules"
    );
    assert!(batch.rows() > 0, "no batch without rows");
    for table in &batch.tables {
        let used: std::collections::BTreeSet<u32> = table.row_series.iter().copied().collect();
        assert_eq!(used.len(), table.series.len(), "every series has a row");
        let keys: std::collections::BTreeSet<&[u8]> = table.series.keys().collect();
        assert_eq!(keys.len(), table.series.len(), "series are distinct");
        for field in &table.fields {
            let valid = (0..table.rows()).filter(|row| field.is_valid(*row)).count();
            assert!(valid > 0, "every column has a value");
            assert_eq!(
                field.validity.is_some(),
                valid < table.rows(),
                "validity only where needed"
            );
        }
    }
}

/// The rows of a batch, one a line: `table day tag=… field=… @time`, tags and fields by name.
pub(crate) fn render(batch: &WriteBatch, schema: &DatabaseSchema) -> String {
    let by_id: BTreeMap<TableId, &TableSchema> = schema
        .tables
        .values()
        .map(|table| (table.id(), table.as_ref()))
        .collect();
    let mut text = String::new();
    for table in &batch.tables {
        for row in 0..table.rows() {
            writeln!(text, "{}", render_row(table, by_id[&table.table], row)).unwrap();
        }
    }
    text
}

fn render_row(batch: &TableBatch, table: &TableSchema, row: usize) -> String {
    let name = |id| table.column_by_id(id).unwrap().name.as_str();
    let tags: BTreeMap<&str, &str> = batch
        .series
        .tags(batch.row_series[row])
        .map(|(id, value)| (name(id), value))
        .collect();
    let fields = batch.fields.iter().filter(|field| field.is_valid(row));
    let fields: BTreeMap<&str, String> = fields
        .map(|field| (name(field.column), render_value(field, row)))
        .collect();
    let mut text = format!("{} {}", table.name(), batch.partition);
    tags.iter()
        .for_each(|(name, value)| write!(text, " {name}={value}").unwrap());
    text.push(';');
    fields
        .iter()
        .for_each(|(name, value)| write!(text, " {name}={value}").unwrap());
    write!(text, " @{}", batch.times[row]).unwrap();
    text
}

fn render_value(field: &FieldColumn, row: usize) -> String {
    match &field.values {
        FieldValues::F64(values) => format!("{:?}", values[row]),
        FieldValues::I64(values) => format!("{}i", values[row]),
        FieldValues::U64(values) => format!("{}u", values[row]),
        FieldValues::Bool(values) => values[row].to_string(),
        FieldValues::String(values) => format!("{:?}", values.get(row)),
    }
}
