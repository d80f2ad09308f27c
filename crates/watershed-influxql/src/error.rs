//! Where a text stopped being InfluxQL.

use std::fmt;

use crate::work;

/// Longest piece of the text that an error repeats, in characters.
const FOUND_CHARS_MAX: usize = 60;

/// Why a text is not InfluxQL, and where.
///
/// `Display` is what InfluxDB 1.x clients look for, `found X, expected Y at line L, char C`, with a
/// hint in parentheses before `at` where there is one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} at line {line}, char {char}", self.message())]
pub struct ParseError {
    /// Byte at which the offending token begins; the length of the text if it ended too early.
    pub offset: usize,
    /// Line of `offset`, from 1.
    pub line: usize,
    /// Character of `offset` within its line, from 1.
    pub char: usize,
    // In a box, because results with this error are in every frame of the parser's recursion.
    details: Box<Details>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    reason: Reason,
    hint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Unexpected { found: String, expected: String },
    Invalid(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Unexpected { found, expected } => {
                write!(f, "found {found}, expected {expected}")
            }
            Reason::Invalid(message) => f.write_str(message),
        }
    }
}

impl ParseError {
    /// The token at `start..end` of `text` is not one of those in `expected`, a list such as `FROM,
    /// ,`.
    pub(crate) fn unexpected(
        text: &str,
        start: usize,
        end: usize,
        expected: impl Into<String>,
    ) -> Self {
        let found = match text.get(start..end) {
            Some(found) if !found.is_empty() => shorten(found),
            _ => "EOF".to_owned(),
        };
        Self::at(
            text,
            start,
            Reason::Unexpected {
                found,
                expected: expected.into(),
            },
        )
    }

    /// What stands at `offset` of `text` is wrong in its own way.
    pub(crate) fn invalid(text: &str, offset: usize, message: impl Into<String>) -> Self {
        Self::at(text, offset, Reason::Invalid(message.into()))
    }

    fn at(text: &str, offset: usize, reason: Reason) -> Self {
        work::note(offset);
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            char: before[line_start..].chars().count() + 1,
            details: Box::new(Details { reason, hint: None }),
        }
    }

    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.details.hint = hint;
        self
    }

    /// The text without the position: `found X, expected Y (hint)`.
    pub fn message(&self) -> String {
        let reason = &self.details.reason;
        match &self.details.hint {
            Some(hint) => format!("{reason} ({hint})"),
            None => reason.to_string(),
        }
    }

    /// What was probably meant or what to write instead, without parentheses; `None` if there is
    /// nothing to suggest.
    pub fn hint(&self) -> Option<&str> {
        self.details.hint.as_deref()
    }

    /// The offending token, shortened, or `EOF`; `None` if the error is not about an unexpected
    /// token.
    pub fn found(&self) -> Option<&str> {
        match &self.details.reason {
            Reason::Unexpected { found, .. } => Some(found),
            Reason::Invalid(_) => None,
        }
    }

    /// What could have stood there, a list with commas; `None` if the error is not about an
    /// unexpected token.
    pub fn expected(&self) -> Option<&str> {
        match &self.details.reason {
            Reason::Unexpected { expected, .. } => Some(expected),
            Reason::Invalid(_) => None,
        }
    }
}

fn shorten(found: &str) -> String {
    match found.char_indices().nth(FOUND_CHARS_MAX) {
        Some((cut, _)) => format!("{}...", &found[..cut]),
        None => found.to_owned(),
    }
}
