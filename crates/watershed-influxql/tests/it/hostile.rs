//! Texts that nobody means well with: no panic, no overflow of the stack, no more than linear time.

use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use watershed_influxql::{parse_expr, parse_statements, parse_timestamp, translate_regex};

/// Pieces that reach deep into the grammar when strung together.
const PIECES: [&str; 48] = [
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
            let text = opening.repeat(100_000);
            let error = parse_expr(&text).expect_err("too deep");
            assert!(
                error.message().contains("nested too deeply"),
                "{opening}: {error}"
            );
        }
        for opening in ["SELECT a FROM (", "EXPLAIN "] {
            let error = parse_statements(&opening.repeat(100_000)).expect_err("too deep");
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
                parse_expr(&format!("{}a", chain.repeat(100_000))).is_err(),
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
fn time_is_linear() {
    // A quadratic parser would take minutes for any of these.
    const LONG: usize = 300_000;
    let start = Instant::now();
    for text in [
        format!("SELECT {}a FROM m", "a, ".repeat(LONG)),
        format!("SELECT a FROM {}m", "a.b.c, ".repeat(LONG)),
        "SHOW DATABASES;".repeat(LONG),
        ";".repeat(LONG),
        format!("SELECT a FROM m WHERE {}a", "a OR ".repeat(LONG)),
        format!("SELECT {}a FROM m", "-+".repeat(LONG)),
        format!("SELECT a{} FROM m", ".b".repeat(LONG)),
        format!("SELECT \"{}\" FROM m", "b".repeat(LONG)),
        format!("SELECT a FROM m WHERE a = {}", "1m".repeat(LONG)),
        "/* */".repeat(LONG),
        "--\n".repeat(LONG),
        format!("DROP USER {}", "x ".repeat(LONG)),
    ] {
        let _ = parse_statements(&text);
    }
    let _ = translate_regex(&"[[:".repeat(LONG));
    assert!(start.elapsed() < Duration::from_secs(60));
}
