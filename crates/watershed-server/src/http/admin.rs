//! The management API `/api/v0`: databases and tokens. Needs the operator's rights.
//!
//! Errors carry the status as a number in `code`, as the management API of the original does.

use super::compat::ApiError;
use super::respond::rfc3339_millis;
use super::write::catalog_error;
use super::{HttpState, answer, authenticate_operator};
use crate::auth::Secret;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use watershed_catalog::{
    CatalogError, DatabaseInfo, DatabaseSettings, NewDatabase, NewToken, TokenInfo,
};
use watershed_model::{Action, DatabaseName, Permission, Resource, Timestamp, TokenId};

/// The shortest retention period: anything shorter is more likely a mistake of units than a wish.
pub(super) const RETENTION_NANOS_MIN: i64 = 3_600_000_000_000;

/// The most columns a database may allow in a table.
const COLUMNS_MAX_CEILING: u32 = 1000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseRequest {
    name: String,
    #[serde(default)]
    max_tables: Option<u32>,
    #[serde(default)]
    max_columns_per_table: Option<u32>,
    #[serde(default)]
    retention_period: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenRequest {
    description: String,
    #[serde(default)]
    permissions: Vec<PermissionBody>,
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct PermissionBody {
    action: String,
    resource: String,
}

pub(super) async fn list_databases(State(state): State<HttpState>, headers: HeaderMap) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let databases = state
            .catalog
            .databases()
            .await
            .map_err(|e| catalog_error(&e))?;
        Ok(Json(
            databases.iter().map(database_json).collect::<Vec<_>>(),
        ))
    })
    .await
}

pub(super) async fn create_database(
    State(state): State<HttpState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let request: DatabaseRequest = parse(&body)?;
        let new = new_database(&request)?;
        let created = state
            .catalog
            .create_database(new)
            .await
            .map_err(|e| catalog_error(&e))?;
        tracing::info!(database = %created.name, "created database");
        Ok(Json(database_json(&created)))
    })
    .await
}

pub(super) async fn delete_database(
    State(state): State<HttpState>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let name = DatabaseName::new(&name).map_err(|e| ApiError::invalid(e.to_string()))?;
        state
            .catalog
            .delete_database(&name)
            .await
            .map_err(|e| catalog_error(&e))?;
        tracing::info!(database = %name, "deleted database");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

pub(super) async fn list_tokens(State(state): State<HttpState>, headers: HeaderMap) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let tokens = state
            .catalog
            .tokens()
            .await
            .map_err(|e| catalog_error(&e))?;
        Ok(Json(tokens.iter().map(token_json).collect::<Vec<_>>()))
    })
    .await
}

pub(super) async fn create_token(
    State(state): State<HttpState>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let request: TokenRequest = parse(&body)?;
        let secret = Secret::generate().map_err(|e| ApiError::internal(&e))?;
        let new = new_token(&request, &secret)?;
        let created = state
            .catalog
            .create_token(new)
            .await
            .map_err(|e| catalog_error(&e))?;
        tracing::info!(token = %created.id, "created token");
        let mut shown = token_json(&created);
        shown["accessToken"] = secret.reveal().into();
        Ok(Json(shown))
    })
    .await
}

pub(super) async fn get_token(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let id = token_id(&id)?;
        let tokens = state
            .catalog
            .tokens()
            .await
            .map_err(|e| catalog_error(&e))?;
        let token = tokens.iter().find(|token| token.id == id);
        let token = token.ok_or_else(|| catalog_error(&CatalogError::TokenNotFound(id)))?;
        Ok(Json(token_json(token)))
    })
    .await
}

