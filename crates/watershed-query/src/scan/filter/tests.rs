use super::*;
use datafusion::prelude::{col, lit};
use watershed_model::{Column, ColumnId, TableId};

fn table() -> TableSchema {
    let columns = [
        ("host", ColumnType::Tag),
        ("time", ColumnType::Time),
        ("usage", ColumnType::F64),
    ];
    let columns = columns
        .into_iter()
        .zip(1..)
        .map(|((name, column_type), id)| Column {
            id: ColumnId::new(id),
            name: name.into(),
            column_type,
        });
    TableSchema::new(TableId::new(1), "cpu".into(), columns.collect(), 250)
}

fn at(nanos: i64) -> Expr {
    lit(ScalarValue::TimestampNanosecond(Some(nanos), None))
}

#[track_caller]
fn check(predicate: Expr, min: i64, max: i64, hosts: Option<&[&str]>) {
    let found = filter(&table(), std::slice::from_ref(&predicate));
    assert_eq!(found.times, TimeRange::from_nanos(min, max), "{predicate}");
    let tags: Vec<TagFilter> = hosts
        .into_iter()
        .map(|hosts| TagFilter {
            column: "host".into(),
            values: hosts.iter().map(|host| (*host).to_owned()).collect(),
        })
        .collect();
    assert_eq!(found.tags, tags, "{predicate}");
}

#[test]
fn time_bounds_are_found_on_either_side() {
    let time = || col("time");
    check(time().gt_eq(at(5)), 5, i64::MAX, None);
    check(time().gt(at(5)), 6, i64::MAX, None);
    check(at(5).gt(time()), i64::MIN, 4, None);
    check(time().eq(at(5)), 5, 5, None);
    check(
        time().between(at(1), at(9)).and(time().lt_eq(at(7))),
        1,
        7,
        None,
    );
    check(time().not_between(at(1), at(9)), i64::MIN, i64::MAX, None);
    check(
        time().lt(at(1)).or(time().gt(at(5))),
        i64::MIN,
        i64::MAX,
        None,
    );
    check(time().gt(at(i64::MAX)), i64::MAX, i64::MIN, None);
}

#[test]
fn tag_values_are_found() {
    let (min, max) = (i64::MIN, i64::MAX);
    let host = || col("host");
    check(host().eq(lit("a")), min, max, Some(&["a"]));
    check(lit("a").eq(host()), min, max, Some(&["a"]));
    check(
        host().in_list(vec![lit("a"), lit("b")], false),
        min,
        max,
        Some(&["a", "b"]),
    );
    check(
        host().eq(lit("a")).or(host().eq(lit("b"))),
        min,
        max,
        Some(&["a", "b"]),
    );
    let both = host()
        .in_list(vec![lit("a"), lit("b")], false)
        .and(host().eq(lit("b")));
    check(both, min, max, Some(&["b"]));
    check(host().in_list(vec![lit("a")], true), min, max, None);
    check(host().not_eq(lit("a")), min, max, None);
    check(
        host().eq(lit("a")).or(col("usage").gt(lit(1.0))),
        min,
        max,
        None,
    );
    check(col("usage").eq(lit("a")), min, max, None);
}
