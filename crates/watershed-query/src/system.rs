//! The schema `system`: what runs and what is stored, for the database of the session.
//!
//! | table | seen by | rows |
//! |---|---|---|
//! | `queries` | everybody who may read the database | queries in progress and those that have ended not long ago |
//! | `tables` | who asks for debugging | tables by name |
//! | `partitions` | who asks for debugging | partitions that have files, by table and key |
//!
//! Columns and types are those of the original. Rows are made when a query is planned.

mod partitions;
mod queries;

use crate::scan::Sources;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{SchemaProvider, Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use std::collections::BTreeSet;
use std::sync::Arc;
use watershed_model::DatabaseSchema;

/// The name of the schema.
pub(crate) const SYSTEM_SCHEMA: &str = "system";

/// The tables of the schema.
#[derive(Debug)]
pub(crate) struct SystemTables {
    pub(crate) database: Arc<DatabaseSchema>,
    pub(crate) sources: Arc<Sources>,
    /// Whether all tables are seen.
    pub(crate) debug: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queries,
    Tables,
    Partitions,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Queries, Self::Tables, Self::Partitions];

    const fn name(self) -> &'static str {
        match self {
            Self::Queries => "queries",
            Self::Tables => "tables",
            Self::Partitions => "partitions",
        }
    }

    fn schema(self) -> SchemaRef {
        match self {
            Self::Queries => queries::schema(),
            Self::Partitions => partitions::schema(),
            Self::Tables => Arc::new(Schema::new(vec![
                Field::new("table_name", DataType::Utf8, false),
                Field::new("partition_template", DataType::Utf8, true),
            ])),
        }
    }
}

impl SystemTables {
    fn seen(&self) -> impl Iterator<Item = Kind> {
        let debug = self.debug;
        let kinds = Kind::ALL.into_iter();
        kinds.filter(move |kind| debug || *kind == Kind::Queries)
    }
}

#[async_trait]
impl SchemaProvider for SystemTables {
    fn table_names(&self) -> Vec<String> {
        self.seen().map(|kind| kind.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(kind) = self.seen().find(|kind| kind.name() == name) else {
            return Ok(None);
        };
        Ok(Some(Arc::new(SystemTable {
            kind,
            database: Arc::clone(&self.database),
            sources: Arc::clone(&self.sources),
        })))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.seen().any(|kind| kind.name() == name)
    }
}

#[derive(Debug)]
struct SystemTable {
    kind: Kind,
    database: Arc<DatabaseSchema>,
    sources: Arc<Sources>,
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        self.kind.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// What is asked about names spares work; DataFusion filters again.
    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = filters.iter().map(|filter| match values(filter) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        });
        Ok(support.collect())
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = Wanted(filters.iter().filter_map(values).collect());
        let batch = match self.kind {
            Kind::Queries => {
                queries::rows(&self.sources.queries.records(Some(&self.database.name)))?
            }
            Kind::Tables => self.tables(&wanted)?,
            Kind::Partitions => partitions::rows(&self.database, &self.sources, &wanted).await?,
        };
        let schema = self.schema();
        let rows = [vec![batch]];
        Ok(MemorySourceConfig::try_new_exec(
            &rows,
            schema,
            projection.cloned(),
        )?)
    }
}

impl SystemTable {
    /// All tables are partitioned as by default, for which there is no text.
    fn tables(&self, wanted: &Wanted) -> Result<RecordBatch> {
        let names = self.database.tables.keys().map(|name| name.as_str());
        let names: Vec<&str> = names
            .filter(|name| wanted.has("table_name", name))
            .collect();
        let templates = StringArray::new_null(names.len());
        let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(names)), Arc::new(templates)];
        Ok(RecordBatch::try_new(self.schema(), columns)?)
    }
}

/// The values that columns must have one of, as text.
struct Wanted(Vec<(String, BTreeSet<String>)>);

impl Wanted {
    /// Whether a row with that value in a column may be among those asked for.
    fn has(&self, column: &str, value: &str) -> bool {
        let mut about = self.0.iter().filter(|(name, _)| name == column);
        about.all(|(_, values)| values.contains(value))
    }
}

/// What `column = value`, `column IN (…)`, or an OR of such on the same column asks for.
fn values(filter: &Expr) -> Option<(String, BTreeSet<String>)> {
    match filter {
        Expr::BinaryExpr(binary) if binary.op == Operator::Eq => {
            let (column, value) = match (binary.left.as_ref(), binary.right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(column)) => (column, value),
                _ => return None,
            };
            Some((column.name.clone(), BTreeSet::from([text(value)?])))
        }
        Expr::BinaryExpr(binary) if binary.op == Operator::Or => {
            let (column, mut either) = values(&binary.left)?;
            let (other, or) = values(&binary.right)?;
            either.extend(or);
            (column == other).then_some((column, either))
        }
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = list.expr.as_ref() else {
                return None;
            };
            let values = list.list.iter().map(|item| match item {
                Expr::Literal(value, _) => text(value),
                _ => None,
            });
            Some((column.name.clone(), values.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    match value {
        ScalarValue::Int64(Some(number)) => Some(number.to_string()),
        other => other.try_as_str().flatten().map(str::to_owned),
    }
}