pub(super) async fn revoke_token(
    State(state): State<HttpState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    managed(async {
        authenticate_operator(&state, &headers).await?;
        let id = token_id(&id)?;
        state
            .catalog
            .revoke_token(id)
            .await
            .map_err(|e| catalog_error(&e))?;
        tracing::info!(token = %id, "revoked token");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Runs a handler and writes its error in the shape of this API: `code` is the status as a number.
pub(super) async fn managed<T: IntoResponse>(
    work: impl Future<Output = Result<T, ApiError>>,
) -> Response {
    let numbered = async {
        Ok(match work.await {
            Ok(done) => done.into_response(),
            Err(error) => {
                let status = error.code.status();
                let body = json!({ "code": status.as_u16(), "message": error.message });
                (status, Json(body)).into_response()
            }
        })
    };
    answer(numbered).await
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|e| ApiError::invalid(format!("invalid request body: {e}")))
}

fn token_id(text: &str) -> Result<TokenId, ApiError> {
    let id = text
        .parse()
        .map_err(|e| ApiError::invalid(format!("invalid token id: {e}")))?;
    Ok(TokenId::new(id))
}

fn new_database(request: &DatabaseRequest) -> Result<NewDatabase, ApiError> {
    let name = DatabaseName::new(&request.name).map_err(|e| ApiError::invalid(e.to_string()))?;
    let retention_nanos = match request.retention_period {
        None | Some(0) => None,
        Some(nanos) if nanos < 0 => {
            return Err(ApiError::invalid("invalid negative retention period"));
        }
        Some(nanos) if nanos < RETENTION_NANOS_MIN => {
            return Err(ApiError::invalid(
                "the retention period must be at least one hour (3600000000000 ns)",
            ));
        }
        Some(nanos) => Some(nanos),
    };
    if request
        .max_columns_per_table
        .is_some_and(|n| n > COLUMNS_MAX_CEILING)
    {
        let text = format!("maxColumnsPerTable is too large, the most is {COLUMNS_MAX_CEILING}");
        return Err(ApiError::invalid(text));
    }
    let settings = DatabaseSettings {
        retention_nanos,
        // Zero asks for the default.
        tables_max: request.max_tables.filter(|n| *n > 0),
        columns_max: request.max_columns_per_table.filter(|n| *n > 0),
    };
    Ok(NewDatabase { name, settings })
}

fn new_token(request: &TokenRequest, secret: &Secret) -> Result<NewToken, ApiError> {
    if request.description.is_empty() {
        return Err(ApiError::invalid("a token needs a description"));
    }
    let permissions = request
        .permissions
        .iter()
        .map(permission)
        .collect::<Result<_, _>>()?;
    let expires_at = request.expires_at.as_deref().map(instant).transpose()?;
    let description = request.description.clone();
    Ok(NewToken {
        hash: secret.hash(),
        description,
        operator: false,
        permissions,
        expires_at,
    })
}

fn permission(body: &PermissionBody) -> Result<Permission, ApiError> {
    let action = match body.action.as_str() {
        "read" => Action::Read,
        "write" => Action::Write,
        other => {
            let text = format!("unknown action \"{other}\", expected \"read\" or \"write\"");
            return Err(ApiError::invalid(text));
        }
    };
    let resource = match body.resource.as_str() {
        "*" => Resource::Every,
        name => {
            let name = DatabaseName::new(name).map_err(|e| ApiError::invalid(e.to_string()))?;
            Resource::Database(name)
        }
    };
    Ok(Permission { action, resource })
}

fn instant(text: &str) -> Result<Timestamp, ApiError> {
    let time = chrono::DateTime::parse_from_rfc3339(text);
    let time = time.map_err(|e| ApiError::invalid(format!("invalid expiresAt \"{text}\": {e}")))?;
    let nanos = time.timestamp_nanos_opt();
    let nanos =
        nanos.ok_or_else(|| ApiError::invalid(format!("expiresAt \"{text}\" is out of range")))?;
    Ok(Timestamp::from_nanos(nanos))
}

fn database_json(database: &DatabaseInfo) -> Value {
    json!({
        "id": database.id.get(),
        "name": database.name.as_str(),
        "maxTables": database.tables_max,
        "maxColumnsPerTable": database.columns_max,
        "retentionPeriod": database.retention_nanos.unwrap_or(0),
        "createdAt": rfc3339_millis(database.created_at),
    })
}

fn token_json(token: &TokenInfo) -> Value {
    let permissions = token.permissions.iter();
    let permissions: Vec<_> = permissions
        .map(|p| PermissionBody {
            action: p.action.to_string(),
            resource: p.resource.to_string(),
        })
        .collect();
    let mut body = json!({
        "id": token.id.to_string(),
        "description": token.description,
        "permissions": permissions,
        "operator": token.operator,
        "createdAt": rfc3339_millis(token.created_at),
    });
    if let Some(at) = token.expires_at {
        body["expiresAt"] = rfc3339_millis(at).into();
    }
    if let Some(at) = token.revoked_at {
        body["revokedAt"] = rfc3339_millis(at).into();
    }
    body
}
