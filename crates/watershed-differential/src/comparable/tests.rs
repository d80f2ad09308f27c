use super::*;
use crate::answer::testing::{data_set, query};

const LINES: &str = "m,host=a v=1,u=2,s=\"x\" 1\nm,host=b v=2 2";

#[track_caller]
fn asked(text: &str) {
    assert!(
        is_comparable(&query(text), &data_set(LINES, false)),
        "{text}"
    );
}

#[track_caller]
fn refused(text: &str) {
    assert!(
        !is_comparable(&query(text), &data_set(LINES, false)),
        "{text}"
    );
}

#[test]
fn dashboards_are_asked() {
    asked("SELECT mean(v) FROM m WHERE time > 0 GROUP BY time(1m), host FILL(previous)");
    asked(
        "SELECT max(mean) FROM (SELECT mean(v) FROM m WHERE time > 0 GROUP BY time(1m), host) GROUP BY host",
    );
    asked(
        "SELECT non_negative_derivative(max(v), 1s) FROM m WHERE time > 0 GROUP BY time(1m), host ORDER BY time DESC",
    );
    asked("SELECT v, host FROM m WHERE host = 'a' ORDER BY time DESC LIMIT 3 OFFSET 1");
    asked("SELECT top(v, host, 3), u FROM m");
    asked("SHOW TAG VALUES WITH KEY = host");
}

#[test]
fn what_depends_on_an_order_that_nobody_knows_is_not() {
    refused("SELECT v FROM m OFFSET 1");
    refused("SELECT top(v, 3) FROM m LIMIT 3");
    refused("SELECT distinct(v) FROM m ORDER BY time DESC LIMIT 1");
    refused("SELECT median(v) FROM m WHERE time > 0 GROUP BY time(1m), host");
    refused(
        "SELECT last(v) FROM m WHERE time > 0 GROUP BY time(1m) FILL(previous) ORDER BY time DESC LIMIT 1",
    );
    refused(
        "SELECT difference(mean) FROM (SELECT mean(v) FROM m WHERE time > 0 GROUP BY time(1m), host)",
    );
    refused(
        "SELECT mean FROM (SELECT mean(v) FROM m WHERE time > 0 GROUP BY time(1m), host) LIMIT 1",
    );
    refused("SELECT d FROM (SELECT difference(v) AS d FROM m) ORDER BY time DESC");
}

#[test]
fn what_1_6_makes_of_itself_is_not() {
    refused("SELECT integral(v), mean(v) FROM m");
    refused("SELECT max(v), max(v) FROM m");
    refused("SELECT max(v) / max(v) FROM m");
    asked("SELECT max(v) / max(u), mean(v), mean(v) FROM m");
    refused("SELECT max(v) FROM (SELECT v FROM m) WHERE time > 0 GROUP BY time(1m)");
    refused("SELECT v FROM (SELECT v / 2 AS v FROM m)");
    refused("SELECT s FROM (SELECT sin(v) AS s FROM m)");
    refused("SELECT v FROM (SELECT v, host FROM m) GROUP BY *");
    refused("SELECT difference(stddev(v)) FROM m WHERE time > 0 GROUP BY time(1m)");
    refused("SELECT c FROM (SELECT count(v) AS c, mean(u) FROM m)");
}

#[test]
fn conditions_are_about_what_is_there() {
    asked("SELECT v FROM m WHERE host = 'a' AND u > 1 AND nowhere > 1");
    refused("SELECT v FROM m WHERE zone != 'a'");
    refused("SELECT v FROM /./ WHERE w = 1");
    refused("SELECT max(v) - max(w) FROM m WHERE time > 0 GROUP BY time(1s) FILL(1)");
    asked("SELECT max(v) - max(w) FROM m WHERE time > 0 GROUP BY time(1s)");
}

#[test]
fn ties_forbid_what_looks_at_neighbours() {
    let with_ties = |text| is_comparable(&query(text), &data_set(LINES, true));
    assert!(!with_ties("SELECT difference(v) FROM m"));
    assert!(with_ties("SELECT difference(v) FROM m GROUP BY *"));
    assert!(!with_ties(
        "SELECT difference(last(v)) FROM m WHERE time > 0 GROUP BY time(1m)"
    ));
    assert!(with_ties(
        "SELECT difference(max(v)) FROM m WHERE time > 0 GROUP BY time(1m)"
    ));
    asked("SELECT difference(v) FROM m");
}

#[test]
fn the_hour_that_occurs_twice() {
    let near = format!("m v=1 {CLOCK_CHANGE}");
    let near = |text: &str| is_comparable(&query(text), &data_set(&near, false));
    let text = |interval, zone| {
        format!("SELECT mean(v) FROM m WHERE time > 0 GROUP BY time({interval}){zone}")
    };
    for interval in ["1h", "10m", "1d"] {
        assert!(near(&text(interval, " TZ('Europe/Berlin')")), "{interval}");
    }
    for interval in ["3h", "7m", "1h, 20m"] {
        assert!(!near(&text(interval, " TZ('Europe/Berlin')")), "{interval}");
        assert!(near(&text(interval, "")), "{interval}");
        asked(&text(interval, " TZ('Europe/Berlin')"));
    }
    assert!(!near(
        "SELECT v FROM m WHERE time > '2024-10-27 02:30:00' TZ('Europe/Berlin')"
    ));
    assert!(near(
        "SELECT v FROM m WHERE time > '2024-10-27T02:30:00Z' TZ('Europe/Berlin')"
    ));
}
