//! Databases, tables and columns.
//!
//! A change of columns is planned on the snapshot in memory ([`plan`], pure), then applied in one
//! transaction ([`apply`]). The caller holds the writer from before the plan until the new snapshot
//! is published, so the snapshot is the committed state.

use super::cache::CachedDatabase;
use super::values::from_stored;
use crate::api::{COLUMNS_MAX_DEFAULT, TABLES_MAX_DEFAULT};
use crate::{CatalogError, DatabaseInfo, NewDatabase, TableRequest};
use sqlx::SqliteConnection;
use std::collections::BTreeMap;
use std::sync::Arc;
use watershed_model::{
    Column, ColumnId, ColumnName, ColumnType, DatabaseId, DatabaseName, DatabaseSchema,
    TIME_COLUMN, TableId, TableName, TableSchema, Timestamp,
};

/// The columns to add to one table; the table itself, too, when `existing` is `None`.
#[derive(Debug)]
pub(super) struct TableChange {
    name: TableName,
    existing: Option<Arc<TableSchema>>,
    columns: BTreeMap<ColumnName, ColumnType>,
}

impl TableChange {
    fn is_empty(&self) -> bool {
        self.existing.is_some() && self.columns.is_empty()
    }
}

/// What is missing from `schema`; empty when nothing is.
///
/// # Errors
/// [`CatalogError::ColumnType`], [`CatalogError::TablesMax`], [`CatalogError::ColumnsMax`].
pub(super) fn plan(
    schema: &DatabaseSchema,
    requests: &[TableRequest],
) -> Result<Vec<TableChange>, CatalogError> {
    let mut changes: BTreeMap<&TableName, TableChange> = BTreeMap::new();
    for request in requests {
        let change = changes
            .entry(&request.table)
            .or_insert_with(|| TableChange {
                name: request.table.clone(),
                existing: schema.table(request.table.as_str()).cloned(),
                columns: BTreeMap::new(),
            });
        plan_columns(change, request)?;
    }
    let changes: Vec<_> = changes
        .into_values()
        .filter(|change| !change.is_empty())
        .collect();
    check_limits(schema, &changes)?;
    Ok(changes)
}

fn plan_columns(change: &mut TableChange, request: &TableRequest) -> Result<(), CatalogError> {
    for wanted in &request.columns {
        let existing = match &change.existing {
            _ if wanted.name.as_str() == TIME_COLUMN => Some(ColumnType::Time),
            Some(table) => table
                .column(wanted.name.as_str())
                .map(|column| column.column_type),
            None => None,
        };
        let existing = existing.or_else(|| change.columns.get(&wanted.name).copied());
        match existing {
            Some(existing) if existing == wanted.column_type => {}
            Some(existing) => {
                return Err(CatalogError::ColumnType {
                    table: change.name.clone(),
                    column: wanted.name.clone(),
                    existing,
                    requested: wanted.column_type,
                });
            }
            None => {
                assert_ne!(
                    wanted.column_type,
                    ColumnType::Time,
                    "only `time` has that type"
                );
                change
                    .columns
                    .insert(wanted.name.clone(), wanted.column_type);
            }
        }
    }
    Ok(())
}

fn check_limits(schema: &DatabaseSchema, changes: &[TableChange]) -> Result<(), CatalogError> {
    let new_tables = changes
        .iter()
        .filter(|change| change.existing.is_none())
        .count();
    let existing = count(schema.tables.len());
    let wanted = existing.saturating_add(count(new_tables));
    if new_tables > 0 && wanted > schema.tables_max {
        return Err(CatalogError::TablesMax {
            existing,
            wanted,
            limit: schema.tables_max,
        });
    }
    for change in changes {
        let (existing, limit) = match &change.existing {
            Some(table) => (count(table.columns().len()), table.columns_max()),
            None => (0, schema.columns_max),
        };
        let with_time = existing.max(1);
        let wanted = with_time.saturating_add(count(change.columns.len()));
        if wanted > limit {
            let table = change.name.clone();
            return Err(CatalogError::ColumnsMax {
                table,
                existing,
                wanted,
                limit,
            });
        }
    }
    Ok(())
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Writes a plan and returns the schema that results once it is committed.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    schema: &DatabaseSchema,
    changes: Vec<TableChange>,
    now: Timestamp,
) -> Result<DatabaseSchema, CatalogError> {
    let mut tables = schema.tables.clone();
    for change in changes {
        let (id, columns_max, mut columns) = match &change.existing {
            Some(table) => (table.id(), table.columns_max(), table.columns().to_vec()),
            None => {
                let id = insert_table(connection, schema, &change.name, now).await?;
                let time = ColumnName::from(TIME_COLUMN);
                let time = insert_column(connection, id, time, ColumnType::Time).await?;
                (id, schema.columns_max, vec![time])
            }
        };
        for (name, column_type) in change.columns {
            columns.push(insert_column(connection, id, name, column_type).await?);
        }
        let table = TableSchema::new(id, change.name.clone(), columns, columns_max);
        tables.insert(change.name, Arc::new(table));
    }
    Ok(DatabaseSchema {
        tables,
        ..schema.clone()
    })
}

