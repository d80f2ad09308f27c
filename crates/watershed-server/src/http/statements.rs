//! Which right an InfluxQL statement needs, and who answers it.
//!
//! Most statements read one database and are the query engine's. The others are answered here:
//!
//! * [`listings`]: what the server knows (databases, retention policies, queries in progress);
//! * [`facts`]: what it counts and what it is;
//! * [`policies`]: databases and retention policies that come, change and go;
//! * [`into`]: rows of a query that are written.
//!
//! Whoever may ask but not do what a statement asks gets an error of that statement, as for any other
//! failure; only reading or writing a database without the right to fails the whole request.

mod facts;
mod into;
mod listings;
mod policies;
mod tables;

use super::HttpState;
use super::compat::{ApiError, chain};
use super::influxql_output::Segment;
use super::statement_database::{Defaults, lift, lift_into};
use crate::auth::Identity;
use std::collections::BTreeMap;
use watershed_influxql::{Delete, DropSeries, ParamValue, Statement, UnsupportedStatement, bind};
use watershed_model::{Action, DatabaseName, ErrorKind};
use watershed_query::{QueryError, QueryOptions, QueryOutput};

/// What a statement works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The server; whoever is known to it may ask, and is shown what is theirs.
    Server,
    /// The server; for operators only.
    Operator,
    /// One database, to be read.
    Database(DatabaseName),
    /// `SELECT INTO`: a database to be read, and one to be written.
    Into {
        from: DatabaseName,
        into: DatabaseName,
    },
    /// The tables of a database, by an operator.
    OperatorOn(DatabaseName),
    /// Known to fail before it runs.
    Failed(String),
}

impl Target {
    /// Finds out what a statement works on, and takes the names of databases out of it.
    pub(super) fn of(statement: &mut Statement, defaults: Defaults<'_>) -> Self {
        let named = match statement {
            Statement::ShowDatabases | Statement::ShowQueries => return Self::Server,
            Statement::Unsupported(
                UnsupportedStatement::ShowContinuousQueries
                | UnsupportedStatement::ShowSubscriptions,
            ) => return Self::Server,
            Statement::ShowStats(_)
            | Statement::ShowDiagnostics(_)
            | Statement::KillQuery(_)
            | Statement::CreateDatabase(_)
            | Statement::DropDatabase(_)
            | Statement::CreateRetentionPolicy(_)
            | Statement::AlterRetentionPolicy(_)
            | Statement::DropRetentionPolicy(_) => return Self::Operator,
            Statement::SelectInto(select) => {
                lift_into(select, defaults).map(|(from, into)| Self::Into { from, into })
            }
            Statement::Delete(Delete {
                condition: Some(_), ..
            })
            | Statement::DropSeries(DropSeries {
                condition: Some(_), ..
            })
            | Statement::Unsupported(_) => return Self::Failed(refusal(statement)),
            Statement::DropMeasurement(_) | Statement::Delete(_) | Statement::DropSeries(_) => {
                lift(statement, defaults).map(Self::OperatorOn)
            }
            Statement::Select(_)
            | Statement::Explain(_)
            | Statement::ShowMeasurements(_)
            | Statement::ShowFieldKeys(_)
            | Statement::ShowTagKeys(_)
            | Statement::ShowTagValues(_)
            | Statement::ShowSeries(_)
            | Statement::ShowCardinality(_)
            | Statement::ShowRetentionPolicies(_) => lift(statement, defaults).map(Self::Database),
        };
        named.unwrap_or_else(|error| Self::Failed(error.to_string()))
    }

    /// Whether a request with such a statement may be begun at all.
    pub(super) fn is_allowed(&self, identity: &Identity) -> bool {
        match self {
            Self::Server | Self::Operator | Self::OperatorOn(_) | Self::Failed(_) => true,
            Self::Database(name) => identity.may(Action::Read, name),
            Self::Into { from, into } => {
                identity.may(Action::Read, from) && identity.may(Action::Write, into)
            }
        }
    }
}

