//! What a query has in it, in words: what the list of known differences speaks of.
//!
//! A word of a clause or call stands for the whole statement, subqueries too. The same word behind `outer`
//! stands for the outermost `SELECT` alone, behind `inner` for any below it.

#[cfg(test)]
mod tests;

use crate::data::DataSet;
use crate::generate::Query;
use std::collections::BTreeSet;
use watershed_influxql::{
    Dimension, Expr, Field, Fill, MeasurementName, Order, Select, Source, Statement,
};

/// Words for `query`, and for the data that it asks about.
pub(crate) fn features(query: &Query, set: &DataSet) -> BTreeSet<String> {
    let mut words = words_of(query);
    if set.ties || words.contains("inner group by tags") || words.contains("inner call distinct") {
        words.insert("ties".to_owned());
    }
    if let Statement::Select(select) = &query.statement
        && !select
            .fields
            .iter()
            .any(|field| has_values(field, select, set))
    {
        words.insert("outer tags alone".to_owned());
    }
    words
}

/// Whether an item names what a subquery selects or, if it is a measurement's, a field.
fn has_values(field: &Field, select: &Select, set: &DataSet) -> bool {
    field.expr.any(&mut |expr| match expr {
        Expr::Var(column) => select
            .from
            .iter()
            .any(|source| gives(source, &column.name, set)),
        _ => false,
    })
}

fn gives(source: &Source, name: &str, set: &DataSet) -> bool {
    let inner = match source {
        Source::Subquery(inner) => inner,
        Source::Measurement(meant) => {
            let mut known = set.measurements.iter();
            return known
                .any(|known| known.is_meant(&meant.name) && known.fields.contains_key(name));
        }
    };
    inner.fields.iter().any(|field| match &field.expr {
        Expr::Wildcard(_) | Expr::Regex(_) => {
            inner.from.iter().any(|source| gives(source, name, set))
        }
        _ => field.name() == name,
    })
}

/// Words for `query` alone.
pub(crate) fn words_of(query: &Query) -> BTreeSet<String> {
    let mut words = BTreeSet::from([query.statement.name().to_lowercase()]);
    if query.epoch.is_some() {
        words.insert("epoch".to_owned());
    }
    match &query.statement {
        Statement::Select(select) => of_select(select, true, &mut words),
        Statement::ShowMeasurements(show) => {
            of_show(show.condition.as_ref(), show.limit, show.offset, &mut words);
        }
        Statement::ShowTagKeys(show) => {
            of_show(show.condition.as_ref(), show.limit, show.offset, &mut words);
        }
        Statement::ShowTagValues(show) => {
            of_show(show.condition.as_ref(), show.limit, show.offset, &mut words);
        }
        Statement::ShowFieldKeys(show) => of_show(None, show.limit, show.offset, &mut words),
        _ => {}
    }
    words
}

fn of_show(
    condition: Option<&Expr>,
    limit: Option<u64>,
    offset: Option<u64>,
    words: &mut BTreeSet<String>,
) {
    let mut add = |there: bool, word: &str| {
        if there {
            words.insert(word.to_owned());
        }
    };
    add(condition.is_some(), "where");
    add(limit.is_some(), "limit");
    add(offset.is_some(), "offset");
}

fn of_select(select: &Select, outer: bool, words: &mut BTreeSet<String>) {
    let mut own = BTreeSet::new();
    of_list(select, &mut own);
    of_sources(select, &mut own);
    if let Some(condition) = &select.condition {
        of_condition(condition, &mut own);
    }
    of_groups(select, &mut own);
    of_ends(select, &mut own);
    let place = if outer { "outer" } else { "inner" };
    for word in own {
        words.insert(format!("{place} {word}"));
        words.insert(word);
    }
    for source in &select.from {
        if let Source::Subquery(inner) = source {
            of_select(inner, false, words);
        }
    }
}

