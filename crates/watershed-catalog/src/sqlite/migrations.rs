//! Brings a catalog file to the current version.
//!
//! `PRAGMA user_version` counts the migrations that were applied; each one ends by raising it, in
//! its own transaction, so a crash leaves the file at one version or the next.

use crate::CatalogError;
use sqlx::{Connection, SqliteConnection};

/// The migrations; the first one leads from an empty file to version 1.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/sqlite/0001_initial.sql")];

/// "WSHD": marks the file as a catalog of ours.
const APPLICATION_ID: i64 = 0x5753_4844;

/// Applies what is missing.
///
/// # Errors
/// [`CatalogError::Incompatible`] when the file is newer than this version, or something else.
pub(super) async fn migrate(connection: &mut SqliteConnection) -> Result<(), CatalogError> {
    check_application(connection).await?;
    let newest = MIGRATIONS.len();
    let applied = version(connection).await?;
    let applied = match usize::try_from(applied) {
        Ok(applied) if applied <= newest => applied,
        _ => return Err(too_new(applied, newest)),
    };
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(applied) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(*sql).execute(&mut *transaction).await?;
        let reached = version(&mut transaction).await?;
        assert_eq!(
            usize::try_from(reached),
            Ok(index + 1),
            "a migration sets its own version"
        );
        transaction.commit().await?;
        tracing::info!(version = reached, "migrated catalog");
    }
    Ok(())
}

fn too_new(applied: i64, newest: usize) -> CatalogError {
    CatalogError::Incompatible(format!(
        "the catalog has version {applied} and this program knows versions up to {newest}: it was \
         written by a newer Watershed; start that version or a later one"
    ))
}

async fn check_application(connection: &mut SqliteConnection) -> Result<(), CatalogError> {
    let id: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await?;
    let objects: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(connection)
        .await?;
    if id == APPLICATION_ID || (id == 0 && objects == 0) {
        return Ok(());
    }
    Err(CatalogError::Incompatible(
        "the file is a SQLite database but not a Watershed catalog; give another data directory, \
         or move the file away"
            .to_owned(),
    ))
}

async fn version(connection: &mut SqliteConnection) -> Result<i64, CatalogError> {
    Ok(sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(connection)
        .await?)
}
