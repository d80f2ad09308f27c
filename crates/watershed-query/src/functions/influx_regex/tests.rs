use super::*;
use arrow::array::DictionaryArray;

fn matcher(wanted: bool) -> Match {
    Match {
        name: "influx_regex_match",
        wanted,
        signature: Signature::user_defined(Volatility::Immutable),
    }
}

fn matches(texts: ArrayRef, pattern: &str, wanted: bool) -> Vec<Option<bool>> {
    let matched = matcher(wanted).by_one(&texts, &compile(pattern).unwrap());
    matched.unwrap().as_boolean().iter().collect()
}

#[test]
fn a_pattern_matches_anywhere_and_null_stays_null() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("web-1"), Some("db"), None]));
    assert_eq!(
        matches(Arc::clone(&texts), r"\d$", true),
        [Some(true), Some(false), None]
    );
    assert_eq!(
        matches(texts, r"\d$", false),
        [Some(false), Some(true), None]
    );
}

#[test]
fn tags_are_matched_by_their_values() {
    let tags: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("b"), Some("a")]
        .into_iter()
        .collect();
    let expected = [Some(true), None, Some(false), Some(true)];
    assert_eq!(matches(Arc::new(tags), "^a", true), expected);
}

#[test]
fn the_syntax_is_that_of_go() {
    // An escape of a character without a special meaning, and a brace that is text.
    assert!(compile(r"a\-b").unwrap().is_match("a-b"));
    assert!(compile("{x").unwrap().is_match("{x"));
    assert!(compile("(").unwrap_err().to_string().contains("'/(/'"));
}

#[test]
fn every_row_may_have_its_own_pattern() {
    let texts = StringArray::from(vec![Some("a"), Some("b"), Some("b"), None]);
    let patterns = StringArray::from(vec![Some("a"), Some("a"), Some("b"), Some("b")]);
    let matched = matcher(true).by_rows(&texts, &patterns).unwrap();
    let matched: Vec<_> = matched.iter().collect();
    assert_eq!(matched, [Some(true), Some(false), Some(true), None]);
}
