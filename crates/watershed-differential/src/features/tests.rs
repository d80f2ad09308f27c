use super::*;
use crate::answer::testing::{data_set, query};

#[track_caller]
fn check(text: &str, there: &[&str], absent: &[&str]) {
    let words = features(&query(text), &data_set("m,host=a v=1 1", false));
    for word in there {
        assert!(words.contains(*word), "{text}: {word} is not in {words:?}");
    }
    for word in absent {
        assert!(!words.contains(*word), "{text}: {word} is in {words:?}");
    }
}

#[test]
fn clauses_have_words() {
    check(
        "SELECT mean(v), host AS h FROM m WHERE host =~ /a/ AND time > now() GROUP BY time(1m, 5s), host FILL(0) \
         ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 TZ('UTC')",
        &[
            "select",
            "call mean",
            "one call",
            "bare column",
            "alias",
            "several columns",
            "where",
            "where =~",
            "where time",
            "where now",
            "where column",
            "group by time",
            "group by time with offset",
            "group by tags",
            "fill number",
            "descending",
            "limit",
            "offset",
            "limit or offset",
            "slimit",
            "tz",
            "outer call mean",
        ],
        &[
            "inner call mean",
            "group by pattern",
            "subquery",
            "several sources",
            "ties",
            "no fill",
            "no calls",
        ],
    );
    check(
        "SELECT v FROM m",
        &["no calls", "no fill"],
        &["where", "limit", "descending", "one call", "alias"],
    );
    check(
        "SHOW TAG KEYS WHERE host = 'a' LIMIT 1",
        &["show tag keys", "where", "limit"],
        &["select", "offset"],
    );
}

#[test]
fn subqueries_have_words_of_their_own() {
    check(
        "SELECT max(x) FROM (SELECT mean(v) AS x FROM m, n GROUP BY host)",
        &[
            "subquery",
            "outer call max",
            "call max",
            "inner call mean",
            "call mean",
            "inner group by tags",
            "inner several sources",
            "ties",
        ],
        &[
            "outer call mean",
            "inner call max",
            "outer several sources",
            "outer group by tags",
        ],
    );
}

#[test]
fn expressions_have_words() {
    check(
        "SELECT difference(difference(mean(v))), v::integer % 2 FROM m",
        &["operator %", "arithmetic", "cast integer", "several calls"],
        &["operator /"],
    );
    check(
        "SELECT mean(/v/) FROM m GROUP BY *",
        &["wildcard call", "several arguments", "group by pattern"],
        &["wildcard"],
    );
    check("SELECT host, nowhere FROM m", &["outer tags alone"], &[]);
    check("SELECT host, v FROM m", &[], &["outer tags alone"]);
}
