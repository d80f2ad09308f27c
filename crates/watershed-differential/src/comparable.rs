//! Queries that are not asked, because 1.x and the description of the language differ in a way that can't be
//! told from the answers.
//!
//! Everything that can be brought together is in `known_differences.toml` instead. What is refused here is
//! drawn again, and not offered as a simpler query either.

#[cfg(test)]
mod tests;

use crate::data::{DataSet, Measurement};
use crate::generate::{Query, UNKNOWN};
use std::collections::BTreeSet;
use watershed_influxql::{
    Dimension, Expr, Field, Fill, MeasurementName, Order, Select, Source, Statement,
};

/// Functions that look at neighbouring rows.
pub(crate) const WINDOWS: &[&str] = &[
    "cumulative_sum",
    "derivative",
    "difference",
    "elapsed",
    "moving_average",
    "non_negative_derivative",
    "non_negative_difference",
];

/// Functions that 1.6 does not bring together when a subquery has groups and buckets: later points of a group
/// stand behind those of other groups.
const UNORDERED: &[&str] = &["integral", "spread", "stddev", "mode", "median"];

/// Functions that choose a row.
const SELECTORS: &[&str] = &["bottom", "first", "last", "max", "min", "percentile", "top"];

/// Functions that take one of several rows of one time.
const CHOOSING: &[&str] = &["first", "last", "mode", "percentile", "integral"];

/// Whether both servers should have the same answer, up to what is known.
pub(crate) fn is_comparable(query: &Query, set: &DataSet) -> bool {
    match &query.statement {
        Statement::Select(select) => {
            !hides_buckets(select, query.epoch) && select_is_comparable(select, set)
        }
        _ => true,
    }
}

/// Whether several buckets have one time in the answer.
fn hides_buckets(select: &Select, epoch: Option<&str>) -> bool {
    let unit = match epoch {
        Some("h") => 3_600_000_000_000,
        Some("m") => 60_000_000_000,
        Some("s") => 1_000_000_000,
        Some("ms") => 1_000_000,
        _ => 1_i64,
    };
    let mut groups = select.group_by.iter();
    groups.any(|group| matches!(group, Dimension::Time(time) if time.interval < unit))
}

fn select_is_comparable(select: &Select, set: &DataSet) -> bool {
    let inner: Vec<&Select> = select.from.iter().filter_map(subquery).collect();
    let refused = [
        windows_over_ties(select, set),
        has_integrals_of_groups(select),
        // Integrals have times of their own in 1.6, so that they share no row with others.
        calls(select, &["integral"]) && !is_integral_alone(select),
        // Several values of one bucket have no order.
        calls(select, WINDOWS) && calls(select, &["distinct"]),
        // stddev of one value is a point in 1.6, though it has no value.
        calls(select, WINDOWS) && calls(select, &["stddev"]),
        select.fields.iter().any(|field| {
            matches!(field.expr, Expr::Binary(_)) && calls_in(&field.expr, &["stddev"])
        }),
        // Of large numbers, they show nothing but the rounding.
        select.fields.iter().any(|field| {
            calls_in(&field.expr, &["sin", "cos", "tan"]) && calls_in(&field.expr, &["stddev"])
        }),
        // 1.6 looks back one bucket for each of them; the rounding of one decides what another sees.
        nests_windows(select),
        is_in_the_repeated_hour(select, set),
        // 1.6 takes two equal selectors for one.
        repeats_selectors(select),
        // Which values are the first ones depends on the order in which 1.6 reads.
        calls(select, &["distinct"])
            && select.limit.is_some()
            && select.order == Some(Order::Descending),
        // 1.6 takes what a subquery groups by for text, also if no point has it.
        inner.iter().any(|inner| calls_unknown_group(select, inner)),
        // 1.6 reads no more than LIMIT points of each series for top and bottom.
        calls(select, &["top", "bottom"]) && select.limit.is_some(),
        // OFFSET alone leaves one row in 1.6.
        select.offset.is_some() && select.limit.is_none(),
        // What limit and fill make of each other can't be told from the answer.
        select.fill == Some(Fill::None) && select.limit.is_some() && select.offset.is_some(),
        // A bucket in which nothing is counted is a row of the limit here.
        select.fill == Some(Fill::None) && select.limit.is_some() && calls(select, &["count"]),
        // Of rows of one time it can't be told which has no remainder in 1.6.
        set.ties && select.fields.iter().any(|field| is_remainder(&field.expr)),
        // 1.6 counts the series of each of its shards by itself.
        select.series_limit.or(select.series_offset).is_some() && has_several_shards(set),
        fills_late(select, set),
        // Before the epoch, 1.6 misses what lies between two buckets, distinct values and parts of integrals.
        set.min_time < 0 && select.fill == Some(Fill::Linear),
        set.min_time < 0 && calls(select, &["distinct", "integral"]) && !is_bucketed(select),
        asks_for_unknown_columns(select, set),
        inner
            .iter()
            .any(|inner| !is_comparable_inside(select, inner, set)),
    ];
    !refused.contains(&true)
}

