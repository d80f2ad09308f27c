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
        "count_hll(v) FROM m",
        "This feature is not implemented: count_hll",
    );
    check("sum_hll(v) FROM m", "Invalid function 'sum_hll'");
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

#[test]
fn functions_of_technical_analysis_are_windows() {
    check("exponential_moving_average(v, 3) FROM m", "Window");
    check(
        "chande_momentum_oscillator(v, 3, -1, 'none') + 1 FROM m",
        "Window",
    );
    check(
        "relative_strength_index(mean(v), 3), last(v) FROM m GROUP BY time(1m)",
        "WindowAggregateMixed",
    );
    check(
        "exponential_moving_average(v) FROM m",
        "invalid number of arguments for exponential_moving_average, expected at least 2 but no more \
         than 4, got 1",
    );
    check(
        "kaufmans_efficiency_ratio(v, 3, -1, 'simple') FROM m",
        "invalid number of arguments for kaufmans_efficiency_ratio, expected at least 2 but no more \
         than 3, got 4",
    );
    check(
        "relative_strength_index(v, 0) FROM m",
        "relative_strength_index period must be at least 1, got 0",
    );
    check(
        "relative_strength_index(v, 2.5) FROM m",
        "expected integer argument in relative_strength_index(), got 2.5",
    );
    check(
        "kaufmans_adaptive_moving_average(v, 2, -2) FROM m",
        "kaufmans_adaptive_moving_average hold period must be greater than or equal to 0, or -1 for the \
         default, got -2",
    );
    check(
        "triple_exponential_derivative(v, 2, 0) FROM m",
        "triple_exponential_derivative hold period must be greater than or equal to 1, or -1 for the \
         default, got 0",
    );
    check(
        "double_exponential_moving_average(v, 2, -1, 'none') FROM m",
        "double_exponential_moving_average warmup type must be one of: 'exponential', 'simple', got \
         'none'",
    );
    check(
        "triple_exponential_moving_average(mean(v), 2) FROM m",
        "triple_exponential_moving_average aggregate requires a GROUP BY interval",
    );
    check(
        "triple_exponential_moving_average(v, 2) FROM m GROUP BY time(1m)",
        "aggregate function required inside the call to triple_exponential_moving_average",
    );
}

#[test]
fn forecasts_are_of_aggregates_in_buckets() {
    check(
        "holt_winters(mean(v), 3, 0) FROM m GROUP BY time(1m)",
        "WindowAggregate",
    );
    check(
        "holt_winters_with_fit(mean(v), 3) FROM m GROUP BY time(1m)",
        "invalid number of arguments for holt_winters_with_fit, expected 3, got 2",
    );
    check(
        "holt_winters(mean(v), 0, 0) FROM m GROUP BY time(1m)",
        "second arg to holt_winters must be greater than 0, got 0",
    );
    check(
        "holt_winters(mean(v), 1, -1) FROM m GROUP BY time(1m)",
        "third arg to holt_winters cannot be negative, got -1",
    );
    check(
        "holt_winters(mean(v), 1.5, 1) FROM m GROUP BY time(1m)",
        "expected integer argument as second arg in holt_winters, got 1.5",
    );
    check(
        "holt_winters(mean(v), 10001, 1) FROM m GROUP BY time(1m)",
        "second arg to holt_winters must not be greater than 10000, got 10001",
    );
    check(
        "holt_winters(mean(v), 1, 257) FROM m GROUP BY time(1m)",
        "third arg to holt_winters must not be greater than 256, got 257: use longer buckets",
    );
    check(
        "holt_winters(v, 1, 1) FROM m",
        "must use aggregate function with holt_winters",
    );
    check(
        "holt_winters(mean(v), 1, 1) FROM m",
        "holt_winters aggregate requires a GROUP BY interval",
    );
}

#[test]
fn samples_stand_alone_or_beside_columns() {
    check("sample(v, 2) FROM m", "Sample");
    check("sample(v, 2) * 2, host FROM m", "Sample");
    check(
        "sample(v, 2), sample(w, 2) FROM m GROUP BY time(1m)",
        "Sample",
    );
    check(
        "sample(v, 2), sample(w, 2), host FROM m",
        "mixing multiple selector functions with tags or fields is not supported",
    );
    check(
        "sample(v, 2), mean(v) FROM m",
        "selector function sample cannot be combined with other functions",
    );
    check(
        "derivative(sample(v, 2)) FROM m GROUP BY time(1m)",
        "selector function sample cannot be combined with other functions",
    );
    check(
        "sample(v) FROM m",
        "invalid number of arguments for sample, expected 2, got 1",
    );
    check(
        "sample(v, 0) FROM m",
        "sample window must be greater than 0, got 0",
    );
    check(
        "sample(v, 1.5) FROM m",
        "expected integer argument in sample(), got 1.5",
    );
    check(
        "sample(mean(v), 1) FROM m",
        "expected field argument in sample(), got mean(v)",
    );
}
