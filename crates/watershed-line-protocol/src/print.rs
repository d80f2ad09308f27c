//! Points back to text.

use std::collections::HashSet;
use std::fmt::Write;

use crate::{FieldValue, NAME_BYTES_MAX, Point, STRING_BYTES_MAX, TIME};

/// Why a point cannot be written as a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrintError {
    /// There is no way to write this name so that it is read again as it is.
    #[error("the name {name:?} cannot be written in line protocol")]
    Name {
        /// The name, or tag value.
        name: String,
    },
    /// The line would say one name twice.
    #[error("the name {name:?} occurs more than once")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A point has at least one field.
    #[error("the point has no fields")]
    NoFields,
    /// The format has no infinities and no NaN.
    #[error("the value of field {name:?} is not finite")]
    NotFinite {
        /// The key of the field.
        name: String,
    },
    /// The value is above [`STRING_BYTES_MAX`].
    #[error("the value of field {name:?} is greater than 1MB")]
    StringTooLong {
        /// The key of the field.
        name: String,
    },
}

impl Point {
    /// Prints the point as one line, without newline. Parsing it gives an equal point, for all
    /// points for which this succeeds.
    ///
    /// # Errors
    /// [`PrintError`] for points that no line stands for: those which break a rule of [`Point`],
    /// and those with names the format has no escape for (a name that ends in a backslash, has a
    /// tab or newline without a backslash before it, or a measurement that begins like a comment).
    pub fn to_line(&self) -> Result<String, PrintError> {
        self.check_names()?;
        let mut line = String::new();
        push_measurement(&mut line, &self.measurement)?;
        for (key, value) in &self.tags {
            line.push(',');
            push_name(&mut line, key, ", =")?;
            line.push('=');
            push_name(&mut line, value, ", =")?;
        }
        for (index, (key, value)) in self.fields.iter().enumerate() {
            line.push(if index == 0 { ' ' } else { ',' });
            push_name(&mut line, key, ", =")?;
            line.push('=');
            push_value(&mut line, key, value)?;
        }
        if let Some(timestamp) = self.timestamp {
            // Writing to a string cannot fail.
            let _ = write!(line, " {timestamp}");
        }
        Ok(line)
    }

    fn check_names(&self) -> Result<(), PrintError> {
        if self.fields.is_empty() {
            return Err(PrintError::NoFields);
        }
        let mut seen = HashSet::new();
        let keys = self
            .tags
            .iter()
            .map(|(key, _)| key)
            .chain(self.fields.iter().map(|(key, _)| key));
        for key in keys {
            if key == TIME {
                return Err(PrintError::Name { name: key.clone() });
            }
            if !seen.insert(key) {
                return Err(PrintError::Duplicate { name: key.clone() });
            }
        }
        Ok(())
    }
}

fn push_measurement(line: &mut String, name: &str) -> Result<(), PrintError> {
    // A carriage return or byte order mark would be fine further on, but the beginning of a line
    // may be that of a body.
    if name.starts_with(['#', '\u{FEFF}']) || name.contains('\0') {
        return Err(PrintError::Name {
            name: name.to_owned(),
        });
    }
    push_name(line, name, ", ")
}

/// Escapes the characters in `special`, and the backslash.
fn push_name(line: &mut String, name: &str, special: &str) -> Result<(), PrintError> {
    let unprintable = || PrintError::Name {
        name: name.to_owned(),
    };
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.ends_with('\\') {
        return Err(unprintable());
    }
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            // A backslash keeps a blank in the name, and stays in it too.
            ('\\', Some(&blank @ ('\t' | '\n'))) => {
                line.extend(['\\', blank]);
                characters.next();
            }
            ('\\', _) => line.push_str(r"\\"),
            ('\t' | '\n', _) => return Err(unprintable()),
            (character, _) if special.contains(character) => line.extend(['\\', character]),
            (character, _) => line.push(character),
        }
    }
    Ok(())
}

fn push_value(line: &mut String, key: &str, value: &FieldValue) -> Result<(), PrintError> {
    let printed = match value {
        FieldValue::Float(value) if !value.is_finite() => {
            return Err(PrintError::NotFinite {
                name: key.to_owned(),
            });
        }
        // The shortest text that is this double again; unlike `Display`, it uses exponents rather
        // than hundreds of zeros.
        FieldValue::Float(value) => write!(line, "{value:?}"),
        FieldValue::Integer(value) => write!(line, "{value}i"),
        FieldValue::Unsigned(value) => write!(line, "{value}u"),
        FieldValue::Boolean(value) => write!(line, "{value}"),
        FieldValue::String(text) if text.len() > STRING_BYTES_MAX => {
            return Err(PrintError::StringTooLong {
                name: key.to_owned(),
            });
        }
        FieldValue::String(text) => write!(
            line,
            "\"{}\"",
            text.replace('\\', r"\\").replace('"', "\\\"")
        ),
    };
    // Writing to a string cannot fail.
    let _ = printed;
    Ok(())
}

#[cfg(test)]
mod tests;
