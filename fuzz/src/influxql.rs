//! InfluxQL: parser and printer, and the small languages inside it.

use watershed_influxql::{
    ParseError, closest, parse_expr, parse_statements, parse_timestamp, translate_regex,
};

/// The texts that the grammar is tried with. Limits are the caller's; this one keeps inputs small.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// The words of a text that are looked up: each takes the square of its length.
const WORDS_MAX: usize = 16;

/// Any text: no panic, what parses prints and parses again to the same tree, and an error names a place
/// in the text.
///
/// # Panics
/// When that does not hold.
pub fn influxql(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    match parse_statements(&text) {
        Ok(statements) => {
            let printed: Vec<String> = statements.iter().map(ToString::to_string).collect();
            let printed = printed.join("; ");
            let again = parse_statements(&printed);
            assert_eq!(again.as_ref(), Ok(&statements), "{printed}");
        }
        Err(error) => check_place(&text, &error),
    }
    match parse_expr(&text) {
        Ok(expr) => {
            let printed = expr.to_string();
            assert_eq!(parse_expr(&printed).as_ref(), Ok(&expr), "{printed}");
        }
        Err(error) => check_place(&text, &error),
    }
    // What is in the text is closest to itself.
    for word in text.split(' ').take(WORDS_MAX) {
        let found = closest(word, ["SELECT", word]);
        assert!(found.is_some() || word.chars().count() > 32, "{word}");
    }
    // These promise nothing but an answer.
    let _ = translate_regex(&text);
    let _ = parse_timestamp(&text, None);
}

/// The line and the character are those of the offset, and the error says so.
fn check_place(text: &str, error: &ParseError) {
    let before = text
        .get(..error.offset)
        .expect("the offset is at a character of the text");
    let line = before.rsplit('\n').next().unwrap_or(before);
    assert_eq!(error.line, before.matches('\n').count() + 1);
    assert_eq!(error.char, line.chars().count() + 1);
    let place = format!(" at line {}, char {}", error.line, error.char);
    assert_eq!(error.to_string(), format!("{}{place}", error.message()));
}
