//! Plans SQL.
//!
//! 1. [`Session::sql`] makes a logical plan of the text, with values in the places of its placeholders;
//! 2. gap filling becomes a node of its own;
//! 3. [`Session::analyzed`] finds out the types. From here on the columns are known, and a description is complete;
//! 4. [`QueryEngine::run`] does the rest.

use crate::analyzed::{Analyzed, columns};
use crate::engine::ColumnsKnown;
use crate::running::QueryType;
use crate::session::Session;
use crate::{Params, QueryEngine, QueryError, QueryOptions, QueryOutput, gap_fill, parameters};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::LogicalPlan;
use watershed_model::DatabaseName;

/// What a query will give, and what it needs.
#[derive(Debug, Clone)]
pub struct SqlDescription {
    /// The columns of the result.
    pub schema: SchemaRef,
    /// The placeholders without values by name (`$name`) and the types their places ask for.
    pub parameters: Vec<(String, DataType)>,
}

impl QueryEngine {
    /// Runs one SQL statement that reads. Planning is done when this returns, and with it the choice of
    /// files and rows: what is written later is not in the result.
    ///
    /// # Errors
    /// [`QueryError`]; those of execution come in the stream.
    pub async fn sql(
        &self,
        database: &DatabaseName,
        text: &str,
        params: Params,
        options: QueryOptions,
    ) -> Result<QueryOutput, QueryError> {
        let nobody = ColumnsKnown::default();
        self.sql_telling(database, text, params, options, nobody)
            .await
    }

    /// As [`sql`](Self::sql); `columns` learns the columns of the rows before they are planned.
    ///
    /// # Errors
    /// As [`sql`](Self::sql).
    pub async fn sql_telling(
        &self,
        database: &DatabaseName,
        text: &str,
        params: Params,
        options: QueryOptions,
        columns: ColumnsKnown,
    ) -> Result<QueryOutput, QueryError> {
        let (engine, database, text) = (self.clone(), database.clone(), text.to_owned());
        let query_type = options.type_of_sql();
        let entry = self.registry().enter(&database, &text, query_type);
        let query = entry.in_progress();
        let planned = self.plan(async move |ticket| {
            query.progress.planning_begins();
            let stop = Some(query.stop.clone());
            let session = engine.session(&database, options, stop).await?;
            let plan = session.sql(&text, &params).await?;
            parameters::all_bound(&plan).map_err(QueryError::Planning)?;
            let analyzed = analyzed(&session, plan)?;
            engine
                .run(&session, analyzed, columns, query, ticket, options)
                .await
        });
        entry.plan(Box::pin(planned)).await
    }

    /// What one SQL statement would give, without running it. Placeholders need no values; with values the columns are
    /// those that [`sql`](Self::sql) gives with them. Listed as a query of Flight SQL, which alone asks for this.
    ///
    /// # Errors
    /// [`QueryError::ParameterType`] when the place of a placeholder does not tell its type; else as
    /// [`sql`](Self::sql).
    pub async fn describe_sql(
        &self,
        database: &DatabaseName,
        text: &str,
        params: Params,
    ) -> Result<SqlDescription, QueryError> {
        let (engine, database, text) = (self.clone(), database.clone(), text.to_owned());
        let query_type = QueryType::FlightSql;
        let entry = self.registry().enter(&database, &text, query_type);
        let query = entry.in_progress();
        let described = self.plan(async move |_ticket| {
            query.progress.planning_begins();
            let session = engine.describing(&database, query.stop).await?;
            let plan = session.sql(&text, &params).await?;
            let parameters = match params.is_empty() {
                true => parameters::of(&plan)?,
                false => Vec::new(),
            };
            // Types can't be found out around a placeholder.
            let schema = match parameters.is_empty() {
                true => analyzed(&session, plan)?.schema,
                false => columns(&plan).map_err(QueryError::Planning)?,
            };
            Ok(SqlDescription { schema, parameters })
        });
        entry.describe(Box::pin(described)).await
    }
}

fn analyzed(session: &Session, plan: LogicalPlan) -> Result<Analyzed, QueryError> {
    let plan = gap_fill::sql::rewrite(plan, session.state());
    let plan = plan.and_then(|plan| session.analyzed(plan));
    plan.and_then(Analyzed::own).map_err(QueryError::Planning)
}
