//! Functions InfluxDB adds to those of DataFusion, and those it means differently.

mod date_bin_wallclock;
pub(crate) mod gap_fill_markers;
mod selector;
mod sleep;
mod to_timestamp;
mod tz;
pub(crate) mod wall_clock;

pub(crate) use date_bin_wallclock::{date_bin_wallclock, interval_nanos, time_zone};
pub(crate) use selector::{selector_first, selector_last, selector_max, selector_min};
pub(crate) use tz::tz;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan};
use std::sync::Arc;

/// Adds the functions to those of the state; ours win over those of the same name.
pub(crate) fn register(mut state: SessionState) -> Result<SessionState> {
    let scalars = [
        to_timestamp::to_timestamp(),
        tz(),
        date_bin_wallclock(),
        sleep::sleep(),
    ];
    for function in scalars.into_iter().chain(gap_fill_markers::all()) {
        state.register_udf(function)?;
    }
    for function in [
        selector_first(),
        selector_last(),
        selector_min(),
        selector_max(),
    ] {
        state.register_udaf(function)?;
    }
    Ok(state)
}

/// Makes casts of integers to timestamps count nanoseconds.
///
/// DataFusion's SQL planner writes such a cast as one to seconds inside one to nanoseconds; InfluxDB
/// documents `1643610630123000000::TIMESTAMP` as nanoseconds.
pub(crate) fn integers_as_nanoseconds(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expr| {
            // The names of columns are made from the expressions, so that they must stay as they are.
            let name = expr.schema_name().to_string();
            let rewritten = expr.transform_up(|expr| Ok(without_seconds(expr)))?;
            if !rewritten.transformed {
                return Ok(rewritten);
            }
            rewritten.map_data(|expr| {
                let same = expr.schema_name().to_string() == name;
                Ok(if same { expr } else { expr.alias(name) })
            })
        })
    })?;
    if rewritten.transformed {
        rewritten.data.recompute_schema()
    } else {
        Ok(rewritten.data)
    }
}

/// `x::Timestamp(s)::Timestamp(ns)` as `x::Timestamp(ns)`.
fn without_seconds(expr: Expr) -> Transformed<Expr> {
    let direct = match &expr {
        Expr::Cast(outer) => match outer.expr.as_ref() {
            Expr::Cast(inner) => direct_cast(outer, inner),
            _ => None,
        },
        _ => None,
    };
    match direct {
        Some(direct) => Transformed::yes(Expr::Cast(direct)),
        None => Transformed::no(expr),
    }
}

fn direct_cast(outer: &Cast, inner: &Cast) -> Option<Cast> {
    let to = outer.field.data_type();
    let through = inner.field.data_type();
    let rewritten = matches!(to, DataType::Timestamp(TimeUnit::Nanosecond, _))
        && matches!(through, DataType::Timestamp(TimeUnit::Second, _));
    rewritten.then(|| Cast::new_from_field(inner.expr.clone(), Arc::clone(&outer.field)))
}
