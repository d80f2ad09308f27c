//! InfluxQL: parser and printer, and the small languages inside it.

use watershed_influxql::{parse_expr, parse_statements, parse_timestamp, translate_regex};

/// The texts that the grammar is tried with. Limits are the caller's; this one keeps inputs small.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// Any text: no panic, and what parses prints and parses again to the same tree.
///
/// # Panics
/// When that does not hold.
pub fn influxql(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    if let Ok(statements) = parse_statements(&text) {
        let printed: Vec<String> = statements.iter().map(ToString::to_string).collect();
        let printed = printed.join("; ");
        let again = parse_statements(&printed);
        assert_eq!(again.as_ref(), Ok(&statements), "{printed}");
    }
    if let Ok(expr) = parse_expr(&text) {
        let printed = expr.to_string();
        assert_eq!(parse_expr(&printed).as_ref(), Ok(&expr), "{printed}");
    }
    // These promise nothing but an answer.
    let _ = translate_regex(&text);
    let _ = parse_timestamp(&text, None);
}
