//! What functions there are, how they are called, and what kind of projection they make.

pub(super) mod arguments;

use super::error::{Result, invalid, not_implemented};
use super::expr::{scalar_arity, scalar_names};
use watershed_influxql::{Call, Expr};

/// The kinds of functions that are not scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Makes one value of many.
    Aggregate,
    /// Chooses a row.
    Selector,
    /// `top` and `bottom`.
    TopBottom,
    /// `sample`.
    Sample,
    /// Walks over the rows.
    Window,
}

const AGGREGATES: [&str; 9] = [
    "count", "distinct", "integral", "mean", "median", "mode", "spread", "stddev", "sum",
];
const SELECTORS: [&str; 5] = ["first", "last", "max", "min", "percentile"];
const WINDOWS: [&str; 17] = [
    "chande_momentum_oscillator",
    "cumulative_sum",
    "derivative",
    "difference",
    "double_exponential_moving_average",
    "elapsed",
    "exponential_moving_average",
    "holt_winters",
    "holt_winters_with_fit",
    "kaufmans_adaptive_moving_average",
    "kaufmans_efficiency_ratio",
    "moving_average",
    "non_negative_derivative",
    "non_negative_difference",
    "relative_strength_index",
    "triple_exponential_derivative",
    "triple_exponential_moving_average",
];

/// The kind of a function that is not scalar; `None` when it is scalar or unknown.
pub(super) fn kind(name: &str) -> Option<Kind> {
    if AGGREGATES.contains(&name) {
        return Some(Kind::Aggregate);
    }
    if SELECTORS.contains(&name) {
        return Some(Kind::Selector);
    }
    if WINDOWS.contains(&name) {
        return Some(Kind::Window);
    }
    match name {
        "top" | "bottom" => Some(Kind::TopBottom),
        "sample" => Some(Kind::Sample),
        _ => None,
    }
}

/// Whether the function reads one bucket before the first.
pub(super) fn looks_back(name: &str) -> bool {
    kind(name) == Some(Kind::Window)
        && !matches!(
            name,
            "cumulative_sum" | "holt_winters" | "holt_winters_with_fit"
        )
}

/// Which fields `f(*)` stands for.
pub(super) fn takes(name: &str, value_type: super::types::ValueType) -> bool {
    use super::types::ValueType::{Boolean, String};
    match value_type {
        number if number.is_number() => true,
        String => matches!(
            name,
            "count" | "first" | "last" | "distinct" | "elapsed" | "mode" | "sample"
        ),
        Boolean => matches!(
            name,
            "count" | "first" | "last" | "distinct" | "elapsed" | "mode" | "min" | "max" | "sample"
        ),
        _ => false,
    }
}

/// The projection class of a statement: it fixes the times of its rows, how nulls are treated and what
/// a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// No function but scalar ones.
    Raw,
    /// `distinct` alone.
    RawDistinct,
    /// One selector, no aggregate, no time buckets.
    Selector,
    /// `top` or `bottom`.
    TopBottom,
    /// `sample`, once or more often.
    Sample,
    /// Aggregates, or selectors together or in time buckets.
    Aggregate,
    /// Window functions over fields.
    Window,
    /// Window functions over aggregates in time buckets.
    WindowAggregate,
    /// As before, beside columns without window function.
    WindowAggregateMixed,
}

/// What the expressions of a `SELECT` list hold.
#[derive(Debug, Default)]
struct Census {
    aggregates: usize,
    distinct: usize,
    selectors: usize,
    tops: usize,
    samples: usize,
    windows: usize,
    /// Columns outside calls.
    columns: usize,
    /// Whether a column holds an aggregate and no window function.
    plain_aggregate: bool,
}