/// Why a statement that changes rows or users is not run, and what to do instead.
fn refusal(statement: &Statement) -> String {
    let instead = match statement {
        Statement::DropSeries(drop)
            if drop.condition.as_ref().is_some_and(|c| c.any(&mut is_time)) =>
        {
            return "DROP SERIES doesn't support time in WHERE clause".to_owned();
        }
        Statement::Delete(_) | Statement::DropSeries(_) => {
            "rows can't be deleted by a condition; let a retention period remove old points, write points anew \
             to change their fields, or delete the measurement with DROP MEASUREMENT"
        }
        Statement::Unsupported(unsupported) => instead_of(*unsupported),
        _ => "",
    };
    match instead {
        "" => format!("not implemented: {}", statement.name()),
        instead => format!("not implemented: {}: {instead}", statement.name()),
    }
}

fn is_time(expr: &watershed_influxql::Expr) -> bool {
    matches!(expr, watershed_influxql::Expr::Var(var) if var.is_time())
}

const fn instead_of(statement: UnsupportedStatement) -> &'static str {
    use UnsupportedStatement as Un;
    match statement {
        Un::CreateUser
        | Un::DropUser
        | Un::Grant
        | Un::Revoke
        | Un::SetPassword
        | Un::ShowGrants
        | Un::ShowUsers => {
            "there are no users but tokens with rights; see `watershed token` or /api/v0/tokens"
        }
        Un::CreateContinuousQuery | Un::DropContinuousQuery | Un::ShowContinuousQueries => {
            "there are no continuous queries; run SELECT ... INTO at regular times instead"
        }
        Un::CreateSubscription | Un::DropSubscription | Un::ShowSubscriptions => {
            "there are no subscriptions; let the writer send its points to every server that wants them"
        }
        Un::DropShard | Un::ShowShardGroups | Un::ShowShards => {
            "there are no shards; a database is split by table and day on its own"
        }
    }
}

/// What a statement answers.
pub(super) enum Rows {
    /// Nothing but that it was done.
    None,
    /// The rows of a query.
    Query(QueryOutput),
    /// Series with columns of their own each.
    Series(Vec<Segment>),
}

/// Why a statement has no rows to show.
pub(super) enum Failure {
    /// A limit of the server is reached.
    Overloaded(String),
    /// The statement's own error, part of the answer.
    Statement(String),
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Statement(text)
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Statement(error.message)
    }
}

/// Runs one statement. `target` is what [`Target::of`] said, and is allowed.
pub(super) async fn answer(
    state: &HttpState,
    identity: &Identity,
    mut statement: Statement,
    target: Target,
    params: &BTreeMap<String, ParamValue>,
) -> Result<Rows, Failure> {
    if !matches!(target, Target::Failed(_)) {
        bind(std::slice::from_mut(&mut statement), params).map_err(|e| e.to_string())?;
    }
    match target {
        Target::Failed(text) => Err(text.into()),
        Target::Server => listings::of_server(state, identity, &statement).await,
        Target::Operator | Target::OperatorOn(_) if !identity.is_operator() => {
            Err(Failure::Statement(format!(
                "forbidden: {} needs an operator token",
                statement.name()
            )))
        }
        Target::Operator => operate(state, &statement).await,
        Target::OperatorOn(name) => {
            let deleted = tables::delete(state, &name, &statement).await;
            deleted.map(|()| Rows::None)
        }
        Target::Into { from, into } => match statement {
            Statement::SelectInto(select) => into::run(state, &from, &into, *select).await,
            other => Err(Failure::Statement(refusal(&other))),
        },
        Target::Database(name) => {
            if let Statement::ShowRetentionPolicies(_) = statement {
                let policies = listings::retention_policies(state, identity, &name).await;
                return policies.map(Rows::Query);
            }
            read(state, &name, &statement).await.map(Rows::Query)
        }
    }
}