async fn insert_table(
    connection: &mut SqliteConnection,
    schema: &DatabaseSchema,
    name: &TableName,
    now: Timestamp,
) -> Result<TableId, CatalogError> {
    let id = sqlx::query_scalar(
        "INSERT INTO database_table (database_id, name, columns_max, created_at)
         VALUES (?, ?, ?, ?) RETURNING id",
    )
    .bind(schema.id.get())
    .bind(name.as_str())
    .bind(i64::from(schema.columns_max))
    .bind(now.nanos())
    .fetch_one(connection)
    .await?;
    Ok(TableId::new(id))
}

async fn insert_column(
    connection: &mut SqliteConnection,
    table: TableId,
    name: ColumnName,
    column_type: ColumnType,
) -> Result<Column, CatalogError> {
    let id = sqlx::query_scalar(
        "INSERT INTO table_column (table_id, name, type) VALUES (?, ?, ?) RETURNING id",
    )
    .bind(table.get())
    .bind(name.as_str())
    .bind(column_type.as_str())
    .fetch_one(connection)
    .await?;
    Ok(Column {
        id: ColumnId::new(id),
        name,
        column_type,
    })
}

/// Adds a database; its name is known to be free.
pub(super) async fn insert_database(
    connection: &mut SqliteConnection,
    new: NewDatabase,
    now: Timestamp,
) -> Result<CachedDatabase, CatalogError> {
    let settings = new.settings;
    let id = sqlx::query_scalar(
        "INSERT INTO database (name, retention_nanos, tables_max, columns_max, created_at)
         VALUES (?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(new.name.as_str())
    .bind(settings.retention_nanos)
    .bind(settings.tables_max.map(i64::from))
    .bind(settings.columns_max.map(i64::from))
    .bind(now.nanos())
    .fetch_one(connection)
    .await?;
    let info = DatabaseInfo {
        id: DatabaseId::new(id),
        name: new.name,
        retention_nanos: settings.retention_nanos,
        tables_max: settings.tables_max.unwrap_or(TABLES_MAX_DEFAULT),
        columns_max: settings.columns_max.unwrap_or(COLUMNS_MAX_DEFAULT),
        created_at: now,
    };
    Ok(cached(info, BTreeMap::new()))
}

fn cached(info: DatabaseInfo, tables: BTreeMap<TableName, Arc<TableSchema>>) -> CachedDatabase {
    let schema = DatabaseSchema {
        id: info.id,
        name: info.name,
        retention_nanos: info.retention_nanos,
        tables_max: info.tables_max,
        columns_max: info.columns_max,
        tables,
    };
    CachedDatabase {
        schema: Arc::new(schema),
        created_at: info.created_at,
    }
}

/// Marks a database as deleted.
pub(super) async fn set_retention(
    connection: &mut SqliteConnection,
    id: DatabaseId,
    retention_nanos: Option<i64>,
) -> Result<(), CatalogError> {
    sqlx::query("UPDATE database SET retention_nanos = ? WHERE id = ? AND deleted_at IS NULL")
        .bind(retention_nanos)
        .bind(id.get())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn delete_database(
    connection: &mut SqliteConnection,
    id: DatabaseId,
    now: Timestamp,
) -> Result<(), CatalogError> {
    sqlx::query("UPDATE database SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL")
        .bind(now.nanos())
        .bind(id.get())
        .execute(connection)
        .await?;
    Ok(())
}

/// Whether the table and its database are active.
pub(super) async fn table_is_active(
    connection: &mut SqliteConnection,
    table: TableId,
) -> Result<bool, CatalogError> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM database_table t JOIN database d ON d.id = t.database_id
         WHERE t.id = ? AND t.deleted_at IS NULL AND d.deleted_at IS NULL",
    )
    .bind(table.get())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

#[derive(sqlx::FromRow)]
struct DatabaseRow {
    id: i64,
    name: String,
    retention_nanos: Option<i64>,
    tables_max: Option<i64>,
    columns_max: Option<i64>,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct TableRow {
    id: i64,
    database_id: i64,
    name: String,
    columns_max: i64,
}

#[derive(sqlx::FromRow)]
struct ColumnRow {
    id: i64,
    table_id: i64,
    name: String,
    #[sqlx(rename = "type")]
    column_type: String,
}

/// Reads every active database with its tables: three queries, whatever their number.
pub(super) async fn load(
    connection: &mut SqliteConnection,
) -> Result<Vec<CachedDatabase>, CatalogError> {
    let mut columns = load_columns(connection).await?;
    let mut tables = load_tables(connection, &mut columns).await?;
    let rows: Vec<DatabaseRow> = sqlx::query_as(
        "SELECT id, name, retention_nanos, tables_max, columns_max, created_at
         FROM database WHERE deleted_at IS NULL",
    )
    .fetch_all(connection)
    .await?;
    let mut databases = Vec::with_capacity(rows.len());
    for row in rows {
        let of_database = tables.remove(&row.id).unwrap_or_default();
        databases.push(cached(database_info(row)?, of_database));
    }
    Ok(databases)
}

fn database_info(row: DatabaseRow) -> Result<DatabaseInfo, CatalogError> {
    let limit = |stored: Option<i64>, default| match stored {
        Some(limit) => from_stored(limit, "the limit of a database"),
        None => Ok(default),
    };
    Ok(DatabaseInfo {
        id: DatabaseId::new(row.id),
        name: DatabaseName::new(&row.name).map_err(|e| CatalogError::Corrupt(e.to_string()))?,
        retention_nanos: row.retention_nanos,
        tables_max: limit(row.tables_max, TABLES_MAX_DEFAULT)?,
        columns_max: limit(row.columns_max, COLUMNS_MAX_DEFAULT)?,
        created_at: Timestamp::from_nanos(row.created_at),
    })
}

async fn load_columns(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<i64, Vec<Column>>, CatalogError> {
    let rows: Vec<ColumnRow> = sqlx::query_as(
        "SELECT c.id, c.table_id, c.name, c.type FROM table_column c
         JOIN database_table t ON t.id = c.table_id JOIN database d ON d.id = t.database_id
         WHERE t.deleted_at IS NULL AND d.deleted_at IS NULL",
    )
    .fetch_all(connection)
    .await?;
    let mut columns: BTreeMap<i64, Vec<Column>> = BTreeMap::new();
    for row in rows {
        let Some(column_type) = ColumnType::parse(&row.column_type) else {
            let found = row.column_type;
            return Err(CatalogError::Corrupt(format!(
                "column {} has type {found}",
                row.id
            )));
        };
        let (id, name) = (ColumnId::new(row.id), ColumnName::from(row.name.as_str()));
        columns.entry(row.table_id).or_default().push(Column {
            id,
            name,
            column_type,
        });
    }
    Ok(columns)
}

type TablesByDatabase = BTreeMap<i64, BTreeMap<TableName, Arc<TableSchema>>>;

async fn load_tables(
    connection: &mut SqliteConnection,
    columns: &mut BTreeMap<i64, Vec<Column>>,
) -> Result<TablesByDatabase, CatalogError> {
    let rows: Vec<TableRow> = sqlx::query_as(
        "SELECT t.id, t.database_id, t.name, t.columns_max FROM database_table t
         JOIN database d ON d.id = t.database_id
         WHERE t.deleted_at IS NULL AND d.deleted_at IS NULL",
    )
    .fetch_all(connection)
    .await?;
    let mut tables = TablesByDatabase::new();
    for row in rows {
        let of_table = columns.remove(&row.id).unwrap_or_default();
        if !of_table.iter().any(|c| c.column_type == ColumnType::Time) {
            return Err(CatalogError::Corrupt(format!(
                "table {} has no time column",
                row.id
            )));
        }
        let name = TableName::from(row.name.as_str());
        let columns_max = from_stored(row.columns_max, "the column limit of a table")?;
        let table = TableSchema::new(TableId::new(row.id), name.clone(), of_table, columns_max);
        tables
            .entry(row.database_id)
            .or_default()
            .insert(name, Arc::new(table));
    }
    Ok(tables)
}
