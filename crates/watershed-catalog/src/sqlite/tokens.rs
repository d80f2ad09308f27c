//! Tokens and their rights.

use super::values::token_id_from_stored;
use crate::{CatalogError, NewToken, TokenHash, TokenInfo};
use sqlx::SqliteConnection;
use std::collections::BTreeMap;
use uuid::Uuid;
use watershed_model::{Action, DatabaseName, Permission, Resource, Timestamp, TokenId};

/// Adds a token; its hash is known to be free.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    new: NewToken,
    now: Timestamp,
) -> Result<TokenInfo, CatalogError> {
    let id = TokenId::new(Uuid::new_v4());
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO token (id, hash, description, operator, created_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
    )
    .bind(&id.get().as_bytes()[..])
    .bind(&new.hash.0[..])
    .bind(&new.description)
    .bind(new.operator)
    .bind(now.nanos())
    .bind(new.expires_at.map(Timestamp::nanos))
    .fetch_one(&mut *connection)
    .await?;
    insert_permissions(connection, number, &new.permissions).await?;
    Ok(TokenInfo {
        id,
        description: new.description,
        operator: new.operator,
        permissions: new.permissions,
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
    })
}

async fn insert_permissions(
    connection: &mut SqliteConnection,
    number: i64,
    permissions: &[Permission],
) -> Result<(), CatalogError> {
    for (position, permission) in (0_i64..).zip(permissions) {
        let database = match &permission.resource {
            Resource::Every => None,
            Resource::Database(name) => Some(name.as_str()),
        };
        sqlx::query(
            "INSERT INTO token_permission (token_number, position, action, database)
             VALUES (?, ?, ?, ?)",
        )
        .bind(number)
        .bind(position)
        .bind(permission.action.to_string())
        .bind(database)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Sets the date of revocation unless there is one; whether the token exists shows when it is read.
pub(super) async fn revoke(
    connection: &mut SqliteConnection,
    id: TokenId,
    now: Timestamp,
) -> Result<(), CatalogError> {
    sqlx::query("UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
        .bind(now.nanos())
        .bind(&id.get().as_bytes()[..])
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct TokenRow {
    number: i64,
    id: Vec<u8>,
    hash: Vec<u8>,
    description: String,
    operator: bool,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct PermissionRow {
    token_number: i64,
    action: String,
    database: Option<String>,
}

/// Reads every token, oldest first. The caller holds a transaction: it takes two queries.
pub(super) async fn load(
    connection: &mut SqliteConnection,
) -> Result<Vec<(TokenHash, TokenInfo)>, CatalogError> {
    let mut permissions = load_permissions(connection).await?;
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT number, id, hash, description, operator, created_at, expires_at, revoked_at
         FROM token ORDER BY number",
    )
    .fetch_all(connection)
    .await?;
    let mut tokens = Vec::with_capacity(rows.len());
    for row in rows {
        let of_token = permissions.remove(&row.number).unwrap_or_default();
        tokens.push(token(row, of_token)?);
    }
    Ok(tokens)
}

fn token(
    row: TokenRow,
    permissions: Vec<Permission>,
) -> Result<(TokenHash, TokenInfo), CatalogError> {
    let Ok(hash) = <[u8; 32]>::try_from(row.hash) else {
        return Err(CatalogError::Corrupt(format!(
            "the hash of token {} is cut",
            row.number
        )));
    };
    let info = TokenInfo {
        id: token_id_from_stored(&row.id)?,
        description: row.description,
        operator: row.operator,
        permissions,
        created_at: Timestamp::from_nanos(row.created_at),
        expires_at: row.expires_at.map(Timestamp::from_nanos),
        revoked_at: row.revoked_at.map(Timestamp::from_nanos),
    };
    Ok((TokenHash(hash), info))
}

async fn load_permissions(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<i64, Vec<Permission>>, CatalogError> {
    let rows: Vec<PermissionRow> = sqlx::query_as(
        "SELECT token_number, action, database FROM token_permission
         ORDER BY token_number, position",
    )
    .fetch_all(connection)
    .await?;
    let mut permissions: BTreeMap<i64, Vec<Permission>> = BTreeMap::new();
    for row in rows {
        let number = row.token_number;
        permissions
            .entry(number)
            .or_default()
            .push(permission(row)?);
    }
    Ok(permissions)
}

fn permission(row: PermissionRow) -> Result<Permission, CatalogError> {
    let action = match row.action.as_str() {
        "read" => Action::Read,
        "write" => Action::Write,
        other => return Err(CatalogError::Corrupt(format!("a token may {other}"))),
    };
    let resource = match row.database {
        None => Resource::Every,
        Some(name) => Resource::Database(
            DatabaseName::new(&name).map_err(|e| CatalogError::Corrupt(e.to_string()))?,
        ),
    };
    Ok(Permission { action, resource })
}
