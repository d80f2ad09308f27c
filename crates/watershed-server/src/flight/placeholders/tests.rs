use super::*;

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(numbered(text.to_owned()), expected);
}

#[test]
fn question_marks_are_numbered_in_their_order() {
    check(
        "SELECT * FROM t WHERE a = ? AND b > ?",
        "SELECT * FROM t WHERE a = $1 AND b > $2",
    );
    check("SELECT ?,\n\t?\r\n, ?", "SELECT $1,\n\t$2\r\n, $3");
    check("SELECT 'é' = ?, 'ö', ?", "SELECT 'é' = $1, 'ö', $2");
}

#[test]
fn question_marks_that_are_no_placeholders_stay() {
    check(
        "SELECT '?', \"?\" -- ?\n, ?",
        "SELECT '?', \"?\" -- ?\n, $1",
    );
    check("SELECT 'a\n?', ?", "SELECT 'a\n?', $1");
    check("SELECT /* ? */ 1", "SELECT /* ? */ 1");
}

#[test]
fn other_texts_stay() {
    check("SELECT $1, ?", "SELECT $1, ?");
    check("SELECT $a", "SELECT $a");
    check("SELECT '?", "SELECT '?");
}
