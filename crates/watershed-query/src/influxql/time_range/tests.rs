use super::*;
use watershed_influxql::parse_expr;

const SECOND: i64 = 1_000_000_000;

fn split_text(text: &str) -> String {
    let context = TimeContext {
        now: 100 * SECOND,
        zone: None,
    };
    let condition = parse_expr(text).unwrap();
    match split(&condition, context) {
        Ok((bounds, rest)) => {
            let show = |bound: Option<i64>| bound.map_or("..".to_owned(), |b| b.to_string());
            let rest = rest.map_or("-".to_owned(), |rest| rest.to_string());
            format!("{} {} | {rest}", show(bounds.lower), show(bounds.upper))
        }
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(split_text(text), expected, "{text}");
}

#[test]
fn comparisons_with_time_become_one_range() {
    check("time > 5", "6 .. | -");
    check("5 < time", "6 .. | -");
    check("time >= 1s AND time < 2s", "1000000000 1999999999 | -");
    check("TIME = 7", "7 7 | -");
    check("time > now() - 1m", "40000000001 .. | -");
    check(
        "time <= '1970-01-01T00:00:01Z' + 500ms",
        ".. 1500000000 | -",
    );
    check("time < 2 * 3s / 2", ".. 2999999999 | -");
    check("time < 1.5 * 2s", ".. 2999999999 | -");
}

#[test]
fn the_connective_does_not_matter() {
    check("time > 10 OR time < 20", "11 19 | -");
    check("time > 10 AND x = 1 OR y = 2", "11 .. | x = 1 OR y = 2");
    check("x = 1 OR time > 10", "11 .. | x = 1");
}

#[test]
fn wrong_time_expressions_are_refused() {
    check("time != 5", "invalid time comparison operator: !=");
    check("time > 'noon'", "'noon' is not a valid timestamp");
    check(
        "time > x",
        "invalid expression \"x\": found symbol 'x', expected now() or a literal duration, float, integer and timestamp string",
    );
    check("time > foo()", "invalid time range expression");
}
