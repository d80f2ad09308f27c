use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn buckets_begin_at_multiples_of_their_length_after_the_offset() {
    let buckets = |nanos, offset| Buckets::Fixed { nanos, offset };
    assert_eq!(buckets(10, 0).start(27), Some(20));
    assert_eq!(buckets(10, 0).start(-1), Some(-10));
    assert_eq!(buckets(10, 0).start(-10), Some(-10));
    assert_eq!(buckets(20, 5).start(24), Some(5));
    assert_eq!(buckets(20, 45).start(24), Some(5));
    assert_eq!(buckets(20, -5).start(14), Some(-5));
    assert_eq!(
        buckets(7 * 86_400 * SECOND, 0).start(SECOND),
        Some(0),
        "weeks begin on Thursdays"
    );
    assert_eq!(buckets(10, 0).start(i64::MIN), None);
}

#[test]
fn a_tag_that_is_absent_is_matched_as_empty_text() {
    let texts = [Some("a"), None, Some("b")];
    let function = |pattern: &str, null_is_empty| MatchFunction {
        regex: Regex::new(pattern).unwrap(),
        null_is_empty,
        signature: Signature::any(1, Volatility::Immutable),
    };
    let tag: ArrayRef = Arc::new(
        texts
            .iter()
            .copied()
            .collect::<arrow::array::DictionaryArray<arrow::datatypes::Int32Type>>(),
    );
    let matched = function("^$|a", true).matches_dictionary(&tag).unwrap();
    assert_eq!(
        matched.iter().collect::<Vec<_>>(),
        [Some(true), Some(true), Some(false)]
    );
    let field = function("^$|a", false).matches(texts.into_iter());
    assert_eq!(
        field.iter().collect::<Vec<_>>(),
        [Some(true), None, Some(false)]
    );
}
