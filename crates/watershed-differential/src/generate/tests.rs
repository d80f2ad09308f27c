use super::*;
use crate::comparable::{is_bucketed, subquery};
use crate::features::features;
use std::collections::BTreeMap;
use watershed_influxql::{Dimension, Expr, Select, parse_statements};

const NOW: i64 = 1_800_000_000_000_000_000;

/// Calls `check` with many queries and their sets.
fn for_many(mut check: impl FnMut(&Query, &DataSet)) {
    for seed in 0..40 {
        for index in 0..8 {
            let set = DataSet::generate(seed, index, NOW);
            let mut dice = Dice::new(seed, 1000 + index);
            for _ in 0..25 {
                check(&Query::generate(&mut dice, &set), &set);
            }
        }
    }
}

#[test]
fn every_query_parses_to_what_it_says() {
    for_many(|query, _| {
        let text = query.text();
        let statements = parse_statements(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(statements.len(), 1, "{text}");
        assert_eq!(statements[0].to_string(), text);
    });
}

#[test]
fn one_seed_asks_the_same() {
    let set = DataSet::generate(1, 1, NOW);
    let texts = |seed| {
        let mut dice = Dice::new(seed, 7);
        (0..50)
            .map(|_| Query::generate(&mut dice, &set).text())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(1), texts(1));
    assert_ne!(texts(1), texts(2));
}

fn names_time(select: &Select) -> bool {
    let is_time = |expr: &Expr| matches!(expr, Expr::Var(column) if column.is_time());
    select
        .condition
        .as_ref()
        .is_some_and(|condition| condition.any(&mut { is_time }))
}

/// Whether each `GROUP BY time` is within a range, here or around it.
fn buckets_are_bounded(select: &Select, bounded: bool) -> bool {
    let bounded = bounded || names_time(select);
    (bounded || !is_bucketed(select))
        && select
            .from
            .iter()
            .filter_map(subquery)
            .all(|inner| buckets_are_bounded(inner, bounded))
}

#[test]
fn buckets_have_bounds() {
    for_many(|query, set| {
        let Statement::Select(select) = &query.statement else {
            return;
        };
        assert!(buckets_are_bounded(select, false), "{}", query.text());
        for dimension in &select.group_by {
            if let Dimension::Time(time) = dimension {
                let buckets = (set.max_time - set.min_time) / time.interval;
                assert!(buckets <= 300, "{} makes {buckets} buckets", query.text());
            }
        }
    });
}

#[test]
fn nothing_is_forgotten() {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for_many(|query, set| {
        for word in features(query, set) {
            *counts.entry(word).or_default() += 1;
        }
    });
    let wanted = [
        "alias",
        "arithmetic",
        "bare column",
        "cast float",
        "cast integer",
        "column regex",
        "descending",
        "epoch",
        "fill linear",
        "fill none",
        "fill null",
        "fill number",
        "fill previous",
        "group by pattern",
        "group by tags",
        "group by time",
        "group by time with offset",
        "inner group by time",
        "limit",
        "offset",
        "operator /",
        "several calls",
        "several sources",
        "show field keys",
        "show measurements",
        "show tag keys",
        "show tag values",
        "slimit",
        "subquery",
        "ties",
        "tz",
        "where !=",
        "where !~",
        "where <",
        "where =",
        "where =~",
        "where AND",
        "where OR",
        "where column",
        "where now",
        "where time",
        "wildcard",
        "wildcard call",
    ];
    let functions = [
        "abs",
        "bottom",
        "ceil",
        "count",
        "cumulative_sum",
        "derivative",
        "difference",
        "distinct",
        "elapsed",
        "first",
        "integral",
        "last",
        "max",
        "mean",
        "median",
        "min",
        "mode",
        "moving_average",
        "non_negative_derivative",
        "non_negative_difference",
        "percentile",
        "pow",
        "round",
        "spread",
        "sqrt",
        "stddev",
        "sum",
        "top",
    ];
    let calls = functions.iter().map(|name| format!("call {name}"));
    for word in wanted.iter().map(|word| (*word).to_owned()).chain(calls) {
        assert!(
            counts.get(&word).is_some_and(|count| *count >= 3),
            "{word}: {:?}",
            counts.get(&word)
        );
    }
}