/// Whether a condition names what a measurement lacks: it is false then, and in 1.x as if it were empty. Or a
/// term of filled aggregates or a window over them does: it is null then, and in 1.x made of the number.
fn asks_for_unknown_columns(select: &Select, set: &DataSet) -> bool {
    let is_filled = matches!(select.fill, Some(Fill::Integer(_) | Fill::Float(_)));
    let items = select.fields.iter().map(|field| &field.expr);
    let windows = calls(select, WINDOWS);
    let terms = items.filter(|expr| is_filled && (windows || is_term_of(expr, None)));
    let exprs: Vec<&Expr> = terms.chain(&select.condition).collect();
    let mut meant = set
        .measurements
        .iter()
        .filter(|known| is_meant(select, known));
    let names_nothing = windows
        && is_filled
        && select
            .fields
            .iter()
            .any(|field| names(&field.expr, UNKNOWN));
    names_nothing || meant.any(|known| exprs.iter().any(|expr| lacks(known, expr)))
}

fn names(expr: &Expr, name: &str) -> bool {
    expr.any(&mut |expr| matches!(expr, Expr::Var(column) if column.name == name))
}

fn is_meant(select: &Select, measurement: &Measurement) -> bool {
    select.from.iter().any(|source| match source {
        Source::Measurement(meant) => measurement.is_meant(&meant.name),
        Source::Subquery(_) => false,
    })
}

/// Whether an expression names a column that the measurement does not have.
fn lacks(measurement: &Measurement, expr: &Expr) -> bool {
    expr.any(&mut |expr| match expr {
        Expr::Var(column) => {
            let name = &column.name;
            let known =
                measurement.tags.contains_key(name) || measurement.fields.contains_key(name);
            !known && !column.is_time() && name != UNKNOWN
        }
        _ => false,
    })
}

/// Neighbours of one time have no order. Points of one series have different times.
fn windows_over_ties(select: &Select, set: &DataSet) -> bool {
    let by_series = matches!(select.group_by.as_slice(), [Dimension::Wildcard(_)]);
    let reads_points = select.from.iter().all(|source| subquery(source).is_none());
    let looks_around =
        calls(select, WINDOWS) && !is_bucketed(select) || calls(select, &["integral"]);
    let chooses = calls(select, WINDOWS) && calls(select, CHOOSING);
    set.ties && (looks_around && !(by_series && reads_points) || chooses)
}

/// 1.6 has two series for a group or table with integrals in several buckets.
fn has_integrals_of_groups(select: &Select) -> bool {
    let groups = select
        .group_by
        .iter()
        .any(|d| !matches!(d, Dimension::Time(_)));
    (groups || has_several_tables(select)) && is_bucketed(select) && calls(select, &["integral"])
}

/// Whether the points of several measurements are read.
fn has_several_tables(select: &Select) -> bool {
    match select.from.as_slice() {
        [Source::Measurement(one)] => matches!(one.name, MeasurementName::Regex(_)),
        several => several.len() > 1,
    }
}

/// Whether the list is one integral, not in buckets from the last to the first.
fn is_integral_alone(select: &Select) -> bool {
    let backward = is_bucketed(select) && select.order == Some(Order::Descending);
    match select.fields.as_slice() {
        [
            Field {
                expr: Expr::Call(call),
                ..
            },
        ] => call.name == "integral" && !backward,
        _ => false,
    }
}

/// Whether a window function is around another.
fn nests_windows(select: &Select) -> bool {
    let mut nests = |expr: &Expr| match expr {
        Expr::Call(call) if WINDOWS.contains(&call.name.as_str()) => {
            call.args.iter().any(|argument| calls_in(argument, WINDOWS))
        }
        _ => false,
    };
    select.fields.iter().any(|field| field.expr.any(&mut nests))
}

/// The end of summer time that a data set may be about, in nanoseconds.
pub(crate) const CLOCK_CHANGE: i64 = 1_729_990_800_000_000_000;

