mod admin;
mod show;

use super::{EXPR_HEIGHT_MAX, NESTING_DEPTH_MAX, parse_expr, parse_statements};
use crate::{Expr, Statement};

/// `text` parses to one statement that prints as `expected`.
#[track_caller]
fn check(text: &str, expected: &str) {
    let printed: Vec<String> = statements(text).iter().map(Statement::to_string).collect();
    assert_eq!(printed.join("; "), expected);
}

/// `text` is already as it is printed.
#[track_caller]
fn check_same(text: &str) {
    check(text, text);
}

#[track_caller]
fn check_error(text: &str, expected: &str) {
    match parse_statements(text) {
        Ok(statements) => panic!("parsed: {statements:?}"),
        Err(error) => assert_eq!(error.to_string(), expected),
    }
}

/// The expression with parentheses around every operator.
#[track_caller]
fn check_grouping(text: &str, expected: &str) {
    fn grouped(expr: &Expr) -> String {
        match expr {
            Expr::Binary(binary) => format!(
                "({} {} {})",
                grouped(&binary.left),
                binary.op,
                grouped(&binary.right)
            ),
            other => other.to_string(),
        }
    }
    match parse_expr(text) {
        Ok(expr) => assert_eq!(grouped(&expr), expected),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn statements(text: &str) -> Vec<Statement> {
    match parse_statements(text) {
        Ok(statements) => statements,
        Err(error) => panic!("{text}: {error}"),
    }
}

#[test]
fn statements_are_separated_by_semicolons_and_empty_ones_skipped() {
    check("", "");
    check(" ;; -- nothing\n ; ", "");
    check(
        "SHOW DATABASES;;show databases ;",
        "SHOW DATABASES; SHOW DATABASES",
    );
}

#[test]
fn select_with_every_clause() {
    check_same(
        "SELECT mean(v) AS m, max(w) FROM cpu WHERE host = 'a' GROUP BY time(1m, 5s), host FILL(previous) \
         ORDER BY time DESC LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 TZ('Europe/Berlin')",
    );
}

#[test]
fn keywords_in_any_case_names_as_written() {
    check(
        "select Mean(Value) as V from CPU where Host = 'A' order by TIME",
        "SELECT mean(Value) AS V FROM CPU WHERE Host = 'A' ORDER BY time ASC",
    );
}

#[test]
fn blanks_and_comments_may_stand_anywhere() {
    check("SELECT/* a */v--b\nFROM\t\r\nm", "SELECT v FROM m");
    check(
        r#"SELECT mean("v")FROM"m"WHERE"a"='x'"#,
        "SELECT mean(v) FROM m WHERE a = 'x'",
    );
}

#[test]
fn sources() {
    check_same("SELECT v FROM m, rp.m, db.rp.m, db..m");
    check_same("SELECT v FROM /a/, rp./a/, db.rp./a/, db../a/");
    check_same(r#"SELECT v FROM "a b"."select".x, "é""#);
    check_same("SELECT v FROM (SELECT w FROM (SELECT x FROM m LIMIT 1) WHERE w > 1), n");
    check_error(
        "SELECT v FROM a.b.c.d",
        "found ., expected ; at line 1, char 20",
    );
    check_error(
        "SELECT v FROM a...b",
        "found ., expected identifier, regex, ( at line 1, char 18",
    );
    check_error(
        "SELECT v FROM 'm'",
        "found 'm', expected identifier, regex, ( (names stand in double quotes) at line 1, char 15",
    );
    check_error(
        "SELECT v FROM (SHOW DATABASES)",
        "found SHOW, expected SELECT at line 1, char 16",
    );
    check_error(
        "SELECT v FROM (SELECT v FROM m",
        "found EOF, expected ) at line 1, char 31",
    );
}

#[test]
fn columns_with_dots_and_casts() {
    check(
        "SELECT a.b, a..b, \"x\".\"y z\" FROM m",
        r#"SELECT "a.b", "a..b", "x.y z" FROM m"#,
    );
    check_same(
        "SELECT a::float, b::integer, c::unsigned, d::string, e::boolean, f::tag, g::field FROM m",
    );
    check(
        "SELECT name.x, key::TAG FROM m",
        r#"SELECT "name.x", "key"::tag FROM m"#,
    );
    check_error(
        "SELECT a::int FROM m",
        "found int, expected float, integer, unsigned, string, boolean, field, tag (did you mean integer?) at line 1, char 11",
    );
    check_error(
        "SELECT a. FROM m",
        "found FROM, expected identifier at line 1, char 11",
    );
}

#[test]
fn wildcards_and_regexes_as_columns() {
    check_same("SELECT *, *::tag, *::field, /a.*/, count(*), mean(/x/), last(*::field) FROM m");
    check_error(
        "SELECT *::float FROM m",
        "found float, expected tag, field at line 1, char 11",
    );
}

#[test]
fn calls() {
    check_same(
        "SELECT now(), top(v, host, 3), derivative(mean(v), 1m), date_part('dow', time) FROM m",
    );
    check("SELECT COUNT (v) FROM m", "SELECT count(v) FROM m");
    check_error(
        "SELECT f(a,) FROM m",
        "found ), expected identifier, string, number, bool, duration, regex, (, *, $ at line 1, char 12",
    );
    check_error(
        "SELECT f(a FROM m",
        "found FROM, expected ) at line 1, char 12",
    );
    check_error(
        "SELECT f(a = 1) FROM m",
        "found =, expected ) at line 1, char 12",
    );
}

#[test]
fn distinct_is_a_call() {
    check("SELECT DISTINCT v FROM m", "SELECT distinct(v) FROM m");
    check(
        "SELECT count(distinct v), DISTINCT (w) FROM m",
        "SELECT count(distinct(v)), distinct(w) FROM m",
    );
    check_error(
        "SELECT DISTINCT 1 FROM m",
        "found 1, expected identifier at line 1, char 17",
    );
}

#[test]
fn literals() {
    check_same(
        "SELECT v FROM m WHERE a = 1 AND b = 1.5 AND c = 'x' AND d = true AND e = false AND f = 1h30m AND g = $p AND h = $\"p q\"",
    );
    check(
        "SELECT v FROM m WHERE a = .5 AND b = TRUE AND c = 90m",
        "SELECT v FROM m WHERE a = 0.5 AND b = true AND c = 1h30m",
    );
    check_same(
        "SELECT 9223372036854775807, 9223372036854775808, 18446744073709551615, -9223372036854775808 FROM m",
    );
    check_same(r#"SELECT "true", "false", "a\"b\\c\nd" FROM m WHERE s = 'it\'s "so" \\ \n'"#);
    check_error(
        "SELECT 18446744073709551616 FROM m",
        "integer out of range at line 1, char 8",
    );
    check_error(
        "SELECT -9223372036854775809 FROM m",
        "integer out of range at line 1, char 9",
    );
    check_error(
        "SELECT 1000000000000000w FROM m",
        "duration out of range at line 1, char 8",
    );
}

#[test]
fn signs_are_folded() {
    check(
        "SELECT - -5, -1.5, -(5), +5, -5m, -(1h) FROM m",
        "SELECT 5, -1.5, -5, 5, -5m, -1h FROM m",
    );
    check(
        "SELECT -v, -f(v), -(a + b), +v FROM m",
        "SELECT -1 * v, -1 * f(v), -1 * (a + b), v FROM m",
    );
    check(
        "SELECT a - -5, a-5, a / -v FROM m",
        "SELECT a - -5, a - 5, a / (-1 * v) FROM m",
    );
    check_error(
        "SELECT -'a' FROM m",
        "found 'a', expected identifier, number, duration, (, $ at line 1, char 9",
    );
    check_error(
        "SELECT v FROM m WHERE a = -true",
        "this value cannot be negated at line 1, char 28",
    );
}

#[test]
fn a_timestamp_in_double_quotes_is_not_compared_with_time() {
    for text in [
        "SELECT v FROM m WHERE time > \"2024-01-01\"",
        "SELECT v FROM m WHERE Time = \"2024-01-01T00:00:00Z\"",
        "SELECT v FROM m WHERE time < \"2024-01-01 00:00:00\" - 1h",
        "SELECT v FROM m WHERE time < \"2024-01-01T00:00:00\".\"5Z\"",
        "SELECT v FROM m WHERE a = 1 AND time < (\"2024-01-01\" - 1h) AND b = 2",
    ] {
        let start = text.find(['(', '"']).expect("a right side") + 1;
        check_error(
            text,
            &format!("a timestamp stands in single quotes at line 1, char {start}"),
        );
    }
    check_same("SELECT v FROM m WHERE time > \"2024\" AND a = \"2024-01-01\"");
}

#[test]
fn precedence_of_operators() {
    check_grouping("a + b * c - d / e", "((a + (b * c)) - (d / e))");
    check_grouping("a & b | c ^ d % e", "(((a & b) | c) ^ (d % e))");
    check_grouping("a - b - c", "((a - b) - c)");
    check_grouping("a - (b - c)", "(a - (b - c))");
    check_grouping("a + 1 > b * 2", "((a + 1) > (b * 2))");
    check_grouping("a = b =~ /x/", "(a = (b =~ /x/))");
    check_grouping(
        "a = 1 OR b = 2 AND c = 3",
        "((a = 1) OR ((b = 2) AND (c = 3)))",
    );
    check_grouping(
        "(a = 1 OR b = 2) AND c = 3",
        "(((a = 1) OR (b = 2)) AND (c = 3))",
    );
    check_grouping("(a + 1) * 2 > 5", "(((a + 1) * 2) > 5)");
    check_grouping("a <> 1", "(a != 1)");
    check_grouping("-a * b", "((-1 * a) * b)");
    check_grouping("now()-5m", "(now() - 5m)");
}

#[test]
fn chains_of_and_and_or_are_balanced_whatever_their_parentheses() {
    let balanced = "(((a OR b) OR (c OR d)) OR e)";
    check_grouping("a OR b OR c OR d OR e", balanced);
    check_grouping("a OR (b OR (c OR (d OR e)))", balanced);
    check_grouping("((a OR b) OR c) OR (d OR e)", balanced);
    check_grouping("a AND (b OR c) AND d", "((a AND (b OR c)) AND d)");
}

#[test]
fn a_slash_divides_behind_an_operand_and_opens_a_regex_elsewhere() {
    check_same("SELECT a / b / c FROM m");
    check_same("SELECT /a/ FROM /b/ WHERE c =~ /d/ AND e / f > 1 GROUP BY /g/");
    check(
        r"SELECT v FROM m WHERE a =~ /x\/y\\/",
        r"SELECT v FROM m WHERE a =~ /x\/y\\/",
    );
    check_error(
        "SELECT v FROM m WHERE a =~ 'x'",
        "found 'x', expected regex (a regular expression stands between slashes) at line 1, char 28",
    );
    check_error(
        "SELECT v FROM m WHERE a =~ /x/ + 1",
        "found +, expected AND, OR, ), ; at line 1, char 32",
    );
    check_error(
        "SELECT v FROM /a",
        "unterminated regular expression, missing closing / at line 1, char 15",
    );
}

#[test]
fn comparisons_are_for_conditions_only() {
    check_error(
        "SELECT a = 1 FROM m",
        "found =, expected FROM at line 1, char 10",
    );
    check_error(
        "SELECT (a AND b) FROM m",
        "found AND, expected ) at line 1, char 11",
    );
}

#[test]
fn group_by() {
    check_same("SELECT v FROM m GROUP BY *, *::tag, /t.*/, host, host::tag, time(1h, -5m)");
    check(
        "SELECT v FROM m GROUP BY time(2 * 1m + 30s)",
        "SELECT v FROM m GROUP BY time(2m30s)",
    );
    check(
        "SELECT v FROM m GROUP BY TIME(1w, now() - 1s)",
        "SELECT v FROM m GROUP BY time(1w, now() - 1s)",
    );
    check_same("SELECT v FROM m GROUP BY time(1d, '2024-01-01T00:00:00Z')");
    check_same("SELECT v FROM m GROUP BY time(0s)");
    check_same("SELECT v FROM m GROUP BY time");
    check_error(
        "SELECT v FROM m GROUP BY time(5)",
        "the first argument of time() must be a duration at line 1, char 31",
    );
    check_error(
        "SELECT v FROM m GROUP host",
        "found host, expected BY (did you mean GROUP BY?) at line 1, char 23",
    );
    check_error(
        "SELECT v FROM m GROUP BY 'a'",
        "found 'a', expected identifier, regex, *, time (names stand in double quotes) at line 1, char 26",
    );
}

#[test]
fn fill() {
    for option in [
        "null", "none", "previous", "linear", "0", "-5", "1.5", "-1.5",
    ] {
        check_same(&format!("SELECT v FROM m GROUP BY time(1m) FILL({option})"));
    }
    check("SELECT v FROM m fill(+5)", "SELECT v FROM m FILL(5)");
    check_error(
        "SELECT v FROM m FILL(next)",
        "found next, expected null, none, previous, linear, number at line 1, char 22",
    );
    check_error(
        "SELECT v FROM m FILL(1m)",
        "found 1m, expected null, none, previous, linear, number at line 1, char 22",
    );
}

#[test]
fn order_by() {
    check(
        "SELECT v FROM m ORDER BY DESC",
        "SELECT v FROM m ORDER BY time DESC",
    );
    check(
        "SELECT v FROM m ORDER BY time",
        "SELECT v FROM m ORDER BY time ASC",
    );
    check_error(
        "SELECT v FROM m ORDER BY host",
        "invalid ORDER BY, expected TIME column (InfluxQL orders by time only) at line 1, char 26",
    );
    check_error(
        "SELECT v FROM m ORDER BY time, host",
        "invalid ORDER BY, expected TIME column (InfluxQL orders by time only) at line 1, char 30",
    );
}

#[test]
fn the_order_of_clauses_is_fixed() {
    check_error(
        "SELECT v FROM m LIMIT 1 WHERE a = 1",
        "found WHERE, expected ; (WHERE must come before LIMIT) at line 1, char 25",
    );
    check_error(
        "SELECT v FROM m OFFSET 1 LIMIT 1",
        "found LIMIT, expected ; (LIMIT must come before OFFSET) at line 1, char 26",
    );
    check_error(
        "SELECT v FROM m LIMIT -1",
        "found -, expected integer (a negative number cannot stand here) at line 1, char 23",
    );
}

#[test]
fn time_zones() {
    check(
        "SELECT v FROM m tz('America/New_York')",
        "SELECT v FROM m TZ('America/New_York')",
    );
    check_error(
        "SELECT v FROM m TZ('europe/berlin')",
        "unable to find timezone at line 1, char 20",
    );
    check_error(
        "SELECT v FROM m TZ(UTC)",
        "found UTC, expected string (strings stand in single quotes) at line 1, char 20",
    );
}

#[test]
fn explain() {
    check_same("EXPLAIN SELECT v FROM m");
    check_same("EXPLAIN VERBOSE SELECT v FROM m");
    check_same("EXPLAIN ANALYZE SELECT v FROM m");
    check_same("EXPLAIN ANALYZE VERBOSE SHOW DATABASES");
}

#[test]
fn select_into() {
    for target in [
        "n",
        "rp.n",
        "db.rp.n",
        "db..n",
        ":MEASUREMENT",
        "rp.:MEASUREMENT",
        "db.rp.:MEASUREMENT",
        "db..:MEASUREMENT",
    ] {
        check_same(&format!(
            "SELECT mean(v) INTO {target} FROM m GROUP BY time(1m)"
        ));
    }
    assert_eq!(
        statements("SELECT v INTO n FROM m")[0].name(),
        "SELECT INTO"
    );
}

#[test]
fn errors_say_where() {
    check_error(
        "SELECT",
        "found EOF, expected identifier, string, number, bool, duration, regex, (, *, $ at line 1, char 7",
    );
    check_error(
        "SELECT v",
        "found EOF, expected FROM (a query reads from a measurement, FROM name) at line 1, char 9",
    );
    check_error(
        "SHOW DATABASES; SELECT v\n  FROM m\n  nonsense",
        "found nonsense, expected ; at line 3, char 3",
    );
    check_error(
        "SELECT v FROM m WHERE \"é\" ~ 1",
        "found ~, expected ; at line 1, char 27",
    );
    check_error(
        "INSERT INTO x",
        "found INSERT, expected ALTER, CREATE, DELETE, DROP, EXPLAIN, GRANT, KILL, REVOKE, SELECT, SET, SHOW (points are written as line protocol over HTTP) at line 1, char 1",
    );
    check_error(
        "SELECT on FROM m",
        "found on, expected identifier, string, number, bool, duration, regex, (, *, $ (a keyword; as a name it stands in double quotes) at line 1, char 8",
    );
}

#[test]
fn an_error_has_its_parts() {
    let error = parse_statements("SELECT v\nFRM m").expect_err("no FROM");
    assert_eq!((error.offset, error.line, error.char), (9, 2, 1));
    assert_eq!(
        error.message(),
        "found FRM, expected FROM (did you mean FROM?)"
    );
    assert_eq!(
        (error.found(), error.expected()),
        (Some("FRM"), Some("FROM"))
    );
    assert_eq!(error.hint(), Some("did you mean FROM?"));
}

#[test]
fn long_tokens_are_shortened_in_errors() {
    let error = parse_statements(&"x".repeat(1000)).expect_err("no statement");
    assert_eq!(
        error.found(),
        Some(format!("{}...", "x".repeat(60)).as_str())
    );
}

#[test]
fn nesting_has_a_limit() {
    let parentheses =
        |depth: usize| format!("SELECT {}v{} FROM m", "(".repeat(depth), ")".repeat(depth));
    check(&parentheses(NESTING_DEPTH_MAX), "SELECT v FROM m");
    let position = "SELECT ".len() + NESTING_DEPTH_MAX + 2;
    check_error(
        &parentheses(NESTING_DEPTH_MAX + 1),
        &format!("query is nested too deeply, more than 100 levels at line 1, char {position}"),
    );
    let subqueries = |depth: usize| {
        format!(
            "{}SELECT v FROM m{}",
            "SELECT v FROM (".repeat(depth),
            ")".repeat(depth)
        )
    };
    check_same(&subqueries(NESTING_DEPTH_MAX));
    let calls =
        |depth: usize| format!("SELECT {}v{} FROM m", "f(".repeat(depth), ")".repeat(depth));
    // A call is a node, too, and so is the column inside.
    check_same(&calls(EXPR_HEIGHT_MAX - 1));
    let explains = |depth: usize| format!("{}SHOW DATABASES", "EXPLAIN ".repeat(depth));
    check_same(&explains(NESTING_DEPTH_MAX));
    let together = |depth: usize| {
        format!(
            "EXPLAIN SELECT v FROM (SELECT {}v{} FROM m)",
            "(".repeat(depth - 2),
            ")".repeat(depth - 2)
        )
    };
    check(
        &together(NESTING_DEPTH_MAX),
        "EXPLAIN SELECT v FROM (SELECT v FROM m)",
    );
    for text in [
        subqueries(NESTING_DEPTH_MAX + 1),
        calls(NESTING_DEPTH_MAX + 1),
        explains(NESTING_DEPTH_MAX + 1),
        together(NESTING_DEPTH_MAX + 1),
    ] {
        let error = parse_statements(&text).expect_err("too deep");
        assert_eq!(
            error.message(),
            "query is nested too deeply, more than 100 levels"
        );
    }
    // Signs are no levels.
    check(
        &format!("SELECT {}v FROM m", "- ".repeat(1000)),
        "SELECT v FROM m",
    );
}

#[test]
fn sums_have_a_limit_and_conditions_do_not() {
    let sum = |terms: usize| vec!["v"; terms].join(" + ");
    assert!(parse_expr(&sum(EXPR_HEIGHT_MAX)).is_ok());
    let error = parse_expr(&sum(EXPR_HEIGHT_MAX + 1)).expect_err("too many terms");
    assert_eq!(
        error.message(),
        "expression has too many operators, more than 100 in a row"
    );
    assert!(parse_expr(&vec!["v = 1"; 10_000].join(" OR ")).is_ok());
}
