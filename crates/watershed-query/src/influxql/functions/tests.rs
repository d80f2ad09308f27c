use super::*;
use watershed_influxql::{Statement, parse_statements};

#[track_caller]
fn check(text: &str, expected: &str) {
    let statements = parse_statements(&format!("SELECT {text}")).unwrap();
    let [Statement::Select(select)] = statements.as_slice() else {
        panic!("one SELECT")
    };
    let exprs: Vec<&Expr> = select.fields.iter().map(|field| &field.expr).collect();
    let class = classify(&exprs, !select.group_by.is_empty());
    let shown = class.map_or_else(|error| error.to_string(), |class| format!("{class:?}"));
    assert_eq!(shown, expected, "{text}");
}

#[test]
fn the_functions_make_the_class() {
    check("v, abs(w) + 1 FROM m", "Raw");
    check("distinct(v) FROM m", "RawDistinct");
    check("distinct v FROM m", "RawDistinct");
    check("max(v), host FROM m", "Selector");
    check("max(v), min(v) FROM m", "Aggregate");
    check("max(v) FROM m GROUP BY time(1m)", "Aggregate");
    check("count(distinct v) FROM m", "Aggregate");
    check("top(v, host, 3), w FROM m", "TopBottom");
    check("derivative(v, 1m) FROM m", "Window");
    check(
        "difference(mean(v)) FROM m GROUP BY time(1m)",
        "WindowAggregate",
    );
    check(
        "difference(mean(v)) / last(w) FROM m GROUP BY time(1m)",
        "WindowAggregate",
    );
    check(
        "difference(mean(v)), last(w) FROM m GROUP BY time(1m)",
        "WindowAggregateMixed",
    );
}

#[test]
fn wrong_mixtures_are_refused() {
    check(
        "mean(v), w FROM m",
        "mixing aggregate and non-aggregate columns is not supported",
    );
    check(
        "difference(v), w FROM m",
        "mixing aggregate and non-aggregate columns is not supported",
    );
    check(
        "max(v), min(v), w FROM m",
        "mixing multiple selector functions with tags or fields is not supported",
    );
    check(
        "top(v, 1), mean(v) FROM m",
        "selector functions top and bottom cannot be combined with other functions",
    );
    check(
        "distinct(v), w FROM m",
        "aggregate function distinct() cannot be combined with other functions or fields",
    );
    check(
        "v FROM m GROUP BY time(1m)",
        "GROUP BY requires at least one aggregate function",
    );
}

#[test]
fn wrong_calls_are_refused() {
    check("foo(v) FROM m", "unsupported function foo()");
    check(
        "sample(v, 2) FROM m",
        "This feature is not implemented: sample selector function",
    );
    check(
        "mean(v, w) FROM m",
        "invalid number of arguments for mean, expected 1, got 2",
    );
    check(
        "derivative(v, 1s, 2s) FROM m",
        "invalid number of arguments for derivative, expected at least 1 but no more than 2, got 3",
    );
    check(
        "count(2) FROM m",
        "expected field argument in count(), got 2",
    );
    check(
        "derivative(v, 0s) FROM m",
        "duration argument must be positive, got 0s",
    );
    check(
        "derivative(v, 10) FROM m",
        "argument 2 to derivative must be a duration, got 10",
    );
    check(
        "derivative(mean(v)) FROM m",
        "derivative aggregate requires a GROUP BY interval",
    );
    check(
        "derivative(v) FROM m GROUP BY time(1m)",
        "aggregate function required inside the call to derivative",
    );
    check(
        "moving_average(v, 1) FROM m",
        "moving_average window must be greater than 1, got 1",
    );
    check(
        "top(v, 0) FROM m",
        "limit (0) for top must be greater than 0",
    );
    check(
        "top(v, host) FROM m",
        "expected integer as last argument for top, got host",
    );
}
