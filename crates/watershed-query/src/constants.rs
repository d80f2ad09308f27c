//! Constants that no plan may have: of a few characters they would take all the memory there is.
//!
//! DataFusion has no limits for them, and takes memory for what they say without asking for it. They are looked at in the
//! optimized plan, where what could be computed is a value.

use crate::session::BATCH_ROWS;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{
    Expr, LogicalPlan, Projection, WindowFrameBound, WindowFunctionDefinition,
};

/// The most bytes that a constant may take when it is there once for each row of a batch.
const COPIES_BYTES_MAX: usize = 256 << 20;

/// The most centroids of a digest; it takes memory for all of them, for each group. DataFusion's own number is 100.
const CENTROIDS_MAX: u64 = 10_000;

/// The farthest row that the frame of a window function may name.
const FRAME_ROWS_MAX: u64 = i64::MAX.cast_unsigned();

/// Refuses a plan with such a constant.
///
/// # Errors
/// A long constant in a projection of many rows, an approximate percentile of too many centroids, a window frame that
/// reaches beyond all numbers.
pub(crate) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Projection(projection) = node {
            check_copies(projection)?;
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::AggregateFunction(function) => check_aggregate(function)?,
                    Expr::WindowFunction(function) => check_window(function)?,
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

/// A constant beside columns is written out for each row, and functions write out their arguments.
fn check_copies(projection: &Projection) -> Result<()> {
    let rows = projection.input.max_rows().unwrap_or(BATCH_ROWS);
    let bytes_max = COPIES_BYTES_MAX / rows.clamp(1, BATCH_ROWS);
    for expr in &projection.expr {
        expr.apply(|expr| {
            let bytes = match expr {
                Expr::Literal(value, _) => bytes(value),
                // How many rows choose a branch is not known here.
                Expr::Case(_) => return Ok(TreeNodeRecursion::Jump),
                _ => 0,
            };
            if bytes > bytes_max {
                return plan_err!(
                    "a constant of {bytes} bytes would be there for each of {rows} rows or more; the most for so many is \
                     {bytes_max} bytes"
                );
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(())
}

/// The bytes of a value beyond what every value has.
fn bytes(value: &ScalarValue) -> usize {
    value.size().saturating_sub(size_of::<ScalarValue>())
}

fn check_aggregate(function: &AggregateFunction) -> Result<()> {
    check_centroids(function.func.name(), &function.params.args)
}

fn check_window(function: &WindowFunction) -> Result<()> {
    let frame = &function.params.window_frame;
    for bound in [&frame.start_bound, &frame.end_bound] {
        let (WindowFrameBound::Preceding(rows) | WindowFrameBound::Following(rows)) = bound else {
            continue;
        };
        if let ScalarValue::UInt64(Some(rows)) = rows
            && *rows > FRAME_ROWS_MAX
        {
            return plan_err!(
                "a window frame may begin and end {FRAME_ROWS_MAX} rows away at most, not {rows}; UNBOUNDED is without end"
            );
        }
    }
    match &function.fun {
        WindowFunctionDefinition::AggregateUDF(aggregate) => {
            check_centroids(aggregate.name(), &function.params.args)
        }
        WindowFunctionDefinition::WindowUDF(_) => Ok(()),
    }
}

/// The last of the arguments of an approximate percentile is how exact it is.
fn check_centroids(name: &str, args: &[Expr]) -> Result<()> {
    let at = match name {
        "approx_percentile_cont" => 2,
        "approx_percentile_cont_with_weight" => 3,
        _ => return Ok(()),
    };
    let Some(Expr::Literal(value, _)) = args.get(at) else {
        return Ok(());
    };
    let centroids = value.cast_to(&arrow::datatypes::DataType::UInt64);
    match centroids {
        Ok(ScalarValue::UInt64(Some(centroids))) if centroids > CENTROIDS_MAX => {
            plan_err!("{name} takes {CENTROIDS_MAX} centroids at most, not {centroids}")
        }
        _ => Ok(()),
    }
}