/// Checks every call and finds the class. Wildcards are expanded already; `buckets` tells whether the
/// statement groups by time.
pub(super) fn classify(exprs: &[&Expr], buckets: bool) -> Result<Class> {
    let mut census = Census::default();
    for expr in exprs {
        let windows = census.windows;
        let functions = census.aggregates + census.selectors;
        count(expr, buckets, &mut census)?;
        let more = census.aggregates + census.selectors > functions;
        census.plain_aggregate |= more && census.windows == windows;
    }
    mixing(&census, exprs.len())?;
    let Census {
        aggregates,
        distinct,
        selectors,
        tops,
        samples,
        windows,
        ..
    } = census;
    if buckets && aggregates + selectors + tops + samples + windows == 0 {
        return invalid("GROUP BY requires at least one aggregate function");
    }
    Ok(if windows > 0 {
        match (buckets, census.plain_aggregate) {
            (false, _) => Class::Window,
            (true, false) => Class::WindowAggregate,
            (true, true) => Class::WindowAggregateMixed,
        }
    } else if tops > 0 {
        Class::TopBottom
    } else if samples > 0 {
        Class::Sample
    } else if distinct > 0 {
        Class::RawDistinct
    } else if selectors == 1 && aggregates == 0 && !buckets {
        Class::Selector
    } else if aggregates + selectors > 0 {
        Class::Aggregate
    } else {
        Class::Raw
    })
}

fn mixing(census: &Census, columns: usize) -> Result<()> {
    let Census {
        aggregates,
        distinct,
        selectors,
        tops,
        samples,
        windows,
        ..
    } = *census;
    let functions = aggregates + selectors + tops + samples + windows;
    if tops > 0 && functions > 1 {
        return invalid(
            "selector functions top and bottom cannot be combined with other functions",
        );
    }
    if samples > 0 && functions > samples {
        return invalid("selector function sample cannot be combined with other functions");
    }
    if distinct > 0 && (functions > 1 || columns > 1 || census.columns > 0) {
        return invalid(
            "aggregate function distinct() cannot be combined with other functions or fields",
        );
    }
    if census.columns == 0 || tops > 0 {
        return Ok(());
    }
    if aggregates + windows > 0 {
        return invalid("mixing aggregate and non-aggregate columns is not supported");
    }
    if selectors > 1 || samples > 1 {
        return invalid("mixing multiple selector functions with tags or fields is not supported");
    }
    Ok(())
}

/// Counts what stands outside and inside calls, and checks the calls.
fn count(expr: &Expr, buckets: bool, census: &mut Census) -> Result<()> {
    match expr {
        Expr::Var(_) => census.columns += 1,
        Expr::Call(call) => return count_call(call, buckets, census),
        Expr::Binary(binary) => {
            count(&binary.left, buckets, census)?;
            count(&binary.right, buckets, census)?;
        }
        _ => {}
    }
    Ok(())
}

fn count_call(call: &Call, buckets: bool, census: &mut Census) -> Result<()> {
    let name = call.name.as_str();
    if let Some(arity) = scalar_arity(name) {
        expect_arguments(call, arity, arity)?;
        if name != "date_part" {
            call.args
                .iter()
                .try_for_each(|arg| count(arg, buckets, census))?;
        }
        return Ok(());
    }
    match kind(name) {
        None => return unknown(name),
        Some(Kind::Window) => {
            census.windows += 1;
            return check_window(call, buckets, census);
        }
        Some(Kind::TopBottom) => {
            census.tops += 1;
            return check_top(call);
        }
        Some(Kind::Sample) => {
            census.samples += 1;
            return arguments::sample(call).map(drop);
        }
        Some(Kind::Selector) => census.selectors += 1,
        Some(Kind::Aggregate) if name == "distinct" => {
            census.distinct += 1;
            census.aggregates += 1;
        }
        Some(Kind::Aggregate) => census.aggregates += 1,
    }
    check_aggregate(call)
}

fn unknown(name: &str) -> Result<()> {
    match name {
        "count_hll" => not_implemented("count_hll"),
        "sum_hll" => invalid("Invalid function 'sum_hll'"),
        _ => invalid(format!("unsupported function {name}(){}", meant(name))),
    }
}

/// The function that was probably meant, as a question behind the error.
fn meant(name: &str) -> String {
    let known = AGGREGATES
        .into_iter()
        .chain(SELECTORS)
        .chain(WINDOWS)
        .chain(["bottom", "sample", "top"])
        .chain(scalar_names());
    match watershed_influxql::closest(name, known) {
        Some(meant) => format!(", did you mean {meant}()?"),
        None => String::new(),
    }
}

fn expect_arguments(call: &Call, least: usize, most: usize) -> Result<()> {
    let got = call.args.len();
    if (least..=most).contains(&got) {
        return Ok(());
    }
    let expected = match least == most {
        true => format!("expected {least}"),
        false => format!("expected at least {least} but no more than {most}"),
    };
    invalid(format!(
        "invalid number of arguments for {}, {expected}, got {got}",
        call.name
    ))
}