/// Whether a query asks for local times around the hour that occurs twice: which of the two is meant by a
/// text, and how long buckets are that are neither days nor parts of an hour, differs.
fn is_in_the_repeated_hour(select: &Select, set: &DataSet) -> bool {
    const HOUR: i64 = 3_600_000_000_000;
    const NEAR: i64 = 3 * 24 * HOUR;
    let is_near = set.min_time - NEAR < CLOCK_CHANGE && CLOCK_CHANGE < set.max_time + NEAR;
    let is_local_text = |expr: &Expr| matches!(expr, Expr::String(text) if text.contains(' '));
    let names_local = select
        .condition
        .as_ref()
        .is_some_and(|c| c.any(&mut { is_local_text }));
    let has_odd_buckets = select.group_by.iter().any(|dimension| match dimension {
        Dimension::Time(time) => {
            let is_even = HOUR % time.interval == 0 || time.interval % (24 * HOUR) == 0;
            time.offset.is_some() || !is_even
        }
        _ => false,
    });
    select.time_zone.is_some() && is_near && (names_local || has_odd_buckets)
}

fn repeats_selectors(select: &Select) -> bool {
    let mut calls = Vec::new();
    for field in &select.fields {
        field.expr.walk(&mut |expr| {
            if matches!(expr, Expr::Call(call) if SELECTORS.contains(&call.name.as_str())) {
                calls.push(expr);
            }
        });
    }
    (1..calls.len()).any(|at| calls[..at].contains(&calls[at]))
}

/// 1.6 fills in the order of its output, and once more when the columns have come together; what a limit or a
/// window then makes of it can't be told.
fn fills_late(select: &Select, set: &DataSet) -> bool {
    let backward = select.order == Some(Order::Descending) && select.fill == Some(Fill::Previous);
    let counts = select.fields.len() > 1 && calls(select, &["count"]);
    let chooses =
        set.ties && calls(select, CHOOSING) || calls(select, &["stddev", "percentile", "mode"]);
    let terms = select
        .fields
        .iter()
        .any(|field| is_term_of(&field.expr, None));
    let windows = calls(select, WINDOWS) && select.fields.len() > 1;
    let numbers = matches!(select.fill, Some(Fill::Integer(_) | Fill::Float(_)));
    let term = select
        .fields
        .iter()
        .any(|field| !is_call_of(&field.expr, "count") && calls_in(&field.expr, &["count"]));
    let beside = select
        .fields
        .iter()
        .any(|field| matches!(field.expr, Expr::Var(_)));
    let cuts = select.limit.or(select.offset).is_some();
    let counts_in_term = select
        .fields
        .iter()
        .any(|field| is_term_of(&field.expr, Some("count")));
    let fills = numbers || matches!(select.fill, Some(Fill::Previous | Fill::Linear));
    windows && fills && select.limit.is_some()
        || beside && fills && cuts
        || numbers && (term && select.fields.len() > 1 || counts_in_term)
        || backward
            && (select.limit.is_some() || calls(select, WINDOWS) || counts || chooses || terms)
}

