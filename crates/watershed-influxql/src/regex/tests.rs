use super::translate_regex;

#[track_caller]
fn check(pattern: &str, expected: &str) {
    assert_eq!(
        translate_regex(pattern).as_deref(),
        Ok(expected),
        "{pattern}"
    );
}

#[track_caller]
fn check_same(pattern: &str) {
    check(pattern, pattern);
}

#[track_caller]
fn check_error(pattern: &str, reason: &str) {
    let error = translate_regex(pattern).expect_err(pattern);
    assert_eq!(
        error.to_string(),
        format!("invalid regular expression '/{pattern}/': {reason}")
    );
}

#[test]
fn what_both_know_stays() {
    for pattern in [
        "",
        "abc",
        "^cpu.*$",
        "a|b",
        "(a|b)+?",
        "(?:a)",
        "(?P<name>a)",
        "(?i)a",
        "(?i-s:a)",
        "a{2}",
        "a{2,}",
        "a{2,3}?",
        "[a-z]",
        "[^a-z]",
        "[[:alpha:]_]",
        "[[:^digit:]]",
        r"\.",
        r"\A\z",
        r"\pL\p{Greek}\PN",
        "é+",
    ] {
        check_same(pattern);
    }
}

#[test]
fn classes_are_ascii() {
    check(r"\d\w\s", r"[0-9][0-9A-Za-z_][\t\n\f\r ]");
    check(r"\D\W\S", r"[^0-9][^0-9A-Za-z_][^\t\n\f\r ]");
    check(r"[\d-z]", r"[[0-9]\-z]");
    check(r"[^\D]", r"[^[^0-9]]");
    check(r"\bx\B", r"(?-u:\b)x(?-u:\B)");
    check(r"\p{^Greek}\P{^Greek}", r"\P{Greek}\p{Greek}");
}

#[test]
fn escapes_without_meaning_are_dropped() {
    check(r"a\:b\ c\y", "a:b cy");
    check(r"\-\<\>", r"\-<>");
    check(r"[\:\-\]]", r"[:\-\]]");
    check(r"a\u0041", "au0041");
    check(r"\é", "é");
}

#[test]
fn text_that_the_regex_crate_would_read_as_syntax() {
    check(r"\Qa.b*\E+", r"a\.b\*+");
    check(r"\Qa\", r"a\\");
    check("a{,5}", r"a\{,5\}");
    check("{", r"\{");
    check("a{1", r"a\{1");
    check("a{01}", r"a\{01\}");
    check("[[]", r"[\[]");
    check("[]a]", r"[\]a]");
    check("[a&&b]", r"[a\&\&b]");
    check("[a~~b]", r"[a\~\~b]");
    check("[[:alpha]", r"[\[:alpha]");
    check("a]", r"a\]");
    check("[a-]", r"[a\-]");
}

#[test]
fn numbered_characters() {
    check(r"\101\0", "A\0");
    check(r"\x41\x{e9}\t", "Aé\t");
    check(r"[\x41-\x43]", "[A-C]");
}

#[test]
fn what_re2_refuses() {
    check_error("a**", "invalid nested repetition operator: `*`");
    check_error("a{2}{3}", "invalid nested repetition operator: `{3}`");
    check_error("a{1001}", "invalid repeat count: `{1001}`");
    check_error("a{3,2}", "invalid repeat count: `{3,2}`");
    check_error("*a", "missing argument to repetition operator: `*`");
    check_error("(|+)", "missing argument to repetition operator: `+`");
    check_error("(?x)a", "invalid or unsupported Perl syntax: `(?x`");
    check_error("(?=a)", "invalid or unsupported Perl syntax: `(?=`");
    check_error("(?<=a)", "invalid named capture: `(?P<=a)`");
    check_error("[[:foo:]]", "invalid character class range: `[:foo:]`");
    check_error("[z-a]", "invalid character class range: `z-a`");
    check_error("[a--b]", "invalid character class range: `a--`");
    check_error(r"[a-\d]", r"invalid character class range: `\d`");
    check_error("[a", "missing closing ]");
    check_error(r"\1", r"invalid escape sequence: `\1`");
    check_error(r"\C", r"invalid escape sequence: `\C`");
    check_error(r"\xz", r"invalid escape sequence: `\x`");
    check_error(r"\x{110000}", r"invalid escape sequence: `\x`");
    check_error("a\\", "trailing backslash at end of expression: ``");
    assert!(translate_regex("(a").is_err());
    assert!(translate_regex("a)").is_err());
    assert!(translate_regex(r"\p{Nonsense}").is_err());
}

#[test]
fn unicode_classes_are_limited() {
    check_same(&r"\pL".repeat(100));
    check_error(
        &r"\pL".repeat(101),
        "too many Unicode classes, more than 100",
    );
    check_error(
        &format!("[{}]", r"\p{Greek}".repeat(101)),
        "too many Unicode classes, more than 100",
    );
}
