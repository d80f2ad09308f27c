//! Plans InfluxQL.
//!
//! The text is parsed elsewhere (`watershed-influxql`). Here a statement becomes a logical plan:
//!
//! 1. [`select::Clauses`] reads what the text alone says: the time range ([`time_range`]), buckets, fill,
//!    order and limits.
//! 2. `FROM` becomes [`relation`]s, one for each table: a scan, or what a subquery made of it.
//! 3. [`select::Query`] resolves the rest against their columns: wildcards, names, groups, and the class
//!    of the projection ([`functions`]).
//! 4. [`plan`] makes the plan of the query over each relation. Expressions are lowered by [`expr`] and
//!    [`condition`]; functions DataFusion lacks are in [`aggregates`], [`integral`], [`windows`], [`forecast`],
//!    [`random_order`] and [`scalar`]; empty buckets are filled by [`gap_fill`](crate::gap_fill), as in SQL.
//! 5. [`result`] puts the tables together in the order and layout clients get.
//!
//! [`show`] answers the `SHOW` statements in the same layout: the first column names the series.

mod aggregates;
mod condition;
mod error;
mod expr;
mod forecast;
mod functions;
mod hints;
mod integral;
mod plan;
mod random_order;
mod relation;
mod result;
mod scalar;
mod select;
mod series_limit;
mod show;
mod time_range;
mod types;
mod windows;

pub(crate) use windows::SeriesWindowPlanner;

pub use hints::hints;
pub(crate) use series_limit::TooManySeries;

use crate::analyzed::Analyzed;
use crate::engine::ColumnsKnown;
use crate::running::QueryType;
use crate::session::Session;
use crate::{QueryEngine, QueryError, QueryOptions, QueryOutput};
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::LogicalPlanBuilder;
use error::{Error, Result, not_implemented};
use plan::Planned;
use relation::Relation;
use select::{Clauses, Query, Scope, names_table};
use std::sync::Arc;
use watershed_influxql::{Explain, Measurement, MeasurementName, Select, Source, Statement};
use watershed_model::DatabaseName;

impl QueryEngine {
    /// Runs one InfluxQL statement that reads: `SELECT`, `EXPLAIN`, and `SHOW` of what a database holds.
    /// Bind parameters are substituted already.
    ///
    /// The first column of the result is `iox::measurement`, the name of the series, except for `EXPLAIN`,
    /// where it is `plan_type`. Rows of one series stand together. After it come `time`, the tags grouped
    /// by that are not selected and the selected columns; the schema metadata
    /// `iox::influxql::group_key::metadata` tells which columns are tags grouped by.
    ///
    /// # Errors
    /// [`QueryError::Statement`] with the text for the client; those of execution come in the stream.
    pub async fn influxql(
        &self,
        database: &DatabaseName,
        statement: &Statement,
        options: QueryOptions,
    ) -> std::result::Result<QueryOutput, QueryError> {
        let nobody = ColumnsKnown::default();
        self.influxql_telling(database, statement, options, nobody)
            .await
    }

    /// As [`influxql`](Self::influxql); `columns` learns the columns of the rows before they are planned.
    ///
    /// # Errors
    /// As [`influxql`](Self::influxql).
    pub async fn influxql_telling(
        &self,
        database: &DatabaseName,
        statement: &Statement,
        options: QueryOptions,
        columns: ColumnsKnown,
    ) -> std::result::Result<QueryOutput, QueryError> {
        let (engine, database, statement) = (self.clone(), database.clone(), statement.clone());
        let query_type = QueryType::InfluxQl;
        let entry = self.registry().enter(&database, &statement, query_type);
        let query = entry.in_progress();
        let planned = self.plan(async move |ticket| {
            query.progress.planning_begins();
            let stop = Some(query.stop.clone());
            let session = engine.session(&database, options, stop).await?;
            let result::Statement {
                plan,
                schema,
                series,
            } = Planner::new(&session).statement(&statement)?;
            let plan = session.analyzed(plan).map_err(QueryError::Planning)?;
            let analyzed = Analyzed { plan, schema };
            let output = engine
                .run(&session, analyzed, columns, query, ticket, options)
                .await?;
            Ok(series_limit::checked(output, series, session.limits()))
        });
        entry.plan(Box::pin(planned)).await
    }

    /// The columns that [`influxql`](Self::influxql) gives, without running it.
    ///
    /// # Errors
    /// [`QueryError::Statement`] with the text for the client.
    pub async fn describe_influxql(
        &self,
        database: &DatabaseName,
        statement: &Statement,
    ) -> std::result::Result<SchemaRef, QueryError> {
        let (engine, database, statement) = (self.clone(), database.clone(), statement.clone());
        let query_type = QueryType::InfluxQl;
        let entry = self.registry().enter(&database, &statement, query_type);
        let query = entry.in_progress();
        let described = self.plan(async move |_ticket| {
            query.progress.planning_begins();
            let session = engine.describing(&database, query.stop).await?;
            let statement = Planner::new(&session).statement(&statement)?;
            session
                .analyzed(statement.plan)
                .map_err(QueryError::Planning)?;
            Ok(statement.schema)
        });
        entry.describe(Box::pin(described)).await
    }
}

