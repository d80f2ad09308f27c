//! Measurements that go.

use super::super::HttpState;
use super::super::write::catalog_error;
use super::{Failure, query_failure, refusal};
use watershed_catalog::CatalogError;
use watershed_influxql::Statement;
use watershed_model::DatabaseName;

/// Deletes the measurements that the statement names, whole. One that is not there is none that has to be
/// deleted.
pub(super) async fn delete(
    state: &HttpState,
    database: &DatabaseName,
    statement: &Statement,
) -> Result<(), Failure> {
    let from = match statement {
        Statement::Delete(delete) if delete.condition.is_none() => &delete.from,
        Statement::DropSeries(drop) if drop.condition.is_none() => &drop.from,
        Statement::DropMeasurement(name) => return delete_one(state, database, name).await,
        other => return Err(Failure::Statement(refusal(other))),
    };
    let named = state.query.measurements(database, from).await;
    for name in named.map_err(|error| query_failure(database, &error))? {
        delete_one(state, database, &name).await?;
    }
    Ok(())
}

async fn delete_one(state: &HttpState, database: &DatabaseName, name: &str) -> Result<(), Failure> {
    match state.catalog.delete_table(database, name).await {
        Ok(()) => {
            tracing::info!(%database, table = name, "deleted measurement");
            Ok(())
        }
        Err(CatalogError::TableNotFound(_)) => Ok(()),
        Err(CatalogError::DatabaseNotFound(_)) => {
            Err(Failure::Statement(super::database_not_found(database)))
        }
        Err(error) => Err(catalog_error(&error).into()),
    }
}