fn is_comparable_inside(outer: &Select, inner: &Select, set: &DataSet) -> bool {
    let groups = inner
        .group_by
        .iter()
        .any(|d| !matches!(d, Dimension::Time(_)));
    let fills = !matches!(inner.fill, None | Some(Fill::None | Fill::Null));
    let names: BTreeSet<String> = inner.fields.iter().map(Field::name).collect();
    let is_tag = |dimension: &Dimension| !matches!(dimension, Dimension::Time(_));
    let refused = [
        // 1.6 hands buckets down to subqueries that have none.
        is_bucketed(outer) && !is_bucketed(inner),
        // 1.6 hands the order down, too.
        outer.order == Some(Order::Descending) && depends_on_order(inner),
        // 1.6 does not hold the range of what is around a subquery against the buckets below it.
        outer
            .from
            .iter()
            .filter_map(subquery)
            .any(has_buckets_below),
        // Of a subquery, a boolean that is absent is false in 1.6.
        inner.fields.iter().any(|field| has_bits(&field.expr)),
        // 1.6 does not cast what a subquery selects.
        outer.fields.iter().any(|field| {
            let mut is_cast =
                |expr: &Expr| matches!(expr, Expr::Var(column) if column.cast.is_some());
            field.expr.any(&mut is_cast)
        }),
        // What a query around it calls two columns of one name differs.
        names.len() < inner.fields.len(),
        // 1.6 forgets the order of top and bottom; a limit takes others then.
        outer.order == Some(Order::Descending)
            && outer.limit.is_some()
            && calls(inner, &["top", "bottom"]),
        // 1.6 fills what a window function leaves out, beside another column.
        fills && calls(inner, WINDOWS) && inner.fields.len() > 1,
        // 1.6 fills some groups of a subquery twice.
        groups && fills,
        // Rows of several groups have the same times, and no order.
        groups && (calls(outer, WINDOWS) || calls(outer, UNORDERED)),
        groups && is_bucketed(inner) && calls(inner, UNORDERED),
        // 1.6 does not take what a subquery selects for tags.
        outer.group_by.iter().any(is_tag) && selects_tags(inner, set),
        // In the order of time, 1.6 begins to count anew with each row of another group or table of a subquery.
        (groups || has_several_tables(inner)) && inner.limit.is_some(),
        // 1.6 has two rows for columns that have values in different groups.
        groups && (inner.fields.len() > 1 || has_pattern(inner)),
        // An absent tag that a subquery selects is neither empty nor anything else in 1.6.
        asks_for_selected_tags(outer, inner, set),
        // Of a subquery, a boolean that is absent is false in 1.6.
        outer
            .condition
            .as_ref()
            .is_some_and(|condition| condition.any(&mut |expr| matches!(expr, Expr::Boolean(_)))),
        // What matches tags alone has rows in 1.6.
        groups
            && outer
                .fields
                .iter()
                .any(|field| matches!(field.expr, Expr::Regex(_))),
        // Rows of several groups are not sorted by time in 1.6; a limit takes others then.
        groups && outer.limit.is_some(),
        set.ties && calls(inner, CHOOSING),
        // Which of equally frequent values is the mode differs.
        calls(inner, &["mode"]),
        // Which of several equal values a percentile is decides its time and what stands beside it.
        calls(inner, &["percentile"]) && (!is_bucketed(inner) || inner.fields.len() > 1),
        // All values are of one time.
        calls(outer, WINDOWS) && calls_below(inner, &["distinct"]),
        calls(outer, CHOOSING) && calls_below(inner, &["distinct"]),
        // The errors of rounding of the one are all that the other sees.
        calls(outer, WINDOWS) && calls(inner, WINDOWS),
        // A tag by another name is no tag around it in 1.6.
        !outer.group_by.is_empty() && inner.fields.iter().any(is_renamed_column),
        // 1.6 takes quotients and most functions of integers for integers again.
        inner.fields.iter().any(|field| makes_floats(&field.expr)),
        // A count of nothing is null in 1.x, and a term of it too.
        inner.fields.len() > 1 && calls(inner, &["count"]),
        inner
            .fields
            .iter()
            .any(|field| is_term_of(&field.expr, Some("count"))),
    ];
    !refused.contains(&true) && select_is_comparable(inner, set)
}

/// Whether one of the functions is called in the list or in that of a subquery.
fn calls_below(select: &Select, functions: &[&str]) -> bool {
    let mut below = select.from.iter().filter_map(subquery);
    calls(select, functions) || below.any(|inner| calls_below(inner, functions))
}

/// Whether 1.6 keeps the points in several files of seven days each.
fn has_several_shards(set: &DataSet) -> bool {
    const DAY: i64 = 24 * 3_600_000_000_000;
    // They begin on Mondays; the epoch is a Thursday.
    let week = |time: i64| (time + 3 * DAY).div_euclid(7 * DAY);
    week(set.min_time) != week(set.max_time)
}

/// Whether the rows that a subquery makes depend on their order.
fn depends_on_order(select: &Select) -> bool {
    let cut = select.limit.or(select.offset).is_some();
    let fills = select.fill == Some(Fill::Previous);
    let below = select
        .from
        .iter()
        .filter_map(subquery)
        .any(depends_on_order);
    cut || fills || below || calls(select, WINDOWS) || calls(select, &["top", "bottom"])
}

/// Whether `outer` calls something of the column that no point has, by which `inner` groups.
fn calls_unknown_group(outer: &Select, inner: &Select) -> bool {
    let is_unknown =
        |dimension: &Dimension| matches!(dimension, Dimension::Tag(tag) if tag.name == UNKNOWN);
    let mut calls = |expr: &Expr| match expr {
        Expr::Call(call) => call.args.iter().any(|argument| names(argument, UNKNOWN)),
        _ => false,
    };
    inner.group_by.iter().any(is_unknown)
        && outer.fields.iter().any(|field| field.expr.any(&mut calls))
}

