//! The bounds in time of a gap-filling query.

use super::nanos_of;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, LogicalPlan, Operator};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use std::sync::Arc;

/// Computes constant expressions.
pub(super) struct Constants {
    simplifier: ExprSimplifier,
    schema: Arc<DFSchema>,
}

impl Constants {
    pub(super) fn new(state: &SessionState) -> Self {
        let schema = Arc::new(DFSchema::empty());
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(&schema))
            .with_config_options(Arc::clone(state.config_options()))
            .with_query_execution_start_time(state.execution_props().query_execution_start_time)
            .build();
        Self {
            simplifier: ExprSimplifier::new(context),
            schema,
        }
    }

    /// The value of a constant; `what` names it in the error.
    pub(super) fn value(&self, expr: &Expr, what: &str) -> Result<ScalarValue> {
        let not_constant =
            || plan_datafusion_err!("{what} for gap fill query must evaluate to a scalar");
        let coerced = self
            .simplifier
            .coerce(expr.clone(), &self.schema)
            .map_err(|_| not_constant())?;
        match self.simplifier.simplify(coerced)? {
            Expr::Literal(value, _) => Ok(value),
            _ => Err(not_constant()),
        }
    }

    /// A constant that is an instant, or a text of one, in nanoseconds.
    pub(super) fn nanos(&self, expr: &Expr, what: &str) -> Result<i64> {
        let value = self.value(expr, what)?;
        let instant = value.cast_to(&DataType::Timestamp(TimeUnit::Nanosecond, None))?;
        nanos_of(&instant).ok_or_else(|| plan_datafusion_err!("{what} for gap fill query is null"))
    }
}

/// The column that an expression shows, perhaps cast or in a zone.
pub(super) fn column_of(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) => column_of(&cast.expr),
        Expr::Alias(alias) => column_of(&alias.expr),
        Expr::ScalarFunction(call) if call.func.name() == "tz" => column_of(call.args.first()?),
        _ => None,
    }
}

/// First and last instant, both inside, that the filters below an aggregate let through.
///
/// # Errors
/// When one of them is not given.
pub(super) fn bounds(
    input: &LogicalPlan,
    time: &Expr,
    constants: &Constants,
) -> Result<(i64, i64)> {
    let mut found = Found {
        lower: None,
        upper: None,
    };
    if let Some(column) = column_of(time) {
        found.search(input, column.clone(), constants)?;
    }
    match (found.lower, found.upper) {
        (Some(lower), Some(upper)) => Ok((lower, upper)),
        (None, None) => plan_err!("gap-filling query is missing both upper and lower time bounds"),
        (None, Some(_)) => plan_err!("gap-filling query is missing lower time bound"),
        (Some(_), None) => plan_err!("gap-filling query is missing upper time bound"),
    }
}

#[derive(Debug)]
struct Found {
    lower: Option<i64>,
    upper: Option<i64>,
}

impl Found {
    /// Follows the column down the plan, as long as it is the same column of the same rows.
    fn search(&mut self, plan: &LogicalPlan, column: Column, constants: &Constants) -> Result<()> {
        match plan {
            LogicalPlan::Filter(filter) => {
                for conjunct in split_conjunction(&filter.predicate) {
                    self.read(conjunct, &column, constants)?;
                }
                self.search(&filter.input, column, constants)
            }
            LogicalPlan::Projection(projection) => {
                let at = projection.schema.index_of_column(&column)?;
                match projection.expr.get(at).and_then(column_of) {
                    Some(below) => self.search(&projection.input, below.clone(), constants),
                    None => Ok(()),
                }
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let at = alias.schema.index_of_column(&column)?;
                let below = Column::from(alias.input.schema().qualified_field(at));
                self.search(&alias.input, below, constants)
            }
            LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Repartition(_) => match plan.inputs().first() {
                Some(input) => self.search(input, column, constants),
                None => Ok(()),
            },
            LogicalPlan::TableScan(scan) => {
                for filter in &scan.filters {
                    self.read(filter, &column, constants)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read(&mut self, conjunct: &Expr, time: &Column, constants: &Constants) -> Result<()> {
        let is_time = |expr: &Expr| column_of(expr).is_some_and(|column| column.name == time.name);
        match conjunct {
            Expr::Between(Between {
                expr,
                negated: false,
                low,
                high,
            }) if is_time(expr) => {
                self.lower = Some(constants.nanos(low, "lower bound")?);
                self.upper = Some(constants.nanos(high, "upper bound")?);
                Ok(())
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_time(left) => {
                self.compared(*op, right, constants)
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_time(right) => match op.swap() {
                Some(op) => self.compared(op, left, constants),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// `time op bound`.
    fn compared(&mut self, op: Operator, bound: &Expr, constants: &Constants) -> Result<()> {
        match op {
            Operator::GtEq => self.lower = Some(constants.nanos(bound, "lower bound")?),
            Operator::Gt => {
                self.lower = Some(constants.nanos(bound, "lower bound")?.saturating_add(1));
            }
            Operator::LtEq => self.upper = Some(constants.nanos(bound, "upper bound")?),
            Operator::Lt => {
                self.upper = Some(constants.nanos(bound, "upper bound")?.saturating_sub(1));
            }
            _ => {}
        }
        Ok(())
    }
}