impl QueryEngine {
    /// The measurements that `FROM` means, by name; the database is given beside it. What does not exist is left
    /// out.
    ///
    /// # Errors
    /// [`QueryError::DatabaseNotFound`], and regular expressions that are none.
    pub async fn measurements(
        &self,
        database: &DatabaseName,
        from: &[Measurement],
    ) -> std::result::Result<Vec<String>, QueryError> {
        let session = self
            .session(database, QueryOptions::default(), None)
            .await?;
        let planner = Planner::new(&session);
        let mut named = std::collections::BTreeSet::new();
        for measurement in from {
            named.extend(planner.names(measurement)?);
        }
        let tables = &session.database().tables;
        named.retain(|name| tables.contains_key(name.as_str()));
        Ok(named.into_iter().collect())
    }
}

/// What `now()` is in every statement and subquery of the session, in nanoseconds.
fn now(session: &Session) -> i64 {
    let started = session.state().execution_props().query_execution_start_time;
    started
        .and_then(|time| time.timestamp_nanos_opt())
        .unwrap_or(0)
}

/// Plans the statements of one request.
struct Planner<'a> {
    session: &'a Session,
    /// What `now()` is, in nanoseconds.
    now: i64,
}

impl<'a> Planner<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            session,
            now: now(session),
        }
    }

    fn statement(&self, statement: &Statement) -> Result<result::Statement> {
        match statement {
            Statement::Select(select) => self.top_select(select),
            Statement::Explain(explain) => self.explain(explain),
            Statement::ShowMeasurements(show) => self.show_measurements(show),
            Statement::ShowFieldKeys(show) => self.show_field_keys(show),
            Statement::ShowTagKeys(show) => self.show_tag_keys(show),
            Statement::ShowTagValues(show) => self.show_tag_values(show),
            Statement::ShowSeries(show) => self.show_series(show),
            Statement::ShowCardinality(show) => self.show_cardinality(show),
            Statement::ShowRetentionPolicies(show) => self.show_retention_policies(show),
            other => not_implemented(other.name()),
        }
    }

    fn top_select(&self, select: &Select) -> Result<result::Statement> {
        let (query, parts) = self.select(select, &Scope::default())?;
        let statement = result::statement(parts, &query)?;
        let schema = hints::with_hints(self, select, statement.schema);
        Ok(result::Statement {
            schema,
            ..statement
        })
    }

    fn explain(&self, explain: &Explain) -> Result<result::Statement> {
        let explained = self.statement(&explain.statement)?;
        let plan = LogicalPlanBuilder::from(explained.plan)
            .explain(explain.verbose, explain.analyze)?
            .build()?;
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Ok(result::Statement::new(plan, schema))
    }

    /// The rows of a statement, for each table in name order.
    fn select(&self, select: &Select, outer: &Scope) -> Result<(Query, Vec<Planned>)> {
        let limits = self.session.limits();
        limits.check_depth(outer.depth).map_err(Error::Invalid)?;
        let clauses = Clauses::new(select, self.now, outer)?;
        let buckets = clauses.filled_buckets();
        limits.check_buckets(buckets).map_err(Error::Invalid)?;
        let relations = self.relations(&select.from, &clauses.scope(outer))?;
        let query = Query::new(select, clauses, outer, &relations, limits)?;
        let mut parts = Vec::new();
        for relation in &relations {
            self.session.check()?;
            parts.extend(plan::plan(relation, &query)?);
        }
        Ok((query, parts))
    }

    /// What `FROM` means, by name. What does not exist is left out.
    fn relations(&self, from: &[Source], scope: &Scope) -> Result<Vec<Relation>> {
        let mut tables = std::collections::BTreeSet::new();
        let mut relations = Vec::new();
        for source in from {
            match source {
                Source::Measurement(measurement) => tables.extend(self.names(measurement)?),
                Source::Subquery(select) => {
                    let (_, parts) = self.select(select, scope)?;
                    relations.extend(parts.into_iter().map(Planned::into_relation));
                }
            }
        }
        let limits = self.session.limits();
        let sources = tables.len() + relations.len();
        limits.check_tables(sources).map_err(Error::Invalid)?;
        for name in tables {
            self.session.check()?;
            if let Some(table) = self.session.database().table(&name) {
                relations.extend(Relation::table(self.session, table)?);
            }
        }
        let mut relations = relation::by_name(relations)?;
        relation::widen(&mut relations);
        Ok(relations)
    }

    /// The tables an item of `FROM` names.
    fn names(&self, measurement: &Measurement) -> Result<Vec<String>> {
        let Measurement {
            database,
            retention_policy,
            name,
        } = measurement;
        self.check_database(database.as_deref(), retention_policy.as_deref())?;
        let tables = self.session.database().tables.keys();
        match name {
            MeasurementName::Name(name) => Ok(vec![name.clone()]),
            MeasurementName::Regex(regex) => {
                let mut names = Vec::new();
                for table in tables {
                    if names_table(regex, table.as_str())? {
                        names.push(table.to_string());
                    }
                }
                Ok(names)
            }
        }
    }
}
