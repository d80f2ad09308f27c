//! No text takes more than linear work, to parse or to print.

use std::fmt::{self, Write};

use super::count;
use crate::parse_statements;
use crate::parser::{NESTING_DEPTH_MAX, STATEMENTS_MAX, TEXT_BYTES_MAX};

/// Most units of work for a byte of text: a token is looked at as an operand and as an operator, with
/// the blanks before it, and an operand of a chain is moved about a dozen times.
const UNITS_A_BYTE: usize = 16;

/// Most calls of a writer and bytes written for a byte of text. `1m` may print as `INF`, `(` as
/// nothing, but `-v` becomes `-1 * v`.
const PRINTED_A_BYTE: usize = 16;

fn nested(opening: &str, inside: &str, closing: &str) -> String {
    let depth = NESTING_DEPTH_MAX - 1;
    format!("{}{inside}{}", opening.repeat(depth), closing.repeat(depth))
}

fn filter(condition: &str) -> String {
    format!("SELECT v FROM m WHERE {condition}")
}

/// Texts about `size` pieces long, each in a way a parser may be slow at. Not all of them parse.
fn hostile_texts(size: usize) -> Vec<(&'static str, String)> {
    let ors = "a OR ".repeat(size);
    let fields = "a, ".repeat(size);
    vec![
        ("OR", filter(&format!("{ors}a"))),
        ("AND", filter(&format!("{}a", "a = 1 AND ".repeat(size)))),
        ("both", filter(&format!("{}a", "a AND b OR ".repeat(size)))),
        ("OR inside", filter(&nested("(", &format!("{ors}a"), ")"))),
        (
            "OR growing right",
            filter(&nested("b OR (", &format!("{ors}a"), ")")),
        ),
        (
            "OR growing left",
            filter(&nested("(", &format!("{ors}a"), " OR b)")),
        ),
        (
            "AND around OR",
            filter(&nested("b AND (a OR ", &format!("{ors}a"), ")")),
        ),
        (
            "open parentheses",
            filter(&format!("{}a", "(".repeat(size))),
        ),
        (
            "many parentheses",
            filter(&format!("{}a", "(a) OR ".repeat(size))),
        ),
        (
            "subqueries",
            nested("SELECT v FROM (", &format!("SELECT {fields}a FROM m"), ")"),
        ),
        (
            "many subqueries",
            format!("SELECT v FROM {}m", "(SELECT v FROM m), ".repeat(size)),
        ),
        ("fields", format!("SELECT {fields}a FROM m")),
        (
            "sources",
            format!("SELECT a FROM {}m", "a.b.c, ".repeat(size)),
        ),
        ("dimensions", format!("SELECT a FROM m GROUP BY {fields}a")),
        ("keys", format!("SHOW TAG VALUES WITH KEY IN ({fields}a)")),
        ("arguments", format!("SELECT f({fields}a) FROM m")),
        (
            "calls",
            format!("SELECT {}a FROM m", "f(g(a)), ".repeat(size)),
        ),
        (
            "sums",
            format!("SELECT {}a FROM m", "a + a + a - a * a, ".repeat(size)),
        ),
        ("one sum", format!("SELECT {}a FROM m", "a + ".repeat(size))),
        ("minus", format!("SELECT {}a FROM m", "- ".repeat(size))),
        (
            "plus and minus",
            format!("SELECT {}a FROM m", "-+".repeat(size)),
        ),
        (
            "minus before each",
            format!("SELECT {}a FROM m", "-a, ".repeat(size)),
        ),
        (
            "durations",
            format!(
                "SELECT f(a) FROM m GROUP BY {}b",
                "time(1m + 2 * 30s - 5m / 3, 1h - 2s), ".repeat(size)
            ),
        ),
        (
            "one duration",
            filter(&format!("a = {}", "1m".repeat(size))),
        ),
        (
            "parameters",
            filter(&format!("{}$a", "a = $b OR ".repeat(size))),
        ),
        ("dots", format!("SELECT a{} FROM m", ".b".repeat(size))),
        (
            "statements",
            "SHOW DATABASES;".repeat(size.min(STATEMENTS_MAX)),
        ),
        (
            "too many statements",
            "SHOW DATABASES;".repeat(size + STATEMENTS_MAX),
        ),
        ("nothing but ;", ";".repeat(size)),
        ("EXPLAIN", "EXPLAIN ".repeat(size)),
        (
            "comments",
            format!("{}SHOW DATABASES", "/* */".repeat(size)),
        ),
        ("lines", format!("{}SHOW DATABASES", "--\n".repeat(size))),
        ("an open comment", format!("SELECT {fields}/*{fields}")),
        ("an open string", format!("SELECT {fields}'{fields}")),
        ("an open name", format!("SELECT {fields}\"{fields}")),
        ("an open regex", format!("SELECT {fields}/{fields}")),
        ("quotes", format!("SELECT {}", "'".repeat(2 * size))),
        ("slashes", format!("SELECT {}", "/ ".repeat(size))),
        (
            "a long string",
            filter(&format!("a = '{}'", "\\n".repeat(size))),
        ),
        ("a long name", format!("SELECT \"{fields}\" FROM m")),
        ("a long word", format!("SELECT {} FROM m", "a".repeat(size))),
        (
            "a long regex",
            format!("SELECT /{}/ FROM m", "\\/".repeat(size)),
        ),
        (
            "a long number",
            format!("SELECT {} FROM m", "1".repeat(size)),
        ),
        ("misspelled", "SELEC ".repeat(size)),
        ("an error at the end", format!("SELECT {fields}a FORM m")),
        ("keywords", "SELECT ".repeat(size)),
        (
            "known by name",
            format!("DROP USER {}", "x /a/ 'y' ".repeat(size)),
        ),
        (
            "options",
            format!("ALTER RETENTION POLICY p ON d {}", "DEFAULT ".repeat(size)),
        ),
    ]
}

#[test]
fn parsing_takes_linear_work() {
    let work = |text: &str| {
        count(|| {
            let _ = parse_statements(text);
        })
    };
    const SMALL: usize = 1_000;
    for ((name, small), (_, large)) in hostile_texts(SMALL).iter().zip(&hostile_texts(8 * SMALL)) {
        assert!(large.len() < TEXT_BYTES_MAX, "{name}");
        let (least, most) = (work(small), work(large));
        // The half more is for what grows with the logarithm.
        assert!(
            most <= 12 * least + 100,
            "{name}: {least} units, {most} for 8 times the text"
        );
        let allowed = UNITS_A_BYTE * large.len();
        assert!(
            most <= allowed,
            "{name}: {most} units for {} bytes",
            large.len()
        );
    }
}

/// Counts what is written.
#[derive(Default)]
struct Counter {
    calls: usize,
    bytes: usize,
}

impl Write for Counter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.calls += 1;
        self.bytes += text.len();
        Ok(())
    }
}

#[test]
fn printing_takes_linear_work() {
    let mut printed = 0;
    for (name, text) in hostile_texts(8_000) {
        let Ok(statements) = parse_statements(&text) else {
            continue;
        };
        printed += 1;
        let mut counter = Counter::default();
        for statement in &statements {
            write!(counter, "{statement}").expect("counting does not fail");
        }
        let allowed = PRINTED_A_BYTE * text.len();
        assert!(
            counter.calls + counter.bytes <= allowed,
            "{name}: {} writes of {} bytes for {} bytes",
            counter.calls,
            counter.bytes,
            text.len()
        );
    }
    assert!(printed >= 25, "{printed} of the texts parse");
}
