use super::*;

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = check(text).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

/// `SELECT`, that many times what makes the plan deeper by one level, `FROM m`.
fn chain(first: &str, more: &str, times: usize) -> String {
    format!("SELECT {first} {} FROM m", more.repeat(times))
}

#[test]
fn chains_of_operators_are_counted() {
    let chains = [
        ("v", "IS NULL "),
        ("v", "IS NOT DISTINCT FROM v "),
        ("true", "= true "),
        ("v", "+ 1 "),
        ("v", "LIKE 'a' "),
        ("now()", "AT TIME ZONE 'UTC' "),
        ("v", "::text"),
        ("v", "[0]"),
        ("v", "COLLATE a "),
        ("v", "BETWEEN 1 AND 2 "),
    ];
    for (first, more) in chains {
        assert!(check(&chain(first, more, 300)).is_ok(), "{more}");
        refused(
            &chain(first, more, 900),
            "operators and brackets, the most is 800",
        );
    }
}

#[test]
fn what_stands_side_by_side_is_no_chain() {
    let items = |item: &str| vec![item; 5000].join(", ");
    for text in [
        format!("SELECT {} FROM m", items("v AS w")),
        format!("SELECT v FROM m WHERE host IN ({})", items("'a'")),
        format!("SELECT v FROM m ORDER BY {}", items("a DESC")),
        format!("SELECT {} FROM m", items("a = b")),
    ] {
        assert!(check(&text).is_ok(), "{:.40}", text);
    }
    let alternatives = vec!["host = 'a'"; 700].join(" OR ");
    assert!(check(&format!("SELECT v FROM m WHERE {alternatives}")).is_ok());
}

#[test]
fn tables_are_counted() {
    let tables = vec!["m"; 900].join(", ");
    refused(&format!("SELECT 1 FROM {tables}"), "the most is 800");
    refused(
        &format!("SELECT (SELECT 1 FROM {tables})"),
        "the most is 800",
    );
    assert!(check(&format!("SELECT {tables} FROM m")).is_ok());
    assert!(check(&format!("SELECT 1 FROM m ORDER BY {tables}")).is_ok());
}

#[test]
fn sets_to_group_by_are_counted() {
    let columns = |count: usize| vec!["v"; count].join(", ");
    let group = |by: String| format!("SELECT count(*) FROM m GROUP BY {by}");
    assert!(check(&group(format!("CUBE ({})", columns(12)))).is_ok());
    refused(
        &group(format!("CUBE ({})", columns(13))),
        "8192 sets of columns, the most is 4096",
    );
    refused(&group(format!("cube({})", columns(500))), "sets of columns");
    refused(
        &group(format!("CUBE (f(a, b), {})", columns(12))),
        "8192 sets",
    );
    let rollup = format!("ROLLUP ({})", columns(20));
    assert!(check(&group(rollup.clone())).is_ok());
    refused(&group(vec![rollup; 3].join(", ")), "9261 sets");
    refused(
        &group(format!("GROUPING SETS ({})", columns(5000))),
        "5000 sets",
    );
}
