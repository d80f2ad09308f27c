use super::{KEYWORD_BYTES_MAX, KEYWORDS, is_keyword, is_plain};

#[test]
fn the_list_is_sorted_and_its_longest_word_known() {
    assert!(KEYWORDS.is_sorted());
    assert_eq!(
        KEYWORDS.iter().map(|word| word.len()).max(),
        Some(KEYWORD_BYTES_MAX)
    );
}

#[test]
fn keywords_in_any_case() {
    for word in ["from", "FROM", "From", "subscriptions"] {
        assert!(is_keyword(word), "{word}");
    }
    for word in [
        "time", "fill", "tz", "now", "null", "true", "verbose", "fromm", "",
    ] {
        assert!(!is_keyword(word), "{word}");
    }
}

#[test]
fn names_without_quotes() {
    for name in ["a", "_1", "cpu_Load5", "time", "fill"] {
        assert!(is_plain(name), "{name}");
    }
    for name in ["", "1a", "a.b", "a b", "é", "key", "TRUE"] {
        assert!(!is_plain(name), "{name}");
    }
}
