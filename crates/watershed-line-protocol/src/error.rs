//! Why a line was refused, in the words of the original: clients and people search for them.

use std::fmt;

use crate::FieldKind;

/// The number of characters of the input that an error text repeats.
const EXCERPT_CHARS: usize = 10;

/// The number of characters of a number that an error text repeats: all of any sensible one.
const NUMBER_CHARS_MAX: usize = 128;

/// Why a line was refused, and where in it.
///
/// `Display` gives the text without line number; see [`LineError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.reason)]
// Boxed, because results that carry it are returned for every field.
pub struct Error(Box<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    reason: Reason,
    column: usize,
}

impl Error {
    /// An error at a byte column (from 1) of its line.
    #[cold]
    pub fn new(reason: Reason, column: usize) -> Self {
        Self(Box::new(Place { reason, column }))
    }

    /// What is wrong.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// Where it was noticed: in bytes, from 1, counted from the line's first character that is not
    /// blank.
    pub fn column(&self) -> usize {
        self.0.column
    }
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The measurement is empty or has a NUL character in it.
    #[error("Invalid measurement was provided")]
    InvalidMeasurement,
    /// There is no field where the first must stand.
    #[error("No fields were provided")]
    NoFields,
    /// Nothing stands before the `=` of a tag.
    #[error("Expected tag key, got {got}")]
    ExpectedTagKey {
        /// What stands there.
        got: Excerpt,
    },
    /// Nothing stands after the `=` of a tag.
    #[error("Expected tag value, got {got}")]
    ExpectedTagValue {
        /// What stands there.
        got: Excerpt,
    },
    /// A tag without `=`.
    #[error("Tag set malformed: could not find equals sign in {tag}")]
    TagWithoutEquals {
        /// The line from the tag on.
        tag: Excerpt,
    },
    /// The series is not followed by a space.
    #[error("Expected at least one space character, got {got}")]
    ExpectedSpace {
        /// What stands there.
        got: Excerpt,
    },
    /// A number with suffix `i` outside the signed range of 64 bits.
    #[error("Unable to parse integer value `{value}`")]
    Integer {
        /// The digits.
        value: String,
    },
    /// A number with suffix `u` outside the unsigned range of 64 bits.
    #[error("Unable to parse unsigned integer value `{value}`")]
    Unsigned {
        /// The digits.
        value: String,
    },
    /// A number that is infinite once it is a double.
    #[error("Unable to parse floating-point value `{value}`")]
    Float {
        /// The number as written.
        value: String,
    },
    /// A timestamp outside the signed range of 64 bits.
    #[error("Unable to parse timestamp value `{value}`")]
    Timestamp {
        /// The digits.
        value: String,
    },
    /// Something that belongs to no part of a line.
    #[error("Could not parse entire line. Found trailing content: {content}")]
    TrailingContent {
        /// The line from there on.
        content: Excerpt,
    },
    /// A name with a backslash at its end.
    #[error("Measurements, tag keys and values, and field keys may not end with a backslash")]
    EndsWithBackslash,
    /// A name above [`NAME_BYTES_MAX`](crate::NAME_BYTES_MAX).
    #[error("String is greater than 64KB")]
    NameTooLong,
    /// A string above [`STRING_BYTES_MAX`](crate::STRING_BYTES_MAX).
    #[error("String is greater than 1MB")]
    StringTooLong,
    /// A tag key twice in one line; its values may even be equal.
    #[error("the tag '{name}' is specified more than once with conflicting values")]
    DuplicateTag {
        /// The key.
        name: String,
    },
    /// A field twice in one line, with values of different types.
    #[error("the field '{name}' is specified more than once with conflicting types")]
    DuplicateField {
        /// The key.
        name: String,
    },
    /// A field with the name of a tag of the same line.
    #[error("Unable to insert {} type into column {name} with type iox::column_type::tag", kind.column_type())]
    TagAndField {
        /// The name.
        name: String,
        /// The type of the field.
        kind: FieldKind,
    },
    /// A tag named like the time column.
    #[error("input tag \"time\" on measurement \"{measurement}\" is invalid")]
    TimeTag {
        /// The measurement, unescaped.
        measurement: String,
    },
    /// No field but one named like the time column.
    #[error("invalid field name: input field \"time\" on measurement \"{measurement}\" is invalid")]
    TimeField {
        /// The measurement, unescaped.
        measurement: String,
    },
}

/// The first ten characters of what stands somewhere in a line, for an error text.
///
/// Displays as the text in backticks, with `...` when it was cut, or as `end of input`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// Cuts `rest`, which reaches to the end of the line.
    pub(crate) fn new(rest: &str) -> Self {
        Self(cut(rest, EXCERPT_CHARS))
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_str() {
            "" => f.write_str("end of input"),
            text => write!(f, "`{text}`"),
        }
    }
}

/// A number as an error text shows it: whole, unless somebody sends kilobytes of digits.
pub(crate) fn shown_number(number: &str) -> String {
    cut(number, NUMBER_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why a line was refused, and which one.
///
/// Displays as `error parsing line N (1-based): ...`. Only [`Reason::TagAndField`] says `error
/// writing line N`, because it is the same conflict, and the same text, as that of a field with an
/// existing column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineError {
    /// The number of the line in the body, from 1, with blank lines and comments counted.
    pub line: usize,
    /// What is wrong with it.
    pub error: Error,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = match self.error.reason() {
            Reason::TagAndField { .. } => "writing",
            _ => "parsing",
        };
        write!(
            f,
            "error {action} line {} (1-based): {}",
            self.line, self.error
        )
    }
}

// The text is in the message already, so there is no source to show beside it.
impl std::error::Error for LineError {}
