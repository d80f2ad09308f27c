use super::*;
use crate::answer::testing::query;

fn texts(text: &str) -> Vec<String> {
    simpler(&query(text).statement)
        .iter()
        .map(Statement::to_string)
        .collect()
}

#[track_caller]
fn offers(text: &str, simpler: &[&str]) {
    let texts = texts(text);
    for one in simpler {
        assert!(
            texts.iter().any(|text| text == one),
            "{one} is not among {texts:#?}"
        );
    }
}

#[test]
fn each_clause_can_go() {
    offers(
        "SELECT a + 1 AS x, max(b) FROM m, n WHERE h = 'a' AND i = 'b' GROUP BY h ORDER BY time DESC LIMIT 1",
        &[
            "SELECT max(b) FROM m, n WHERE h = 'a' AND i = 'b' GROUP BY h ORDER BY time DESC LIMIT 1",
            "SELECT a + 1 AS x, max(b) FROM n WHERE h = 'a' AND i = 'b' GROUP BY h ORDER BY time DESC LIMIT 1",
            "SELECT a + 1 AS x, max(b) FROM m, n GROUP BY h ORDER BY time DESC LIMIT 1",
            "SELECT a + 1 AS x, max(b) FROM m, n WHERE i = 'b' GROUP BY h ORDER BY time DESC LIMIT 1",
            "SELECT a + 1 AS x, max(b) FROM m, n WHERE h = 'a' AND i = 'b' ORDER BY time DESC LIMIT 1",
            "SELECT a + 1 AS x, max(b) FROM m, n WHERE h = 'a' AND i = 'b' GROUP BY h LIMIT 1",
            "SELECT a + 1 AS x, max(b) FROM m, n WHERE h = 'a' AND i = 'b' GROUP BY h ORDER BY time DESC",
            "SELECT a + 1, max(b) FROM m, n WHERE h = 'a' AND i = 'b' GROUP BY h ORDER BY time DESC LIMIT 1",
            "SELECT a AS x, max(b) FROM m, n WHERE h = 'a' AND i = 'b' GROUP BY h ORDER BY time DESC LIMIT 1",
        ],
    );
}

#[test]
fn subqueries_can_go_or_become_simpler() {
    offers(
        "SELECT max(x) FROM (SELECT a AS x FROM m LIMIT 1)",
        &[
            "SELECT a AS x FROM m LIMIT 1",
            "SELECT max(x) FROM (SELECT a AS x FROM m)",
        ],
    );
    // Not the names that the query around it asks for.
    assert!(
        !texts("SELECT max(x) FROM (SELECT a AS x FROM m)")
            .iter()
            .any(|text| text.contains("(SELECT a FROM"))
    );
}

#[test]
fn calls_that_make_one_value_of_many_stay() {
    offers("SELECT abs(max(a)) FROM m", &["SELECT max(a) FROM m"]);
    offers("SELECT abs(a) FROM m", &["SELECT a FROM m"]);
    assert_eq!(texts("SELECT max(a) FROM m"), Vec::<String>::new());
}

#[test]
fn buckets_keep_their_range() {
    let text = "SELECT mean(a) FROM m WHERE time >= 0 AND h = 'a' AND time < 10 GROUP BY time(1s)";
    for simpler in texts(text) {
        assert_eq!(
            simpler.contains("time >= 0") && simpler.contains("time < 10"),
            simpler.contains("WHERE"),
            "{simpler}"
        );
        assert!(simpler.contains("time >= 0"), "{simpler}");
    }
    offers(
        text,
        &["SELECT mean(a) FROM m WHERE time >= 0 AND time < 10 GROUP BY time(1s)"],
    );
}

#[test]
fn metadata_keep_their_range() {
    offers(
        "SHOW TAG VALUES FROM m WITH KEY = h WHERE time >= 0 AND h = 'a' LIMIT 1",
        &[
            "SHOW TAG VALUES WITH KEY = h WHERE time >= 0 AND h = 'a' LIMIT 1",
            "SHOW TAG VALUES FROM m WITH KEY = h WHERE time >= 0 LIMIT 1",
            "SHOW TAG VALUES FROM m WITH KEY = h WHERE time >= 0 AND h = 'a'",
        ],
    );
    assert!(texts("SHOW TAG KEYS WHERE time >= 0").is_empty());
}

#[test]
fn everything_simpler_is_smaller_so_that_it_ends() {
    let mut statement = query(
        "SELECT abs(mean(x)) * 2 AS y, max(x) FROM (SELECT max(a) AS x, b FROM m, n WHERE h = 'a' OR h = 'b' LIMIT 3) \
         WHERE time > 0 AND x > 1 GROUP BY time(1m, 5s), h FILL(0) ORDER BY time DESC LIMIT 5 OFFSET 1 TZ('UTC')",
    )
    .statement;
    let mut steps = 0;
    while let Some(simpler) = simpler(&statement).into_iter().next_back() {
        assert!(
            simpler.to_string().len() < statement.to_string().len(),
            "{simpler}"
        );
        statement = simpler;
        steps += 1;
    }
    assert!(steps > 5, "{statement}");
}

#[test]
fn parts_leave_out_a_piece_each() {
    assert_eq!(
        parts(&[1, 2, 3, 4], 4),
        [
            vec![3, 4],
            vec![1, 2],
            vec![2, 3, 4],
            vec![1, 3, 4],
            vec![1, 2, 4],
            vec![1, 2, 3],
        ]
    );
    assert_eq!(parts(&[1, 2], 64), [vec![2], vec![1]]);
    assert_eq!(parts(&[1], 64), Vec::<Vec<i32>>::new());
}
