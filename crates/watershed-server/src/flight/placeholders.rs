//! Placeholders of the form `?`.
//!
//! Standard interfaces of databases (ODBC, JDBC, Python's) number them by their order. The planner takes all of
//! them for one, so they become `$1`, `$2` and so on.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use std::collections::HashSet;

/// The text with a number for each `?`. A text that has other placeholders too stays as it is, and so does one
/// that can't be read, of which the planner says why.
pub(super) fn numbered(text: String) -> String {
    if !text.contains('?') {
        return text;
    }
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, &text).tokenize_with_location() else {
        return text;
    };
    let question =
        |token: &TokenWithSpan| matches!(&token.token, Token::Placeholder(p) if p == "?");
    let other = |token: &TokenWithSpan| matches!(&token.token, Token::Placeholder(p) if p != "?");
    if tokens.iter().any(other) {
        return text;
    }
    let places: HashSet<(u64, u64)> = tokens
        .iter()
        .filter(|token| question(token))
        .map(|token| (token.span.start.line, token.span.start.column))
        .collect();
    let (mut line, mut column, mut count) = (1, 1, 0);
    let mut numbered = String::with_capacity(text.len() + 2 * places.len());
    for char in text.chars() {
        if char == '?' && places.contains(&(line, column)) {
            count += 1;
            numbered.push_str(&format!("${count}"));
        } else {
            numbered.push(char);
        }
        if char == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    numbered
}

#[cfg(test)]
mod tests;