/// The words of the `SELECT` list.
fn of_list(select: &Select, own: &mut BTreeSet<String>) {
    let mut calls = 0;
    let mut arguments = BTreeSet::new();
    for field in &select.fields {
        if field.alias.is_some() {
            own.insert("alias".to_owned());
        }
        match &field.expr {
            Expr::Var(_) => own.insert("bare column".to_owned()),
            Expr::Wildcard(_) => own.insert("wildcard".to_owned()),
            Expr::Regex(_) => own.insert("column regex".to_owned()),
            _ => false,
        };
        field.expr.walk(&mut |expr| match expr {
            Expr::Call(call) => {
                calls += 1;
                own.insert(format!("call {}", call.name));
                if let Some(Expr::Wildcard(_) | Expr::Regex(_)) = call.args.first() {
                    own.insert("wildcard call".to_owned());
                }
            }
            Expr::Binary(binary) => {
                own.insert("arithmetic".to_owned());
                own.insert(format!("operator {}", binary.op.as_str()));
            }
            Expr::Var(column) => {
                arguments.insert(&column.name);
                if let Some(cast) = column.cast {
                    own.insert(format!("cast {cast:?}").to_lowercase());
                }
            }
            _ => {}
        });
    }
    match calls {
        0 => own.insert("no calls".to_owned()),
        1 => own.insert("one call".to_owned()),
        _ => own.insert("several calls".to_owned()),
    };
    if arguments.len() > 1 || own.contains("wildcard call") {
        own.insert("several arguments".to_owned());
    }
    if select.fields.len() > 1 {
        own.insert("several columns".to_owned());
    }
}

fn of_sources(select: &Select, own: &mut BTreeSet<String>) {
    if select.from.len() > 1 {
        own.insert("several sources".to_owned());
    }
    for source in &select.from {
        match source {
            Source::Subquery(_) => own.insert("subquery".to_owned()),
            Source::Measurement(measurement) => match measurement.name {
                MeasurementName::Regex(_) => own.insert("several sources".to_owned()),
                MeasurementName::Name(_) => false,
            },
        };
    }
}

fn of_condition(condition: &Expr, own: &mut BTreeSet<String>) {
    own.insert("where".to_owned());
    condition.walk(&mut |expr| match expr {
        Expr::Var(column) if column.is_time() => {
            own.insert("where time".to_owned());
        }
        Expr::Var(_) => {
            own.insert("where column".to_owned());
        }
        Expr::Binary(binary) => {
            own.insert(format!("where {}", binary.op.as_str()));
        }
        Expr::Call(call) => {
            own.insert(format!("where {}", call.name));
        }
        _ => {}
    });
}

fn of_groups(select: &Select, own: &mut BTreeSet<String>) {
    for dimension in &select.group_by {
        match dimension {
            Dimension::Time(time) => {
                own.insert("group by time".to_owned());
                if time.offset.is_some() {
                    own.insert("group by time with offset".to_owned());
                }
            }
            Dimension::Tag(_) => {
                own.insert("group by tags".to_owned());
            }
            Dimension::Wildcard(_) | Dimension::Regex(_) => {
                own.insert("group by tags".to_owned());
                own.insert("group by pattern".to_owned());
            }
        }
    }
}

/// The words of the clauses at the end.
fn of_ends(select: &Select, own: &mut BTreeSet<String>) {
    let fill = match select.fill {
        None => "no fill",
        Some(Fill::Null) => "fill null",
        Some(Fill::None) => "fill none",
        Some(Fill::Previous) => "fill previous",
        Some(Fill::Linear) => "fill linear",
        Some(Fill::Integer(_) | Fill::Float(_)) => "fill number",
    };
    let ends = [
        (true, fill),
        (select.order == Some(Order::Descending), "descending"),
        (select.limit.is_some(), "limit"),
        (select.offset.is_some(), "offset"),
        (select.limit.or(select.offset).is_some(), "limit or offset"),
        (
            select.series_limit.or(select.series_offset).is_some(),
            "slimit",
        ),
        (select.time_zone.is_some(), "tz"),
    ];
    for (there, word) in ends {
        if there {
            own.insert(word.to_owned());
        }
    }
}