fn selects_tags(select: &Select, set: &DataSet) -> bool {
    let is_tag = |name: &String| set.measurements.iter().any(|m| m.tags.contains_key(name));
    select.fields.iter().any(|field| match &field.expr {
        Expr::Var(column) => is_tag(&column.name),
        Expr::Wildcard(_) | Expr::Regex(_) => true,
        // With tags, these give them, too.
        Expr::Call(call) => matches!(call.name.as_str(), "top" | "bottom") && call.args.len() > 2,
        _ => false,
    })
}

fn has_buckets_below(select: &Select) -> bool {
    let mut below = select.from.iter().filter_map(subquery);
    below.any(|inner| is_bucketed(inner) || has_buckets_below(inner))
}

fn has_bits(expr: &Expr) -> bool {
    expr.any(&mut |expr| match expr {
        Expr::Binary(binary) => matches!(binary.op.as_str(), "&" | "|" | "^"),
        _ => false,
    })
}

fn is_call_of(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Call(call) if call.name == name)
}

fn is_remainder(expr: &Expr) -> bool {
    expr.any(&mut |expr| matches!(expr, Expr::Binary(binary) if binary.op.as_str() == "%"))
}

fn makes_floats(expr: &Expr) -> bool {
    const TYPED: &[&str] = &["ceil", "floor", "round"];
    expr.any(&mut |expr| match expr {
        Expr::Binary(binary) => matches!(binary.op.as_str(), "/" | "%"),
        Expr::Call(call) => {
            MATH.contains(&call.name.as_str()) && !TYPED.contains(&call.name.as_str())
        }
        _ => false,
    })
}

fn asks_for_selected_tags(outer: &Select, inner: &Select, set: &DataSet) -> bool {
    let is_tag = |name: &String| set.measurements.iter().any(|m| m.tags.contains_key(name));
    let is_renamed = |name: &String| {
        let tag = |expr: &Expr| matches!(expr, Expr::Var(column) if is_tag(&column.name));
        let mut fields = inner.fields.iter();
        fields.any(|field| field.alias.as_ref() == Some(name) && tag(&field.expr))
    };
    let mut asks = |expr: &Expr| matches!(expr, Expr::Var(column) if is_tag(&column.name) || is_renamed(&column.name));
    let condition = outer.condition.as_ref();
    selects_tags(inner, set) && condition.is_some_and(|condition| condition.any(&mut asks))
}

/// Whether a call stands for several columns.
fn has_pattern(select: &Select) -> bool {
    let mut is_pattern = |expr: &Expr| match expr {
        Expr::Call(call) => matches!(call.args.first(), Some(Expr::Wildcard(_) | Expr::Regex(_))),
        _ => false,
    };
    select
        .fields
        .iter()
        .any(|field| field.expr.any(&mut is_pattern))
}

fn is_renamed_column(field: &Field) -> bool {
    field.alias.is_some() && matches!(field.expr, Expr::Var(_))
}

/// Whether several calls meet, one of them of `function` if there is one.
fn is_term_of(expr: &Expr, function: Option<&str>) -> bool {
    let mut calls = 0;
    expr.walk(&mut |expr| calls += usize::from(matches!(expr, Expr::Call(_))));
    let has_it = function.is_none_or(|function| calls_in(expr, &[function]));
    matches!(expr, Expr::Binary(_)) && calls > 1 && has_it
}

/// Functions that make one value of one value.
pub(crate) const MATH: &[&str] = &[
    "abs", "acos", "asin", "atan", "atan2", "ceil", "cos", "exp", "floor", "ln", "log", "log10",
    "log2", "pow", "round", "sin", "sqrt", "tan",
];

/// The subquery that a source is.
pub(crate) fn subquery(source: &Source) -> Option<&Select> {
    match source {
        Source::Subquery(select) => Some(select),
        Source::Measurement(_) => None,
    }
}

/// Whether rows are put into buckets of time here.
pub(crate) fn is_bucketed(select: &Select) -> bool {
    select
        .group_by
        .iter()
        .any(|dimension| matches!(dimension, Dimension::Time(_)))
}

/// Whether one of the functions is called in the list.
pub(crate) fn calls(select: &Select, functions: &[&str]) -> bool {
    select
        .fields
        .iter()
        .any(|field| calls_in(&field.expr, functions))
}

fn calls_in(expr: &Expr, functions: &[&str]) -> bool {
    expr.any(
        &mut |expr| matches!(expr, Expr::Call(call) if functions.contains(&call.name.as_str())),
    )
}