fn expect_column(call: &Call) -> Result<()> {
    match call.args.first() {
        Some(Expr::Var(var)) if !var.is_time() => Ok(()),
        Some(other) => invalid(format!(
            "expected field argument in {}(), got {other}",
            call.name
        )),
        None => expect_arguments(call, 1, 1),
    }
}

/// A duration above zero as argument number `at`.
fn expect_unit(call: &Call, at: usize) -> Result<()> {
    match call.args.get(at) {
        None => Ok(()),
        Some(Expr::Duration(nanos)) if *nanos > 0 => Ok(()),
        Some(Expr::Duration(nanos)) => invalid(format!(
            "duration argument must be positive, got {}",
            watershed_influxql::format_duration(*nanos)
        )),
        Some(other) => invalid(format!(
            "argument {} to {} must be a duration, got {other}",
            at + 1,
            call.name
        )),
    }
}

fn check_aggregate(call: &Call) -> Result<()> {
    match call.name.as_str() {
        "percentile" => {
            expect_arguments(call, 2, 2)?;
            if !matches!(call.args[1], Expr::Integer(_) | Expr::Float(_)) {
                return invalid(format!(
                    "expected number for percentile(), got {}",
                    call.args[1]
                ));
            }
        }
        "integral" => {
            expect_arguments(call, 1, 2)?;
            expect_unit(call, 1)?;
        }
        "count" => {
            expect_arguments(call, 1, 1)?;
            if let Expr::Call(inner) = &call.args[0]
                && inner.name == "distinct"
            {
                expect_arguments(inner, 1, 1)?;
                return expect_column(inner);
            }
        }
        _ => expect_arguments(call, 1, 1)?,
    }
    expect_column(call)
}

fn check_window(call: &Call, buckets: bool, census: &mut Census) -> Result<()> {
    match call.name.as_str() {
        "derivative" | "non_negative_derivative" | "elapsed" => {
            expect_arguments(call, 1, 2)?;
            expect_unit(call, 1)?;
        }
        "moving_average" => {
            expect_arguments(call, 2, 2)?;
            match call.args[1] {
                Expr::Integer(points) if points > 1 => {}
                Expr::Integer(points) => {
                    return invalid(format!(
                        "moving_average window must be greater than 1, got {points}"
                    ));
                }
                ref other => {
                    return invalid(format!(
                        "expected integer argument in moving_average(), got {other}"
                    ));
                }
            }
        }
        "holt_winters" | "holt_winters_with_fit" => {
            arguments::forecast(call, 0)?;
            if !matches!(call.args[0], Expr::Call(_)) {
                return invalid(format!("must use aggregate function with {}", call.name));
            }
        }
        _ if arguments::technical(call)?.is_some() => {}
        _ => expect_arguments(call, 1, 1)?,
    }
    if !buckets {
        return match &call.args[0] {
            Expr::Call(_) => invalid(format!(
                "{} aggregate requires a GROUP BY interval",
                call.name
            )),
            _ => expect_column(call),
        };
    }
    match &call.args[0] {
        inner @ Expr::Call(_) => {
            let (columns, distinct) = (census.columns, census.distinct);
            count(inner, buckets, census)?;
            census.columns = columns;
            census.distinct = distinct;
            Ok(())
        }
        _ => invalid(format!(
            "aggregate function required inside the call to {}",
            call.name
        )),
    }
}

fn check_top(call: &Call) -> Result<()> {
    let name = &call.name;
    if call.args.len() < 2 {
        return invalid(format!(
            "invalid number of arguments for {name}, expected at least 2, got {}",
            call.args.len()
        ));
    }
    expect_column(call)?;
    let (last, tags) = (
        &call.args[call.args.len() - 1],
        &call.args[1..call.args.len() - 1],
    );
    match last {
        Expr::Integer(limit) if *limit > 0 => {}
        Expr::Integer(limit) => {
            return invalid(format!("limit ({limit}) for {name} must be greater than 0"));
        }
        other => {
            return invalid(format!(
                "expected integer as last argument for {name}, got {other}"
            ));
        }
    }
    match tags.iter().find(|tag| !matches!(tag, Expr::Var(_))) {
        Some(other) => invalid(format!(
            "only fields or tags are allowed for {name}(), got {other}"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