/// As [`answer`], where one statement gives one kind of rows and nothing is changed: over `/api/v3` and Flight.
/// `None` for what is the query engine's, to answer or to refuse.
pub(crate) async fn answer_here(
    state: &HttpState,
    identity: &Identity,
    database: &DatabaseName,
    statement: &Statement,
) -> Option<Result<QueryOutput, String>> {
    let rows = match statement {
        Statement::ShowDatabases => listings::databases(state, identity).await,
        Statement::ShowQueries => listings::queries(state, identity),
        // Where there is no such database, the engine says so as for any other statement.
        Statement::ShowRetentionPolicies(_) if state.catalog.database(database).await.is_ok() => {
            listings::retention_policies(state, identity, database).await
        }
        Statement::SelectInto(_)
        | Statement::ShowStats(_)
        | Statement::ShowDiagnostics(_)
        | Statement::KillQuery(_)
        | Statement::CreateDatabase(_)
        | Statement::DropDatabase(_)
        | Statement::CreateRetentionPolicy(_)
        | Statement::AlterRetentionPolicy(_)
        | Statement::DropRetentionPolicy(_)
        | Statement::DropMeasurement(_)
        | Statement::Delete(_)
        | Statement::DropSeries(_) => Err(Failure::Statement(format!(
            "This feature is not implemented: {} over this endpoint; send it to /query",
            statement.name()
        ))),
        _ => return None,
    };
    Some(rows.map_err(|failure| match failure {
        Failure::Overloaded(text) | Failure::Statement(text) => text,
    }))
}

async fn operate(state: &HttpState, statement: &Statement) -> Result<Rows, Failure> {
    match statement {
        Statement::ShowStats(module) => facts::stats(state, module.as_deref())
            .await
            .map(Rows::Series),
        Statement::ShowDiagnostics(module) => {
            Ok(Rows::Series(facts::diagnostics(state, module.as_deref())))
        }
        Statement::KillQuery(kill) if state.query.kill(kill.id) => {
            tracing::info!(id = kill.id, "killed query");
            Ok(Rows::None)
        }
        Statement::KillQuery(kill) => {
            Err(Failure::Statement(format!("no such query id: {}", kill.id)))
        }
        other => policies::change(state, other).await.map(|()| Rows::None),
    }
}

/// The rows of a statement of the query engine.
async fn read(
    state: &HttpState,
    database: &DatabaseName,
    statement: &Statement,
) -> Result<QueryOutput, Failure> {
    let output = state
        .query
        .influxql(database, statement, QueryOptions::default())
        .await;
    output.map_err(|error| query_failure(database, &error))
}

fn query_failure(database: &DatabaseName, error: &QueryError) -> Failure {
    match error {
        QueryError::DatabaseNotFound(_) => Failure::Statement(database_not_found(database)),
        other if matches!(other.kind(), ErrorKind::Exhausted | ErrorKind::Unavailable) => {
            Failure::Overloaded(other.to_string())
        }
        other => Failure::Statement(other.to_string()),
    }
}

/// Both texts are looked for: the first by v3 clients, the second by 1.x clients.
fn database_not_found(database: &DatabaseName) -> String {
    format!("Database {database} not found (database not found: {database})")
}

/// Why a query failed while its rows came.
pub(super) fn execution_failure(error: datafusion::common::DataFusionError) -> Failure {
    let error = logged(error);
    match error {
        // It did not run, or there was less than it needs: another time there may be more.
        QueryError::QueueTimeout { .. } | QueryError::Exhausted(_) => {
            Failure::Overloaded(error.to_string())
        }
        _ => Failure::Statement(error.to_string()),
    }
}

/// What is told about a query that failed while its rows came.
pub(super) fn execution_error(error: datafusion::common::DataFusionError) -> String {
    logged(error).to_string()
}

fn logged(error: datafusion::common::DataFusionError) -> QueryError {
    let error = QueryError::execution(error);
    tracing::debug!(error = chain(&error), "a query failed while it ran");
    error
}

#[cfg(test)]
mod tests;
