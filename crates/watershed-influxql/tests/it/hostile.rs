//! Texts that nobody means well with: no panic, no overflow of the stack, no more than linear time.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use watershed_influxql::{
    Field, NESTING_DEPTH_MAX, ParamValue, STATEMENTS_MAX, Statement, TEXT_BYTES_MAX, bind,
    check_all_used, parse_expr, parse_statements, parse_timestamp, translate_regex, unique_names,
};

/// Pieces that reach deep into the grammar when strung together.
const PIECES: [&str; 62] = [
    "SELECT ",
    "FROM ",
    "WHERE ",
    "GROUP BY ",
    "time(",
    "1m",
    "fill(",
    "ORDER BY ",
    "LIMIT ",
    "TZ('UTC')",
    "SHOW ",
    "TAG ",
    "KEYS ",
    "VALUES ",
    "WITH KEY ",
    "IN ",
    "MEASUREMENTS ",
    "SERIES ",
    "EXACT ",
    "CARDINALITY ",
    "QUERIES ",
    "STATS ",
    "FOR ",
    "KILL QUERY ",
    "ALTER ",
    "RETENTION POLICY ",
    "DURATION ",
    "REPLICATION ",
    "SHARD ",
    "DEFAULT ",
    "INF ",
    "ON ",
    "CREATE DATABASE ",
    "DROP ",
    "DELETE ",
    "EXPLAIN ",
    "(",
    ")",
    ",",
    ";",
    ".",
    "::",
    "=~",
    "=",
    "!=",
    "<",
    "+",
    "-",
    "*",
    "/",
    "/re/",
    "a",
    "\"b\"",
    "'c'",
    "$d",
    "1",
    "2.5",
    "AND ",
    "OR ",
    "--",
    "/*",
    "é",
];

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        let _ = parse_statements(&text);
        let _ = parse_timestamp(&text, None);
        let _ = translate_regex(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse_statements(&text);
        let _ = translate_regex(&text);
    }

    #[test]
    fn what_parses_prints_to_the_same(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..20)) {
        let text = format!("SELECT a {}", pieces.concat());
        for text in [text, pieces.concat()] {
            if let Ok(statements) = parse_statements(&text) {
                for statement in statements {
                    let again = parse_statements(&statement.to_string());
                    prop_assert_eq!(again, Ok(vec![statement]));
                }
            }
        }
    }

    #[test]
    fn a_translated_regex_is_one(pattern in r"[a\[\](){}|*+?^$.\\Qdwbx0-9:&,<>=P-]{0,20}") {
        if let Ok(translated) = translate_regex(&pattern) {
            prop_assert!(regex_syntax::parse(&translated).is_ok());
        }
    }
}

/// Repeats something often, within a small stack.
fn with_small_stack(run: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(run)
        .expect("a thread");
    thread.join().expect("the stack is large enough");
}

#[test]
fn deep_nesting_is_refused_within_a_small_stack() {
    with_small_stack(|| {
        for opening in ["(", "f(", "-(", "a + (", "a OR b AND c = d + e * ("] {
            let text = opening.repeat(20_000);
            let error = parse_expr(&text).expect_err("too deep");
            assert!(
                error.message().contains("nested too deeply"),
                "{opening}: {error}"
            );
        }
        for opening in ["SELECT a FROM (", "EXPLAIN "] {
            let error = parse_statements(&opening.repeat(20_000)).expect_err("too deep");
            assert!(
                error.message().contains("nested too deeply"),
                "{opening}: {error}"
            );
        }
    });
}

#[test]
fn the_deepest_allowed_is_walked_and_dropped_within_a_small_stack() {
    with_small_stack(|| {
        let text = format!(
            "{}x{}",
            "a OR b AND c = d + e * (".repeat(19),
            ")".repeat(19)
        );
        let expr = parse_expr(&text).expect("within the limit");
        assert_eq!(parse_expr(&expr.to_string()), Ok(expr));
    });
}

#[test]
fn long_chains_are_refused_or_balanced() {
    with_small_stack(|| {
        for chain in ["a + ", "a * ", "a = ", "a =~ /x/ = "] {
            assert!(
                parse_expr(&format!("{}a", chain.repeat(50_000))).is_err(),
                "{chain}"
            );
        }
        for chain in ["a = 1 OR ", "a = 1 AND ", "a AND b OR "] {
            let text = format!("{}a", chain.repeat(20_000));
            let expr = parse_expr(&text).expect("a long condition");
            assert_eq!(expr.to_string(), text);
        }
    });
}

#[test]
fn the_longest_text_takes_seconds_at_most() {
    // A step that is quadratic would take minutes for any of these.
    let start = Instant::now();
    let many = |piece: &str| piece.repeat((TEXT_BYTES_MAX - 100) / piece.len());
    let params = BTreeMap::from([("p".to_owned(), ParamValue::Integer(1))]);
    for text in [
        format!("SELECT {}a FROM m", many("a, ")),
        format!("SELECT {}a FROM m", many("$p, ")),
        format!("SELECT a FROM m WHERE {}a", many("a = $p OR ")),
        format!("SELECT a FROM {}m", many("(SELECT $p FROM m), ")),
        format!("SELECT a FROM m GROUP BY {}a", many("time(1m, $p), ")),
        format!(
            "{}SELECT {}a FROM m{}",
            "SELECT a FROM (".repeat(NESTING_DEPTH_MAX / 2),
            "$p, ".repeat(TEXT_BYTES_MAX / 5),
            ")".repeat(NESTING_DEPTH_MAX / 2)
        ),
    ] {
        let mut statements = parse_statements(&text).expect("it is only long");
        let _ = check_all_used(&statements, &params);
        bind(&mut statements, &params).expect("the parameter has a value");
        let [Statement::Select(select)] = statements.as_slice() else {
            panic!("one SELECT");
        };
        let names = select.fields.iter().map(Field::name).collect();
        unique_names(names);
        statements[0].to_string();
    }
    for text in [
        "[[:",
        "\\pL",
        "a{1000}",
        "(?i)a|",
        "[^a]",
        "\\x{10ffff}",
        "\\Qa",
        "((",
        "{1,",
    ] {
        let _ = translate_regex(&text.repeat(TEXT_BYTES_MAX / 4 / text.len()));
    }
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn texts_and_scripts_have_a_limit() {
    let blanks = " ".repeat(TEXT_BYTES_MAX - 14);
    let longest = format!("{blanks}SHOW DATABASES");
    assert_eq!(
        parse_statements(&longest),
        Ok(vec![Statement::ShowDatabases])
    );
    let message = "query has 1048577 bytes, more than 1048576";
    let error = parse_statements(&format!(" {longest}")).expect_err("too long");
    assert_eq!(error.message(), message);
    let error = parse_expr(&"a".repeat(TEXT_BYTES_MAX + 1)).expect_err("too long");
    assert_eq!(error.message(), message);

    let script = "SHOW DATABASES;\n".repeat(STATEMENTS_MAX);
    let statements = parse_statements(&format!("{script};;")).expect("just as many");
    assert_eq!(statements.len(), STATEMENTS_MAX);
    let error = parse_statements(&format!("{script}; SHOW QUERIES")).expect_err("one more");
    assert_eq!(
        error.to_string(),
        "too many statements, more than 10000; send them in several requests at line 10001, char 3"
    );
}
