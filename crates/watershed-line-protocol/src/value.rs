//! The values of fields.

use std::borrow::Cow;

use crate::scan::{unescape, unescape_into};

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `1`, `-1.5`, `2e9`: the nearest double, always finite. `-0` is negative zero.
    Float(f64),
    /// `1i`
    Integer(i64),
    /// `1u`
    Unsigned(u64),
    /// `t`, `T`, `true`, `True`, `TRUE` and the same for false.
    Boolean(bool),
    /// `"text"`
    String(StringValue<'a>),
}

impl Value<'_> {
    /// The type of the value.
    pub fn kind(&self) -> FieldKind {
        match self {
            Self::Float(_) => FieldKind::Float,
            Self::Integer(_) => FieldKind::Integer,
            Self::Unsigned(_) => FieldKind::Unsigned,
            Self::Boolean(_) => FieldKind::Boolean,
            Self::String(_) => FieldKind::String,
        }
    }
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// A double.
    Float,
    /// A signed integer of 64 bits.
    Integer,
    /// An unsigned integer of 64 bits.
    Unsigned,
    /// True or false.
    Boolean,
    /// Text.
    String,
}

impl FieldKind {
    /// The name of the type in error texts.
    pub(crate) fn column_type(self) -> &'static str {
        match self {
            Self::Float => "iox::column_type::field::float",
            Self::Integer => "iox::column_type::field::integer",
            Self::Unsigned => "iox::column_type::field::uinteger",
            Self::Boolean => "iox::column_type::field::boolean",
            Self::String => "iox::column_type::field::string",
        }
    }
}

/// The text between the quotes of a string value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringValue<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> StringValue<'a> {
    pub(crate) fn new(raw: &'a str, escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The text as it stands in the line.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Appends the text that is meant, see [`unescaped`](Self::unescaped), to `out`.
    pub fn append_to(&self, out: &mut String) {
        if self.escaped {
            unescape_into(self.raw, b"\"\\", out);
        } else {
            out.push_str(self.raw);
        }
    }

    /// The text that is meant: `\"` and `\\` are a quote and a backslash, any other backslash is
    /// itself. Copies only when there is a backslash.
    pub fn unescaped(&self) -> Cow<'a, str> {
        if self.escaped {
            unescape(self.raw, b"\"\\")
        } else {
            Cow::Borrowed(self.raw)
        }
    }
}
