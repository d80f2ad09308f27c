use super::*;

type Reader = fn(&[String]) -> Option<Counts>;

#[track_caller]
fn check(read: Reader, text: &str, expected: Option<(u64, u64, u64)>) {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(read(&lines), expected.map(|(p, f, s)| Counts::new(p, f, s)));
}

#[test]
fn a_closing_line_is_the_last_of_its_form() {
    check(
        of_closing_line,
        "a: 9 passed, 9 failed, 9 skipped\n3 passed, 1 failed, 2 skipped\nbye",
        Some((3, 1, 2)),
    );
    check(of_closing_line, "3 passed, 1 failed", None);
    check(
        of_closing_line,
        "3 passed, 1 failed, 0 skipped, 2 more",
        None,
    );
    check(of_closing_line, "", None);
}

#[test]
fn a_fraction_says_what_is_missing() {
    check(of_fraction, "FAIL x\n7/10 passed", Some((7, 3, 0)));
    check(of_fraction, "10 passed", None);
    check(of_fraction, "11/10 passed", None);
}

#[test]
fn nextest_puts_remarks_in_parentheses() {
    let text = "     Summary [   1.234s] 12 tests run: 10 passed (1 slow, 1 flaky), 1 failed, 1 timed out, 3 skipped";
    check(of_nextest, text, Some((10, 2, 3)));
    check(
        of_nextest,
        "     Summary [   0.010s] 1 test run: 1 passed, 0 skipped",
        Some((1, 0, 0)),
    );
}

#[test]
fn tests_that_nextest_did_not_get_to_failed() {
    let text = "     Summary [   9.000s] 7/12 tests run: 6 passed, 1 failed, 0 skipped";
    check(of_nextest, text, Some((6, 6, 0)));
}

#[test]
fn nothing_run_is_not_nothing_wrong() {
    check(
        of_nextest,
        "error: could not compile `watershed-model`",
        None,
    );
    check(
        of_libtest,
        "error: could not compile `watershed-model`",
        None,
    );
}

#[test]
fn libtest_has_a_line_for_each_executable() {
    let text = "\
running 5 tests
test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
    check(of_libtest, text, Some((6, 1, 1)));
}
