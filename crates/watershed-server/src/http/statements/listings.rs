//! What the server knows: databases, retention policies, queries in progress. Everybody is shown what is
//! theirs.

use super::super::HttpState;
use super::super::write::catalog_error;
use super::{Failure, Rows, database_not_found};
use crate::auth::Identity;
use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use std::sync::Arc;
use watershed_catalog::DatabaseInfo;
use watershed_influxql::{Statement, format_go_duration};
use watershed_model::{Action, DatabaseName};
use watershed_query::{Phase, QueryOutput, QueryRecord};

/// What 1.x says of policies whose shards nobody has set. Nothing here has shards.
const SHARD_DURATION: &str = "168h0m0s";

/// The statements that everybody may ask.
pub(super) async fn of_server(
    state: &HttpState,
    identity: &Identity,
    statement: &Statement,
) -> Result<Rows, Failure> {
    match statement {
        Statement::ShowDatabases => databases(state, identity).await.map(Rows::Query),
        Statement::ShowQueries => queries(state, identity).map(Rows::Query),
        // There are none, and there never will be.
        _ => Ok(Rows::None),
    }
}

/// `SHOW DATABASES`: by name, those that the token has any right to.
pub(super) async fn databases(
    state: &HttpState,
    identity: &Identity,
) -> Result<QueryOutput, Failure> {
    let databases = listed(state).await?;
    let names = databases.iter().map(|d| &d.name);
    let names = names.filter(|name| identity.may_see(name));
    table("databases", vec![("name", texts(names))])
}

/// `SHOW QUERIES`: oldest first, those of databases that the token may read.
pub(super) fn queries(state: &HttpState, identity: &Identity) -> Result<QueryOutput, Failure> {
    let now = state.clock.now().nanos();
    let mut queries = state.query.running();
    queries.retain(|record| identity.may(Action::Read, &record.query.database));
    let status = queries.iter().map(status);
    let queries = queries.iter().map(|record| &record.query);
    let ids = queries
        .clone()
        .map(|query| i64::try_from(query.id).unwrap_or(i64::MAX));
    let durations = queries
        .clone()
        .map(|query| go_duration(now.saturating_sub(query.started.nanos())));
    table(
        "",
        vec![
            ("qid", Arc::new(Int64Array::from_iter_values(ids))),
            ("query", texts(queries.clone().map(|query| &query.text))),
            ("database", texts(queries.map(|query| &query.database))),
            ("duration", texts(durations)),
            ("status", texts(status)),
        ],
    )
}

/// What a query is at. 1.x knows `running` and `killed` alone.
fn status(record: &QueryRecord) -> &'static str {
    let QueryRecord { query, statistics } = record;
    match statistics.phase {
        _ if query.killed => "killed",
        // For a place to be planned.
        Phase::Received if statistics.queue.is_none() => "waiting",
        Phase::Received | Phase::LogicallyPlanned => "planning",
        Phase::Planned => "waiting",
        _ => "running",
    }
}

/// A duration in its largest unit, as 1.x shows it: nobody wants the nanoseconds of a query of minutes.
fn go_duration(nanos: i64) -> String {
    // A clock that was set back.
    let nanos = nanos.max(0);
    let unit = match nanos {
        1_000_000_000.. => 1_000_000_000,
        1_000_000.. => 1_000_000,
        1_000.. => 1_000,
        _ => 1,
    };
    format_go_duration(nanos - nanos % unit)
}

/// `SHOW RETENTION POLICIES` of a database: itself as `autogen`, and every database `name/policy` that the
/// token has any right to, by name.
pub(super) async fn retention_policies(
    state: &HttpState,
    identity: &Identity,
    database: &DatabaseName,
) -> Result<QueryOutput, Failure> {
    let databases = listed(state).await?;
    let own = databases.iter().filter(|d| d.name == *database);
    let own = own.map(|d| ("autogen", d));
    let others = databases.iter().filter(|d| identity.may_see(&d.name));
    let others = others.filter_map(|d| Some((policy_of(database, &d.name)?, d)));
    let policies: Vec<(&str, &DatabaseInfo)> = own.chain(others).collect();
    if policies.is_empty() {
        return Err(Failure::Statement(database_not_found(database)));
    }
    let rows = policies.len();
    let retention = policies
        .iter()
        .map(|(_, d)| format_go_duration(d.retention_nanos.unwrap_or(0)));
    let default: Vec<bool> = policies.iter().map(|(_, d)| d.name == *database).collect();
    table(
        "retention_policies",
        vec![
            ("name", texts(policies.iter().map(|(name, _)| name))),
            ("duration", texts(retention)),
            (
                "shardGroupDuration",
                texts(std::iter::repeat_n(SHARD_DURATION, rows)),
            ),
            ("replicaN", Arc::new(Int64Array::from(vec![1; rows]))),
            ("default", Arc::new(BooleanArray::from(default))),
        ],
    )
}

/// The retention policy of `database` for which the database `name` stands.
pub(super) fn policy_of<'a>(database: &DatabaseName, name: &'a DatabaseName) -> Option<&'a str> {
    let rest = name.as_str().strip_prefix(database.as_str())?;
    rest.strip_prefix('/').filter(|policy| !policy.is_empty())
}

/// The active databases by name.
pub(super) async fn listed(state: &HttpState) -> Result<Vec<DatabaseInfo>, Failure> {
    let databases = state.catalog.databases().await;
    databases.map_err(|error| catalog_error(&error).into())
}

/// A result of one series in the layout of all InfluxQL results.
pub(super) fn table(series: &str, columns: Vec<(&str, ArrayRef)>) -> Result<QueryOutput, Failure> {
    let rows = columns.first().map_or(0, |(_, column)| column.len());
    let name: ArrayRef = Arc::new(StringArray::from(vec![series; rows]));
    let columns = std::iter::once(("iox::measurement", name)).chain(columns);
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns
        .map(|(name, array)| (Field::new(name, array.data_type().clone(), false), array))
        .unzip();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(|e| e.to_string())?;
    let batches = futures::stream::iter([Ok(batch)]);
    let stream = RecordBatchStreamAdapter::new(schema, batches);
    Ok(QueryOutput::without_query(Box::pin(stream)))
}

fn texts(values: impl Iterator<Item = impl ToString>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(
        values.map(|value| value.to_string()),
    ))
}

#[cfg(test)]
mod tests;
